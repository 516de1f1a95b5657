"""Reports come from machines that may write anything."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from coffre.agents.report import InvalidReportError, ReportResult
from coffre.agents.report import parse_report as parse_report_at
from coffre.agents.report_paths import Integrity, PathState
from coffre.outside.faults import Fault

NOW = datetime(2026, 11, 24, tzinfo=UTC)

REPORT = {
    "version": 1,
    "tenant_id": "k7f3q9wz2m",
    "machine": "compta-01",
    "run_id": "0123456789abcdef" * 2,
    "started_at": "2026-11-23T12:30:00Z",
    "finished_at": "2026-11-23T12:31:30.5Z",
    "result": "partial",
    "message": "2 files could not be read",
    "snapshot_id": "ab" * 32,
    "restic_exit_code": 3,
    "bytes_added": 10,
    "bytes_processed": 20,
    "files_processed": 2,
    "unreadable": ["/etc/shadow"],
    "unreadable_count": 2,
    "agent_version": "0.1.0",
    "restic_version": "0.18.1",
    "generation_applied": 3,
    "generation_seen": 3,
    "clock_offset_seconds": None,
    "samples": [{"path": "/etc/hosts", "size_bytes": 3, "sha256": "cd" * 32}],
}


def parse_report(body):
    return parse_report_at(body, NOW)


def body(**changes):
    return json.dumps({**REPORT, **changes}).encode()


def test_a_report_reads_back_with_its_times_aware():
    report = parse_report(body())
    assert (report.result, report.samples[0].path) == (ReportResult.PARTIAL, "/etc/hosts")
    assert report.started_at.utcoffset() == timedelta(0)
    assert report.duration_seconds == 90.5


def test_a_field_of_a_newer_agent_is_passed_over():
    assert parse_report(body(mood="fine")).machine == "compta-01"


def test_an_older_agent_says_neither_its_key_nor_a_failed_generation():
    report = parse_report(body())
    assert (report.access_key_id, report.failed_generation, report.failed_generation_reason) == ("", None, "")


def test_an_agent_of_before_says_nothing_of_its_paths_nor_of_its_snapshot():
    report = parse_report(body())
    assert (report.paths, report.integrity, report.missing_packs) == (None, None, 0)
    assert parse_report(body(paths=None, integrity="")).integrity is None


def test_what_changed_and_the_baits_are_read_and_an_older_agent_says_neither():
    older = parse_report(body())
    assert (older.bytes_new, older.changes, older.bait) == (0, None, None)
    changes = {"files_new": 1, "files_changed": 2, "files_unmodified": 3, "files_removed": None, "dirs": 9}
    report = parse_report(body(bytes_new=7, changes=changes, bait={"intact": 3, "changed": 1, "gone": 0, "read": 2}))
    assert (report.bytes_new, report.changes.files_changed, report.changes.files_removed) == (7, 2, None)
    assert (report.bait.intact, report.bait.changed, report.bait.read) == (3, 1, 2)


def test_the_rate_of_an_upload_is_read_and_an_older_agent_says_none():
    assert parse_report(body()).upload_bytes_per_second is None
    assert parse_report(body(upload_bytes_per_second=2_500_000)).upload_bytes_per_second == 2_500_000


@pytest.mark.parametrize(
    "changes",
    [
        {"upload_bytes_per_second": 0},
        {"upload_bytes_per_second": 1.5},
        {"upload_bytes_per_second": 2**80},
        {"upload_bytes_per_second": "fast"},
        {"bytes_new": -1},
        {"bytes_new": 2**80},
        {"changes": {"files_new": -1}},
        {"changes": []},
        {"bait": {"changed": 1e300}},
        {"bait": "all fine"},
    ],
)
def test_impossible_changes_and_baits_are_no_report(changes):
    with pytest.raises(InvalidReportError):
        parse_report(body(**changes))


def test_paths_are_read_and_a_newer_agents_words_are_unknown_ones():
    path = {"path": "/home", "state": "saved", "files": 2, "bytes": None, "stored_as": "/data/home", "extra": 1}
    report = parse_report(body(paths=[path, {"path": "/x", "state": "haunted"}], integrity="melted"))
    assert [each.state for each in report.paths] == [PathState.SAVED, PathState.UNKNOWN]
    assert (report.paths[0].is_elsewhere, report.paths[0].bytes, report.integrity) == (True, None, Integrity.UNKNOWN)
    same = {"path": "/home/", "state": "saved", "stored_as": "/home"}
    assert not parse_report(body(paths=[same])).paths[0].is_elsewhere


def test_a_newer_generation_that_failed_is_told_with_its_reason():
    report = parse_report(body(access_key_id="AK1", failed_generation=4, failed_generation_reason="no such zone"))
    assert (report.access_key_id, report.failed_generation, report.failed_generation_reason) == (
        "AK1",
        4,
        "no such zone",
    )
    assert parse_report(body(failed_generation=None)).failed_generation is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"version": 2}, "version"),
        ({"run_id": "../x"}, "run_id"),
        ({"snapshot_id": "--target=/"}, "snapshot_id"),
        ({"started_at": "2026-11-23T12:30:00"}, "started_at"),
        ({"result": "fine"}, "result"),
        ({"paths": [{"path": "/x", "state": 7}]}, "paths.0.state"),
        ({"paths": [{"path": "/x", "state": "saved", "files": -1}]}, "paths.0.files"),
        ({"paths": [{"path": "/x", "state": "saved"}] * 1001}, "paths"),
        ({"integrity": 7}, "integrity"),
        ({"bytes_added": -1}, "bytes_added"),
        ({"failed_generation": 0}, "failed_generation"),
        ({"access_key_id": 7}, "access_key_id"),
        ({"samples": [{"path": "/a", "size_bytes": 1, "sha256": "short"}]}, r"samples\.0\.sha256"),
    ],
)
def test_a_wrong_field_is_named(changes, field):
    with pytest.raises(InvalidReportError, match=f"a report cannot be read: {field}: "):
        parse_report(body(**changes))


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b'{"run_id": "probe"}', b"x" * 2_000_000])
def test_anything_else_is_no_report(content):
    with pytest.raises(InvalidReportError):
        parse_report(content)


@pytest.mark.parametrize("field", ["started_at", "finished_at"])
@pytest.mark.parametrize(
    "moment",
    ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2999-01-01T00:00:00Z", "1999-12-31T23:59:59Z", 4e9, -1],
)
def test_a_time_that_cannot_be_is_told_apart(field, moment):
    with pytest.raises(InvalidReportError) as refused:
        parse_report(body(**{field: moment}))
    assert (refused.value.fault, refused.value.field) == (Fault.UNBELIEVABLE_TIME, field)


def test_a_clock_that_is_some_hours_ahead_is_believed():
    ahead = (NOW + timedelta(hours=23)).isoformat()
    assert parse_report(body(finished_at=ahead)).finished_at == NOW + timedelta(hours=23)


@pytest.mark.parametrize(
    "content",
    [
        body(bytes_added=10**19),
        body().replace(b'"bytes_added": 10', b'"bytes_added": ' + b"9" * 5000),
        body().replace(b'"bytes_added": 10', b'"bytes_added": 10, "bytes_added": 11'),
        body().replace(b'"clock_offset_seconds": null', b'"clock_offset_seconds": NaN'),
        body().replace(b'"clock_offset_seconds": null', b'"clock_offset_seconds": 1e999'),
        body().replace(b'"message": "2', b'"message": "\\ud800'),
        body(extra=json.loads("[" * 900 + "]" * 900)),
        b"[" * 500_000,
        body(unreadable=["/x"] * 1001),
        body(message="x" * 100_000),
        body(samples=[REPORT["samples"][0]] * 1001),
    ],
    ids=lambda content: content[-40:].decode(),
)
def test_what_no_agent_writes_is_no_report(content):
    with pytest.raises(InvalidReportError):
        parse_report(content)


IDENTITY = {"machine_id": "ab" * 16, "hardware_id": "", "boot_id": "cd" * 16, "host_name": "compta-01"}


def test_a_report_says_of_which_machine_it_is_and_one_of_before_does_not():
    assert parse_report(body()).identity is None
    found = parse_report(body(identity={**IDENTITY, "booted_at": "2026-11-01T00:00:00Z"})).identity
    assert found is not None
    assert (found.machine_id, found.booted_at) == ("ab" * 16, datetime(2026, 11, 1, tzinfo=UTC))


@pytest.mark.parametrize("moment", ["1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_a_start_that_cannot_be_is_not_known_and_the_report_counts(moment):
    found = parse_report(body(identity={**IDENTITY, "booted_at": moment})).identity
    assert found is not None
    assert (found.boot_id, found.booted_at) == ("cd" * 16, None)


@pytest.mark.parametrize("changes", [{"machine_id": "../x"}, {"boot_id": 7}, {"host_name": "x" * 256}])
def test_an_identity_that_no_agent_writes_is_no_report(changes):
    with pytest.raises(InvalidReportError) as refused:
        parse_report(body(identity={**IDENTITY, **changes}))
    assert refused.value.field == f"identity.{next(iter(changes))}"
