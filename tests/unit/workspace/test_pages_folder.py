"""Pages in a folder: whole ones, the old ones gone, and nothing of anybody else touched."""

import json
from pathlib import Path

import pytest

from coffre.errors import ExpectedError, RefusedError
from coffre.workspace import pages_folder
from coffre.workspace.pages_folder import LIST, LOCK, publish

ALL = "all tenants"


def list_files(folder: Path) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()} - {LIST, LOCK}


def test_pages_are_written_and_those_of_before_go(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    publish(folder, ALL, {"clients/martin.html": b"m", "clients/roux.html": b"r", "index.html": b"1"})
    done = publish(folder, ALL, {"clients/roux.html": b"r", "index.html": b"2"})
    assert (done.written, done.removed, done.left) == (2, ["clients/martin.html"], [])
    assert list_files(folder) == {"clients/roux.html", "index.html"}
    assert (folder / "index.html").read_bytes() == b"2"
    assert folder.stat().st_mode & 0o077 == 0


def test_what_somebody_else_put_there_stays(tmp_path: Path) -> None:
    publish(tmp_path, ALL, {"clients/martin.html": b"m", "index.html": b"1"})
    (tmp_path / "clients" / "notes.txt").write_text("mine")
    (tmp_path / "clients" / "martin.html").write_text("changed by hand")
    done = publish(tmp_path, ALL, {"index.html": b"2"})
    assert done.left == ["clients/martin.html"]
    assert list_files(tmp_path) == {"clients/notes.txt", "clients/martin.html", "index.html"}


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_a_place_that_is_taken_is_refused_before_anything_is_written(tmp_path: Path, kind: str) -> None:
    taken, target = tmp_path / "index.html", tmp_path / "elsewhere"
    target.write_text("theirs")
    if kind == "file":
        taken.write_text("theirs")
    elif kind == "link":
        taken.symlink_to(target)
    else:
        taken.mkdir()
    with pytest.raises(RefusedError, match="was not written by this command"):
        publish(tmp_path, ALL, {"clients/martin.html": b"m", "index.html": b"1"})
    assert not (tmp_path / "clients").exists()
    assert target.read_text() == "theirs"


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "clients").symlink_to(tmp_path / "there")
    with pytest.raises(RefusedError, match="is not a folder of these pages"):
        publish(tmp_path / "site", ALL, {"clients/martin.html": b"m"})
    assert list_files(tmp_path / "there") == set()


def test_pages_for_another_reader_are_refused(tmp_path: Path) -> None:
    publish(tmp_path, "the customer k7f3q9wz2m", {"index.html": b"1"})
    with pytest.raises(RefusedError, match="has the pages of"):
        publish(tmp_path, ALL, {"index.html": b"all of them"})
    assert (tmp_path / "index.html").read_bytes() == b"1"


@pytest.mark.parametrize("name", ["../victim", "/etc/passwd", "a/b/c", ".hidden", "a/../../victim"])
def test_a_forged_list_deletes_nothing_outside(tmp_path: Path, name: str) -> None:
    folder, victim = tmp_path / "site", tmp_path / "victim"
    folder.mkdir()
    victim.write_text("")
    digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    (folder / LIST).write_text(json.dumps({"subject": ALL, "pages": {name: [digest]}}))
    with pytest.raises(RefusedError):
        publish(folder, ALL, {"index.html": b"1"})
    assert victim.exists()


@pytest.mark.parametrize("text", ["", "[]", '{"subject": "all tenants"}', '{"subject": "", "pages": [1]}', "\xff"])
def test_a_damaged_list_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / LIST).write_bytes(text.encode("latin-1"))
    with pytest.raises(ExpectedError, match="cannot be read"):
        publish(tmp_path, ALL, {"index.html": b"1"})


@pytest.mark.parametrize("after", range(1, 6))
def test_one_that_is_killed_anywhere_is_run_again(tmp_path: Path, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path, ALL, {"clients/martin.html": b"m", "clients/roux.html": b"r", "index.html": b"1"})
    pages = {"clients/durand.html": b"d", "clients/roux.html": b"new", "index.html": b"2"}
    left = after

    def write_some(*arguments: object, **options: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        write(*arguments, **options)  # type: ignore[arg-type]

    write = pages_folder.write_atomically
    with monkeypatch.context() as patch:
        patch.setattr(pages_folder, "write_atomically", write_some)
        with pytest.raises(KeyboardInterrupt):
            publish(tmp_path, ALL, pages)
    assert {each.read_bytes() for each in tmp_path.rglob("*.html")} <= {b"m", b"r", b"1", b"d", b"new", b"2"}
    assert publish(tmp_path, ALL, pages).left == []
    assert list_files(tmp_path) == set(pages)
    assert list(tmp_path.rglob("*.tmp")) == []
