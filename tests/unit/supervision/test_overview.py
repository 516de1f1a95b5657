"""What the pages rest on: who is worst, and what each day of a machine was."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from coffre.findings import Finding, FindingKind
from coffre.records.database.store import Records
from coffre.records.facts.backups import Drilled
from coffre.records.facts.departure import DepartureStage, Stage
from coffre.records.facts.supervision import PauseDeclared
from coffre.records.kept_findings import KeptFinding
from coffre.supervision.findings.life import Subject, place_of
from coffre.supervision.judge.forecast import Forecast, Outlook
from coffre.supervision.judge.quota import Use
from coffre.supervision.overview.calendar import DayState, list_days
from coffre.supervision.overview.gather import gather
from coffre.supervision.overview.ranking import Level, judge_level, rank
from coffre.supervision.picture import TenantPicture
from tests.builders import tenant_with
from tests.kept_tenants import GIB, KeptTenant, keep_passes, write_checkout

NOON = datetime(2026, 11, 30, 11, tzinfo=UTC)
TODAY = date(2026, 11, 30)
DAY = timedelta(days=1)
PICTURE = TenantPicture(
    tenant_with(), NOON, NOON, Use(NOON, GIB, GIB), {}, [], Forecast(Outlook.UNKNOWN)
)  # fmt: skip


def kept(kind: FindingKind, since: timedelta = DAY, **evidence: str) -> KeptFinding:
    finding = Finding(kind, "compta-01", evidence)
    return KeptFinding(place_of(Subject("k7f3q9wz2m", "martin"), finding), "martin", NOON - since, NOON, evidence)


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        (FindingKind.QUOTA_REACHED, Level.STOPPED),
        (FindingKind.WALL_REACHED, Level.STOPPED),
        (FindingKind.TENANT_NOT_SEEN, Level.UNKNOWN),
        (FindingKind.PLATFORM_AWAY, Level.UNKNOWN),
        (FindingKind.PART_NOT_SEEN, Level.UNKNOWN),
        (FindingKind.USE_NOT_TOLD, Level.UNKNOWN),
        (FindingKind.REPOSITORY_DAMAGED, Level.GRAVE),
        (FindingKind.SNAPSHOTS_GONE, Level.GRAVE),
        (FindingKind.FOREIGN_KEYS, Level.GRAVE),
        (FindingKind.BACKUP_LATE, Level.ATTENTION),
    ],
)
def test_a_tenant_is_as_bad_as_its_worst_finding(kind: FindingKind, level: Level) -> None:
    assert judge_level(PICTURE) is Level.GOOD
    assert judge_level(replace(PICTURE, findings=[kept(FindingKind.BACKUP_LATE), kept(kind)])) is level


def test_a_tenant_that_nobody_looked_at_lately_is_unknown_and_never_good() -> None:
    for looked_at in (None, NOON - timedelta(minutes=61)):
        assert judge_level(replace(PICTURE, looked_at=looked_at)) is Level.UNKNOWN


def test_what_somebody_takes_care_of_is_no_longer_the_worst() -> None:
    cared = replace(kept(FindingKind.FOREIGN_KEYS), acknowledged_at=NOON)
    assert judge_level(replace(PICTURE, findings=[cared])) is Level.ATTENTION


def test_the_worst_comes_first_and_among_equals_the_fullest() -> None:
    pictures = {
        "good": PICTURE,
        "good and full": replace(PICTURE, use=Use(NOON, 9 * GIB, 9 * GIB)),
        "late": replace(PICTURE, findings=[kept(FindingKind.BACKUP_LATE)]),
        "stopped": replace(PICTURE, findings=[kept(FindingKind.QUOTA_REACHED)]),
        "unknown": replace(PICTURE, looked_at=None),
    }
    assert sorted(pictures, key=lambda name: rank(pictures[name])) == [
        "stopped",
        "unknown",
        "late",
        "good and full",
        "good",
    ]


EVERY_DAY = [TODAY - DAY * ago for ago in range(40)]
WORKDAYS = [day for day in EVERY_DAY if day.weekday() < 5]


def states(*troubles: KeptFinding, saved: tuple[int, ...] = (), blind: tuple[int, ...] = (), since: int = 60) -> str:
    """Return the last seven days until today, one letter each."""
    days = list_days(
        TODAY - DAY * since,
        [TODAY - DAY * ago for ago in saved],
        WORKDAYS,
        troubles,
        [day for day in EVERY_DAY if (TODAY - day).days not in blind],
        "Europe/Paris",
        TODAY,
    )
    assert len(days) == 35
    assert (days[0].on.weekday(), days[-1].on) == (0, date(2026, 12, 6))
    letters = {state: state.value[0] for state in DayState} | {DayState.MISSED: "M", DayState.FAILED: "F"}
    return "".join(letters[each.state] for each in days if TODAY - DAY * 6 <= each.on <= TODAY)


def test_each_day_of_a_machine() -> None:
    assert states() == "nnnnoon", "Saturday and Sunday nothing was due"
    assert states(saved=(0, 2, 5)) == "nsnnsos"
    assert states(blind=(3, 4)) == "nnuuoon"
    assert states(saved=(3,), blind=(3, 4)) == "nnusoon", "a backup that is known was not missed by not looking"
    assert states(since=3) == "bbbnoon"
    missed = kept(FindingKind.BACKUP_MISSED, DAY * 2, due_at=(NOON - DAY * 4).isoformat())
    assert states(missed) == "nnMMooM", "missed since it was due, not since it was found"
    assert states(missed, saved=(5, 0), blind=(3,)) == "nsMuoos"
    failed = replace(kept(FindingKind.BACKUP_FAILED, DAY * 5), closed_at=NOON - DAY * 4)
    assert states(failed) == "nFFnoon"


def test_days_are_those_of_the_tenants_time_zone() -> None:
    at_night = replace(
        kept(FindingKind.BACKUP_FAILED),
        since=datetime(2026, 11, 25, 23, 30, tzinfo=UTC),
        closed_at=datetime(2026, 11, 26, 3, tzinfo=UTC),
    )
    assert states(at_night) == "nnFnoon", "in Paris it is the 26th"


def test_everything_of_a_tenant_is_gathered_from_the_records(tmp_path: Path) -> None:
    reference = write_checkout(tmp_path)
    martin = KeptTenant(
        "martin",
        "k7f3q9wz2m",
        sizes={0: 3 * GIB, 1: 2 * GIB, 4: GIB, 200: GIB},
        backups={"compta-01": (0, 3, 5)},
        findings=[
            (Finding(FindingKind.TENANT_NOT_SEEN, None, {"error": "x"}), DAY * 6 + timedelta(hours=6), DAY * 5),
            (Finding(FindingKind.BACKUP_LATE, "caisse-01", {"due_at": NOON.isoformat()}), DAY, None),
        ],
        drills=[(300, Drilled(1, "s", ("a",))), (3, Drilled(1, "s", ("a", "b"), ("b differs",)))],
    )
    with Records.open(reference, tmp_path) as records:
        keep_passes(records, NOON, 34, 2, without=(4,))
        martin.keep(records, NOON)
        martin._append(records, PauseDeclared(NOON + DAY, "closed"), NOON - DAY * 3, "compta-01")
        KeptTenant("roux", "q2w3e4r5t6").keep(records, NOON)
        overview = gather(records, tmp_path, NOON)
        found = {each.picture.tenant.slug: each for each in overview.tenants}
        assert set(found) == {"martin", "roux"}
        assert [each.picture.tenant.slug for each in gather(records, tmp_path, NOON, "roux").tenants] == ["roux"]
        KeptTenant("roux", "q2w3e4r5t6")._append(records, DepartureStage(stage=Stage.FROZEN), NOON)
        assert [*gather(records, tmp_path, NOON, "roux").tenants] == []
    own = found["martin"]
    assert own.sizes == {TODAY: 3 * GIB, TODAY - DAY: 2 * GIB, TODAY - DAY * 4: GIB}
    assert [(each.files, each.problems) for each in own.drills] == [(2, 1), (1, 0)]
    week = {name: [day.state.value for day in days][-13:-6] for name, days in own.calendars.items()}
    assert week["compta-01"] == ["unknown", "saved", "unknown", "saved", "off", "off", "saved"]
    assert week["caisse-01"] == ["unknown", "none", "unknown", "none", "off", "off", "late"]
    assert overview.last_pass is not None
