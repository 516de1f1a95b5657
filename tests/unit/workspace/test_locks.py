"""The lock of a tenant, and what a lock on a file keeps."""

import errno
import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from coffre.errors import BusyError
from coffre.workspace.locks import tenant_lock
from coffre.workspace.paths import lock_file


def test_a_second_change_is_told_at_once(tmp_path: Path) -> None:
    with tenant_lock(tmp_path, "martin"):
        with pytest.raises(BusyError, match="another command is changing martin"), tenant_lock(tmp_path, "martin"):
            pytest.fail("two at once")
        with tenant_lock(tmp_path, "durand"):
            pass
    with tenant_lock(tmp_path, "martin"):
        pass


def test_who_has_patience_comes_next(tmp_path: Path) -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with tenant_lock(tmp_path, "martin"):
            held.set()
            done.wait(timeout=60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(timeout=60)
    with pytest.raises(BusyError), tenant_lock(tmp_path, "martin", patience_seconds=0.01):
        pytest.fail("two at once")
    threading.Timer(0.05, done.set).start()
    with tenant_lock(tmp_path, "martin", patience_seconds=60):
        assert done.is_set()
    holder.join()


def test_a_lock_ends_with_its_process_and_its_file_stays(tmp_path: Path) -> None:
    """A killed command leaves the file: the next one takes the lock on it at once, and no third one beside it."""
    program = (
        "import sys\nfrom pathlib import Path\nfrom coffre.workspace.locks import tenant_lock\n"
        "with tenant_lock(Path(sys.argv[1]), 'martin'):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BusyError), tenant_lock(tmp_path, "martin"):
            pytest.fail("two at once")
        holder.kill()
    assert lock_file(tmp_path, "martin").is_file()
    with tenant_lock(tmp_path, "martin"), pytest.raises(BusyError), tenant_lock(tmp_path, "martin"):
        pytest.fail("two at once")


def test_whoever_waits_for_a_lock_whose_file_is_removed_holds_the_new_one(tmp_path: Path) -> None:
    """The end of a contract removes a tenant's lock file while it is held."""
    entered, leave = threading.Event(), threading.Event()

    def wait() -> None:
        with tenant_lock(tmp_path, "martin", patience_seconds=60):
            entered.set()
            leave.wait(timeout=60)

    waiter = threading.Thread(target=wait)
    with tenant_lock(tmp_path, "martin"):
        waiter.start()
        lock_file(tmp_path, "martin").unlink()
    assert entered.wait(timeout=60)
    with pytest.raises(BusyError), tenant_lock(tmp_path, "martin"):
        pytest.fail("two at once")
    leave.set()
    waiter.join()


def test_a_file_system_without_locks_is_an_error_and_no_lock_that_outlives_its_holder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="not implemented"), tenant_lock(tmp_path, "martin"):
        pytest.fail("held without a lock")


def test_a_link_in_place_of_the_lock_file_is_not_followed(tmp_path: Path) -> None:
    lock_file(tmp_path, "martin").parent.mkdir(parents=True)
    lock_file(tmp_path, "martin").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"), tenant_lock(tmp_path, "martin"):
        pytest.fail("held by a link")
    assert not (tmp_path / "elsewhere").exists()
