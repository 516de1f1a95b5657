"""What a command over many tenants has done is known after a kill, for a while, and for the same options only."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from coffre.workspace.many.progress import KEPT, Progress, open_progress
from coffre.workspace.paths import PROGRESS_FOLDER

NOW = datetime.now(UTC).replace(microsecond=0)
DONE = {"martin": "1" * 64, "durand": "2" * 64}


@pytest.fixture
def interrupted(tmp_path: Path) -> Progress:
    progress = open_progress(tmp_path, "apply", NOW)
    assert progress.done == {}
    for tenant, digest in DONE.items():
        progress.note(tenant, digest)
    return progress


def test_what_was_done_before_a_kill_is_known_and_goes_on(tmp_path: Path, interrupted: Progress) -> None:
    later = open_progress(tmp_path, "apply", NOW + timedelta(hours=1))
    assert (later.began_at, later.done) == (NOW, DONE)
    later.note("new", "3" * 64)
    assert open_progress(tmp_path, "apply", NOW + timedelta(hours=2)).done == {**DONE, "new": "3" * 64}


def test_a_line_that_a_kill_has_cut_was_not_written(tmp_path: Path, interrupted: Progress) -> None:
    interrupted.path.write_bytes(interrupted.path.read_bytes()[:-1])
    assert open_progress(tmp_path, "apply", NOW).done == {"martin": "1" * 64}


def test_after_the_end_and_when_everything_is_asked_for_nothing_is_known(tmp_path: Path, interrupted: Progress) -> None:
    assert open_progress(tmp_path, "apply", NOW, anew=True).done == {}
    interrupted.note("martin", "1" * 64)
    interrupted.end()
    interrupted.end()
    assert open_progress(tmp_path, "apply", NOW).done == {}


def test_other_options_go_their_own_way(tmp_path: Path, interrupted: Progress) -> None:
    assert open_progress(tmp_path, "apply --storage-only", NOW).done == {}
    assert open_progress(tmp_path, "apply", NOW).done == DONE


def test_what_is_long_ago_or_not_ours_is_forgotten(tmp_path: Path, interrupted: Progress) -> None:
    for now in (NOW + KEPT, NOW - timedelta(seconds=1)):
        assert open_progress(tmp_path, "apply", now).done == {}
    for text in ("", "{}", "[]", "rubbish", '{"version": 2, "began_at": "2027-01-01T00:00:00+00:00"}\n'):
        interrupted.path.write_text(text)
        assert open_progress(tmp_path, "apply", NOW).done == {}


def test_files_of_other_days_do_not_stay(tmp_path: Path, interrupted: Progress) -> None:
    moment = NOW.timestamp()
    os.utime(interrupted.path, (moment, moment))
    open_progress(tmp_path, "other", NOW + KEPT + timedelta(minutes=1))
    assert len(list((tmp_path / PROGRESS_FOLDER).iterdir())) == 1
