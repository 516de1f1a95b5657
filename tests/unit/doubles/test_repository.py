"""The repository in memory passes the contract of restic's, as a copy in a folder."""

from pathlib import Path

import pytest

from coffre.workspace.clock import utc_now
from tests.contracts.repository import *  # noqa: F403
from tests.contracts.repository import HOST, Place
from tests.doubles.repository import Entry, MemoryFormat, write_snapshot
from tests.doubles.storage import MemoryPlatform


@pytest.fixture
def place(tmp_path: Path) -> Place:
    folder = tmp_path / "repository"

    def back_up(source: Path) -> None:
        name, content = write_snapshot(read_entries(source), utc_now(), host=HOST, path=str(source))
        (folder / name).write_bytes(content)

    return Place.make(MemoryFormat(MemoryPlatform()), folder, back_up)


def read_entries(source: Path) -> list[Entry]:
    """Return a folder as restic lists it: the folders above it, then each folder's entries by name."""
    above = [Entry(str(each), "dir") for each in reversed(source.parents) if each != Path("/")]
    return [*above, *_read_below(source)]


def _read_below(path: Path) -> list[Entry]:
    if path.is_symlink():
        return [Entry(str(path), "symlink", str(path.readlink()).encode())]
    if path.is_file():
        return [Entry(str(path), content=path.read_bytes())]
    return [Entry(str(path), "dir"), *(each for below in sorted(path.iterdir()) for each in _read_below(below))]
