"""`coffre copy`: which machines, in which order, what is recorded and what is said; see `TwoHomes`."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path

import pytest

from coffre.errors import BusyError, RefusedError, UsageError
from coffre.operations.copying import run
from coffre.operations.copying.objects import NoRepositoryError, OtherRepositoryError
from coffre.records.facts.backups import CopyFault, CopyRun, UncopiedObject
from coffre.records.facts.departure import DepartureStage, Stage
from coffre.spec.storage_platform import HOME_OF_AGENT
from coffre.spec.tenant import AgentKind, HoldKind
from coffre.storage.values import PlatformAwayError
from coffre.tenant.holds import RecordedHold, record_hold
from coffre.tenant.locking import copy_locked
from coffre.tenant.opening import OpenTenant
from coffre.tenant.runs import lock_tenant
from coffre.tenant.second_copy import get_copied
from tests.doubles.storage import MemoryBucket
from tests.doubles.two_homes import (
    CAISSE,
    COMPTA,
    HERE,
    SLUG,
    THERE,
    WITHOUT_COPY,
    TwoHomes,
    copied_of,
    machine_at,
    open_two_homes,
)

FORGED = f"restic/data/ab/{'ab' * 32}"


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TwoHomes:
    """A tenant that was applied, with a snapshot of one machine."""
    homes = open_two_homes(tmp_path, monkeypatch)
    homes.apply()
    homes.back_up(COMPTA)
    return homes


def runs(homes: TwoHomes, machine: str) -> list[CopyRun]:
    return homes.look(lambda opened: [each.fact for each in opened.log.list(CopyRun, machine)])


def bring_back(homes: TwoHomes, machine: str) -> run.MachineCopy:
    with lock_tenant(homes.checkout, SLUG, homes.said.append) as opened, run.copying(opened) as copied:
        return run.bring_back(opened, copied, machine, homes.said.append)


def lose_repository(homes: TwoHomes, machine: str) -> None:
    bucket = homes.bucket(machine)
    for key in homes.keys_of(bucket):
        bucket.hide(key)


def place_hold(homes: TwoHomes, kind: HoldKind) -> None:
    hold = RecordedHold(f"TJ-{kind.value}", homes.checkout.tenants[SLUG].contract.signed_on, kind, "claire")
    homes.look(lambda opened: record_hold(opened.log, hold))


def test_every_machine_s_repository_is_copied_and_each_run_recorded(homes: TwoHomes) -> None:
    done = {each.machine: each for each in homes.copy()}
    assert {name: (each.platform, each.is_sound) for name, each in done.items()} == {
        COMPTA: (THERE, True),
        CAISSE: (THERE, True),
    }
    for name in (COMPTA, CAISSE):
        assert homes.keys_of(homes.copied_bucket(name)) == homes.keys_of(homes.bucket(name))
        [fact] = runs(homes, name)
        assert (fact.platform, fact.is_complete, fact.fault_count) == (THERE, True, 0)
        assert fact.copied_count == done[name].done.copied_objects > 0
    assert [each.snapshot_count for name in (COMPTA, CAISSE) for each in runs(homes, name)] == [1, 0]
    homes.copy()
    assert [each.copied_count for each in runs(homes, COMPTA)] == [runs(homes, COMPTA)[0].copied_count, 0]


def test_a_retired_machine_is_copied_too_and_one_without_repositories_is_not(
    homes: TwoHomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(HOME_OF_AGENT, AgentKind.ACRONIS)
    homes.write_file(
        machines={
            COMPTA: machine_at(COMPTA, retired={"on": "2026-11-01", "keep_until": "2099-12-31"}),
            CAISSE: machine_at(CAISSE),
            "autre-01": machine_at("autre-01", agent="acronis"),
        },
        licences={"workstation": 3},
    )
    assert [each.machine for each in homes.copy()] == [COMPTA, CAISSE]


def test_a_copy_reads_no_password(homes: TwoHomes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "coffre.tenant.estate.passwords.use_password", lambda *_: pytest.fail("a copy needs no password")
    )
    with homes.open() as opened, run.copying(opened) as copied:
        monkeypatch.setattr(type(opened.secrets), "data", lambda _: pytest.fail("a copy needs no password"))
        assert run.copy_machine(opened, copied, COMPTA, homes.said.append).is_sound


def test_a_bad_object_is_recorded_and_makes_the_run_unsound(homes: TwoHomes) -> None:
    homes.bucket(COMPTA).put(FORGED, b"no pack")
    [done] = homes.copy(COMPTA)
    assert not done.is_sound
    [fact] = runs(homes, COMPTA)
    assert (fact.is_complete, fact.fault_count) == (True, 1)
    assert fact.faults == (UncopiedObject(FORGED, CopyFault.ALTERED),)


def test_a_run_that_a_platform_ends_is_recorded_with_what_it_has_done(
    homes: TwoHomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = MemoryBucket.put

    def fail(bucket: MemoryBucket, key: str, body: bytes) -> None:
        if "/snapshots/" in key:
            raise PlatformAwayError("no answer")
        put(bucket, key, body)

    with monkeypatch.context() as patched:
        patched.setattr(MemoryBucket, "put", fail)
        with pytest.raises(PlatformAwayError):
            homes.copy(COMPTA)
    [fact] = runs(homes, COMPTA)
    assert (fact.is_complete, fact.copied_count) == (False, 2), "config and key file"
    assert homes.copy(COMPTA)[0].is_sound


# What keeps it away.


@pytest.fixture
def busy(homes: TwoHomes) -> Iterator[OpenTenant]:
    with homes.open() as opened, run.copying(opened):
        yield opened


def test_a_second_run_of_the_tenant_is_told_at_once(homes: TwoHomes, busy: OpenTenant) -> None:
    with pytest.raises(BusyError, match=f"another command is working on the second copy of {SLUG}"):
        homes.copy()
    with pytest.raises(BusyError):
        bring_back(homes, COMPTA)


def test_what_erases_waits_for_no_run_and_a_tenant_without_a_copy_has_none(homes: TwoHomes, busy: OpenTenant) -> None:
    with homes.open() as opened, pytest.raises(BusyError), run.without_copying(opened):
        pytest.fail("both at once")
    homes.write_file(WITHOUT_COPY)
    with homes.open() as opened, run.without_copying(opened):
        pass


def test_a_run_keeps_no_other_command_of_the_tenant_waiting(homes: TwoHomes, busy: OpenTenant) -> None:
    with lock_tenant(homes.checkout, SLUG, homes.said.append):
        pass


def test_the_lock_is_the_copy_s_alone(homes: TwoHomes) -> None:
    def lock(slug: str) -> AbstractContextManager[None]:
        return copy_locked(homes.checkout, slug, f"{slug}_copy", "copy")

    with lock(SLUG):
        with pytest.raises(BusyError, match="second copy of martin"), lock(SLUG):
            pytest.fail("two at once")
        with lock("durand"):
            pass
    with lock(SLUG):
        pass


def test_a_tenant_without_a_copy_is_told_what_to_write(homes: TwoHomes) -> None:
    homes.write_file(WITHOUT_COPY)
    with homes.open() as opened, pytest.raises(UsageError, match="martin has no second copy") as refused:
        get_copied(opened)
    assert "`copy: {platform: NAME}`" in refused.value.hint


def test_a_hold_that_blocks_access_stops_a_copy_and_one_that_preserves_does_not(homes: TwoHomes) -> None:
    place_hold(homes, HoldKind.PRESERVE)
    assert homes.copy(COMPTA)[0].is_sound
    place_hold(homes, HoldKind.BLOCK_ACCESS)
    for command in (lambda: homes.copy(COMPTA), lambda: bring_back(homes, COMPTA)):
        with pytest.raises(RefusedError):
            command()
    assert len(runs(homes, COMPTA)) == 1


def test_before_its_first_apply_a_copy_says_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    homes = open_two_homes(tmp_path, monkeypatch)
    homes.write_file(WITHOUT_COPY)
    homes.apply()
    homes.write_file()
    for machines in ((), (COMPTA,)):
        with pytest.raises(RefusedError, match=f"{THERE} has no storage of its second copy") as refused:
            homes.copy(*machines)
        assert f"`coffre apply {SLUG}`" in refused.value.hint


def test_a_bucket_that_the_copy_lacks_is_named(homes: TwoHomes) -> None:
    homes.there.drop(homes.copied_bucket(CAISSE).name)
    said = f"{THERE} has no storage of its second copy for {CAISSE}"
    with pytest.raises(RefusedError, match=said):
        homes.copy(CAISSE)
    assert [each.machine for each in homes.copy() if each.is_sound] == [COMPTA], "the others are copied"
    assert [said in each.message for each in homes.refused] == [True]


def test_a_tenant_that_has_left_is_not_told_to_apply(homes: TwoHomes) -> None:
    homes.look(lambda opened: opened.log.append(DepartureStage(date(2027, 5, 1), stage=Stage.ERASED)))
    for platform in (homes.here, homes.there):
        for owner in (f"{SLUG}-k7f3q9wz2m", f"{SLUG}-k7f3q9wz2m_copy"):
            for name in platform.list_owned_buckets(owner):
                platform.drop(name)
    with pytest.raises(RefusedError, match="martin has left: its backups are erased"):
        homes.copy()


def test_an_unknown_machine_is_named(homes: TwoHomes) -> None:
    with pytest.raises(UsageError, match="poste-09"):
        homes.copy("poste-09")


# A lost repository.


def test_a_repository_that_is_lost_leaves_its_copy_and_comes_back(homes: TwoHomes) -> None:
    homes.copy()
    before = homes.keys_of(homes.copied_bucket(COMPTA))
    lose_repository(homes, COMPTA)
    with pytest.raises(NoRepositoryError, match=f"^{SLUG}/{COMPTA}: ") as refused:
        homes.copy(COMPTA)
    assert f"`coffre copy {SLUG} --machine {COMPTA} --back`" in refused.value.hint
    assert homes.keys_of(homes.copied_bucket(COMPTA)) == before
    done = bring_back(homes, COMPTA)
    assert (done.platform, done.is_sound) == (HERE, True)
    assert homes.keys_of(homes.bucket(COMPTA)) == before
    assert [each.platform for each in runs(homes, COMPTA)] == [THERE, HERE]
    assert bring_back(homes, COMPTA).done.copied_objects == 0, "it may run twice"


def test_a_new_repository_beside_an_earlier_copy_is_refused_in_both_directions(homes: TwoHomes) -> None:
    homes.copy()
    before = homes.keys_of(homes.copied_bucket(COMPTA))
    homes.bucket(COMPTA).put("restic/config", b"another repository")
    with pytest.raises(OtherRepositoryError, match=f"second copy on {THERE} is of an earlier repository") as refused:
        homes.copy(COMPTA)
    assert f"`coffre restore {SLUG} --machine {COMPTA} --from-copy --to DIR`" in refused.value.hint
    with pytest.raises(OtherRepositoryError):
        bring_back(homes, COMPTA)
    assert homes.keys_of(homes.copied_bucket(COMPTA)) == before
    assert len(runs(homes, COMPTA)) == 1, "nothing was copied, and nothing is recorded"


def test_bringing_back_needs_the_machine_s_bucket(homes: TwoHomes) -> None:
    homes.copy()
    homes.here.drop(homes.bucket(COMPTA).name)
    with pytest.raises(RefusedError, match=f"no longer has the bucket of {COMPTA}"):
        bring_back(homes, COMPTA)


def test_the_bandwidth_of_the_file_bounds_a_run(homes: TwoHomes, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int | None] = []
    pace = run.Pace
    monkeypatch.setattr(run, "Pace", lambda bandwidth: given.append(bandwidth) or pace())
    homes.copy(COMPTA)
    assert given == [1 << 40]
    assert homes.look(lambda opened: copied_of(opened).tenant.storage.second_copy) is None
