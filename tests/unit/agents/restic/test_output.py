"""restic 0.18's own lines, as it printed them."""

import json
import tempfile
from datetime import UTC, datetime

import pytest

from coffre.agents.repository import OddSnapshot
from coffre.agents.restic.repository.explain import explain_exit
from coffre.agents.restic.repository.output import (
    exact_pattern,
    read_fraction,
    read_line,
    read_node,
    read_snapshot,
    read_snapshots,
    read_time,
)
from coffre.agents.restic.repository.process import redact
from coffre.outside.environment import NOT_FOR_GO_PROGRAMS, child_environment

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def test_times_come_with_nanoseconds_and_any_offset():
    assert read_time("2026-11-23T12:46:35.251049568+01:00").isoformat() == "2026-11-23T11:46:35.251049+00:00"


def test_snapshots_and_nodes_are_read():
    snapshot = read_snapshot(
        {"time": "2026-11-23T11:46:35.2Z", "paths": ["/etc"], "hostname": "vm", "id": "9f8a17ea", "tree": "d185"}, NOW
    )
    assert (snapshot.id, snapshot.host, snapshot.paths) == ("9f8a17ea", "vm", ("/etc",))
    node = read_node({"name": "d", "type": "dir", "path": "/src/d", "mtime": "2026-11-23T11:46:32Z"})
    assert (node.path, node.type, node.size_bytes) == ("/src/d", "dir", 0)


@pytest.mark.parametrize("line", ["", "plain text", "[1]", "3"])
def test_a_line_that_is_no_object_is_empty(line):
    assert read_line(line) == {}


def test_the_conclusion_comes_first_then_the_first_causes_and_no_advice():
    stderr = [
        '{"message_type":"error","message":"error for tree e6ed3c5f:\\n"}',
        '{"message_type":"error","error":{"message":"checksum wrong"},"during":"restore","item":"/src/d"}',
        '{"message_type":"error","error":{"message":"checksum wrong"},"during":"restore","item":"/src/d"}',
        "plain words\n",
        '{"message_type":"error","message":"open an issue"}',
        '{"message_type":"exit_error","code":1,"message":"Fatal: There were 2 errors\\n"}',
    ]
    message, hint = explain_exit(1, stderr)
    assert (
        message == "restic failed: There were 2 errors; error for tree e6ed3c5f:; /src/d: checksum wrong; plain words"
    )
    assert hint


def test_exit_codes_have_their_own_sentence():
    assert explain_exit(12, [])[0] == "the repository password is wrong"
    assert explain_exit(10, [])[0] == "there is no restic repository there"
    assert explain_exit(11, [])[0] == "the repository is locked by another restic"
    assert explain_exit(77, [])[0] == "restic ended with 77"


def test_a_path_means_itself():
    assert exact_pattern(r"/a[1]*?\b") == r"/a\[1\]\*\?\\b"


def test_the_environment_keeps_nothing_that_speaks_to_restic_behind_our_back():
    environment = {"PATH": "/bin", "AWS_PROFILE": "x", "SSL_CERT_FILE": "y", "RESTIC_PASSWORD": "z", "HOME": "/root"}
    kept = {"PATH": "/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", "TMPDIR": tempfile.gettempdir()}
    assert child_environment(environment, without=NOT_FOR_GO_PROGRAMS) == kept


def test_secrets_are_taken_out_of_what_restic_says():
    assert redact("wrong key s3cret here", ["s3cret", ""]) == "wrong key *** here"


@pytest.mark.parametrize(
    "moment",
    ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "1999-12-31T00:00:00Z", "2027-01-01T00:00:00Z", "", 5],
)
def test_one_snapshot_of_an_absurd_time_is_named_and_the_others_stay(moment):
    good = {"id": "a" * 64, "time": "2026-11-23T11:46:35.2Z", "hostname": "vm", "paths": ["/etc"]}
    listed = read_snapshots(json.dumps([{**good, "id": "b" * 64, "time": moment}, good]), NOW)
    assert [each.id for each in listed.usable] == ["a" * 64]
    assert [(each.id, each.field) for each in listed.odd] == [("b" * 64, "time")]


def test_odd_words_of_a_snapshot_are_named():
    good = {"id": "a" * 64, "time": "2026-11-23T11:46:35.2Z"}
    for changes in ({"hostname": 5}, {"hostname": "x" * 2000}, {"paths": "x"}, {"paths": [1]}):
        assert isinstance(read_snapshot({**good, **changes}, NOW), OddSnapshot)


@pytest.mark.parametrize(
    ("said", "done"), [(0.5, 0.5), (7, 1.0), (-1, 0.0), ("x", 0.0), (None, 0.0), (float("nan"), 0.0)]
)
def test_progress_stays_between_nothing_and_all(said, done):
    assert read_fraction({"percent_done": said}) == done
