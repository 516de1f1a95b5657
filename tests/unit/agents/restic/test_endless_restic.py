"""A repository whose restic prints for ever, whatever it is asked: each call ends or goes on in flat memory."""

import sys
import time
import tracemalloc
from collections import deque
from itertools import islice
from pathlib import Path

import pytest
from pydantic import SecretStr

from coffre import toolchain
from coffre.agents.restic.repository import repository
from coffre.agents.restic.repository.repository import ResticError, ResticRepository
from coffre.outside import processes
from coffre.storage.values import AccessKey

MIB = 1024**2
SNAPSHOT = "a" * 64
NODE = '{"message_type":"node","name":"%08d","type":"file","path":"/%08d","size":1}'
PRINTS = {
    "a line without end": "while True: os.write(1, b'x' * 65536)",
    "complaints without end": "while True: os.write(2, b'x' * 65535 + bytes([10]))",
    "lines without end": 'while True: os.write(1, b\'{"message_type":"status","percent_done":0}\\n\' * 1000)',
    "entries without end": (
        'print(\'{"message_type":"snapshot"}\')\nnumber = 0\n'
        f"while True:\n    number += 1\n    print('{NODE}' % (number, number))"
    ),
}


@pytest.fixture
def printing(tmp_path, monkeypatch):
    """A repository that is opened by a restic of our own."""

    def make(what):
        program = tmp_path / "restic"
        program.write_text(f"#!{sys.executable}\nimport os, sys\n{PRINTS[what]}\n")
        program.chmod(0o755)
        monkeypatch.setattr(toolchain, "find_tool", lambda _name: program)
        opened = ResticRepository(str(tmp_path), AccessKey("AK", "secret"), SecretStr("password"))
        opened._sound.add(SNAPSHOT)
        return opened

    monkeypatch.setattr(processes, "COMPLAINTS_LIMIT_BYTES", 4 * MIB)
    monkeypatch.setattr(repository, "SNAPSHOTS_BYTES", 2 * MIB)
    return make


CALLS = {
    "snapshots": lambda opened: opened.list_snapshots(),
    "ls": lambda opened: deque(opened.ls(SNAPSHOT), maxlen=0),
    "ls_bytes": lambda opened: deque(opened.ls_bytes(SNAPSHOT), maxlen=0),
    "check": lambda opened: opened.check(),
    "open": lambda opened: opened.open(),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("what", ["a line without end", "complaints without end"])
def test_it_is_ended_soon_and_costs_no_memory(printing, call, what):
    opened = printing(what)
    tracemalloc.start()
    began = time.monotonic()
    with pytest.raises(ResticError, match="printed more than"):
        CALLS[call](opened)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.monotonic() - began < 60
    assert peak_bytes < 16 * MIB


@pytest.mark.parametrize(
    ("what", "follow"),
    [
        ("entries without end", lambda opened: opened.ls(SNAPSHOT)),
        ("lines without end", lambda opened: opened._stream(["restore"], 60)),
        ("a line without end", lambda opened: opened.dump(SNAPSHOT, b"/etc/fstab")),
    ],
)
def test_what_is_followed_as_it_comes_keeps_nothing(printing, what, follow):
    """Restores, drills and returns read so: what they took is gone when the next comes, and closing ends it."""
    stream = follow(printing(what))
    deque(islice(stream, 1000), maxlen=0)
    tracemalloc.start()
    deque(islice(stream, 20_000), maxlen=0)
    grown_bytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    stream.close()
    assert grown_bytes < MIB


def test_nothing_reads_an_object_but_in_one_range_or_in_parts():
    """Three places ask for an object: by the bytes it wants, in hashed parts, and a file of a team up to its limit.

    So an object of any size costs what is asked for, and none has to be written here to show it.
    """
    root = Path(repository.__file__).parents[3]
    # objects that the checks themselves have just written
    checks = [root / "storage" / kind / "checks" for kind in ("aws", "ceph")]
    asking = {
        str(file.relative_to(root)): [line.strip() for line in file.read_text().splitlines() if ".get_object(" in line]
        for file in root.rglob("*.py")
        if not any(folder in file.parents for folder in checks)
    }
    asked = {name: lines for name, lines in asking.items() if lines}
    assert sorted(asked) == ["storage/s3/bucket.py", "storage/s3/file_store.py"]
    assert "body.read(FILE_BYTES + 1)" in (root / "storage/s3/file_store.py").read_text()
    assert len(asked["storage/s3/file_store.py"]) == 1
    ranged, hashed = asked["storage/s3/bucket.py"]
    assert 'Range=f"bytes=0-{limit_bytes}"' in ranged
    assert "closing(" in hashed
