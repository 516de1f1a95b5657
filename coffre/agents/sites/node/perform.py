"""Runs on a site's node, below ansible-runner: Ansible as it runs at home, its events as lines of the job's output.

Like everything in this folder it travels with each job and uses nothing but the standard library and what travels.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from coffre.agents.ansible.process import play
from coffre.agents.reach import bounded_ssh
from coffre.agents.sites.node.keeping import KEPT_FOLDER, exchange
from coffre.agents.sites.node.telling import Problem, Told, tell
from coffre.outside.environment import LOCALE
from coffre.outside.processes import DeadlinePassedError
from coffre.workspace.private_folder import end_processes, sweep

JOB = "job.json"
ANSIBLE = "ansible-playbook"
VERSION_SECONDS = 60
_PRIVATE = 0o600
_PROGRAM = 0o700


class _GoneError(Exception):
    """The runner that started this process has ended."""


def main(folder: str) -> None:
    """Perform the job in ansible-runner's private folder; remove the folder when the runner is gone."""
    # The parent's death, by setpriv.
    signal.signal(signal.SIGTERM, _leave)
    try:
        _perform(Path(folder))
    except _GoneError:
        _clear_away(Path(folder))
        sys.exit(1)
    except OSError:
        # The runner's terminal is gone, or the disk is full.
        _clear_away(Path(folder))
        raise


def _clear_away(folder: Path) -> None:
    end_processes(folder)
    shutil.rmtree(folder, ignore_errors=True)
    # The folder of what supervised the runner, when it is gone too.
    sweep(folder.parent.parent)


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise _GoneError


def _perform(folder: Path) -> None:
    text = (folder / JOB).read_text(encoding="utf-8")
    mark = json.loads(text)["mark"]
    job = json.loads(text.replace(mark, json.dumps(str(folder))[1:-1]))
    (folder / JOB).unlink()
    program = shutil.which(ANSIBLE)
    if program is None:
        tell(Told.PROBLEM, problem=Problem.NO_ANSIBLE, detail=os.environ.get("PATH", ""))
        return
    kept = {name: value for name, value in os.environ.items() if not name.startswith(tuple(job["without"]))}
    # Ansible wants UTF-8, whatever the login's language.
    environment = {**kept, **job["environment"], "LC_ALL": LOCALE}
    version = _read_version(program, environment)
    if not f"{version}.".startswith(f"{job['ansible_core']}."):
        tell(Told.PROBLEM, problem=Problem.OTHER_ANSIBLE, detail=version)
        return
    if os.environ.get(KEPT_FOLDER):
        exchange(Path(os.environ[KEPT_FOLDER]), folder, job["programs"])
    inventory = _prepare(folder, job)
    arguments = [program, *job["options"], "-i", inventory, folder / job["playbook"]]
    deadline = job["deadline_seconds"]
    try:
        ended = play(arguments, environment, folder, deadline, _pass_on)
    except DeadlinePassedError as late:
        tell(Told.ENDED, exit_code=-signal.SIGKILL, output=late.message)
    else:
        tell(Told.ENDED, exit_code=ended.exit_code, output=ended.output)


def _pass_on(event: Any) -> None:
    tell(event["event"], **event["event_data"])


def _read_version(program: str, environment: Mapping[str, str]) -> str:
    """Return ansible-core's version, from a first line like `ansible-playbook [core 2.19.3]`; empty without one."""
    command = [program, "--version"]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=VERSION_SECONDS, check=False)
    first = done.stdout.decode("utf-8", "replace").partition("\n")[0]
    return first.partition("[core ")[2].partition("]")[0].strip()


def _prepare(folder: Path, job: dict[str, Any]) -> Path:
    """Write Ansible's input files, private to this user, and our own OpenSSH client."""
    _write(folder / "ansible.cfg", job["settings"], _PRIVATE)
    inventory = folder / "inventory" / "hosts.json"
    inventory.parent.mkdir(mode=0o700, exist_ok=True)
    _write(inventory, json.dumps(job["inventory"]), _PRIVATE)
    programs = folder / "ssh"
    programs.mkdir(mode=0o700)
    client = Path(bounded_ssh.__file__).read_text(encoding="utf-8")
    for name in bounded_ssh.NAMES:
        _write(programs / name, f"#!{sys.executable} -IS\n{client}", _PROGRAM)
    return inventory


def _write(path: Path, text: str, mode: int) -> None:
    path.touch(mode=mode)
    path.write_text(text, encoding="utf-8")
