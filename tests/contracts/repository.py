"""The contract of every repository of backups, restic's and that of the tests: both pass the same tests.

A module that imports these tests gives them a `place`: an empty repository in a folder, and a way to back up into it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from coffre.agents.repository import Repository, RepositoryError, RepositoryFormat
from coffre.workspace.clock import utc_now

HOST = "compta-01"
PASSWORD = SecretStr("the password of this repository")


@dataclass(frozen=True)
class Place:
    """A format, a new repository of it in a folder, and a function that backs up a folder there."""

    format: RepositoryFormat
    folder: Path
    back_up: Callable[[Path], None]

    @classmethod
    def make(cls, format_: RepositoryFormat, folder: Path, back_up: Callable[[Path], None]) -> "Place":
        for key, content in format_.make(PASSWORD, utc_now()):
            file = folder / key.removeprefix("restic/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        for each in ("data", "index", "snapshots", "locks"):
            (folder / each).mkdir()
        return cls(format_, folder, back_up)

    @property
    def repository(self) -> Repository:
        return self.format.open_copy(self.folder, PASSWORD)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "deep").write_bytes(b"deep")
    (folder / "plain [1] *").write_bytes(b"1 2 3")
    (folder / "link").symlink_to("below")
    return folder


@pytest.fixture
def snapshot(place: Place, source: Path) -> str:
    place.back_up(source)
    [found] = place.repository.snapshots()
    return found.id


def test_only_its_password_opens_a_repository(place: Place) -> None:
    place.repository.open()
    place.repository.check()
    assert place.repository.snapshots() == []
    with pytest.raises(RepositoryError, match="password is wrong"):
        place.format.open_copy(place.folder, SecretStr("another")).open()


def test_where_none_is_nothing_opens(place: Place, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RepositoryError, match="there is no"):
        place.format.open_copy(tmp_path / "empty", PASSWORD).open()


def test_snapshots_come_oldest_first_with_their_full_ids(place: Place, source: Path, snapshot: str) -> None:
    (source / "new").write_bytes(b"new")
    place.back_up(source)
    listed = place.repository.list_snapshots()
    assert listed.odd == ()
    assert listed.usable[0].id == snapshot
    assert [len(each.id) for each in listed.usable] == [64, 64]
    assert [(each.host, each.paths) for each in listed.usable] == [(HOST, (str(source),))] * 2
    assert listed.usable[0].taken_at < listed.usable[1].taken_at


def test_a_listing_has_every_entry_and_its_folders(place: Place, source: Path, snapshot: str) -> None:
    nodes = {node.path: (node.type, node.size_bytes) for node in place.repository.ls(snapshot) if node.type == "file"}
    assert nodes == {f"{source}/below/deep": ("file", 4), f"{source}/plain [1] *": ("file", 5)}
    types = {node.path: node.type for node in place.repository.ls(snapshot)}
    assert (types[str(source)], types[f"{source}/below"], types[f"{source}/link"]) == ("dir", "dir", "symlink")
    exact = [(node.path.encode(), path) for node, path in place.repository.ls_bytes(snapshot)]
    assert len(exact) == len(types)
    assert all(one == other for one, other in exact)


def test_a_name_that_may_change_its_snapshot_is_refused(place: Place, snapshot: str) -> None:
    for name in ("latest", snapshot[:8]):
        with pytest.raises(RepositoryError, match="is not the full id"):
            list(place.repository.ls(name))


def test_a_path_is_found_and_a_link_on_its_way_is_named(place: Place, source: Path, snapshot: str) -> None:
    repository = place.repository
    repository.check_snapshot(snapshot)
    assert repository.has_path(snapshot, f"{source}/below/deep")
    assert repository.has_path(snapshot, f"{source}/below")
    assert not repository.has_path(snapshot, f"{source}/link/deep")
    assert repository.find_link(snapshot, f"{source}/link/deep") == f"{source}/link"
    assert repository.find_link(snapshot, f"{source}/below/deep") is None


def test_a_whole_restore_is_the_source_and_is_compared(
    place: Place, source: Path, snapshot: str, tmp_path: Path
) -> None:
    parts: list[float] = []
    target = tmp_path / "target"
    summary = place.repository.restore(snapshot, target, on_progress=parts.append)
    back = target / str(source).lstrip("/")
    assert (back / "below" / "deep").read_bytes() == b"deep"
    assert (back / "link").readlink() == Path("below")
    assert summary.restored_bytes == 9
    assert all(0 <= part <= 1 for part in parts)
    assert place.repository.compare(snapshot, target) == 0
    (back / "below" / "deep").write_bytes(b"other")
    assert place.repository.compare(snapshot, target) == 4
    assert place.repository.compare(snapshot, target, [f"{source}/below/deep"]) == 0


def test_a_path_is_restored_literally_with_what_is_below_it(
    place: Place, source: Path, snapshot: str, tmp_path: Path
) -> None:
    for number, (path, brought) in enumerate({"plain [1] *": ["plain [1] *"], "below": ["deep"], "no": []}.items()):
        target = tmp_path / f"target{number}"
        summary = place.repository.restore(snapshot, target, includes=[f"{source}/{path}"])
        assert [each.name for each in target.rglob("*") if each.is_file() and not each.is_symlink()] == brought
        assert bool(summary.files) is bool(brought)


def test_one_file_is_read_without_a_restore(place: Place, source: Path, snapshot: str) -> None:
    assert b"".join(place.repository.dump(snapshot, f"{source}/below/deep".encode())) == b"deep"
    with pytest.raises(RepositoryError):
        list(place.repository.dump(snapshot, f"{source}/no".encode()))


def test_a_changed_byte_of_a_snapshot_fails_the_check(place: Place, snapshot: str) -> None:
    place.repository.check(read_data=True)
    file = place.folder / "snapshots" / snapshot
    file.chmod(0o600)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(RepositoryError, match=f"snapshot {snapshot[:8]}") as problem:
        place.repository.check()
    assert problem.value.found_errors


def test_snapshots_are_removed_by_their_ids_and_what_stays_is_whole(place: Place, source: Path, snapshot: str) -> None:
    (source / "new").write_bytes(b"new")
    place.back_up(source)
    pruner = place.repository.pruner()
    planned = pruner.plan([snapshot])
    assert planned.remaining_bytes > 0
    assert planned.written_bytes <= planned.repacked_bytes
    assert len(place.repository.snapshots()) == 2, "a plan changes nothing"
    pruner.unlock()
    pruner.remove([snapshot])
    pruner.remove([snapshot])
    pruner.prune(None, 60)
    [left] = place.repository.snapshots()
    assert left.id != snapshot
    place.repository.check(read_data=True)
    assert b"".join(place.repository.dump(left.id, f"{source}/below/deep".encode())) == b"deep"


def test_nothing_but_a_full_id_is_removed(place: Place, snapshot: str) -> None:
    for name in ("latest", snapshot[:8], "--keep-last=1"):
        with pytest.raises(RepositoryError, match="is not the full id"):
            place.repository.pruner().remove([name])
    assert len(place.repository.snapshots()) == 1


def test_a_plan_is_made_without_a_snapshot_to_remove(place: Place, snapshot: str) -> None:
    assert place.repository.pruner().plan([], 0).repacked_bytes == 0
    place.repository.pruner().prune(0, 60)
    assert [each.id for each in place.repository.snapshots()] == [snapshot]
