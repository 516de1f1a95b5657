"""The state of a second copy, by what both platforms list; see `TwoHomes`."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from coffre.cli import output
from coffre.cli.service.status import _show_copy
from coffre.cli.words.supervision.findings import describe
from coffre.errors import RemoteError
from coffre.findings import Finding, FindingKind
from coffre.observation.judge.second_copy import COPY_GRACE, Behind, judge_behind
from coffre.observation.second_copy import CopyStatus, observe_copy
from coffre.observation.tenant import TenantObservation, observe
from coffre.operations.copying.objects import RepositoryCopy, describe_copy
from coffre.operations.holds import place
from coffre.records.facts.backups import CopyFault
from coffre.spec.storage_platform import PlatformKind
from coffre.spec.tenant import HoldKind
from coffre.storage import kinds
from coffre.storage.values import PlatformAwayError
from coffre.tenant.holds import RecordedHold, list_recorded
from coffre.tenant.opening import OpenTenant
from tests.doubles.given_keys import GivenKeysDriver
from tests.doubles.two_homes import CAISSE, COMPTA, HERE, SLUG, THERE, WITHOUT_COPY, TwoHomes, open_two_homes

NOW = datetime(2026, 11, 24, tzinfo=UTC)
FORGED = f"restic/data/ab/{'ab' * 32}"


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TwoHomes:
    """A tenant that was applied and whose copy is up to date."""
    homes = open_two_homes(tmp_path, monkeypatch)
    homes.apply()
    homes.back_up(COMPTA)
    homes.copy()
    return homes


def look(homes: TwoHomes, after: timedelta = timedelta(hours=1)) -> TenantObservation:
    """Observe the tenant some time after the last thing that its platform got."""
    now = homes.here.probe_server_time() + after
    return homes.look(lambda opened: observe(opened, now))


def copy_status(seen: TenantObservation) -> CopyStatus:
    assert seen.second_copy is not None
    return seen.second_copy


def about_copies(seen: TenantObservation) -> list[tuple[FindingKind, str | None]]:
    return [(each.kind, each.machine) for each in seen.findings if each.kind.value.startswith("copy_")]


def fail(*_: object) -> Any:
    raise PlatformAwayError("no answer")


# The judgement.


def at(hours_ago: float) -> datetime:
    return NOW - timedelta(hours=hours_ago)


@pytest.mark.parametrize(
    ("stored", "copied", "behind"),
    [
        ({}, [], Behind()),
        ({"a": at(99)}, ["a", "pruned"], Behind()),
        ({"a": at(99), "b": at(3)}, ["a"], Behind(1, at(3), False)),
        ({"a": at(24)}, [], Behind(1, at(24), False)),
        ({"a": at(24.001)}, [], Behind(1, at(24.001), True)),
        ({"a": at(1), "b": at(25), "c": at(30)}, ["c"], Behind(2, at(25), True)),
        ({"a": at(-5)}, [], Behind(1, at(-5), False)),
    ],
)
def test_a_copy_is_late_by_the_oldest_snapshot_that_it_lacks(
    stored: dict[str, datetime], copied: list[str], behind: Behind
) -> None:
    assert timedelta(hours=24) == COPY_GRACE
    assert judge_behind(stored, copied, NOW) == behind


# The observation.


def test_a_copy_that_is_up_to_date_has_no_finding(homes: TwoHomes) -> None:
    seen = look(homes)
    assert about_copies(seen) == []
    status = {each.name: each for each in copy_status(seen).machines}
    assert copy_status(seen).platform == THERE
    assert [(each.snapshots, each.missing, each.is_late, each.fault_count) for each in status.values()] == [
        (1, 0, False, 0),
        (0, 0, False, 0),
    ]
    assert all(each.last_complete_at is not None for each in status.values())


def test_a_tenant_without_a_copy_has_no_status_of_one(homes: TwoHomes) -> None:
    homes.write_file(WITHOUT_COPY)
    assert look(homes).second_copy is None
    assert homes.look(lambda opened: observe_copy(opened, {COMPTA: {}}, NOW)) == (None, ())


def test_what_the_copy_lacks_is_counted_at_once_and_a_finding_after_a_day(homes: TwoHomes) -> None:
    homes.back_up(COMPTA)
    since = homes.here.probe_server_time()
    homes.back_up(COMPTA)
    seen = look(homes)
    assert about_copies(seen) == []
    [compta] = [each for each in copy_status(seen).machines if each.name == COMPTA]
    assert (compta.snapshots, compta.missing, compta.missing_since, compta.is_late) == (1, 2, since, False)
    late = look(homes, timedelta(hours=25))
    assert about_copies(late) == [(FindingKind.COPY_LATE, COMPTA)]
    [finding] = [each for each in late.findings if each.kind is FindingKind.COPY_LATE]
    assert finding.evidence == {"platform": THERE, "count": 2, "since": since.isoformat()}
    homes.copy()
    assert about_copies(look(homes, timedelta(hours=25))) == []


def test_a_forged_object_is_named_until_a_later_run_is_sound(homes: TwoHomes) -> None:
    homes.bucket(COMPTA).put(FORGED, b"no pack")
    homes.copy(COMPTA)
    seen = look(homes)
    [finding] = [each for each in seen.findings if each.kind is FindingKind.COPY_FAULTS]
    assert (finding.machine, finding.evidence["key"], finding.evidence["fault"]) == (
        COMPTA,
        FORGED,
        CopyFault.ALTERED.value,
    )
    assert finding.evidence["count"] == 1
    homes.bucket(COMPTA).hide(FORGED)
    homes.copy(COMPTA)
    assert about_copies(look(homes)) == []


def test_a_forged_snapshot_is_named_and_makes_no_copy_late(homes: TwoHomes) -> None:
    homes.bucket(COMPTA).put(f"restic/snapshots/{'ab' * 32}", b"no snapshot")
    homes.copy(COMPTA)
    assert about_copies(look(homes, timedelta(days=3))) == [(FindingKind.COPY_FAULTS, COMPTA)]


def test_a_platform_of_the_copy_that_is_away_is_a_finding_beside_the_tenant_s_own_state(
    homes: TwoHomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homes.there, "list_owned_buckets", fail)
    seen = look(homes)
    assert about_copies(seen) == [(FindingKind.COPY_NOT_SEEN, None)]
    assert {each.name: each.snapshots for each in seen.machines} == {COMPTA: 1, CAISSE: 0}
    status = copy_status(seen)
    assert (status.keeps_all, [each.snapshots for each in status.machines]) == (None, [None, None])
    assert all(each.last_complete_at is not None for each in status.machines), "the records are here"


def test_the_tenant_s_own_platform_is_not_asked_about_its_copy(
    homes: TwoHomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(opened: OpenTenant) -> tuple[CopyStatus | None, Sequence[Finding]]:
        assert opened.second_copy is not None
        monkeypatch.setattr(type(opened.storage), "state_of", gone_here(homes))
        return observe_copy(opened, {COMPTA: {}}, NOW)

    status, findings = homes.look(read)
    assert findings == []
    assert status is not None
    assert [(each.name, each.snapshots) for each in status.machines] == [(COMPTA, 1)]


def gone_here(homes: TwoHomes) -> Callable[[Any, str], Any]:
    state_of = type(homes.here).state_of

    def found(platform: Any, name: str) -> Any:
        if platform is homes.here:
            raise PlatformAwayError("no answer from here")
        return state_of(platform, name)

    return found


def test_a_bucket_or_a_config_that_the_copy_lacks_is_a_finding(homes: TwoHomes) -> None:
    homes.copied_bucket(COMPTA).hide("restic/config")
    homes.there.drop(homes.copied_bucket(CAISSE).name)
    seen = look(homes)
    gone = {each.machine: each.evidence["what"] for each in seen.findings if each.kind is FindingKind.COPY_GONE}
    assert gone == {COMPTA: "config", CAISSE: "bucket"}
    assert {each.name for each in copy_status(seen).machines} == {COMPTA, CAISSE}


def test_a_run_that_brought_a_repository_back_is_none_of_the_copy(homes: TwoHomes) -> None:
    faulty = RepositoryCopy(NOW, (), 0, 0, {FORGED: CopyFault.GONE}, 1, False)
    homes.look(lambda opened: opened.log.append(describe_copy(faulty, HERE), COMPTA))
    assert about_copies(look(homes)) == []


# A hold.

HOLD = RecordedHold("TJ-1", NOW.date(), HoldKind.PRESERVE, "claire")


def place_it(homes: TwoHomes) -> int:
    return place.place_hold(homes.checkout, SLUG, HOLD, homes.said.append)


def test_a_hold_is_carried_out_and_read_back_on_both_platforms(homes: TwoHomes) -> None:
    assert place_it(homes) == 4
    for bucket in (
        homes.bucket(COMPTA),
        homes.bucket(CAISSE),
        homes.copied_bucket(COMPTA),
        homes.copied_bucket(CAISSE),
    ):
        assert bucket.list_expiry_rules() == []
    hold = look(homes).hold
    assert hold is not None
    assert hold.in_force is True


def test_a_hold_is_in_force_only_when_the_copy_keeps_everything_too(
    homes: TwoHomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    place_it(homes)
    homes.there.state_of(homes.copied_bucket(CAISSE).name).expiry_days["all"] = 14
    hold = look(homes).hold
    assert hold is not None
    assert hold.in_force is False
    monkeypatch.setattr(homes.there, "list_owned_buckets", fail)
    hold = look(homes).hold
    assert hold is not None
    assert hold.in_force is None, "nobody knows"


def test_a_hold_that_blocks_shuts_nobody_out_of_the_copy_where_nobody_is(homes: TwoHomes) -> None:
    blocking = RecordedHold("TJ-2", NOW.date(), HoldKind.BLOCK_ACCESS, "claire")
    assert place.place_hold(homes.checkout, SLUG, blocking, homes.said.append) == 4
    assert homes.bucket(COMPTA).is_suspended()
    assert not homes.copied_bucket(COMPTA).is_suspended()


@pytest.mark.parametrize("how", ["its platform is away", "its settings cannot be read"])
def test_whatever_is_wrong_with_the_copy_the_original_is_held_first(
    homes: TwoHomes, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "its platform is away":
        monkeypatch.setattr(homes.there, "list_owned_buckets", fail)
    else:
        driver = GivenKeysDriver(homes.there)
        monkeypatch.setattr(driver, "connect", fail)
        monkeypatch.setitem(kinds.DRIVERS, PlatformKind.AWS, lambda: driver)
    with pytest.raises(RemoteError):
        place_it(homes)
    assert [homes.bucket(name).list_expiry_rules() for name in (COMPTA, CAISSE)] == [[], []]
    assert homes.look(lambda opened: [each.reference for each in list_recorded(opened.log)]) == ["TJ-1"]


# How it is shown.


def test_status_shows_the_copy_beside_the_original(homes: TwoHomes, capsys: pytest.CaptureFixture[str]) -> None:
    homes.back_up(COMPTA)
    seen = look(homes)
    _show_copy(seen)
    compta, caisse = capsys.readouterr().out.splitlines()
    assert compta.startswith(
        f"  second copy of {COMPTA} on {THERE}: snapshots: 1, 1 missing (the oldest since 2026-01-05 "
    )
    assert "; last complete run: 20" in compta
    assert caisse.startswith(f"  second copy of {CAISSE} on {THERE}: snapshots: 0; last complete run: 20")
    output.result_json([seen])
    [shown] = json.loads(capsys.readouterr().out)
    assert (shown["second_copy"]["platform"], shown["second_copy"]["keeps_all"]) == (THERE, False)
    [machine] = [each for each in shown["second_copy"]["machines"] if each["name"] == COMPTA]
    assert (machine["snapshots"], machine["missing"], machine["is_late"], machine["fault_count"]) == (1, 1, False, 0)


@pytest.mark.parametrize(
    ("kind", "evidence", "said"),
    [
        (
            FindingKind.COPY_LATE,
            {"platform": THERE, "count": 2, "since": "2026-11-22T00:00:00+00:00"},
            "its second copy on aws-paris is late: it lacks 2 snapshots, the oldest since 2026-11-22T00:00:00+00:00; "
            "run `coffre copy`, and see what ended its last run",
        ),
        (FindingKind.COPY_GONE, {"platform": THERE, "what": "bucket"}, "its second copy on aws-paris has no bucket: "),
        (
            FindingKind.COPY_FAULTS,
            {"platform": THERE, "count": 1, "key": FORGED, "fault": "altered"},
            f"left out {FORGED} (it does not match the hash in its name)",
        ),
        (
            FindingKind.COPY_NOT_SEEN,
            {"platform": THERE, "error": "no answer"},
            "the second copy on aws-paris could not be read: no answer",
        ),
    ],
)
def test_each_finding_says_what_is_wrong_and_what_to_do(
    kind: FindingKind, evidence: dict[str, str | int], said: str
) -> None:
    assert said in describe(Finding(kind, COMPTA, evidence))
