"""The folders that live as long as a command."""

import subprocess
import sys
from pathlib import Path

import pytest

from coffre.operations.work_folder import WORK_FOLDERS, remove_abandoned, work_folder


def leave(root: Path, prefix: str) -> Path:
    """Return what a command that was killed in the middle of its work has left."""
    script = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom coffre.operations.work_folder import work_folder\n"
        "with work_folder(Path(sys.argv[1]), sys.argv[2]) as folder:\n"
        "    (folder / 'restored').write_text('x')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, root, prefix], check=False).returncode == -9
    (left,) = (root / WORK_FOLDERS).glob(f"{prefix}*")
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
