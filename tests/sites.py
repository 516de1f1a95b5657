"""Nodes of sites on the test lab: a machine, and a worker here; and machines that only they reach."""

import io
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import Distribution, distribution
from pathlib import Path

from coffre_lab.lab import Lab
from packaging.requirements import Requirement

from tests.machines import inside

PROGRAMS = "/opt/ansible/bin"
"""Where a node has ansible-runner: in no folder of a login's PATH."""
_LIBRARY = "/opt/ansible/lib"
_PROGRAM = f"""#!/usr/bin/python3
import sys
sys.path.insert(0, '{_LIBRARY}')
from {{module}} import main
sys.exit(main())
"""
_MODULES = {"ansible-runner": "ansible_runner.__main__", "ansible-playbook": "ansible.cli.playbook"}
KEY = "/root/.ssh/id_ed25519"


def address_of(lab: Lab, host: str) -> str:
    return next(machine.address for machine in lab.status().machines if machine.host == host)


def on(lab: Lab, host: str, script: str, text: bytes | None = None) -> str:
    """Run a shell script on a machine as root, without a network, and return what it printed."""
    command = inside(lab, host, "sh", "-euc", script)
    done = subprocess.run(command, input=text, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, f"on {host}: {done.stderr.decode()}"
    return done.stdout.decode()


def make_node(lab: Lab, host: str) -> str:
    """Give a machine ansible-runner and ansible-core, as this computer has them, and a key; returns the public one."""
    on(lab, host, "mkdir -p /opt/ansible && tar -x -C /opt/ansible", _pack())
    return on(lab, host, f"ssh-keygen -q -t ed25519 -N '' -f {KEY} && cat {KEY}.pub").strip()


def hand_over(lab: Lab, host: str, public_key: str) -> None:
    """Have a machine let in nobody but the holder of a key: neither this computer nor another node."""
    only = "AuthorizedKeysFile .ssh/authorized_keys"
    put = f"umask 077; mkdir -p ~/.ssh; echo '{public_key}' >~/.ssh/authorized_keys"
    on(lab, host, f"export HOME=/root; {put}; echo '{only}' >/etc/ssh/sshd_config.d/alone.conf; systemctl restart ssh")


@contextmanager
def worker_here(folder: Path) -> Iterator[tuple[list[str], str]]:
    """Give the command of a worker on this computer, as a node behind a carrier of its own, and its public key."""
    key, socket = folder / "key", folder / "agent"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True, timeout=30)
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE)
    try:
        assert agent.stdout is not None
        agent.stdout.readline()
        own = {"SSH_AUTH_SOCK": str(socket), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
        add = ["ssh-add", "-q", key]
        subprocess.run(add, env=own, check=True, timeout=30)
        worker = ["env", *(f"{name}={value}" for name, value in own.items()), "ansible-runner", "worker"]
        yield worker, (folder / "key.pub").read_text(encoding="utf-8").strip()
    finally:
        agent.kill()
        agent.wait()
        agent.stdout.close()


def _pack() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for found in _closure(["ansible-core", "ansible-runner"]):
            for file in found.files or []:
                path = Path(str(found.locate_file(file)))
                if ".." not in file.parts and path.is_file() and "__pycache__" not in file.parts:
                    archive.add(path, f"lib/{file}")
        for name, module in _MODULES.items():
            member = tarfile.TarInfo(f"bin/{name}")
            content = _PROGRAM.format(module=module).encode()
            member.mode, member.size = 0o755, len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _closure(names: Sequence[str]) -> list[Distribution]:
    """Return packages with everything that they need."""
    found: dict[str, Distribution] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = distribution(name)
            needs = [Requirement(each) for each in found[name].requires or []]
            waiting += [each.name for each in needs if each.marker is None or each.marker.evaluate({"extra": ""})]
    return list(found.values())
