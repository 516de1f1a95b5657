"""What a drill reads: each way in which a streamed file can be wrong is told, and none of them runs on."""

import hashlib
import itertools

from coffre.agents.report import ReportSample
from coffre.agents.repository import Node, as_listed
from coffre.agents.restic.repository.process import ResticError
from coffre.operations.drill.drill import _list_files
from coffre.operations.drill.sampling import ReportedHash, Sample, SnapshotFile, choose_sample, exact_bytes
from coffre.operations.drill.streaming import compare, stream_sample


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


def problems(sample, contents):
    return list(compare(sample, stream_sample(Streaming(contents), "id", sample)))


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
        "/changed: its content differs from what the machine reported",
    ]


def test_a_file_that_gives_more_than_its_listing_says_is_not_read_to_its_end():
    read = itertools.count()

    def without_end():
        while next(read) < 1000:
            yield bytes(100)

    sample = Sample(1, (reported("/big", b"abc"),), ())
    assert problems(sample, {b"/big": without_end()}) == ["/big: more than 3 bytes"]
    assert next(read) < 5


def test_names_that_are_no_utf_8_are_asked_for_by_their_bytes_and_shown_written_out():
    sample = Sample(
        1, (), (SnapshotFile("/caf\udce9", 1), SnapshotFile("/caf\ufffd", 1), SnapshotFile("/[x]*?\\ \n", 1))
    )
    contents = {b"/caf\xe9": [b"1"], "/caf\ufffd".encode(): [b"2"], b"/[x]*?\\ \n": [b"3"]}
    assert problems(sample, contents) == []
    contents[b"/caf\xe9"] = []
    assert problems(sample, contents) == ["/caf\\xe9: 0 bytes instead of 1"]


class Listed:
    """A repository that lists names which are no UTF-8, as restic's JSON does and as they are."""

    NAMES = ((b"/\xe8", "dir"), (b"/\xe8/f", "file"), (b"/\xe9", "file"), (b"/a", "file"))

    def ls(self, snapshot):
        return (Node(as_listed(path), kind, 1) for path, kind in self.NAMES)

    def ls_bytes(self, snapshot):
        return ((Node(as_listed(path), kind, 1), path) for path, kind in self.NAMES)


def test_files_whose_names_look_the_same_are_told_apart():
    files = _list_files(Listed(), "id")
    assert [exact_bytes(file.path) for file in files] == [b"/\xe8/f", b"/\xe9", b"/a"]
    told = ReportSample(path="/\ufffd", size_bytes=1, sha256="0" * 64, path_base64="L+k=")
    sample = choose_sample(files, [ReportedHash(told.exact_path, 1, told.sha256)], 1)
    assert [exact_bytes(file.path) for file in sample.reported] == [b"/\xe9"]


def test_a_path_in_rubbish_is_the_one_that_is_shown():
    for rubbish in ("", "?", "L+k"):
        assert ReportSample(path="/x", size_bytes=1, sha256="0" * 64, path_base64=rubbish).exact_path == "/x"
