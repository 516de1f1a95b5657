"""Declared and really there: machines without an agent, buckets of no machine."""

from datetime import UTC, datetime, timedelta

from coffre.findings import Finding, FindingKind
from coffre.supervision.judge.ghosts import DEPLOYED_WITHIN, judge_buckets, judge_deployment

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_machine_that_is_declared_for_two_weeks_should_have_its_agent() -> None:
    waiting = {"pc-1": NOON - DEPLOYED_WITHIN, "pc-2": NOON - DEPLOYED_WITHIN + timedelta(seconds=1)}
    assert list(judge_deployment(waiting, NOON)) == [
        Finding(FindingKind.MACHINE_NOT_DEPLOYED, "pc-1", {"since": waiting["pc-1"].isoformat()})
    ]


def test_a_bucket_of_no_machine_is_named_with_its_size() -> None:
    assert list(judge_buckets({"a-pc-1": 5, "other": 7}, ["a-pc-1", "a-pc-2"])) == [
        Finding(FindingKind.BUCKET_NOT_DECLARED, None, {"bucket": "other", "stored_bytes": 7})
    ]
