"""A whole rotation against a platform in memory, killed after each thing that it does to the outside, and run again."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coffre.agents.applied import Applied
from coffre.cli.words.rotation import describe_rotation
from coffre.errors import RemoteError
from coffre.provisioning.rotation import tenant_rotation
from coffre.provisioning.rotation.rules import PendingCause, PendingReason
from coffre.provisioning.rotation.tenant_rotation import KeyOutcome, TenantRotation
from coffre.provisioning.steps.keys import settle_key
from coffre.provisioning.steps.secrets import current_keys
from coffre.provisioning.terms.done import MachineOutcome, MachineState
from coffre.records.events import Event
from coffre.records.facts.agents import KeyRotated
from coffre.secrets import minting, rotations
from coffre.secrets.bundles import ControlBundle
from coffre.secrets.copies import lost_entries
from coffre.secrets.minting import public_key_of
from coffre.secrets.rotations import OWNER, SIGNING, machine_key
from coffre.spec import naming
from coffre.spec.tenant import Machine
from coffre.storage.values import AccessKey
from coffre.tenant.estate.buckets import ExistingBuckets
from coffre.tenant.estate.keys import access_key
from tests.builders import tenant_with
from tests.doubles.log import InMemoryLog

TENANT = tenant_with()
MACHINES = list(TENANT.machines)
COMPTA, CAISSE = (machine_key(name) for name in MACHINES)
EVERY_KEY = [OWNER, COMPTA, CAISSE, SIGNING]
MOST_STEPS = 200


class KilledError(BaseException):
    """Stands for SIGKILL: nothing may catch it."""


@dataclass
class World:
    """What outlives a command: bundle, platform, stack, orders, machines, records. A TenantRotation's service, too."""

    control: ControlBundle
    keys: dict[str, dict[str, str]] = field(default_factory=dict)
    stack: dict[str, str] = field(default_factory=dict)
    signatures: dict[str, list[str]] = field(default_factory=dict)
    machines: dict[str, tuple[str, str]] = field(default_factory=dict)
    applied: dict[str, Applied] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    at_work: set[str] = field(default_factory=set)
    shut_out: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    steps_left: int = MOST_STEPS
    minted: int = 0
    gives_keys: bool = False
    """Whether the platform creates the keys: then the stack has none, and a user has two at most."""
    tenant = TENANT
    checkout = platform = memory = None
    owner_uid = naming.owner_uid(TENANT)

    @property
    def chooses_keys(self) -> bool:
        return not self.gives_keys

    def step(self) -> None:
        """Die instead of doing the next thing when the steps are used up."""
        if self.steps_left == 0:
            raise KilledError
        self.steps_left -= 1

    # The service.
    @property
    def storage(self) -> "World":
        return self

    @property
    def capabilities(self) -> "World":
        return self

    secrets = buckets = records = storage

    def name(self, machine: str) -> str:
        return machine

    def existing(self) -> ExistingBuckets:
        names = (naming.bucket_name(TENANT.slug, TENANT.id, name) for name in TENANT.machines)
        return ExistingBuckets(TENANT.slug, TENANT.id, frozenset(names))

    def machine(self, name: str) -> Machine:
        return self.tenant.machines[name]

    def open(self, machine: str) -> SimpleNamespace:
        key = rotations.trusted_key(self.control, OWNER)
        assert key.access_key_id in self.keys[self.owner_uid], "the owner's key in use is not on the platform"
        locked_at = datetime.now(UTC) if machine in self.at_work else None
        return SimpleNamespace(
            name=machine,
            find_newest_at=lambda prefix: locked_at,
            is_suspended=lambda: machine in self.shut_out,
            is_stopped=lambda: False,
            probe_server_time=lambda: datetime.now(UTC),
        )

    @property
    def log(self) -> InMemoryLog:
        return InMemoryLog(clock=self._record_now, events=self.events)

    def _record_now(self) -> datetime:
        self.step()
        return datetime.now(UTC)

    # The secrets.
    def save_control(self, bundle: ControlBundle, *, dropping: Sequence[str] = ()) -> None:
        self.step()
        assert lost_entries(self.control, bundle, dropping) == []
        self.minted += len({*key_ids(bundle)} - {*key_ids(self.control)})
        self.control = bundle

    def data(self) -> None:
        return None

    # The platform.
    def publish_program(self, path: Path, sha256: str, *, proves: bool) -> None:
        """Another room's work."""

    def list_key_ids(self, uid: str) -> list[str]:
        return list(self.keys[uid])

    def add_key(self, uid: str, key: AccessKey) -> None:
        assert not self.gives_keys, "keys of this platform cannot be chosen"
        self.step()
        self.keys[uid][key.access_key_id] = key.secret_access_key

    def create_key(self, uid: str) -> AccessKey:
        assert self.gives_keys, "this platform creates no keys"
        assert len(self.keys[uid]) < 2, f"{uid} would have three keys"
        self.step()
        created = access_key(minting.new_access_key())
        self.keys[uid][created.access_key_id] = created.secret_access_key
        return created

    def delete_key(self, uid: str, access_key_id: str) -> None:
        self.step()
        self.keys[uid].pop(access_key_id, None)

    def accepts_key(self, bucket: str, key: AccessKey) -> bool:
        return any(key.access_key_id in keys for keys in self.keys.values())

    def open_bucket(self, name: str, key: AccessKey) -> SimpleNamespace:
        assert self.accepts_key(name, key)
        return SimpleNamespace(list_objects=lambda prefix: [], is_gate_closed=lambda: False)

    # The stack: what Pulumi does, with its state written last.
    def up(self, declared: dict[str, AccessKey], on_progress: object, *, only: Sequence[str] = ()) -> None:
        assert not self.gives_keys, "no key is in the stack"
        wanted = {uid: key for uid, key in declared.items() if not only or f"{uid}-key" in only}
        for uid, key in wanted.items():
            self.step()
            self.keys[uid][key.access_key_id] = key.secret_access_key
        for uid, key in wanted.items():
            if self.stack[uid] != key.access_key_id:
                self.step()
                self.keys[uid].pop(self.stack[uid], None)
        self.step()
        self.stack.update({uid: key.access_key_id for uid, key in wanted.items()})

    # The machines.
    def sign(self, machine: str) -> None:
        self.step()
        self.signatures[machine] = [public_key_of(key) for key in rotations.signing_keys(self.control)]

    def deploy(self, secrets: Any, names: Sequence[str]) -> tuple[MachineOutcome, ...]:
        outcomes = []
        for name in names:
            if name in self.down:
                outcomes.append(MachineOutcome(name, MachineState.UNREACHED, "it did not answer"))
                continue
            self.step()
            key, public_key = secrets.control.machine_keys[name], public_key_of(secrets.control.signing_key)
            self.machines[name] = (key.access_key_id, public_key)
            assert key.access_key_id in self.keys[naming.machine_uid(TENANT, name)]
            assert public_key in self.signatures[name]
            self.step()
            self.applied[name] = Applied(
                version=1,
                tenant_id=TENANT.id,
                machine=name,
                at=datetime.now(UTC),
                generation_applied=1,
                access_key_id=key.access_key_id,
                signing_public_key=public_key,
            )
            outcomes.append(MachineOutcome(name, MachineState.UPDATED))
        return tuple(outcomes)

    # What a test asks.
    def works(self, machine: str) -> bool:
        """Tell whether a machine can back up and take orders with what it has."""
        access_key_id, public_key = self.machines[machine]
        keys = self.keys[naming.machine_uid(TENANT, machine)]
        return access_key_id in keys and public_key in self.signatures[machine]

    def live_ids(self) -> set[str]:
        return {key_id for keys in self.keys.values() for key_id in keys}

    def run(self, subjects: Sequence[rotations.Subject] = EVERY_KEY, *, now: bool = False) -> list[KeyOutcome]:
        """Rotate as the command does."""
        rotation = TenantRotation(self, self.control, lambda text: None)  # type: ignore[arg-type]
        rotation.start(subjects, now=now)
        rotation.put_new_keys(subjects)
        rotation.cut(subjects)
        return rotation.settle(subjects, rotation.move_agents(subjects))

    def apply(self) -> list[KeyOutcome]:
        """Apply as the command does, as far as keys go."""
        if self.gives_keys:
            for subject in (OWNER, COMPTA, CAISSE):
                settle_key(self, self.control, subject, lambda text: None)  # type: ignore[arg-type]
        else:
            self.up(declared(self.control), None)
        rotation = TenantRotation(self, self.control, lambda text: None)  # type: ignore[arg-type]
        rotation.resume()
        for name in MACHINES:
            self.sign(name)
        secrets = SimpleNamespace(control=rotation.control)
        return rotation.settle(rotation.all_keys(), self.deploy(secrets, MACHINES))

    def killed_after(self, steps: int, work: Callable[[], object]) -> bool:
        """Do some work and kill it; False when it came to its end before."""
        self.steps_left = steps
        try:
            work()
        except KilledError:
            return True
        finally:
            self.steps_left = MOST_STEPS
        return False


def key_ids(control: ControlBundle) -> Iterator[str]:
    yield control.owner_key.access_key_id
    yield from (key.access_key_id for key in control.machine_keys.values())
    yield public_key_of(control.signing_key)


def declared(control: ControlBundle) -> dict[str, AccessKey]:
    keys = current_keys(TENANT, control)
    machines = {naming.machine_uid(TENANT, name): key for name, key in keys.machines.items()}
    return {naming.owner_uid(TENANT): keys.owner, **machines}


def make_world(gives_keys: bool = False) -> World:
    control = ControlBundle(
        tenant_id=TENANT.id,
        owner_key=minting.new_access_key(),
        machine_keys={name: minting.new_access_key() for name in MACHINES},
        stack_passphrase=minting.new_passphrase(),
        signing_key=minting.new_signing_key(),
    )
    world = World(control, gives_keys=gives_keys)
    for uid, key in declared(control).items():
        world.keys[uid] = {key.access_key_id: key.secret_access_key}
        if not gives_keys:
            world.stack[uid] = key.access_key_id
    for name in MACHINES:
        world.sign(name)
        world.machines[name] = (control.machine_keys[name].access_key_id, public_key_of(control.signing_key))
    return world


@pytest.fixture(params=[False, True], ids=["chosen keys", "given keys"])
def world(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> World:
    world = make_world(request.param)
    monkeypatch.setattr(tenant_rotation, "declare", lambda tenant, checkout, platform, keys: declared(world.control))
    monkeypatch.setattr(tenant_rotation, "TenantStack", lambda checkout, slug, control: world)
    monkeypatch.setattr(tenant_rotation, "TenantOrders", SimpleNamespace(of=lambda world: world))
    monkeypatch.setattr(
        tenant_rotation, "deploy", lambda world, secrets, orders, show, only: world.deploy(secrets, only)
    )
    monkeypatch.setattr(tenant_rotation, "list_reports", lambda buckets, secrets, memory, machine, until: ())
    monkeypatch.setattr(
        tenant_rotation, "find_applied", lambda buckets, secrets, memory, machine: world.applied.get(machine)
    )
    return world


def is_ended(world: World) -> bool:
    """Tell whether every key is new, everywhere, and no old one is left anywhere."""
    newest = {key.access_key_id for key in declared(world.control).values()}
    return (
        rotations.pending_rotations(world.control, MACHINES) == ()
        and world.live_ids() == newest
        and (world.gives_keys or newest == set(world.stack.values()))
        and all(world.works(name) for name in MACHINES)
        and all(signers == [public_key_of(world.control.signing_key)] for signers in world.signatures.values())
    )


def stages(world: World) -> list[tuple[str, str, str]]:
    return sorted((each.fact.which, each.machine or "", each.fact.stage) for each in world.log.list(KeyRotated))


@pytest.mark.parametrize("now", [False, True])
def test_a_rotation_ends_with_new_keys_everywhere(world: World, now: bool) -> None:
    before = world.live_ids()
    assert all(key.is_done for key in world.run(now=now))
    assert is_ended(world)
    assert not before & world.live_ids()
    assert stages(world) == sorted(
        (s.secret.kind.value, s.machine or "", stage) for s in EVERY_KEY for stage in ("begun", "cut", "done")
    )
    assert world.minted == len(EVERY_KEY)


@pytest.mark.parametrize("now", [False, True])
@pytest.mark.parametrize("healing", ["run", "apply"])
def test_killed_anywhere_it_is_ended_by_the_next_command_with_the_same_new_keys(
    world: World, now: bool, healing: str
) -> None:
    for steps in range(MOST_STEPS):
        world.__dict__.update(make_world(world.gives_keys).__dict__)
        before = world.live_ids()
        was_killed = world.killed_after(steps, lambda: world.run(now=now))
        if not now:
            assert all(world.works(name) for name in MACHINES), f"a machine cannot back up after {steps} steps"
        has_begun = world.minted > 0
        if healing == "apply":
            world.apply()
            assert world.minted == (len(EVERY_KEY) if has_begun else 0)
            assert not has_begun or is_ended(world)
            newest = {key.access_key_id for key in declared(world.control).values()}
            assert world.live_ids() == newest, "a key that no bundle has is deleted"
        elif was_killed and not has_begun:
            assert all(key.is_done for key in world.run(now=now)), "keys of a killed run take no other's place"
            has_begun = True
        elif was_killed and rotations.pending_rotations(world.control, MACHINES):
            assert all(key.is_done for key in world.run(now=now))
            assert world.minted == len(EVERY_KEY)
        assert not has_begun or is_ended(world)
        assert not has_begun or not before & world.live_ids()
        assert len(stages(world)) == len(set(stages(world)))
        if not was_killed:
            break
    assert not was_killed
    assert steps > 20


def test_a_stage_that_the_version_before_recorded_is_not_recorded_again(world: World) -> None:
    """Its events name keys by phrases, and records are never rewritten."""
    world.down = set(MACHINES)
    world.run()
    assert len(world.events) == len(EVERY_KEY) + 2
    phrases = {
        ("owner_key", None): "the owner's key",
        ("signing_key", None): "the signing key",
        ("machine_key", "compta-01"): "the key of compta-01",
        ("machine_key", "caisse-01"): "the key of caisse-01",
    }
    world.events[:] = [
        replace(event, details={**event.details, "which": phrases[str(event.details["which"]), event.machine]})
        for event in world.events
    ]
    recorded = [dict(event.details) for event in world.events]
    rotation = TenantRotation(world, world.control, lambda text: None)  # type: ignore[arg-type]
    rotation.start(EVERY_KEY, now=False)
    assert [event.details for event in world.events] == recorded
    world.down = set()
    world.run()
    assert is_ended(world)
    assert len(world.events) == 3 * len(EVERY_KEY)


def test_a_cut_that_was_decided_is_never_taken_back_by_apply(world: World) -> None:
    """Killed after the platform has let the old key go: apply must not bring a stolen key back to life."""
    old = world.control.machine_keys["compta-01"].access_key_id
    for steps in range(MOST_STEPS):
        world.__dict__.update(make_world(world.gives_keys).__dict__)
        old = world.control.machine_keys["compta-01"].access_key_id
        was_killed = world.killed_after(steps, lambda: world.run([COMPTA], now=True))
        was_cut = old not in world.live_ids()
        world.killed_after(3, world.apply)
        assert not was_cut or old not in world.live_ids()
        if not was_killed:
            break


def test_a_machine_that_is_down_keeps_its_old_key_and_is_named(world: World) -> None:
    world.down = {"caisse-01"}
    outcomes = {key.secret: key for key in world.run()}
    assert [each for each, key in outcomes.items() if not key.is_done] == [CAISSE.secret, SIGNING.secret]
    unreported = PendingReason(PendingCause.NO_REPORT_WITH_NEW_KEY, ("caisse-01",))
    untaken = PendingReason(PendingCause.SIGNING_KEY_NOT_TAKEN, ("caisse-01",))
    assert [outcomes[each.secret].waits_for for each in EVERY_KEY] == [None, None, unreported, untaken]
    for each in (CAISSE, SIGNING):
        assert outcomes[each.secret].machine_messages == {"caisse-01": "it did not answer"}
    for each in (OWNER, COMPTA):
        assert outcomes[each.secret].machine_messages == {}
    assert all(world.works(name) for name in MACHINES)
    minted = world.minted
    world.run()
    assert all(world.works(name) for name in MACHINES)
    world.down = set()
    world.run()
    assert is_ended(world)
    assert world.minted == minted


def test_what_kept_us_from_a_machine_that_needs_no_key_is_no_part_of_a_rotation(world: World) -> None:
    world.down = {"caisse-01"}
    rotation = TenantRotation(world, world.control, lambda text: None)  # type: ignore[arg-type]
    rotation.start([SIGNING], now=False)
    reached = rotation.move_agents([SIGNING])
    retired = MachineOutcome("vieux-pc", MachineState.RETIRED_UNREACHED, "no route.")
    (outcome,) = rotation.settle([SIGNING], [*reached, retired])
    assert outcome.machine_messages == {"caisse-01": "it did not answer"}


def test_now_cuts_first_and_a_machine_that_is_down_gets_the_new_key_later(world: World) -> None:
    world.down = {"compta-01"}
    old = world.control.machine_keys["compta-01"].access_key_id
    (outcome,) = world.run([COMPTA], now=True)
    assert "the old key is revoked and compta-01 cannot back up" in describe_rotation(outcome)
    assert old not in world.live_ids()
    assert not world.works("compta-01")
    assert world.works("caisse-01")
    world.down = set()
    world.apply()
    assert is_ended(world)


def test_a_machine_stolen_in_the_middle_of_a_rotation_loses_the_new_key_as_well(world: World) -> None:
    world.at_work = {"compta-01"}
    world.run([COMPTA])
    both = set(world.keys[naming.machine_uid(TENANT, "compta-01")])
    assert len(both) == 2
    world.down = {"compta-01"}
    for steps in range(MOST_STEPS):
        was_killed = world.killed_after(steps, lambda: world.run([COMPTA], now=True))
        if not was_killed:
            break
    assert not both & world.live_ids()
    assert world.minted == 2
    world.down = set()
    world.apply()
    assert is_ended(world)


def test_a_backup_under_way_keeps_the_old_key_until_it_is_over(world: World) -> None:
    world.at_work = {"compta-01"}
    (outcome,) = world.run([COMPTA])
    assert outcome.waits_for == PendingReason(PendingCause.BACKUP_UNDER_WAY, ("compta-01",))
    assert len(world.keys[naming.machine_uid(TENANT, "compta-01")]) == 2
    world.at_work = set()
    world.apply()
    assert is_ended(world)


def test_the_lock_of_a_backup_that_a_suspension_ended_holds_nothing_up(world: World) -> None:
    world.at_work = world.shut_out = {"compta-01"}
    (outcome,) = world.run([COMPTA])
    assert outcome.is_done
    assert len(world.keys[naming.machine_uid(TENANT, "compta-01")]) == 1


def test_a_key_that_a_lost_state_does_not_know_is_deleted_all_the_same(world: World) -> None:
    old = world.control.machine_keys["compta-01"].access_key_id
    world.stack = dict.fromkeys(world.stack, "unknown")
    world.run([COMPTA])
    assert old not in world.live_ids()


def test_a_platform_that_goes_on_accepting_the_old_key_ends_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(World, "accepts_key", lambda self, bucket, key: True)
    with pytest.raises(RemoteError, match="still accepts the old key of compta-01"):
        world.run([COMPTA])
    assert rotations.find_old(world.control, COMPTA) is not None
