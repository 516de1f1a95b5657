"""Packs a run of Ansible for the node of a site, as ansible-runner's private folder: what travels, and its place there.

The private folder on the node has a name that only the node knows: everything here names it by a mark.
"""

import io
import json
import os
import secrets
import shutil
import zipfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from coffre import toolchain
from coffre.agents.ansible.connection import Inventory, list_hosts
from coffre.agents.ansible.runner import (
    DEADLINE_SECONDS,
    LOOK_SECONDS,
    MAX_FORKS,
    NOT_FOR_ANSIBLE,
    SETTINGS,
    ansible_settings,
)
from coffre.agents.driver import Target

MODULES = (
    "errors.py",
    "outside/environment.py",
    "outside/faults.py",
    "outside/processes.py",
    "outside/structured.py",
    "outside/text.py",
    "agents/ansible/process.py",
    "agents/reach/bounded_ssh.py",
    "agents/reach/framing.py",
    "agents/reach/placing.py",
    "agents/reach/ssh_errors.py",
    "agents/sites/node/keeping.py",
    "agents/sites/node/perform.py",
    "agents/sites/node/supervise.py",
    "agents/sites/node/telling.py",
    "workspace/private_folder.py",
)
"""The code that travels: it imports the standard library and each other, so that a node needs no Coffre of its own."""
_PACKAGES = (
    "",
    "outside",
    "agents",
    "agents/ansible",
    "agents/reach",
    "agents/sites",
    "agents/sites/node",
    "workspace",
)
_LAUNCH = "agents/sites/node/launch.py"
_FILES = "files"
_PLAYBOOKS = Path("project", "playbooks")


class Luggage:
    """The files of this computer that travel with a job; ``is_for_look`` when the job changes nothing."""

    def __init__(self, *, is_for_look: bool = False) -> None:
        self.is_for_look = is_for_look
        self.mark = Path(f"/coffre-{secrets.token_hex(16)}")
        """The private folder on the node, in texts that travel."""
        self.files: dict[Path, Path] = {}
        """Files here, by their place below the private folder."""
        self.programs: dict[Path, str] = {}
        """The SHA-256 of those that a node may keep for the next job, by the same place."""

    def take(self, file: Path, name: str) -> Path:
        """Take a file along, and return its path on the node."""
        self.files[Path(_FILES, name)] = file
        return self.place(name)

    def take_program(self, file: Path, name: str, sha256: str) -> Path:
        """Take a program along, which is no secret and travels to a node once."""
        self.programs[Path(_FILES, name)] = sha256
        return self.take(file, name)

    def place(self, name: str) -> Path:
        """Return the path on the node of a file that is not taken along."""
        return self.mark / _FILES / name

    def take_target(self, target: Target) -> Target:
        """Return a machine as its node connects to it: with the recorded keys, and the node's own ssh_config."""
        known_hosts = self.take(target.known_hosts, f"{target.slug}.known_hosts")
        authorities = self.take(target.authorities, f"{target.slug}.pem") if target.authorities is not None else None
        return replace(target, known_hosts=known_hosts, authorities=authorities, ssh_config=None)


@dataclass(frozen=True)
class Job:
    """A run of one of the bundled playbooks; ``only_looks`` as for `run_playbook`."""

    playbook: str
    inventory: Inventory
    luggage: Luggage
    only_looks: bool = False

    @property
    def hosts(self) -> list[str]:
        """The names of its machines in the inventory."""
        return list_hosts(self.inventory)

    def write(self, folder: Path, kept: Collection[str] = ()) -> None:
        """Write ansible-runner's private folder, without the programs that the node has kept. It has secrets."""
        project = folder / "project"
        shutil.copytree(
            toolchain.bundled("playbooks"), folder / _PLAYBOOKS, ignore=shutil.ignore_patterns("__pycache__")
        )
        for name, content in _list_modules():
            _write(project / "lib" / name, content)
        _write(project / "launch.py", (toolchain.PACKAGE / _LAUNCH).read_bytes())
        for place, file in self.luggage.files.items():
            # Hosts whose keys nobody recorded have no such file.
            if file.is_file() and self.luggage.programs.get(place) not in kept:
                (folder / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, folder / place)
        # The runner's death ends the program, which then removes what was sent.
        _write(folder / "args", b"setpriv --pdeathsig=TERM python3 -IS launch.py")
        settings = {"suppress_output_file": True, "pexpect_timeout": 1, "job_timeout": DEADLINE_SECONDS}
        _write(folder / "env" / "settings", json.dumps(settings).encode())
        _write(folder / "job.json", json.dumps(self._describe()).encode())

    def _describe(self) -> dict[str, object]:
        mark = self.luggage.mark
        forks = max(1, min(MAX_FORKS, len(self.hosts)))
        environment = ansible_settings(mark, mark / _PLAYBOOKS, forks) | {"PYTHONPATH": str(mark / "project" / "lib")}
        if self.only_looks:
            environment["ANSIBLE_TASK_TIMEOUT"] = str(LOOK_SECONDS)
        return {
            "mark": str(mark),
            "programs": {str(place): sha256 for place, sha256 in self.luggage.programs.items()},
            "playbook": str(_PLAYBOOKS / self.playbook),
            "options": ["--check"] if self.only_looks else [],
            "inventory": self.inventory,
            "environment": environment,
            "without": NOT_FOR_ANSIBLE,
            "settings": SETTINGS,
            "ansible_core": wanted_ansible(),
            "deadline_seconds": DEADLINE_SECONDS,
        }


def wanted_ansible() -> str:
    """Return the version of ansible-core that a node must have, like 2.19: that of this computer."""
    return ".".join(version("ansible-core").split(".")[:2])


def pack_code() -> bytes:
    """Return the code for a node as a zip file, from which Python imports it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _list_modules():
            archive.writestr(name, content)
    return packed.getvalue()


def _list_modules() -> Sequence[tuple[str, bytes]]:
    packages = [(os.path.join("coffre", name, "__init__.py"), b"") for name in _PACKAGES]  # noqa: PTH118
    return [*packages, *((f"coffre/{name}", (toolchain.PACKAGE / name).read_bytes()) for name in MODULES)]


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
