"""SIGKILL of `lab up` and `lab down` before one of their steps: the next start heals, the next end leaves nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from coffre_lab import network
from coffre_lab.lab import Lab

from tests.traces import list_traces

HOST = "solo-01.example"
# A step is a tool run, a daemon started, a process ended, or a file put in its place. A first start has some 45 of
# them, an end some 15; the kills are where something stands half made.
FIRST_START = (2, 6, 9, 13, 17, 22, 27, 33)
LATER_START = (3, 12)
END = (0, 2, 5, 9)

KILLED_WORK = """
import os, pathlib, signal, sys, threading
from coffre_lab import processes
from coffre_lab.lab import Lab

directory, work, host, steps = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
left, lock = [steps], threading.Lock()

def counted(operation):
    def step(*arguments, **named):
        with lock:
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
        return operation(*arguments, **named)
    return step

for holder, name in ((processes, "run"), (processes, "start"), (processes, "end_pid"), (pathlib.Path, "replace")):
    setattr(holder, name, counted(getattr(holder, name)))
lab = Lab(pathlib.Path(directory))
lab.up([host]) if work == "up" else lab.down()
print(steps - left[0])
"""


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab of this module's own, which each test leaves erased."""
    found = Lab(tmp_path_factory.mktemp("crashed") / "lab")
    yield found
    found.down(erase=True)


@pytest.fixture(scope="module")
def bystanders(crashed: Lab) -> "Iterator[list[subprocess.Popen[bytes]]]":
    """Processes that look much like the lab's and are somebody else's: they name its files, its machine, its mark."""
    token = network.lab_token(crashed.directory)
    config = str(crashed.directory / "ceph" / "ceph.conf")
    mark = os.environ | {"COFFRE_LAB_MACHINE": f"{token}-10"}
    wait = "import time; time.sleep(600)"
    started = [
        subprocess.Popen([sys.executable, "-c", wait, "ceph-mon", "--conf", config]),
        subprocess.Popen([sys.executable, "-c", wait, f"--machine={token}-10"]),
        subprocess.Popen([sys.executable, "-c", wait], env=mark),
    ]
    yield started
    for process in started:
        process.kill()
        process.wait()


def run_killed(lab: Lab, work: str, steps: int) -> bool:
    """Do the work in a process that kills itself instead of its step ``steps``; False when the work ended before."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED_WORK, str(lab.directory), work, HOST, str(steps)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def check_gone(lab: Lab, bystanders: "list[subprocess.Popen[bytes]]") -> None:
    assert list_traces(lab, {process.pid for process in bystanders}) == []
    assert [process.poll() for process in bystanders] == [None] * len(bystanders)


@pytest.mark.parametrize("steps", FIRST_START)
def test_a_first_start_killed_anywhere_is_healed(
    crashed: Lab, bystanders: "list[subprocess.Popen[bytes]]", steps: int
) -> None:
    """Alternately by another start and by an end: both have to cope with what is half made."""
    assert run_killed(crashed, "up", steps), "the start has fewer steps than that"
    if steps % 2:
        assert crashed.up([HOST]).is_running
        assert [path.name for path in crashed.directory.rglob("*.tmp")] == []
    crashed.down(erase=True)
    assert list(crashed.directory.iterdir()) == []
    check_gone(crashed, bystanders)


def test_an_end_and_a_later_start_killed_anywhere_are_healed(
    crashed: Lab, bystanders: "list[subprocess.Popen[bytes]]"
) -> None:
    """Kills one upon the other: an end that was killed is ended again or started again, and so on."""
    crashed.up([HOST])
    fsid = crashed.endpoints_file.read_text()
    for steps in END:
        run_killed(crashed, "down", steps)
        if steps % 2:
            assert crashed.up([HOST]).is_running
    for steps in LATER_START:
        run_killed(crashed, "up", steps)
    assert crashed.up([HOST]).is_running
    assert crashed.endpoints_file.read_text() == fsid
    assert crashed.radosgw_admin(["user", "info", "--uid=coffre-admin"])
    crashed.down()
    check_gone(crashed, bystanders)


def test_a_start_killed_before_its_first_choice_stands_is_no_foreign_directory(crashed: Lab) -> None:
    """What the kill leaves is the lock and a half-written state: the lab's own, not something to be afraid of."""
    crashed.down(erase=True)
    crashed.directory.mkdir(exist_ok=True)
    (crashed.directory / ".state.json.tmp").write_text('{"network": "10.6', encoding="utf-8")
    (crashed.directory / "lock").touch()
    crashed.down(erase=True)
    assert list(crashed.directory.iterdir()) == []
