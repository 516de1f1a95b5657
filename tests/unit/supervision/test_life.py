"""A finding is opened once, followed, and closed only when somebody looked and it is gone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from coffre.findings import Finding, FindingKind
from coffre.records.kept_findings import KeptFinding
from coffre.supervision.findings.life import Subject, as_finding, place_of, settle
from coffre.supervision.findings.standing import STANDINGS, Attribution, find_standing

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
MARTIN = Subject("k7f3q9wz2m", "martin")
LATE = Finding(FindingKind.BACKUP_LATE, "pc-1", {"due_at": "a", "last_success_at": None})
PATH = Finding(FindingKind.PATH_NOT_SAVED, "pc-1", {"path": "/home", "state": "empty"})


def opened(*findings: Finding) -> list[KeptFinding]:
    first = settle(MARTIN, [], findings, lambda _: True, NOON).opened
    return [replace(each, id=number) for number, each in enumerate(first, start=1)]


def test_a_finding_is_opened_once_and_followed() -> None:
    (kept,) = opened(LATE)
    assert (kept.since, kept.slug, kept.place.machine, as_finding(kept)) == (NOON, "martin", "pc-1", LATE)
    again = settle(MARTIN, [kept], [LATE], lambda _: True, LATER)
    assert (again.opened, again.changed, again.closed, again.same) == ([], [], [], [kept])


def test_other_evidence_changes_it_and_its_age_stays() -> None:
    (kept,) = opened(LATE)
    newer = replace(LATE, evidence={"due_at": "b", "last_success_at": None})
    (changed,) = settle(MARTIN, [kept], [newer], lambda _: True, LATER).changed
    assert (changed.id, changed.since, changed.seen_at, changed.evidence["due_at"]) == (1, NOON, LATER, "b")


def test_it_is_closed_when_it_is_gone_and_somebody_looked() -> None:
    (kept,) = opened(LATE)
    assert settle(MARTIN, [kept], [], lambda _: False, LATER).closed == []
    (closed,) = settle(MARTIN, [kept], [], lambda _: True, LATER).closed
    assert closed == replace(kept, closed_at=LATER)
    assert len(settle(MARTIN, [closed], [LATE], lambda _: True, LATER).opened) == 1, "a closed one is not opened again"


def test_two_paths_of_a_machine_are_two_findings_and_two_machines_too() -> None:
    other_path = replace(PATH, evidence={"path": "/srv", "state": "empty"})
    assert len(opened(PATH, other_path, replace(PATH, machine="pc-2"), PATH)) == 3


def test_a_long_path_is_cut_in_its_place_only() -> None:
    long = replace(PATH, evidence={"path": "/" + "x" * 5000, "state": "empty"})
    assert len(place_of(MARTIN, long).detail) == 500


def test_an_acknowledged_or_silenced_finding_is_silent() -> None:
    (kept,) = opened(LATE)
    assert not kept.is_silent(NOON)
    assert replace(kept, acknowledged_at=NOON).is_silent(LATER)
    assert replace(kept, silenced_until=LATER).is_silent(NOON)
    assert not replace(kept, silenced_until=LATER).is_silent(LATER)


def test_every_kind_has_its_standing_and_only_smileos_have_a_severity() -> None:
    assert set(STANDINGS) == set(FindingKind)
    for kind, standing in STANDINGS.items():
        assert (standing.severity is not None) == (standing.attribution is Attribution.SMILEO), kind


@pytest.mark.parametrize(
    ("state", "attribution"),
    [
        ("missing", Attribution.CUSTOMER),
        ("excluded", Attribution.SMILEO),
        ("unreadable", Attribution.UNKNOWN),
        ("of a newer agent", Attribution.UNKNOWN),
    ],
)
def test_the_state_of_a_path_says_whose_it_is(state: str, attribution: Attribution) -> None:
    found = find_standing(replace(PATH, evidence={"path": "/home", "state": state}))
    assert found.attribution is attribution


def test_a_finding_of_a_kind_that_only_a_newer_version_knows_is_said_to_be_that() -> None:
    finding = Finding(FindingKind.NOT_SEEN, "pc-1", {"error": "no answer"})
    (kept,) = settle(MARTIN, [], [finding], lambda _: True, NOON).opened
    newer = replace(kept, place=replace(kept.place, kind="of_next_year"))
    assert as_finding(newer) == Finding(FindingKind.OF_NEWER_VERSION, "pc-1", {"kind": "of_next_year"})
