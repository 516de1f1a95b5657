"""The lock of a tenant."""

import threading
from pathlib import Path

import pytest

from coffre.errors import BusyError
from coffre.workspace.lock import tenant_lock


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
