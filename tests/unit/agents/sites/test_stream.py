"""What a node may say: events of its own machines, bounded; never a file here."""

import base64
import io
import json
import zipfile

import pytest
from ansible_runner.streaming import Processor

from coffre.agents.sites import stream
from coffre.agents.sites.stream import BrokenStreamError, ResultStream, keep_known, read_told
from coffre.outside.processes import EndlessOutputError

EVIL = "../" * 12 + "tmp/escaped"


def line(**said):
    return json.dumps(said).encode() + b"\n"


def event(text, **more):
    return line(**({"event": "verbose", "counter": 1, "uuid": "u", "stdout": text} | more))


def read(*parts, hosts=1):
    return ResultStream(io.BytesIO(b"".join(parts)), "the node", hosts)


def artifacts():
    """An archive with a link that leads out, and a file below it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        link = zipfile.ZipInfo("out")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/tmp")
        archive.writestr("out/escaped", "x")
        archive.writestr(EVIL, "x")
    content = packed.getvalue()
    return line(zipfile=len(content)) + base64.b64encode(content)


def test_artifacts_and_names_of_the_node_make_no_file_here(tmp_path):
    heard = []
    found = read(event("a", uuid=EVIL, counter=EVIL), artifacts(), event("b"), line(eof=True))
    reader = Processor(
        _input=found,
        event_handler=lambda said: heard.append(said["stdout"]),
        private_data_dir=str(tmp_path / "result"),
        quiet=True,
        settings={},
    )
    reader.run()
    assert heard == ["a", "b"]
    assert found.has_ended
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("length", [-1, "9", None, 2**40, 1.5])
def test_artifacts_have_an_honest_length(length):
    with pytest.raises(EndlessOutputError):
        read(line(zipfile=length)).readline()


def test_an_endless_line_and_an_endless_stream_are_left(monkeypatch):
    with pytest.raises(EndlessOutputError):
        read(b"x" * (stream.LINE_BYTES + 1)).readline()
    monkeypatch.setattr(stream, "STREAM_BYTES", 1000)
    monkeypatch.setattr(stream, "HOST_BYTES", 100)
    found = read(*[event("x")] * 100)
    with pytest.raises(EndlessOutputError):
        list(iter(found.readline, b""))


@pytest.mark.parametrize("words", [b"hello\n", b"[1]\n", b'{"a": 1, "a": 2}\n', b"\xff\n", b"[" * 100000 + b"\n"])
def test_other_words_are_no_stream(words):
    with pytest.raises(BrokenStreamError):
        read(words).readline()


def test_a_node_that_breaks_off_has_not_ended():
    found = read(line(status="running"), event("x"))
    assert found.readline() != b""
    assert found.readline() == b""
    assert not found.has_ended


def test_the_runner_says_why_it_ran_nothing():
    error = {
        "status": "error",
        "job_explanation": "Failed to extract",
        "result_traceback": "a\nOSError: no space\x1b[2J",
    }
    found = read(line(status="starting", env={"A": "b"}), line(**error), line(eof=True))
    assert json.loads(found.readline()) == {"eof": True}
    assert found.explanation == "Failed to extract a OSError: no space\\x1b[2J"


def test_what_a_login_prints_comes_before_the_greeting():
    found = read(b"Welcome!\n", b"\n", b"coffre-1 aa bb\r\n", line(eof=True))
    assert found.skip_to("coffre-1") == ["aa", "bb"]
    assert json.loads(found.readline()) == {"eof": True}
    assert read(b"coffre-1\n").skip_to("coffre-1") == []
    assert read(b"Welcome!\n").skip_to("coffre-1") is None
    assert read(b"x\n" * 100_000, b"coffre-1\n").skip_to("coffre-1") is None


def test_a_node_speaks_of_its_own_machines_only():
    assert keep_known("runner_on_ok", {"host": "other", "res": {}}, ["mine"]) is None
    assert keep_known("runner_on_ok", {"host": ["mine"]}, ["mine"]) is None
    stats = {"processed": {"mine": 1, "other": 1}, "changed": {"mine": 2, "other": 1}}
    kept = keep_known("playbook_on_stats", stats, ["mine"])
    assert kept == {"event": "playbook_on_stats", "event_data": {"processed": {"mine": 1}, "changed": {"mine": 2}}}
    odd = keep_known("playbook_on_stats", {"processed": 3, "changed": {"mine": "many"}}, ["mine"])
    assert odd == {"event": "playbook_on_stats", "event_data": {"processed": {}, "changed": {}}}
    kept = keep_known("runner_on_ok", {"host": "mine", "task": "7\x1b[2J\n", "res": "text", "more": "x"}, ["mine"])
    assert kept is not None
    assert kept["event_data"] == {"host": "mine", "task": "7\\x1b[2J", "res": {}, "ignore_errors": False}


def test_only_documents_of_ours_are_told():
    assert read_told('{"event": "x", "event_data": {"a": 1}}') == ("x", {"a": 1})
    for words in ("PLAY [all] ****", '{"event": 1, "event_data": {}}', '{"event": "x"}', "[]", ""):
        assert read_told(words) is None
