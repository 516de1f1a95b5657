"""What is wrong with a platform: one incident, whoever sees it, and nothing that nobody has seen to be over."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from coffre.findings import Finding, FindingKind
from coffre.records.facts.availability import Maintenance
from coffre.records.probes import ProbeSpan, one_probe
from coffre.supervision.findings.standing import Consequence, Severity, find_standing
from coffre.supervision.judge.availability import Excused, judge_year
from coffre.supervision.judge.platform import PassWord, PlatformVerdict, judge_platform
from tests.unit.supervision.test_availability import MINUTE, kept, minutes

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SEEN, NOT_ASKED = PassWord(has_answered=True), PassWord(has_answered=False)
AWAY = PassWord(has_answered=False, unseen_tenants=3, error="nobody answers")


def probed(marks: str) -> list[ProbeSpan]:
    """Return the spans of a probe a minute, the last of them now."""
    return kept(minutes(NOW - (len(marks) - 1) * MINUTE, marks))


def judge(
    spans: Sequence[ProbeSpan], seen: PassWord, maintenances: Sequence[Maintenance] = (), now: datetime = NOW
) -> PlatformVerdict:
    year = judge_year(spans, Excused(), 2026, "Europe/Paris", now)
    return judge_platform(spans, maintenances, year, seen, now)


def kinds(verdict: PlatformVerdict) -> list[FindingKind]:
    return [each.kind for each in verdict.findings]


@pytest.mark.parametrize(("marks", "seen", "is_away", "is_served"), [
    ("+++", SEEN, False, True),
    ("", SEEN, False, True),
    ("", NOT_ASKED, False, False),
    ("+++", NOT_ASKED, False, True),
    ("+--", SEEN, False, True),
    ("+--", NOT_ASKED, False, False),
    ("+---", SEEN, True, False),
    ("+---", AWAY, True, False),
    ("+++", AWAY, True, True),
    ("", AWAY, True, False),
])  # fmt: skip
def test_an_outage_is_one_finding_of_pass_and_probes(
    marks: str, seen: PassWord, *, is_away: bool, is_served: bool
) -> None:
    verdict = judge(probed(marks), seen)
    assert kinds(verdict) == [FindingKind.PLATFORM_AWAY] * is_away
    assert verdict.is_served is is_served


def test_it_says_what_pass_and_probes_saw() -> None:
    (found,) = judge(probed("+----"), AWAY).findings
    assert found.evidence == {
        "error": "nobody answers",
        "tenants": 3,
        "began_at": (NOW - 3 * MINUTE).isoformat(),
        "step": "write",
        "fault": "unreachable",
    }
    assert find_standing(found).severity is Severity.CRITICAL


@pytest.mark.parametrize("declared", [-1, 1])
def test_in_a_maintenance_declared_beforehand_it_is_no_incident(declared: int) -> None:
    begins, ends = NOW - 30 * MINUTE, NOW + 30 * MINUTE
    one = Maintenance("lab", begins, ends, begins + declared * MINUTE, "Ceph 19")
    verdict = judge(probed("+----"), AWAY, [one])
    (found,) = verdict.findings
    standing = find_standing(found)
    if declared < 0:
        assert (found.kind, found.evidence["maintenance_until"]) == (
            FindingKind.PLATFORM_IN_MAINTENANCE,
            ends.isoformat(),
        )
        assert (standing.severity, standing.consequence) == (None, Consequence.NONE)
        assert not verdict.reached(FindingKind.PLATFORM_AWAY), "an incident that was there before goes on"
    else:
        assert (found.kind, standing.severity) == (FindingKind.PLATFORM_AWAY, Severity.CRITICAL)
        assert verdict.reached(FindingKind.PLATFORM_IN_MAINTENANCE)


def test_an_outage_that_outlasts_its_maintenance_becomes_an_incident() -> None:
    one = Maintenance("lab", NOW - 60 * MINUTE, NOW - MINUTE, NOW - timedelta(days=9), "Ceph 19")
    verdict = judge(probed("+----"), AWAY, [one])
    assert kinds(verdict) == [FindingKind.PLATFORM_AWAY]
    assert verdict.reached(FindingKind.PLATFORM_IN_MAINTENANCE)
    unknown = judge([], NOT_ASKED, [one])
    assert not unknown.reached(FindingKind.PLATFORM_IN_MAINTENANCE), "nobody has seen anything"


def test_that_nobody_probes_any_more_is_a_finding_and_that_nobody_ever_did_is_none() -> None:
    spans = probed("+++")
    assert kinds(judge(spans, SEEN, now=NOW + timedelta(minutes=10))) == []
    verdict = judge(spans, SEEN, now=NOW + timedelta(minutes=11))
    assert verdict.findings == [Finding(FindingKind.PROBES_MISSING, None, {"last_at": NOW.isoformat()})]
    assert kinds(judge([], SEEN)) == []


def test_a_probe_that_cannot_look_is_a_finding_of_its_own_and_neither_up_nor_down() -> None:
    assert kinds(judge(probed("+??"), SEEN)) == []
    verdict = judge(probed("+???"), NOT_ASKED)
    (found,) = verdict.findings
    assert (found.kind, found.evidence) == (
        FindingKind.PROBE_CANNOT_LOOK, {"since": (NOW - 2 * MINUTE).isoformat()},
    )  # fmt: skip
    assert (find_standing(found).severity, verdict.is_served) == (Severity.MINOR, False)
    assert not judge(probed("---??????"), NOT_ASKED).reached(FindingKind.PLATFORM_AWAY), "nobody saw that it is over"
    assert kinds(judge(probed("+????+"), SEEN)) == []
    over_midnight = datetime(2026, 6, 16, 0, 1, tzinfo=UTC)
    spans = kept(minutes(over_midnight - 3 * MINUTE, "+???"))
    assert kinds(judge(spans, SEEN, now=over_midnight)) == [FindingKind.PROBE_CANNOT_LOOK]
    assert kinds(judge(probed("????"), SEEN, now=NOW + timedelta(minutes=11))) == [FindingKind.PROBES_MISSING]


@pytest.mark.parametrize(("hours", "percents"), [(20, []), (22, [80]), (27, [80, 100])])
def test_a_budget_that_is_nearly_used_is_a_finding(hours: int, percents: list[int]) -> None:
    down = one_probe("lab", NOW - timedelta(hours=hours + 1), 5000, "write", "unreachable")
    spans = [
        ProbeSpan(**{**vars(down), "ends_at": NOW - timedelta(hours=1), "probes": 1500}),
        *probed("+" * 60),
    ]
    found = [each for each in judge(spans, SEEN).findings if each.kind is FindingKind.AVAILABILITY_SPENT]
    assert [each.evidence["percent"] for each in found] == percents
