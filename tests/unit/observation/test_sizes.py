"""Paths of a plan that suddenly give far more or far less: when it is said, for how long, and when it is not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from coffre.agents.report import Report
from coffre.findings import Finding, FindingKind
from coffre.observation.judge.sizes import (
    LEAST_BYTES,
    MAX_JUMPS,
    TOLD_FOR,
    Jump,
    follow_jumps,
    judge_jumps,
    leave_out_attacked,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
GIB = 1024**3
PLAN = ["/srv", "/home"]


def report(number: int, at: datetime = NOON, **paths: dict[str, Any]) -> Report:
    given = [{"path": f"/{name}", "state": "saved", "files": 9, **values} for name, values in paths.items()]
    fields = {"version": 1, "tenant_id": "k", "machine": "pc-1", "run_id": "ab" * 16, "result": "success"}
    return Report.model_validate({**fields, "number": number, "started_at": at, "finished_at": at, "paths": given})


def sizes(before: int | None, after: int | None, **more: Any) -> dict[str, Any]:
    return {"bytes": after, "bytes_before": before, **more}


@pytest.mark.parametrize(
    ("before", "after", "is_jump"),
    [
        pytest.param(20 * GIB, 60 * GIB, True, id="three times as much"),
        pytest.param(20 * GIB, 60 * GIB - 1, False, id="nearly three times as much"),
        pytest.param(60 * GIB, 20 * GIB, True, id="two thirds gone"),
        pytest.param(60 * GIB, 21 * GIB, False, id="less than two thirds gone"),
        pytest.param(GIB, GIB + LEAST_BYTES, True, id="10 GiB more"),
        pytest.param(GIB, GIB + LEAST_BYTES - 1, False, id="many times as much of little"),
        pytest.param(None, 500 * GIB, False, id="a first backup"),
        pytest.param(0, 500 * GIB, False, id="it was empty: its first data"),
        pytest.param(20 * GIB, None, False, id="its file system does not tell"),
    ],
)
def test_a_path_jumps_by_times_and_by_bytes(before: int | None, after: int | None, *, is_jump: bool) -> None:
    found = follow_jumps((), [report(7, srv=sizes(before, after))], PLAN, NOON)
    assert [(each.path, each.bytes_before, each.bytes) for each in found] == (
        [("/srv", before, after)] if is_jump else []
    )


def test_a_deficient_path_is_the_agents_finding_and_no_jump() -> None:
    assert follow_jumps((), [report(7, srv=sizes(60 * GIB, GIB, state="shrunk"))], PLAN, NOON) == ()


def test_a_jump_is_told_for_a_week_or_until_the_path_is_as_before() -> None:
    jumped = follow_jumps((), [report(7, srv=sizes(20 * GIB, 80 * GIB))], PLAN, NOON)
    later = NOON + timedelta(days=1)
    stays = follow_jumps(jumped, [report(8, later, srv=sizes(80 * GIB, 81 * GIB))], PLAN, later)
    assert stays == jumped, "the next run has it as usual already, and people should still know"
    assert follow_jumps(jumped, [report(8, later, srv=sizes(80 * GIB, 21 * GIB))], PLAN, later)[0].bytes == 21 * GIB
    assert follow_jumps(jumped, [report(8, later, srv=sizes(30 * GIB, 29 * GIB))], PLAN, later) == ()
    assert follow_jumps(jumped, [], ["/home"], later) == (), "the plan no longer has it"
    [told] = judge_jumps("pc-1", jumped, NOON + TOLD_FOR - timedelta(seconds=1))
    assert (told.kind, told.machine, told.evidence["bytes_before"]) == (FindingKind.SIZE_JUMPED, "pc-1", 20 * GIB)
    assert list(judge_jumps("pc-1", jumped, NOON + TOLD_FOR)) == []
    assert follow_jumps(jumped, [], PLAN, NOON + TOLD_FOR) == ()


def test_a_hostile_report_with_many_long_paths_makes_few_and_short_findings() -> None:
    paths = [f"/{'x' * 5000}/{number}" for number in range(100)] + [f"/{number}" for number in range(100)]
    fields = {path[1:]: sizes(20 * GIB, 80 * GIB) for path in paths}
    found = follow_jumps((), [report(7, **fields)], paths, NOON)
    assert len(found) == MAX_JUMPS
    assert max(len(each.path) for each in found) <= 500
    future = report(8, NOON + timedelta(days=300), srv=sizes(20 * GIB, 80 * GIB))
    assert follow_jumps((), [future], PLAN, NOON)[0].at == NOON, "a clock that is ahead keeps no finding open"


def test_what_looks_attacked_is_not_told_twice() -> None:
    jump = Finding(FindingKind.SIZE_JUMPED, "pc-1", {})
    other = Finding(FindingKind.SIZE_JUMPED, "pc-2", {})
    attack = Finding(FindingKind.SUSPECTED_ATTACK, "pc-1", {})
    assert leave_out_attacked([jump, other, attack]) == [other, attack]
    assert isinstance(next(iter(follow_jumps((), [report(7, srv=sizes(GIB, 80 * GIB))], PLAN, NOON))), Jump)
