"""A deployment killed in its middle: its secrets were never on a disk, and the next one cleans up and heals."""

import multiprocessing
import os
import subprocess
from pathlib import Path

from coffre.agents.private_folder import MEMORY
from tests.integration.agents.scene import COMPTA, HOSTS


def test_nothing_of_a_killed_deployment_outlives_the_next_one(scene, agents, tmp_path):
    fork = multiprocessing.get_context("fork")
    reader, writer = fork.Pipe(duplex=False)
    run = fork.Process(target=agents.deploy, args=(scene.requests(COMPTA), lambda _machine, task: writer.send(task)))
    run.start()
    while reader.recv() != "Write the machine's credentials":
        pass
    run.kill()
    run.join()
    reader.close()
    writer.close()

    [folder] = MEMORY.glob(f"coffre-{run.pid}-*")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "inventory" / "hosts.json").exists()
    assert subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, check=True).stdout == b"tmpfs\n"
    assert not (tmp_path / "scratch").exists()

    [healed] = agents.deploy(scene.requests(COMPTA), lambda _machine, _task: None)
    assert (healed.ok, healed.message) == (True, "")
    assert list(MEMORY.glob("coffre-*")) == []
    assert [line for line in _command_lines() if os.fsencode(folder) in line] == []
    left = scene.lab.machine_root(HOSTS[COMPTA]) / "dev" / "shm"
    assert list(left.iterdir()) == []
    agents.remove(scene.removals(COMPTA), lambda _machine, _task: None)


def _command_lines():
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield process.read_bytes()
        except OSError:
            continue
