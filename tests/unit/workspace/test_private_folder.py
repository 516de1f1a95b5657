"""Folders that must not outlive their run."""

import subprocess
from pathlib import Path

import pytest

from coffre.workspace import private_folder


@pytest.fixture(autouse=True)
def _no_memory(monkeypatch, tmp_path):
    """Stay out of the system's memory file system, where other runs have theirs."""
    monkeypatch.setattr(private_folder, "MEMORY", tmp_path / "none")


def test_a_folder_is_private_and_gone_afterwards_also_after_an_error(tmp_path):
    modes = []

    def use():
        with private_folder.private_folder(tmp_path / "run") as folder:
            modes.extend(path.stat().st_mode & 0o777 for path in (folder, folder.parent))
            (folder / "secret").write_text("s")
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        use()
    assert modes == [0o700, 0o700]
    assert list((tmp_path / "run").iterdir()) == []


def test_memory_is_taken_where_there_is_some(tmp_path, monkeypatch):
    monkeypatch.setattr(private_folder, "MEMORY", tmp_path)
    assert private_folder.choose_parent(tmp_path / "fallback") == tmp_path
    assert not (tmp_path / "fallback").exists()


def test_what_a_dead_run_left_is_swept_with_what_it_left_running(tmp_path):
    dead = tmp_path / "coffre-999999999-123-abcdefgh"
    dead.mkdir()
    (dead / "secret").write_text("s")
    with subprocess.Popen(["sleep", "60", str(dead)], stderr=subprocess.DEVNULL) as orphan:
        orphan.poll()
        assert private_folder.sweep(tmp_path) == [dead]
        assert orphan.wait(5) != 0
    assert not dead.exists()


def test_a_living_run_and_what_is_not_ours_stay(tmp_path):
    """A pid used again belongs to another process: the start time tells."""
    with private_folder.private_folder(tmp_path) as living:
        reused = tmp_path / f"coffre-{living.name.split('-')[1]}-1-abcdefgh"
        reused.mkdir()
        for name in ("coffre-notes", "coffre-1-2", "other-1-2-abcdefgh"):
            (tmp_path / name).mkdir()
        (tmp_path / "coffre-999999999-1-link").symlink_to(Path("/"))
        assert private_folder.sweep(tmp_path) == [reused]
        assert living.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "coffre-1-2",
        "coffre-999999999-1-link",
        "coffre-notes",
        "other-1-2-abcdefgh",
    ]
