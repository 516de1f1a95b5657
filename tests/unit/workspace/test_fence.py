"""The fence of a process: a lost lock stops every change, and only while the lock is held."""

import pytest

from coffre.errors import RemoteError
from coffre.workspace import fence


def test_a_lost_lock_stops_changes_until_its_block_ends() -> None:
    lost: list[RemoteError] = []

    def lock() -> None:
        if lost:
            raise lost[0]

    fence.check()
    with fence.fenced_by(lock):
        fence.check()
        lost.append(RemoteError("the lock is lost"))
        with fence.fenced_by(lambda: None), pytest.raises(RemoteError, match="is lost"):
            fence.check()
    fence.check()
