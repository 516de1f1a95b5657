"""plan, apply and rotate on a platform that creates the access keys itself and has no wall."""

import itertools
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from coffre.agents.applied import Applied
from coffre.errors import RefusedError, RemoteError
from coffre.observation.tenant import TenantObservation, observe
from coffre.provisioning.rotation import tenant_rotation
from coffre.provisioning.terms.context import FULLY, Renewal
from coffre.provisioning.terms.done import MachineState
from coffre.provisioning.terms.found import OWNER, Change, ChangeKind
from coffre.provisioning.terms.notes import NoteKind, OvershootNote, TenantNote
from coffre.records.activity import Usage
from coffre.records.facts.agents import KeyRotated
from coffre.secrets import rotations
from coffre.secrets.bundles import ControlBundle, S3Key
from coffre.secrets.copies import Copy, judge
from coffre.secrets.errors import MissingKeyError
from coffre.secrets.minting import public_key_of
from coffre.spec import naming
from coffre.storage.platform import KeyOrigin
from coffre.storage.values import AccessKey
from coffre.tenant.lookup import local_today
from coffre.workspace.clock import utc_now
from tests.doubles.secrets import InMemorySecrets
from tests.doubles.storage import MemoryPlatform
from tests.doubles.workshop import CAISSE, COMPTA, RETIRED, Workshop, on_host, open_workshop, three_machines

GIB = 1 << 30
EVERYBODY = (OWNER, COMPTA, CAISSE)


class Killed(BaseException):
    """The process ended here."""


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A workshop whose machines tell at once which key their agent has."""
    workshop = open_workshop(tmp_path, monkeypatch, KeyOrigin.GIVEN)

    def find_applied(buckets: Any, secrets: InMemorySecrets, memory: Any, machine: str) -> Applied | None:
        key = workshop.fleet.machine(machine).key
        return None if key is None else applied_with(key, secrets, machine)

    monkeypatch.setattr(tenant_rotation, "find_applied", find_applied)
    return workshop


def applied_with(key: AccessKey, secrets: InMemorySecrets, machine: str) -> Applied:
    return Applied(
        version=1,
        tenant_id=secrets.tenant_id,
        machine=machine,
        at=utc_now(),
        generation_applied=1,
        access_key_id=key.access_key_id,
        signing_public_key=public_key_of(secrets.control().signing_key),
    )


def uid_of(workshop: Workshop, user: str) -> str:
    tenant = workshop.estate.tenant
    return naming.owner_uid(tenant) if user == OWNER else naming.machine_uid(tenant, user)


def live_ids(workshop: Workshop) -> dict[str, list[str]]:
    users = (OWNER, *workshop.estate.secrets.control().machine_keys)
    return {user: workshop.platform.list_key_ids(uid_of(workshop, user)) for user in users}


def bundle_ids(control: ControlBundle) -> dict[str, list[str]]:
    assert control.owner_key is not None
    keys = {OWNER: control.owner_key, **control.machine_keys}
    return {user: [key.access_key_id] for user, key in keys.items()}


def lose_platform(workshop: Workshop) -> None:
    for name in workshop.platform.list_owned_buckets(workshop.estate.buckets.owner_uid):
        workshop.platform.drop(name)
    for uid in workshop.platform.list_users(workshop.estate.buckets.owner_uid):
        workshop.platform.delete_user(uid)


def kinds_of_steps(workshop: Workshop) -> dict[ChangeKind, tuple[str, ...]]:
    return {step.kind: step.machines for step in workshop.plan().steps}


def end(workshop: Workshop) -> None:
    """Apply, and check that everything is well."""
    assert workshop.apply().is_complete
    check_keys(workshop)
    assert not workshop.plan().is_needed


def check_keys(workshop: Workshop) -> None:
    """Check that the keys of the bundle are the platform's, and the machines'."""
    ids = bundle_ids(workshop.estate.secrets.control())
    assert live_ids(workshop) == ids
    for name in (COMPTA, CAISSE):
        key = workshop.fleet.machine(name).key
        assert key is not None
        assert [key.access_key_id] == ids[name]


def test_a_first_apply_has_every_key_created_after_the_stack_and_no_state_has_one(workshop: Workshop) -> None:
    plan = workshop.plan()
    assert Change(ChangeKind.NEW_KEYS, EVERYBODY) in plan.steps
    assert {change.kind for change in plan.storage} == {"User", "Bucket", "BucketPolicy", "BucketLifecycle"}
    end(workshop)
    control = workshop.estate.secrets.control()
    states = [path.read_text() for path in (workshop.root / ".coffre" / "state").rglob("*") if path.is_file()]
    assert states
    for key in (control.owner_key, *control.machine_keys.values()):
        assert key is not None
        assert not any(key.access_key_id in state for state in states)
    assert workshop.look(lambda opened: list(opened.log.list(KeyRotated))) == [], "a first key replaces none"


def test_the_secrets_of_a_new_tenant_are_saved_without_keys_before_its_users_exist(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[ControlBundle] = []
    real = InMemorySecrets.save_control

    def save(self: InMemorySecrets, following: ControlBundle, **named: Any) -> bool:
        saved.append(following)
        return real(self, following, **named)

    monkeypatch.setattr(InMemorySecrets, "save_control", save)
    workshop.apply()
    counts = [(each.owner_key is not None) + len(each.machine_keys) for each in saved]
    assert counts[0] == 0
    assert sorted(set(counts)) == [0, 1, 2, 3], "each key is saved before the next one is created"


def test_a_new_machine_alone_gets_a_key(workshop: Workshop) -> None:
    workshop.apply()
    before = bundle_ids(workshop.estate.secrets.control())
    workshop.write_file(machines=three_machines(**{"neuf-01": on_host("neuf-01")}), licences={"workstation": 4})
    assert kinds_of_steps(workshop)[ChangeKind.NEW_KEYS] == ("neuf-01",)
    end(workshop)
    after = bundle_ids(workshop.estate.secrets.control())
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("turn", [1, 2, 3])
@pytest.mark.parametrize("where", [(MemoryPlatform, "create_key"), (InMemorySecrets, "save_control")])
def test_killed_at_any_key_the_next_apply_ends_it_and_deletes_what_no_bundle_has(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, where: tuple[Any, str], turn: int
) -> None:
    real, turns = getattr(*where), itertools.count(1)
    # The first saves are those of the passphrase, the signing key and the keys of reports.
    last = turn if where[1] == "create_key" else turn + 2

    def counted(*arguments: Any, **named: Any) -> Any:
        result = real(*arguments, **named)
        if next(turns) == last:
            raise Killed
        return result

    with monkeypatch.context() as patched:
        patched.setattr(*where, counted)
        with pytest.raises(Killed):
            workshop.apply()
    if where[1] == "create_key":
        user = EVERYBODY[turn - 1]
        assert len(workshop.platform.list_key_ids(uid_of(workshop, user))) == 1
        assert kinds_of_steps(workshop)[ChangeKind.DELETE_KEYS] == (user,)
    end(workshop)


def test_a_plan_after_a_kill_before_the_owner_s_key_reads_no_bucket_and_says_so(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(MemoryPlatform, "create_key", lambda self, uid: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            workshop.apply()
    plan = workshop.plan()
    assert TenantNote(NoteKind.BUCKETS_UNREAD) in plan.notes
    assert {step.kind for step in plan.steps} == {ChangeKind.NEW_KEYS, ChangeKind.COMMISSION}
    planned = workshop.plan_exactly()
    with pytest.raises(RefusedError, match="no plan is exact while the owner's key opens no bucket"):
        workshop.apply(planned=planned)
    with pytest.raises(MissingKeyError, match="the owner's key does not exist yet"):
        workshop.estate.buckets.owner_key()
    end(workshop)


def test_a_lost_platform_gets_new_keys_which_the_plan_tells_and_the_agents_get(workshop: Workshop) -> None:
    workshop.apply()
    before = bundle_ids(workshop.estate.secrets.control())
    lose_platform(workshop)
    assert kinds_of_steps(workshop)[ChangeKind.REPLACE_KEYS] == EVERYBODY
    outcome = workshop.apply(replace(FULLY, renewal=Renewal(is_platform_lost=True, reason="the region burned")))
    assert {each.state for each in outcome.machines if each.machine in EVERYBODY} == {MachineState.UPDATED}
    end(workshop)
    control = workshop.estate.secrets.control()
    after = bundle_ids(control)
    assert not {each for ids in before.values() for each in ids} & {each for ids in after.values() for each in ids}
    assert rotations.pending_rotations(control, (COMPTA, CAISSE)) == ()
    replaced = workshop.look(
        lambda opened: [
            (each.machine or OWNER, each.fact.stage, each.fact.access_key_id, each.fact.replaced_key_id)
            for each in opened.log.list(KeyRotated)
        ]
    )
    stages = ("begun", "cut", "done")
    assert sorted(replaced) == sorted(
        (name, stage, *after[name], *before[name]) for name in EVERYBODY for stage in stages
    )


def test_a_machine_that_is_down_when_its_key_is_lost_is_pending_until_it_has_the_new_one(workshop: Workshop) -> None:
    workshop.apply()
    workshop.platform.delete_key(uid_of(workshop, COMPTA), *live_ids(workshop)[COMPTA])
    workshop.fleet.machine(COMPTA).answers = False
    outcome = workshop.apply()
    assert not outcome.is_complete
    assert [(key.machine, key.is_cut, key.is_done) for key in outcome.rotated] == [(COMPTA, True, False)]
    assert [(each.machine, each.is_cut) for each in workshop.plan().rotations] == [(COMPTA, True)]
    workshop.fleet.machine(COMPTA).answers = True
    end(workshop)


def test_a_machine_of_a_suspended_tenant_gets_its_new_key_too(workshop: Workshop) -> None:
    workshop.apply()
    workshop.write_file(status="suspended")
    workshop.apply()
    workshop.platform.delete_key(uid_of(workshop, COMPTA), *live_ids(workshop)[COMPTA])
    workshop.apply()
    check_keys(workshop)


@pytest.mark.parametrize("user", EVERYBODY)
def test_a_key_deleted_on_the_platform_is_replaced_and_everything_else_stays(workshop: Workshop, user: str) -> None:
    workshop.apply()
    snapshot = workshop.back_up(COMPTA)
    before = bundle_ids(workshop.estate.secrets.control())
    workshop.platform.delete_key(uid_of(workshop, user), *before[user])
    assert kinds_of_steps(workshop) == {ChangeKind.REPLACE_KEYS: (user,)}
    end(workshop)
    after = bundle_ids(workshop.estate.secrets.control())
    assert {name for name in EVERYBODY if after[name] != before[name]} == {user}
    assert any(key.endswith(snapshot) for key in workshop.objects(COMPTA))


@pytest.mark.parametrize("turn", range(1, 4))
def test_killed_while_a_lost_key_is_replaced_the_next_apply_goes_on_with_the_same_new_key(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, turn: int
) -> None:
    workshop.apply()
    workshop.platform.delete_key(uid_of(workshop, COMPTA), *live_ids(workshop)[COMPTA])
    real, saves = InMemorySecrets.save_control, itertools.count(1)

    def save(self: InMemorySecrets, following: ControlBundle, **named: Any) -> bool:
        assert_no_conflict(self.control(), following)
        result = real(self, following, **named)
        if next(saves) == turn:
            raise Killed
        return result

    with monkeypatch.context() as patched:
        patched.setattr(InMemorySecrets, "save_control", save)
        with pytest.raises(Killed):
            workshop.apply()
    created = set(live_ids(workshop)[COMPTA])
    workshop.apply()
    check_keys(workshop)
    assert created <= set(live_ids(workshop)[COMPTA])
    end(workshop)


def assert_no_conflict(before: ControlBundle, after: ControlBundle) -> None:
    """Check that a kill between the two copies of a save leaves two that are used together."""
    for ours, theirs in ((before, after), (after, before)):
        assert judge(Copy("ours", ours), Copy("theirs", theirs)).bundle is not None


@pytest.mark.parametrize("is_condemned", [False, True])
@pytest.mark.parametrize("is_old_there", [False, True])
@pytest.mark.parametrize("is_new_there", [False, True])
def test_whatever_the_platform_lost_during_a_rotation_an_apply_ends_it_with_one_key(
    workshop: Workshop,
    monkeypatch: pytest.MonkeyPatch,
    is_condemned: bool,
    is_old_there: bool,
    is_new_there: bool,
) -> None:
    workshop.apply()
    real = InMemorySecrets.save_control

    def save(self: InMemorySecrets, following: ControlBundle, **named: Any) -> bool:
        assert_no_conflict(self.control(), following)
        return real(self, following, **named)

    monkeypatch.setattr(InMemorySecrets, "save_control", save)
    secrets, subject = workshop.estate.secrets, rotations.machine_key(COMPTA)
    old = secrets.control().machine_keys[COMPTA].access_key_id
    new = workshop.platform.create_key(uid_of(workshop, COMPTA))
    successor = S3Key(access_key_id=new.access_key_id, secret_access_key=SecretStr(new.secret_access_key))
    begun = rotations.begin(secrets.control(), [subject], lambda _: successor)
    secrets.save_control(rotations.condemn(begun, [subject]) if is_condemned else begun)
    for key_id, is_there in ((old, is_old_there), (new.access_key_id, is_new_there)):
        if not is_there:
            workshop.platform.delete_key(uid_of(workshop, COMPTA), key_id)
    end(workshop)
    assert old not in live_ids(workshop)[COMPTA], "the key that was replaced never comes back"


def test_a_retired_machine_s_keys_go_before_the_stack_deletes_its_user(workshop: Workshop) -> None:
    workshop.apply()
    workshop.platform.create_key(uid_of(workshop, COMPTA))
    workshop.write_file(machines=three_machines(**{COMPTA: on_host(COMPTA, retired=RETIRED)}))
    outcome = workshop.apply()
    assert ("delete", "User") in {(change.operation, change.kind) for change in outcome.storage}
    assert workshop.platform.list_users(uid_of(workshop, COMPTA)) == []
    assert COMPTA not in workshop.estate.secrets.control().machine_keys
    assert not workshop.plan().is_needed


def test_a_key_that_only_a_kill_left_goes_with_its_retired_machine(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = MemoryPlatform.create_key

    def create(self: MemoryPlatform, uid: str) -> AccessKey:
        key = real(self, uid)
        if uid.endswith(COMPTA):
            raise Killed
        return key

    with monkeypatch.context() as patched:
        patched.setattr(MemoryPlatform, "create_key", create)
        with pytest.raises(Killed):
            workshop.apply()
    workshop.write_file(machines=three_machines(**{COMPTA: on_host(COMPTA, retired=RETIRED)}))
    assert workshop.apply().is_complete
    assert workshop.platform.list_users(uid_of(workshop, COMPTA)) == []


@pytest.mark.parametrize("now", [False, True])
def test_a_rotation_has_successors_created_and_deletes_the_old_keys_without_a_stack(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, now: bool
) -> None:
    workshop.apply()
    before = live_ids(workshop)
    workshop.platform.create_key(uid_of(workshop, CAISSE))  # A kill left it.
    monkeypatch.setattr("coffre.provisioning.rotation.tenant_rotation.TenantStack", None)
    assert workshop.rotate(now=now).is_complete
    check_keys(workshop)
    after = live_ids(workshop)
    assert all(not set(before[name]) & set(after[name]) for name in EVERYBODY)
    assert not workshop.plan().is_needed


def test_a_rotation_to_a_key_that_the_platform_lost_says_to_apply(workshop: Workshop) -> None:
    workshop.apply()
    workshop.fleet.machine(COMPTA).answers = False
    workshop.rotate()
    new = workshop.estate.secrets.control().machine_keys[COMPTA].access_key_id
    workshop.platform.delete_key(uid_of(workshop, COMPTA), new)
    with pytest.raises(RemoteError, match="the platform no longer has the new key") as raised:
        workshop.rotate()
    assert "coffre apply martin" in raised.value.hint
    workshop.fleet.machine(COMPTA).answers = True
    end(workshop)


def test_a_plan_tells_no_wall_and_what_may_pass_the_quota(workshop: Workshop) -> None:
    plan = workshop.plan()
    assert ChangeKind.WALL not in {step.kind for step in plan.steps}
    [note] = [note for note in plan.notes if isinstance(note, OvershootNote)]
    assert (note.look_seconds, note.beyond_bytes) == (40, 40 * 25 * 2**20), "of 1 GiB, at 25 MiB a second"


def test_status_tells_no_wall_and_looks_more_often_near_the_quota(workshop: Workshop) -> None:
    workshop.write_file(storage={"platform": "lab", "quota": "1 GiB"})
    workshop.apply()

    def look_when_growing_by(grown_bytes: int) -> tuple[int | None, int, int]:
        def read(opened: Any) -> TenantObservation:
            today = local_today(opened.tenant)
            opened.records.record_usage(
                Usage(opened.tenant.id, COMPTA, today - timedelta(days=n), size, 0, utc_now() - timedelta(days=n))
                for n, size in ((1, 0), (0, grown_bytes))
            )
            return observe(opened, utc_now())

        seen = workshop.look(read)
        return seen.wall_bytes, seen.beyond_wall_bytes, seen.gate_look_seconds

    mib = 2**20
    assert look_when_growing_by(0) == (None, 40 * 25 * mib, 40)
    a_day = 24 * 60 * 60
    assert look_when_growing_by(GIB * a_day // 61) == (None, 30 * 25 * mib, 30), "full within 61 seconds"
    assert look_when_growing_by(GIB * a_day) == (None, 20 * 25 * mib, 20), "never faster than the uplink"


def test_an_exact_plan_stays_in_date_when_the_measured_growth_changes(workshop: Workshop) -> None:
    workshop.apply()
    workshop.write_file(storage={"platform": "lab", "quota": "20 GiB"})
    planned = workshop.plan_exactly()

    def record(opened: Any) -> None:
        facts = (opened.tenant.id, COMPTA, local_today(opened.tenant), 20 * GIB - 2**20, 0, utc_now())
        opened.records.record_usage([Usage(*facts)])

    workshop.look(record)
    [before], [after] = (
        [note for note in plan.notes if isinstance(note, OvershootNote)] for plan in (planned.plan, workshop.plan())
    )
    assert (before.look_seconds, after.look_seconds) == (40, 5)
    assert workshop.apply(planned=planned).is_complete
