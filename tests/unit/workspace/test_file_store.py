"""The contract of a store of small files, for a folder."""

from pathlib import Path

import pytest

from coffre.errors import RemoteError
from coffre.workspace import fence
from coffre.workspace.file_store import FolderStore
from tests.contracts.file_store import *  # noqa: F403 - the tests of the contract
from tests.contracts.file_store import Again


@pytest.fixture
def again(tmp_path: Path) -> Again:
    (tmp_path / "store").mkdir(exist_ok=True)
    return lambda: FolderStore(tmp_path / "store", tmp_path)


@pytest.fixture
def store(again: Again) -> FolderStore:
    return again()  # type: ignore[return-value]


def test_files_and_folders_are_private_and_shown_from_the_root(store: FolderStore, tmp_path: Path) -> None:
    store.write("a/b.json", b"x")
    assert (tmp_path / "store/a/b.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "store/a").stat().st_mode & 0o777 == 0o700
    assert store.shown("a/b.json") == "store/a/b.json"
    assert FolderStore(tmp_path / "store", tmp_path / "other").shown("x") == f"{tmp_path}/store/x"
    assert not FolderStore(tmp_path / "none", tmp_path).exists()


def test_without_its_lock_a_process_changes_nothing(store: FolderStore) -> None:
    def lost() -> None:
        raise RemoteError("the lock is lost")

    store.write("kept", b"x")
    with fence.fenced_by(lost):
        for change in (lambda: store.write("kept", b"y"), lambda: store.delete("kept")):
            with pytest.raises(RemoteError, match="is lost"):
                change()
    assert store.read("kept") == b"x"
