"""Parts of a tenant's space, and a vendor's word on agents, alerts and licences: what is right and what is told."""

from datetime import UTC, datetime, timedelta

import pytest

from coffre.findings import Finding, FindingKind
from coffre.spec.machine import MachineKind
from coffre.storage.surroundings import AlertSeverity, FoundAgent, OpenAlert
from coffre.storage.values import LicenceFigures
from coffre.supervision.judge.parts import (
    MAX_NAMED,
    OFFLINE_WITHIN,
    PartUse,
    judge_agents,
    judge_alerts,
    judge_licences,
    judge_offline,
    judge_parts,
)
from coffre.supervision.judge.quota import Use, add_up, is_reached

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
GIB = 1024**3


def parts(lab: int | None, vendor: int | None) -> list[PartUse]:
    return [PartUse("lab", 60, lab), PartUse("vendor", 40, vendor)]


@pytest.mark.parametrize(
    ("lab", "vendor", "full"),
    [(53, 0, []), (54, 0, ["lab"]), (60, 20, ["lab"]), (54, 36, []), (0, 40, ["vendor"]), (None, 40, ["vendor"])],
)
def test_a_part_is_full_while_the_sold_quota_is_not(lab: int | None, vendor: int | None, full: list[str]) -> None:
    assert [each.evidence["platform"] for each in judge_parts(parts(lab, vendor))] == full


def test_a_part_that_was_told_as_full_is_so_until_it_is_clearly_less() -> None:
    assert [each.kind for each in judge_parts(parts(53, 0), {"lab"})] == [FindingKind.PART_FULL]
    assert list(judge_parts(parts(52, 0), {"lab"})) == []


def test_a_full_part_says_what_is_free_elsewhere_and_one_part_alone_is_the_quotas() -> None:
    [found] = judge_parts(parts(58, 10))
    assert found.evidence == {"platform": "lab", "used_bytes": 58, "quota_bytes": 60, "free_bytes": 30}
    assert list(judge_parts(parts(58, 10)[:1])) == []


def test_a_figure_that_is_missing_makes_the_sum_unknown_and_never_less() -> None:
    buckets = Use(NOON, 9, 7)
    assert add_up(buckets, [5]) == Use(NOON, 14, 12)
    assert add_up(buckets, [5, None]) == Use(NOON, 14, None)
    assert add_up(Use(NOON, 9), [5]) == Use(NOON, 14, None)
    assert not is_reached(Use(NOON, 14, None), 1, [])
    assert is_reached(Use(NOON, 14, 14), 14, [])
    assert not is_reached(Use(NOON, 13, 13), 14, [])


def alert(kind: str, severity: AlertSeverity, hours: int = 0, agent: str = "a1") -> OpenAlert:
    return OpenAlert(kind, severity, NOON - timedelta(hours=hours), agent)


def test_alerts_of_a_type_are_one_finding_of_the_machine_with_the_worst_severity() -> None:
    alerts = [
        alert("NoBackupForXDays", AlertSeverity.WARNING, 1),
        alert("NoBackupForXDays", AlertSeverity.CRITICAL, 3),
        alert("QuotaReached", AlertSeverity.ERROR, agent=""),
    ]
    assert list(judge_alerts(alerts, {"a1": "pc-1"})) == [
        Finding(
            FindingKind.VENDOR_ALERT,
            "pc-1",
            {
                "type": "NoBackupForXDays",
                "severity": "critical",
                "count": 2,
                "since": (NOON - timedelta(hours=3)).isoformat(),
            },
        ),
        Finding(
            FindingKind.VENDOR_ALERT,
            None,
            {"type": "QuotaReached", "severity": "error", "count": 1, "since": NOON.isoformat()},
        ),
    ]


def test_many_types_of_alerts_and_hostile_names_stay_bounded() -> None:
    alerts = [alert(f"T{number:03}\x1b[31m" + "x" * 5000, AlertSeverity.WARNING) for number in range(MAX_NAMED + 30)]
    found = list(judge_alerts(alerts, {}))
    assert len(found) == MAX_NAMED + 1
    assert found[-1].evidence == {"type": None, "severity": None, "count": 30, "since": None}
    assert all("\x1b" not in str(each.evidence["type"]) for each in found)
    assert max(len(str(each.evidence["type"])) for each in found) <= 200


def test_an_agent_may_be_gone_without_a_plan_or_of_no_machine() -> None:
    agents = [
        FoundAgent("a1", "pc-1", True, True),
        FoundAgent("a2", "pc-2", True, False),
        FoundAgent("a3", "stranger\n", True, None),
    ]
    machine_of = {"a1": "pc-1", "a2": "pc-2", "a9": "pc-9"}
    assert list(judge_agents(agents, machine_of)) == [
        Finding(FindingKind.PLAN_MISSING, "pc-2"),
        Finding(FindingKind.AGENT_GONE, "pc-9", {"agent": "a9"}),
        Finding(FindingKind.AGENT_NOT_DECLARED, None, {"agent": "a3", "host_name": "stranger", "count": 1}),
    ]
    many = [FoundAgent(f"b{number:03}", "pc", True, None) for number in range(MAX_NAMED + 4)]
    found = list(judge_agents(many, {}))
    assert len(found) == MAX_NAMED + 1
    assert found[-1].evidence == {"agent": None, "host_name": None, "count": 4}


def test_a_workstation_may_be_off_for_holidays_and_a_server_for_two_hours() -> None:
    kinds = {"pc": MachineKind.WORKSTATION, "srv": MachineKind.SERVER}
    since = dict.fromkeys(kinds, NOON - OFFLINE_WITHIN[MachineKind.SERVER])
    assert list(judge_offline(since, kinds, NOON)) == [
        Finding(FindingKind.AGENT_OFFLINE, "srv", {"since": since["srv"].isoformat()})
    ]
    assert [each.machine for each in judge_offline(since, kinds, NOON + timedelta(days=14))] == ["pc", "srv"]


@pytest.mark.parametrize(
    ("granted", "used", "told"),
    [
        (3, 3, []),
        (2, 2, [FindingKind.LICENCES_NOT_GRANTED]),
        (5, 4, [FindingKind.LICENCES_NOT_ORDERED]),
        (None, None, []),
        (5, 0, []),
    ],
)
def test_licences_are_compared_with_the_order(granted: int | None, used: int | None, told: list[FindingKind]) -> None:
    figures = {"workstation": LicenceFigures(granted, used), "server": LicenceFigures(0, 0)}
    found = list(judge_licences({MachineKind.WORKSTATION: 3}, figures, "CMD-1"))
    assert [each.kind for each in found] == told
    assert all((each.evidence["ordered"], each.evidence["order"]) == (3, "CMD-1") for each in found)
