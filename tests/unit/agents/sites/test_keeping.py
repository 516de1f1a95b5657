"""Programs that a node keeps: known by their hash, whole, and not for ever."""

import hashlib
import os

import pytest

from coffre.agents.sites.node.keeping import UNUSED_SECONDS, exchange, list_kept

CONTENT = b"program"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PLACE = "files/linux/restic"


@pytest.fixture
def kept(tmp_path):
    return tmp_path / "home" / "kept"


def job(tmp_path, name, content=None):
    work = tmp_path / name
    (work / PLACE).parent.mkdir(parents=True)
    if content is not None:
        (work / PLACE).write_bytes(content)
    return work


def test_a_program_travels_once(kept, tmp_path):
    assert list_kept(kept, [SHA256]) == []
    exchange(kept, job(tmp_path, "first", CONTENT), {PLACE: SHA256})
    assert list_kept(kept, [SHA256]) == [SHA256]
    second = job(tmp_path, "second")
    exchange(kept, second, {PLACE: SHA256})
    assert (second / PLACE).read_bytes() == CONTENT


def test_a_damaged_program_counts_as_none_and_is_not_kept(kept, tmp_path):
    exchange(kept, job(tmp_path, "first", CONTENT + b"!"), {PLACE: SHA256})
    assert list(kept.iterdir()) == []
    (kept / SHA256).write_bytes(b"damaged")
    assert list_kept(kept, [SHA256]) == []
    exchange(kept, job(tmp_path, "second", CONTENT), {PLACE: SHA256})
    assert list_kept(kept, [SHA256]) == [SHA256]


def test_what_no_job_asks_for_goes(kept, tmp_path):
    exchange(kept, job(tmp_path, "first", CONTENT), {PLACE: SHA256})
    old = kept / ("0" * 64)
    old.write_bytes(b"old")
    os.utime(old, (0, old.stat().st_mtime - UNUSED_SECONDS - 60))
    exchange(kept, job(tmp_path, "second", CONTENT), {PLACE: SHA256})
    assert [each.name for each in kept.iterdir()] == [SHA256]
