"""A backup counts when both witnesses say so: the machine's report and the bucket."""

from datetime import UTC, datetime

import pytest

from coffre.agents.report import Report, ReportResult
from coffre.operations.backup import BackupOutcome, judge_report

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def report_of(result: ReportResult, snapshot_id: str | None = "a" * 64) -> Report:
    return Report(
        version=1,
        tenant_id="k7f3q9wz2m",
        machine="compta-01",
        run_id="0" * 32,
        started_at=NOW,
        finished_at=NOW,
        result=result,
        snapshot_id=snapshot_id,
    )


@pytest.mark.parametrize("result", [ReportResult.SUCCESS, ReportResult.PARTIAL])
def test_a_snapshot_that_storage_does_not_have_is_a_failure(result: ReportResult) -> None:
    done = judge_report("compta-01", report_of(result), is_stored=False, is_delivered=True)
    assert (done.outcome, done.in_storage) == (BackupOutcome.FAILED, False)
    assert "its bucket does not contain it" in done.message
    assert judge_report("compta-01", report_of(result), is_stored=True, is_delivered=True).outcome.value == result.value


def test_a_report_that_did_not_arrive_is_said() -> None:
    done = judge_report("compta-01", report_of(ReportResult.QUOTA, None), is_stored=False, is_delivered=False)
    assert (done.outcome, done.in_storage) == (BackupOutcome.QUOTA, False)
    assert done.message == "the report is still on the machine"


def test_a_run_of_another_machine_is_no_success_whatever_it_stored() -> None:
    report = report_of(ReportResult.SUCCESS)
    done = judge_report("compta-01", report, is_stored=True, is_delivered=True, is_own=False)
    assert (done.outcome, done.in_storage, done.is_success) == (BackupOutcome.OTHER_MACHINE, True, False)
    assert done.message.startswith("success, but on another machine")
