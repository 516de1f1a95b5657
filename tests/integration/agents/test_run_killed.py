"""A deployment killed in its middle: its secrets were never on a disk, and the next one cleans up and heals."""

import multiprocessing
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from coffre.workspace import private_folder
from tests.integration.agents.scene import CAISSE, HOSTS
from tests.processes import list_pids, read_words


@pytest.fixture
def memory(monkeypatch):
    """A folder in memory that no other run sweeps."""
    with tempfile.TemporaryDirectory(dir=private_folder.MEMORY) as folder:
        monkeypatch.setattr(private_folder, "MEMORY", Path(folder))
        yield Path(folder)


@pytest.fixture
def interrupted(scene, agents):
    """Start a deployment in a process of its own and send it a signal in its middle; returns its pid."""

    def interrupt(number):
        fork = multiprocessing.get_context("fork")
        reader, writer = fork.Pipe(duplex=False)
        requests = scene.requests(CAISSE)
        run = fork.Process(target=agents.deploy, args=(requests, lambda _machine, task: writer.send(task)))
        run.start()
        while reader.recv() != "Write the agent's configuration and its credentials":
            pass
        os.kill(run.pid, number)
        run.join(30)
        reader.close()
        writer.close()
        assert run.exitcode not in (None, 0)
        return run.pid

    return interrupt


def running_in(folder):
    return [line for line in map(read_words, list_pids()) if str(folder) in line]


def test_nothing_of_a_killed_deployment_outlives_the_next_one(scene, agents, interrupted, memory, tmp_path):
    pid = interrupted(signal.SIGKILL)
    [folder] = memory.glob(f"coffre-{pid}-*")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "inventory" / "hosts.json").exists()
    assert subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, check=True).stdout == b"tmpfs\n"
    assert not (tmp_path / "scratch").exists()

    [healed] = agents.deploy(scene.requests(CAISSE), lambda _machine, _task: None)
    assert (healed.ok, healed.message) == (True, "")
    assert list(memory.iterdir()) == []
    assert running_in(folder) == []
    root = scene.lab.machine_root(HOSTS[CAISSE])
    assert list((root / "dev" / "shm").iterdir()) == []
    assert [file for place in ("etc", "usr/local") for file in (root / place).rglob("*.new")] == []


def test_ctrl_c_ends_ansible_and_clears_up_at_once(interrupted, memory):
    pid = interrupted(signal.SIGINT)
    assert list(memory.iterdir()) == []
    assert running_in(memory / f"coffre-{pid}-") == []
