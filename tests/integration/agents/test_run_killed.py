"""A deployment killed in its middle: its secrets were never on a disk, and the next one cleans up and heals."""

import multiprocessing
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from coffre.agents import private_folder
from tests.integration.agents.scene import CAISSE, HOSTS


@pytest.fixture
def memory(monkeypatch):
    """A folder in memory that no other run sweeps."""
    with tempfile.TemporaryDirectory(dir=private_folder.MEMORY) as folder:
        monkeypatch.setattr(private_folder, "MEMORY", Path(folder))
        yield Path(folder)


def test_nothing_of_a_killed_deployment_outlives_the_next_one(scene, agents, memory, tmp_path):
    fork = multiprocessing.get_context("fork")
    reader, writer = fork.Pipe(duplex=False)
    run = fork.Process(target=agents.deploy, args=(scene.requests(CAISSE), lambda _machine, task: writer.send(task)))
    run.start()
    while reader.recv() != "Write the machine's credentials":
        pass
    run.kill()
    run.join()
    reader.close()
    writer.close()

    [folder] = memory.glob(f"coffre-{run.pid}-*")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "inventory" / "hosts.json").exists()
    assert subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, check=True).stdout == b"tmpfs\n"
    assert not (tmp_path / "scratch").exists()

    [healed] = agents.deploy(scene.requests(CAISSE), lambda _machine, _task: None)
    assert (healed.ok, healed.message) == (True, "")
    assert list(memory.iterdir()) == []
    assert [line for line in _command_lines() if os.fsencode(folder) in line] == []
    left = scene.lab.machine_root(HOSTS[CAISSE]) / "dev" / "shm"
    assert list(left.iterdir()) == []


def _command_lines():
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield process.read_bytes()
        except OSError:
            continue
