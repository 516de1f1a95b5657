"""The end of a tenant with a second copy: both platforms in one order, whatever ends a run in between."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coffre.errors import BusyError, RefusedError
from coffre.offboarding.approval.people import digest
from coffre.offboarding.certificate.facts import build_facts
from coffre.offboarding.certificate.issue import _sources
from coffre.offboarding.certificate.model import CertificateFacts
from coffre.offboarding.certificate.render import is_erasure_established
from coffre.offboarding.erase import bucket as erasing
from coffre.offboarding.erase import retired_machine
from coffre.offboarding.erase import tenant as module
from coffre.offboarding.erase.checks import RepositoryPasswords, ServiceKeys
from coffre.offboarding.erase.destroying import (
    destroy_control_bundle,
    destroy_data_bundle,
    destroy_password,
    remove_local,
    remove_stacks,
)
from coffre.offboarding.erase.tenant import erase_tenant
from coffre.offboarding.erase.verification import _look
from coffre.offboarding.erase.verifying import verify_machine_gone
from coffre.offboarding.lifecycle import closing, rehearsal
from coffre.offboarding.lifecycle.evidence import (
    BucketErased,
    ErasureBegan,
    SecretDestroyed,
    Step,
    UserDeleted,
    Verified,
)
from coffre.offboarding.lifecycle.journal import Journal
from coffre.offboarding.lifecycle.rehearsal import rehearse, rehearse_machine
from coffre.operations.copying.run import copying
from coffre.records.events import EventKind
from coffre.secrets.bundles import ControlBundle, DataBundle
from coffre.secrets.store import SecretStore
from coffre.spec.tenant import HoldKind
from coffre.storage.values import PlatformAwayError
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.holds import RecordedHold, record_hold
from coffre.tenant.opening import OpenTenant
from coffre.tenant.runs import lock_tenant
from tests.doubles.storage import MemoryEraser, MemoryPlatform
from tests.doubles.two_homes import (
    CAISSE,
    COMPTA,
    SLUG,
    THERE,
    WITHOUT_COPY,
    TwoHomes,
    copied_of,
    machine_at,
    open_two_homes,
)
from tests.unit.offboarding.departures import LEAVING, ended_on

TODAY = ended_on(1)
RETIRED = {"on": "2026-11-01", "keep_until": "2026-12-31"}
OWNER = f"{SLUG}-k7f3q9wz2m"
COPY_OWNER = f"{OWNER}_copy"
KEY: Any = SimpleNamespace(algorithm="ECDSA", fingerprints=("ab" * 32,), certificates=())


class Killed(BaseException):
    """The process ended here."""


def quietly(_: str) -> None:
    """Nobody reads it here."""


@dataclass
class Office:
    """A tenant with backups on both platforms that leaves, and what its runs did to the outside, in order."""

    homes: TwoHomes
    did: list[str] = field(default_factory=list)
    ends_after: int | None = None
    """After how many things that a run does to the outside, and no run before it did, it is killed."""

    def did_now(self, what: str) -> None:
        is_repeated = what in self.did and not what.startswith("record")
        self.did.append(what)
        if self.ends_after is not None and not is_repeated:
            self.ends_after -= 1
            if self.ends_after <= 0:
                raise Killed

    def erase(self, prove: Callable[[str], object] = quietly) -> Any:
        with lock_tenant(self.homes.checkout, SLUG, quietly) as opened:
            return erase_tenant(opened, Journal(opened.log, TODAY), prove, quietly, quietly)

    def verify(self) -> Verified:
        with self.homes.open() as opened:
            journal = Journal(opened.log, TODAY)
            departure: Any = SimpleNamespace(opened=opened, journal=journal)
            return Verified(tuple(_look(departure, None)))

    def close(self) -> None:
        desk: Any = SimpleNamespace(tell_erased=lambda certificate: [])
        with lock_tenant(self.homes.checkout, SLUG, quietly) as opened:
            closing.close(opened, Journal(opened.log, TODAY), desk, quietly)

    def facts(self, machine: str | None = None) -> CertificateFacts:
        with self.homes.open() as opened:
            return build_facts(_sources(opened, Journal(opened.log, TODAY, machine), TODAY, KEY))

    def read(self, step: Step, kind: type[Any]) -> list[Any]:
        return self.homes.look(lambda opened: Journal(opened.log, TODAY).read(step, kind))

    def buckets(self) -> list[str]:
        homes = self.homes
        return [*homes.here.list_owned_buckets(OWNER), *homes.there.list_owned_buckets(COPY_OWNER)]

    def bundles(self) -> set[str]:
        folders = (self.homes.root / ".coffre" / "secrets", self.homes.root.parent / "escrow")
        return {path.name for folder in folders for path in folder.glob(f"{SLUG}*.age")}

    def assert_nothing_came_before_its_turn(self) -> None:
        began = self.read(Step.ERASURE_BEGAN, ErasureBegan)
        if any(each.startswith("delete") for each in self.did):
            assert {(each.machine, each.copied_to) for each in began} == EVERY_BUCKET
        if f"{SLUG}.data.age" not in self.bundles():
            assert self.buckets() == []
        for platform, owner, bundle in (
            (self.homes.here, OWNER, f"{SLUG}.control.age"),
            (self.homes.there, COPY_OWNER, f"{SLUG}_copy.control.age"),
        ):
            if not platform.list_users(owner):
                assert f"{SLUG}.data.age" not in self.bundles()
            if bundle not in self.bundles():
                assert platform.list_users(owner) == []


EVERY_BUCKET = {(COMPTA, None), (CAISSE, None), (COMPTA, THERE), (CAISSE, THERE)}


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    homes = open_two_homes(tmp_path, monkeypatch)
    homes.apply()
    homes.back_up(COMPTA)
    homes.copy()
    homes.write_file(status="leaving", leaving=LEAVING)
    office = Office(homes)
    watch(office, monkeypatch)
    return office


def watch(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Note what a run does to the outside, and leave out what needs a real platform, a clock or a signature."""
    monkeypatch.setattr(erasing.time, "sleep", lambda seconds: None)
    for one in (module, retired_machine):
        monkeypatch.setattr(one, "read_tenant_key", lambda *_: None)
        monkeypatch.setattr(one, "check_day_of_erasure", lambda *_: None)
    monkeypatch.setattr(closing, "issue", lambda *_: SimpleNamespace(number="CE-1", pdf="a.pdf", json="a.json"))

    def noted(owner: type[Any], name: str, describe: Callable[..., str]) -> None:
        act = getattr(owner, name)

        def acting(self: Any, *args: Any, **options: Any) -> Any:
            result = act(self, *args, **options)
            office.did_now(describe(self, *args))
            return result

        monkeypatch.setattr(owner, name, acting)

    noted(MemoryEraser, "delete_versions", lambda eraser, versions: f"delete versions of {eraser.name}")
    noted(MemoryEraser, "delete_bucket", lambda eraser: f"delete bucket {eraser.name}")
    noted(MemoryPlatform, "delete_user", lambda platform, uid: f"delete user {uid}")
    noted(SecretStore, "destroy", lambda store, name, tenant_id, model: f"destroy {name} {model.__name__}")
    noted(TenantLog, "append", lambda log, fact, *_: f"record {getattr(fact, 'step', type(fact).__name__)}")


def place_of(office: Office, what: str) -> int:
    return office.did.index(what)


def test_both_platforms_are_erased_in_order_with_the_passwords_after_the_last_bucket(office: Office) -> None:
    before = office.buckets()
    assert len(before) == 4
    assert office.erase() is None
    begun = [place for place, what in enumerate(office.did) if what == "record erasure_began"]
    deleted = [place for place, what in enumerate(office.did) if what.startswith("delete versions")]
    gone = [place_of(office, f"delete bucket {name}") for name in before]
    passwords = place_of(office, f"destroy {SLUG} DataBundle")
    emptied = place_of(office, "record emptied")
    users = [place for place, what in enumerate(office.did) if what.startswith("delete user")]
    assert len(begun) == 4
    assert max(begun) < min(deleted)
    assert max(*gone, *deleted) < passwords < emptied < min(users)
    assert (office.buckets(), office.bundles()) == ([], {f"{SLUG}.control.age", f"{SLUG}_copy.control.age"})
    erased = office.read(Step.BUCKET_ERASED, BucketErased)
    assert {(each.machine, each.copied_to, each.is_gone) for each in erased} == {
        (machine, place, True) for machine, place in EVERY_BUCKET
    }
    assert {each.uid for each in office.read(Step.USER_DELETED, UserDeleted)} == {
        OWNER,
        f"{OWNER}.{COMPTA}",
        f"{OWNER}.{CAISSE}",
        COPY_OWNER,
    }
    assert [each.what for each in office.read(Step.SECRET_DESTROYED, SecretDestroyed)] == [RepositoryPasswords()]


def test_a_whole_departure_can_be_certified(office: Office) -> None:
    office.erase()
    verified = office.verify()
    assert verified.is_passed, verified.failed
    assert COPY_OWNER in {check.subject for check in verified.checks}
    office.homes.look(lambda opened: Journal(opened.log, TODAY).note(Step.VERIFIED, verified))
    office.close()
    assert office.bundles() == set()
    assert [path for path in (office.homes.root / ".coffre").rglob("*") if "_copy" in path.name] == []
    facts = office.facts()
    assert is_erasure_established(facts)
    assert facts.copy_site is not None
    assert facts.copy_site.site == "Paris"
    assert {(each.machine, copy.platform) for each in facts.machines for copy in each.copies or ()} == {
        (COMPTA, THERE),
        (CAISSE, THERE),
    }
    assert {secret.fact.what for secret in facts.secrets} == {
        RepositoryPasswords(),
        ServiceKeys(),
        ServiceKeys(copied_to=THERE),
    }
    assert not [each for each in facts.reservations if "copie" in each]
    kept = {event.kind for event in office.homes.look(lambda opened: opened.records.list_events("k7f3q9wz2m"))}
    assert EventKind.SECOND_COPY_CHANGE in kept
    assert EventKind.COPY not in kept


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_departure_that_is_killed_again_and_again_ends_all_the_same(office: Office, steps: int) -> None:
    """Each run does so many things more than the one before, and is killed: also between any two journal entries."""
    for _ in range(150):
        office.ends_after = steps
        try:
            office.erase()
            office.close()
        except Killed:
            office.ends_after = None
            office.assert_nothing_came_before_its_turn()
        else:
            break
    else:
        pytest.fail("it does not end")
    office.ends_after = None
    assert (office.buckets(), office.bundles()) == ([], set())
    began = office.read(Step.ERASURE_BEGAN, ErasureBegan)
    assert len(began) == 4
    assert {(each.machine, each.copied_to) for each in began} == EVERY_BUCKET
    deleted = {each.bucket: each for each in office.read(Step.BUCKET_ERASED, BucketErased)}
    assert all(each.is_gone for each in deleted.values())
    held = {each.bucket: each.before for each in began}
    assert {name: each.deleted.objects for name, each in deleted.items()} == {
        name: count.objects for name, count in held.items()
    }
    whats = [each.what for each in office.read(Step.SECRET_DESTROYED, SecretDestroyed)]
    assert sorted(map(str, whats)) == sorted(
        map(str, [RepositoryPasswords(), ServiceKeys(), ServiceKeys(copied_to=THERE)])
    )
    uids = [each.uid for each in office.read(Step.USER_DELETED, UserDeleted)]
    assert sorted(uids) == sorted([OWNER, f"{OWNER}.{COMPTA}", f"{OWNER}.{CAISSE}", COPY_OWNER])


def test_nothing_is_erased_while_a_run_fills_the_copy(office: Office) -> None:
    before = office.buckets()
    with office.homes.open() as opened, copying(opened), pytest.raises(BusyError):
        office.erase()
    assert (office.buckets(), [each for each in office.did if "delete" in each]) == (before, [])
    assert office.read(Step.ERASURE_BEGAN, ErasureBegan) == []


@pytest.mark.parametrize("away", ["here", "there"])
def test_while_either_platform_is_away_nothing_is_deleted_on_the_other(
    office: Office, monkeypatch: pytest.MonkeyPatch, away: str
) -> None:
    def fail(*_: object) -> Any:
        raise PlatformAwayError("no answer")

    before = office.buckets()
    platform = getattr(office.homes, away)
    with monkeypatch.context() as patched:
        patched.setattr(platform, "list_owned_buckets", fail)
        with pytest.raises(PlatformAwayError):
            office.erase()
    assert office.buckets() == before
    assert not [each for each in office.did if each.startswith(("delete", "destroy"))]


def test_a_bucket_of_the_copy_that_is_another_tenant_s_stops_everything(office: Office) -> None:
    name = office.homes.copied_bucket(CAISSE).name
    office.homes.there.state_of(name).tenant_id = "m2x8c4v6bn"
    with pytest.raises(RefusedError, match=f"{name} is not"):
        office.erase()
    assert not [each for each in office.did if each.startswith(("delete", "destroy"))]


def test_passwords_stay_while_the_copy_has_a_bucket(office: Office) -> None:
    for name in office.homes.here.list_owned_buckets(OWNER):
        office.homes.here.drop(name)
    with office.homes.open() as opened:
        with pytest.raises(RefusedError, match=f"{COPY_OWNER} still owns"):
            destroy_data_bundle(opened, refuse=lambda: None)
        with pytest.raises(RefusedError, match="still exists"):
            destroy_password(opened, COMPTA, refuse=lambda: None)
    assert f"{SLUG}.data.age" in office.bundles()


def test_the_stacks_and_the_keys_stay_while_the_copy_has_its_owner(office: Office) -> None:
    for uid in (OWNER, f"{OWNER}.{COMPTA}", f"{OWNER}.{CAISSE}"):
        office.homes.here.delete_user(uid)
    with office.homes.open() as opened:
        with pytest.raises(RefusedError, match=f"the platform still has {COPY_OWNER}"):
            remove_stacks(opened, refuse=lambda: None)
        with pytest.raises(RefusedError, match=f"the platform still has {COPY_OWNER}"):
            destroy_control_bundle(copied_of(opened), refuse=lambda: None)
        opened.secret_store.destroy(SLUG, opened.tenant.id, DataBundle)
        opened.secret_store.destroy(SLUG, opened.tenant.id, ControlBundle)
        with pytest.raises(RefusedError, match="a secret bundle still exists"):
            remove_local(opened, refuse=lambda: None)


def test_a_hold_that_comes_meanwhile_stops_the_erasure_of_the_copy_too(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = RecordedHold("TJ-1", date(2027, 4, 30), HoldKind.PRESERVE, "claire")
    did_now = office.did_now

    def place(what: str) -> None:
        did_now(what)
        if what == f"delete bucket {office.homes.look(lambda opened: opened.buckets.name(CAISSE))}":
            office.homes.look(lambda opened: record_hold(opened.log, hold))

    monkeypatch.setattr(office, "did_now", place)
    with pytest.raises(RefusedError, match="hold"):
        office.erase()
    assert len(office.homes.there.list_owned_buckets(COPY_OWNER)) == 2
    assert f"{SLUG}.data.age" in office.bundles()


def test_the_eraser_signs_for_the_buckets_of_both_platforms(office: Office) -> None:
    signed: list[str] = []
    names = office.homes.look(
        lambda opened: [home.buckets.name(name) for home in opened.homes for name in (COMPTA, CAISSE)]
    )
    office.erase(signed.append)
    assert signed == [digest(names)]


# A copy that was never made.


def test_a_copy_that_was_never_made_keeps_no_tenant_from_leaving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = open_two_homes(tmp_path, monkeypatch)
    homes.write_file(WITHOUT_COPY)
    homes.apply()
    homes.write_file(status="leaving", leaving=LEAVING)
    office = Office(homes)
    watch(office, monkeypatch)
    office.erase()
    verified = office.verify()
    assert verified.is_passed, verified.failed
    office.homes.look(lambda opened: Journal(opened.log, TODAY).note(Step.VERIFIED, verified))
    office.close()
    facts = office.facts()
    assert (facts.copy_site, is_erasure_established(facts)) == (None, True)
    assert {each.copies for each in facts.machines} == {None}


# The rehearsal.


def test_a_rehearsal_shows_both_platforms(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    stacks = {SLUG: SimpleNamespace(resources=["a", "b"]), f"{SLUG}_copy": SimpleNamespace(resources=["c"])}
    monkeypatch.setattr(rehearsal, "_look_at_approval", lambda *_: (None, None))
    monkeypatch.setattr(rehearsal, "state_folder", lambda checkout: SimpleNamespace(read=stacks.get))
    found = rehearse(office.homes.checkout, SLUG, None)
    assert {(each.name, each.copied_to) for each in found.machines} == EVERY_BUCKET
    counts = {(each.name, each.copied_to): each.holds for each in found.machines}
    copied = counts[COMPTA, THERE]
    assert copied is not None
    assert copied.objects == 3, "config, key and snapshot"
    assert [each.has_agent for each in found.machines if each.copied_to] == [False, False]
    assert {each.uid for each in found.users} == {OWNER, f"{OWNER}.{COMPTA}", f"{OWNER}.{CAISSE}", COPY_OWNER}
    assert {Path(place).name for place in found.bundles} == office.bundles()
    assert len(found.bundles) == 2 * 3
    assert found.stack_resources == 3
    assert [each for each in office.did if "delete" in each] == []


# A retired machine.


@pytest.fixture
def retired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    homes = open_two_homes(tmp_path, monkeypatch)
    homes.apply()
    homes.back_up(COMPTA)
    homes.copy()
    homes.write_file(machines={COMPTA: machine_at(COMPTA, retired=RETIRED), CAISSE: machine_at(CAISSE)})
    homes.apply()
    office = Office(homes)
    watch(office, monkeypatch)
    return office


def erase_machine(office: Office) -> Any:
    with lock_tenant(office.homes.checkout, SLUG, quietly) as opened:
        departure: Any = SimpleNamespace(
            opened=opened,
            journal=Journal(opened.log, TODAY, COMPTA),
            manner=SimpleNamespace(confirm=quietly, on_progress=quietly),
            say=quietly,
            prove=lambda act, subject: None,
        )
        return retired_machine._erase(departure, COMPTA)


def read_machine(opened: OpenTenant) -> Journal:
    return Journal(opened.log, TODAY, COMPTA)


def test_a_retired_machine_goes_from_both_platforms_before_its_password(retired: Office) -> None:
    assert erase_machine(retired) is None
    gone = [place for place, what in enumerate(retired.did) if what.startswith("delete bucket")]
    begun = [place for place, what in enumerate(retired.did) if what == "record erasure_began"]
    deleted = [place for place, what in enumerate(retired.did) if what.startswith("delete versions")]
    assert (len(gone), len(begun)) == (2, 2)
    assert max(begun) < min(deleted), "both are identified before the first deletion"
    assert max(gone) < place_of(retired, "record secret_destroyed")
    assert len(retired.buckets()) == 2, "the other machine's"
    began = retired.homes.look(lambda opened: read_machine(opened).read(Step.ERASURE_BEGAN, ErasureBegan))
    assert {each.copied_to for each in began} == {None, THERE}
    checks = retired.homes.look(lambda opened: verify_machine_gone(opened, COMPTA, began))
    assert [check for check in checks if not check.passed] == []
    assert {check.subject for check in checks} >= {each.bucket for each in began}
    facts = retired.facts(COMPTA)
    assert facts.copy_site is not None
    [machine] = facts.machines
    assert [copy.platform for copy in machine.copies or ()] == [THERE]


def test_a_retired_machine_s_erasure_that_is_killed_again_and_again_ends(retired: Office) -> None:
    for _ in range(60):
        retired.ends_after = 1
        try:
            erase_machine(retired)
        except Killed:
            retired.ends_after = None
            data = retired.homes.look(lambda opened: opened.secrets.data())
            if COMPTA not in data.repository_passwords:
                assert len(retired.buckets()) == 2
        else:
            break
    else:
        pytest.fail("it does not end")
    retired.ends_after = None
    assert len(retired.buckets()) == 2
    began = retired.homes.look(lambda opened: read_machine(opened).read(Step.ERASURE_BEGAN, ErasureBegan))
    assert sorted(str(each.copied_to) for each in began) == ["None", THERE]
    erased = retired.homes.look(lambda opened: read_machine(opened).read(Step.BUCKET_ERASED, BucketErased))
    assert sorted(str(each.copied_to) for each in erased) == ["None", THERE], "each is said once"


def test_a_retired_machine_is_not_erased_while_a_run_fills_the_copy(retired: Office) -> None:
    with retired.homes.open() as opened, copying(opened), pytest.raises(BusyError):
        erase_machine(retired)
    assert len(retired.buckets()) == 4


def test_the_rehearsal_of_a_retired_machine_shows_both(retired: Office) -> None:
    found = rehearse_machine(retired.homes.checkout, SLUG, COMPTA, None)
    assert [(each.name, each.copied_to) for each in found.machines] == [(COMPTA, None), (COMPTA, THERE)]
    assert all(each.holds is not None for each in found.machines)
