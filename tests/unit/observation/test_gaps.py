"""What a machine's report says of its paths and its snapshot is told until it is mended or accepted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from coffre.agents.report import Report, ReportPath, ReportResult
from coffre.agents.report_paths import Integrity, PathState
from coffre.cli.words.supervision.findings import describe
from coffre.findings import FindingKind
from coffre.observation.judge.gaps import MAX_PATHS, Wanted, judge_gaps, judge_snapshot_paths
from coffre.orders.accepted_paths import list_acceptable

WANTED = Wanted("martin", "compta-01", {"/srv", "/home", "/etc", *(f"/p{number}" for number in range(MAX_PATHS + 7))})
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def report_of(*paths: ReportPath, number: int | None = 7, **changes: Any) -> Report:
    fields: dict[str, Any] = {
        "version": 1,
        "tenant_id": "k7f3q9wz2m",
        "machine": "compta-01",
        "run_id": "0" * 32,
        "started_at": NOW,
        "finished_at": NOW,
        "result": ReportResult.PARTIAL,
        "number": number,
        "paths": paths,
    }
    return Report(**{**fields, **changes})


def path_of(state: PathState, path: str = "/srv", **changes: Any) -> ReportPath:
    return ReportPath(path=path, state=state, **changes)


def say(*found: Any) -> list[str]:
    return [describe(each) for each in found]


def test_only_paths_that_gave_too_little_are_named() -> None:
    last = report_of(path_of(PathState.EMPTY), path_of(PathState.SAVED, "/etc"), path_of(PathState.ACCEPTED, "/opt"))
    assert say(*judge_gaps(WANTED, last, None)) == [
        "compta-01: /srv gave no file; if this is correct, run `coffre acknowledge`"
    ]
    assert judge_gaps(WANTED, None, None) == ()
    assert judge_gaps(WANTED, report_of(paths=None), None) == (), "an agent of before tells of no path"


def test_a_path_that_the_plan_has_dropped_is_no_gap() -> None:
    assert judge_gaps(WANTED, report_of(path_of(PathState.MISSING, "/srv/absent")), None) == ()


def test_what_was_accepted_of_this_report_is_said_no_more() -> None:
    last = report_of(path_of(PathState.EMPTY), path_of(PathState.SHRUNK, "/home"))
    assert len(judge_gaps(replace(WANTED, accepted={("/srv", 7), ("/home", 6)}), last, None)) == 1
    assert len(judge_gaps(replace(WANTED, accepted={("/srv", 8)}), last, None)) == 2


@pytest.mark.parametrize("state", [each for each in PathState if not each.is_good])
def test_every_state_has_words_and_figures(state: PathState) -> None:
    path = path_of(state, "/home", stored_as="/data/home", files=3, files_before=400, mount_point="/data")
    (said,) = say(*judge_gaps(WANTED, report_of(path), None))
    assert said.startswith("compta-01: /home (stored as /data/home) 3 files, 400 in the last good run: ")
    assert len(said) > len("compta-01: /home (stored as /data/home) 3 files, 400 in the last good run: ") + 5


def test_a_path_with_more_files_and_nearly_no_bytes_says_how_many_bytes_went() -> None:
    path = path_of(PathState.SHRUNK, "/home", files=25, files_before=17, bytes=11_684, bytes_before=73_400_320)
    assert say(*judge_gaps(WANTED, report_of(path), None)) == [
        "compta-01: /home 25 files (11.41 KiB), 17 (70 MiB) in the last good run: gave almost no data; "
        "if this is correct, run `coffre acknowledge`"
    ]


def test_an_unmounted_file_system_is_named() -> None:
    path = path_of(PathState.UNMOUNTED, mount_point="/srv/disk")
    (said,) = say(*judge_gaps(WANTED, report_of(path), None))
    assert "no longer mounted (/srv/disk)" in said


def test_packs_that_are_gone_name_the_way_out() -> None:
    whole_at = NOW + timedelta(milliseconds=601)
    last = report_of(result=ReportResult.FAILED, integrity=Integrity.PACKS_MISSING, missing_packs=12)
    (said,) = say(*judge_gaps(WANTED, last, whole_at))
    assert "12 packs of its index are gone" in said
    assert "`coffre undelete martin --machine compta-01 --at 2026-11-23T12:00:00.601000Z`" in said
    assert judge_gaps(WANTED, report_of(integrity=Integrity.WHOLE), whole_at) == ()


@pytest.mark.parametrize("integrity", [each for each in Integrity if each is not Integrity.WHOLE])
def test_every_snapshot_that_is_not_whole_has_words(integrity: Integrity) -> None:
    (found,) = judge_gaps(WANTED, report_of(integrity=integrity), None)
    assert (found.kind, bool(describe(found))) == (FindingKind.SNAPSHOT_NOT_WHOLE, True)


def test_a_plan_of_very_many_paths_makes_no_long_list() -> None:
    last = report_of(*(path_of(PathState.MISSING, f"/p{number}") for number in range(MAX_PATHS + 7)))
    found = judge_gaps(WANTED, last, None)
    assert len(found) == MAX_PATHS + 1
    assert describe(found[-1]) == "compta-01: and 7 more paths of its plan gave too little"


def test_a_drill_names_paths_that_gave_nothing_and_those_that_the_snapshot_lacks() -> None:
    told = report_of(
        path_of(PathState.UNMOUNTED, "/disk"),
        path_of(PathState.SAVED, "/home", stored_as="/data/home", files=3),
        path_of(PathState.SAVED, "/etc", stored_as="/etc", files=3),
        path_of(PathState.ACCEPTED, "/opt", stored_as="/opt"),
    )
    named = [found.evidence["path"] for found in judge_snapshot_paths("compta-01", told, {"/data/home", "/opt"})]
    assert named == ["/disk", "/home"]
    assert judge_snapshot_paths("compta-01", None, ()) == ()


def test_only_a_numbered_report_can_be_accepted_and_no_fault_of_the_plan() -> None:
    paths = [path_of(state, f"/{state}") for state in PathState]
    accepted = {each.state for each in list_acceptable(report_of(*paths))}
    assert accepted == {PathState.MISSING, PathState.EMPTY, PathState.SHRUNK, PathState.UNMOUNTED}
    assert list_acceptable(report_of(*paths, number=0)) == ()
    assert list_acceptable(report_of(*paths, number=None)) == ()
    assert list_acceptable(None) == ()
