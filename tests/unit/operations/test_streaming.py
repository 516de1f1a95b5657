"""What a drill reads: each way in which a streamed file can be wrong is told, and none of them runs on."""

import hashlib
import itertools

from coffre.agents.restic.process import ResticError
from coffre.operations.sampling import ReportedHash, Sample, SnapshotFile
from coffre.operations.streaming import compare, stream_sample, without_twins


class Streaming:
    """A repository that gives out what it is told to, block by block."""

    def __init__(self, contents):
        self.contents, self.asked = contents, []

    def dump(self, snapshot, path, deadline_seconds):
        self.asked.append((snapshot, path))
        content = self.contents[path]
        if isinstance(content, Exception):
            raise content
        yield from content


def reported(path, content):
    return ReportedHash(path, len(content), hashlib.sha256(content).hexdigest())


def problems(sample, contents, exact=None):
    return list(compare(sample, stream_sample(Streaming(contents), "id", sample, exact or {})))


def test_equal_files_are_no_problem():
    sample = Sample(1, (reported("/a", b"abc"),), (SnapshotFile("/b", 2), SnapshotFile("/empty", 0)))
    assert problems(sample, {b"/a": [b"a", b"bc"], b"/b": [b"12"], b"/empty": []}) == []


def test_a_missing_file_a_wrong_size_and_a_wrong_content_are_named():
    sample = Sample(1, (reported("/changed", b"abc"), reported("/gone", b"x")), (SnapshotFile("/short", 2),))
    contents = {b"/changed": [b"abd"], b"/gone": ResticError("a pack is damaged"), b"/short": [b"1"]}
    assert problems(sample, contents) == [
        "a pack is damaged",
        "/gone: not restored",
        "/short: 1 bytes instead of 2",
        "/changed: its content is not what the machine reported",
    ]


def test_a_file_that_gives_more_than_its_listing_says_is_not_read_to_its_end():
    read = itertools.count()

    def without_end():
        while next(read) < 1000:
            yield bytes(100)

    sample = Sample(1, (reported("/big", b"abc"),), ())
    assert problems(sample, {b"/big": without_end()}) == ["/big: more than 3 bytes"]
    assert next(read) < 5


def test_names_that_are_no_utf_8_are_asked_for_by_their_bytes():
    sample = Sample(1, (), (SnapshotFile("/caf\ufffd", 1), SnapshotFile("/[x]*?\\ \n", 1)))
    assert problems(sample, {b"/caf\xe9": [b"1"], b"/[x]*?\\ \n": [b"2"]}, {"/caf\ufffd": b"/caf\xe9"}) == []


def test_names_that_look_the_same_are_no_sample():
    files = [SnapshotFile(path, 1) for path in ("/caf\ufffd", "/caf\ufffd", "/\ufffd", "/a")]
    assert [file.path for file in without_twins(files)] == ["/\ufffd", "/a"]
