"""Who may begin a departure: somebody else than who wrote it, by what git says of the block as it stands."""

import subprocess
from pathlib import Path

import pytest

from coffre.errors import RefusedError
from coffre.offboarding.approval import judge_approval
from coffre.records.git import UNCOMMITTED, CommittedLine, GitRepository, read_blame
from coffre.spec.documents import find_block_lines
from tests.unit.offboarding.test_calendar import leaving_with

FILE = "tenants/martin.yaml"
TEXT = """version: 1
status: leaving
leaving:
  notice_on: 2026-11-02
  ends_on: 2026-12-31
  return:
    to: {via: directory,
         path: /mnt/x}

# the storage
storage:
  platform: lab
"""


def line(author: str, commit: str = "a" * 40, at: int = 1) -> CommittedLine:
    return CommittedLine(commit, author, at)


def test_another_s_approval_counts_and_is_recorded_with_the_newest_commit() -> None:
    approved = judge_approval(
        FILE, leaving_with(), [line("anna@smileo.example", "b" * 40, 7), line("marc@smileo.example", at=3)]
    )
    assert approved.commit == "b" * 40
    assert approved.authors == ("anna@smileo.example", "marc@smileo.example")
    assert approved.approved_by == "paul@smileo.example"


@pytest.mark.parametrize("author", ["paul@smileo.example", "Paul@SMILEO.example"])
def test_one_s_own_approval_is_refused_however_it_is_written(author: str) -> None:
    with pytest.raises(RefusedError, match="approved the departure"):
        judge_approval(FILE, leaving_with(), [line("anna@smileo.example"), line(author)])


@pytest.mark.parametrize("written", [None, [], [line("anna@smileo.example"), line("x@y.example", UNCOMMITTED)]])
def test_what_is_not_committed_begins_nothing(written: list[CommittedLine] | None) -> None:
    with pytest.raises(RefusedError):
        judge_approval(FILE, leaving_with(), written)


def test_the_block_ends_with_its_own_last_line() -> None:
    assert find_block_lines(TEXT.encode(), FILE, "leaving") == (3, 8)
    assert find_block_lines(TEXT.encode(), FILE, "storage") == (11, 12)
    assert find_block_lines(TEXT.encode(), FILE, "hold") is None


def git(root: Path, author: str, *arguments: str) -> None:
    name = ["-c", f"user.email={author}", "-c", "user.name=A"]
    subprocess.run(["git", "-C", root, *name, *arguments], check=True, capture_output=True)


def test_git_tells_each_line_s_author_and_what_is_not_committed(tmp_path: Path) -> None:
    file = tmp_path / FILE
    file.parent.mkdir()
    git(tmp_path, "x@x.example", "init", "-q")
    file.write_text(TEXT)
    git(tmp_path, "anna@smileo.example", "add", ".")
    git(tmp_path, "anna@smileo.example", "commit", "-qm", "leaves")
    file.write_text(TEXT.replace("2026-12-31", "2026-12-30"))
    git(tmp_path, "marc@smileo.example", "commit", "-qam", "earlier")
    repository = GitRepository(tmp_path)
    blamed = repository.blame(FILE, 3, 8)
    assert blamed is not None
    assert [each.author for each in blamed] == ["anna@smileo.example"] * 2 + ["marc@smileo.example"] + [
        "anna@smileo.example"
    ] * 3
    file.write_text(TEXT.replace("notice_on: 2026-11-02", "notice_on: 2026-11-03"))
    changed = repository.blame(FILE, 4, 4)
    assert changed is not None
    assert changed[0].commit == UNCOMMITTED
    assert repository.is_shallow() is False


def test_nothing_is_known_without_git(tmp_path: Path) -> None:
    assert GitRepository(tmp_path).blame(FILE, 1, 2) is None
    assert GitRepository(tmp_path).is_shallow() is None
    assert read_blame("") == []
