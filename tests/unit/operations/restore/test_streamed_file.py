"""A file that is written beside its place: read back, replaced when tried again, and nothing left of one that fails."""

import errno
import os

import pytest

from coffre.operations.restore.streamed_file import NotTakenError, write_file
from coffre.outside.beneath import Beneath

PLACE = b"data/apart/ab"


class Dumping:
    def __init__(self, *blocks):
        self.blocks = blocks

    def dump(self, snapshot, path):
        assert (snapshot, path) == ("id", b"/caf\xe9")
        yield from self.blocks


@pytest.fixture
def bag(tmp_path):
    (tmp_path / "data").mkdir()
    with Beneath(tmp_path) as below:
        yield below


def test_it_is_written_and_what_an_earlier_try_left_is_replaced(bag, tmp_path):
    for blocks in ((b"one", b"two"), (b"other",)):
        write_file(Dumping(*blocks), "id", b"/caf\xe9", bag, PLACE)
        assert (tmp_path / os.fsdecode(PLACE)).read_bytes() == b"".join(blocks)


@pytest.mark.parametrize(("error", "kind"), [(errno.EFBIG, NotTakenError), (errno.ENOSPC, OSError)])
def test_what_the_disk_refuses_leaves_nothing_and_a_full_one_is_told_apart(bag, tmp_path, error, kind, monkeypatch):
    def refuse(_descriptor):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(kind, match=os.strerror(error)):
        write_file(Dumping(b"x"), "id", b"/caf\xe9", bag, PLACE)
    assert list((tmp_path / "data" / "apart").iterdir()) == []
