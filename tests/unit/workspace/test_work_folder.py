"""The folders that live as long as a command."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from coffre.workspace.paths import COMMAND_FOLDERS
from coffre.workspace.work_folder import remove_abandoned, work_folder


def leave(root: Path, prefix: str) -> Path:
    """Return what a command that was killed in the middle of its work has left."""
    script = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom coffre.workspace.work_folder import work_folder\n"
        "with work_folder(Path(sys.argv[1]), sys.argv[2]) as folder:\n"
        "    (folder / 'restored').write_text('x')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, root, prefix], check=False).returncode == -9
    (left,) = (root / COMMAND_FOLDERS).glob(f"{prefix}*")
    assert (left / "restored").is_file()
    return left


def test_a_work_folder_is_private_and_goes_also_after_a_failure(tmp_path: Path) -> None:
    seen: list[Path] = []

    def fail() -> None:
        with work_folder(tmp_path, "drill-") as folder:
            seen.append(folder)
            assert folder.stat().st_mode & 0o777 == folder.parent.stat().st_mode & 0o777 == 0o700
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [folder.exists() for folder in seen] == [False]


def test_what_a_killed_command_left_goes_with_the_next_of_its_kind(tmp_path: Path) -> None:
    left, other = leave(tmp_path, "drill-"), leave(tmp_path, "return-cache-")
    with work_folder(tmp_path, "drill-") as living:
        assert not left.exists()
        assert other.exists()
        remove_abandoned(tmp_path)
        assert not other.exists()
        assert living.is_dir()


def test_a_process_number_keeps_nothing_alive(tmp_path: Path) -> None:
    """The number of a killed command is another program's by now, or that of one in another container."""
    with work_folder(tmp_path, "drill-") as living:
        left = living.with_name(f"drill-{os.getpid()}-abcdefgh")
        left.mkdir()
        (left / "restored").write_text("x")
        remove_abandoned(tmp_path)
        assert not left.exists()
        assert living.is_dir()


def test_folders_that_are_made_at_the_same_time_do_not_take_each_other(tmp_path: Path) -> None:
    def live(number: int) -> bool:
        with work_folder(tmp_path, "drill-") as folder:
            (folder / "restored").write_text(str(number))
            barrier.wait(timeout=60)
            return (folder / "restored").read_text() == str(number)

    barrier = threading.Barrier(8)
    with ThreadPoolExecutor(max_workers=8) as executor:
        assert all(executor.map(live, range(8)))
    assert not list((tmp_path / COMMAND_FOLDERS).iterdir())
