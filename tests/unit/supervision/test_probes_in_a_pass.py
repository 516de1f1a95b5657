"""A pass of supervision and the probes see one platform: one incident, and its end once somebody has seen it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from coffre.errors import RefusedError, UsageError
from coffre.records.actor import Author
from coffre.records.facts.availability import ExclusionCause, MaintenanceDeclared
from coffre.records.kept_findings import NO_TENANT
from coffre.records.probes import one_probe
from coffre.storage.values import PlatformAwayError
from coffre.supervision.availability.known import list_exclusions, read_platforms
from coffre.supervision.availability.words import PastTime, event_of, exclude, revoke
from tests.builders import PLATFORM
from tests.doubles.watching import Watching, watching
from tests.doubles.workshop import open_workshop

MINUTE = timedelta(minutes=1)
CLAIRE = Author("claire@smileo.example", None)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watching]:
    workshop = open_workshop(tmp_path, monkeypatch)
    workshop.apply()
    now = datetime.now(UTC)
    with watching(workshop.root, workshop.estate, now, monkeypatch, PLATFORM["records"]) as opened:
        yield opened


def probe(desk: Watching, marks: str) -> None:
    """Add a probe a minute, the last of them when the next look is made."""
    last = desk.now + 5 * MINUTE
    probes = [
        one_probe("lab", last - turn * MINUTE, 20, *(() if mark == "+" else ("write", "unreachable")))
        for turn, mark in zip(range(len(marks) - 1, -1, -1), marks, strict=True)
    ]
    desk.desk.records.availability.add_probes(probes)


def kinds(desk: Watching) -> list[str]:
    return [each.place.kind for each in desk.desk.records.supervision.list_findings()]


def test_an_outage_that_only_probes_see_is_an_incident_that_ends_with_a_good_probe(desk: Watching) -> None:
    probe(desk, "++---")
    (opened,) = desk.look().opened
    assert (opened.place.kind, opened.place.platform, opened.slug) == ("platform_away", "lab", NO_TENANT)
    assert (opened.evidence["error"], opened.evidence["fault"]) == (None, "unreachable")
    assert desk.look().closed != [], "the tenant was seen, and nobody probed since: it serves"


def test_the_same_incident_goes_on_when_the_pass_sees_it_too_and_ends_once_both_are_well(desk: Watching) -> None:
    probe(desk, "+---")
    desk.look()

    def away(_slug: str) -> None:
        raise PlatformAwayError("nobody answers")

    desk.desk.before_open = away
    probe(desk, "-----")
    result = desk.look()
    assert (result.opened, result.closed) == ([], [])
    desk.desk.before_open = lambda _: None
    probe(desk, "-----")
    assert desk.look().closed == [], "the probes still fail"
    probe(desk, "--+++")
    assert [each.place.kind for each in desk.look().closed] == ["platform_away"]
    assert kinds(desk) == []


def test_that_nobody_probes_any_more_is_found_and_ends_with_the_next_probe(desk: Watching) -> None:
    probe(desk, "+++++")
    assert desk.look().opened == []
    assert [each.place.kind for each in desk.look(timedelta(minutes=11)).opened] == ["probes_missing"]
    probe(desk, "+")
    assert [each.place.kind for each in desk.look().closed] == ["probes_missing"]


@pytest.mark.parametrize(("declared", "used_minutes"), [(-60, 4), (1, 9)])
def test_only_a_maintenance_that_was_declared_before_it_began_is_taken_out(
    desk: Watching, declared: int, used_minutes: int
) -> None:
    records, begins = desk.desk.records, desk.now - timedelta(hours=2)
    records.availability.add_probes(
        [one_probe("lab", begins + turn * MINUTE, 5, "write", "timeout") for turn in range(10)]
    )
    fact = MaintenanceDeclared("lab", begins, begins + 5 * MINUTE, "Ceph 19")
    records.append(event_of(NO_TENANT, NO_TENANT, fact, CLAIRE, begins + declared * MINUTE))
    year = begins.astimezone(ZoneInfo("Europe/Paris")).year
    known = read_platforms(records, year, "Europe/Paris").get("lab")
    assert known.judge(year, "Europe/Paris", desk.now).used_seconds == used_minutes * 60


def test_a_decision_takes_a_past_time_out_and_its_revocation_puts_it_back(desk: Watching) -> None:
    records, begins = desk.desk.records, desk.now - timedelta(hours=2)
    records.availability.add_probes(
        [one_probe("lab", begins + turn * MINUTE, 5, "write", "timeout") for turn in range(10)]
    )
    time = PastTime("lab", begins, begins + timedelta(minutes=5))

    def used() -> int:
        year = begins.astimezone(ZoneInfo("Europe/Paris")).year
        known = read_platforms(records, year, "Europe/Paris").get("lab")
        return known.judge(year, "Europe/Paris", desk.now).used_seconds

    assert used() == 9 * 60
    exclude(records, time, ExclusionCause.THIRD_PARTY, "the line of the host", CLAIRE, desk.now)
    assert (used(), len(list_exclusions(records))) == (4 * 60, 1)
    with pytest.raises(RefusedError, match="exactly this time"):
        revoke(records, PastTime("lab", begins, desk.now), "no", CLAIRE, desk.now)
    revoke(records, time, "it was another line", CLAIRE, desk.now)
    assert (used(), list_exclusions(records)) == (9 * 60, ())
    with pytest.raises(UsageError, match="has not passed"):
        exclude(
            records, PastTime("lab", begins, desk.now + MINUTE), ExclusionCause.FORCE_MAJEURE, "x", CLAIRE, desk.now
        )
    assert records.verify().faults == ()
