"""SSH for the lab's machines: keys, and the files that ssh reads to reach them. Pure texts and one key maker."""

from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coffre_lab.state import write_file


def ensure_key(file: Path, comment: str) -> str:
    """Make an ed25519 key once (``file`` and ``file.pub``) and return its public line."""
    public_file = file.with_name(f"{file.name}.pub")
    if not (file.exists() and public_file.exists()):
        file.parent.mkdir(parents=True, exist_ok=True)
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        write_file(public_file, f"{public.decode()} {comment}\n")
        write_file(file, private.decode(), 0o600)
    return public_file.read_text(encoding="utf-8").strip()


def render_known_hosts(public_lines: Mapping[str, str], addresses: Mapping[str, str]) -> str:
    """Return the known hosts file: each machine by its name and by its address."""
    lines = []
    for host, public in sorted(public_lines.items()):
        kind, key, *_ = public.split()
        lines.append(f"{host},{addresses[host]} {kind} {key}\n")
    return "".join(lines)


def render_config(addresses: Mapping[str, str], identity: Path, known_hosts: Path) -> str:
    """Return an ``ssh_config`` through which the machines' names of the tenant files lead to the lab.

    No cable leaves this computer: the first choice of older clients, made to withstand quantum computers, takes most of
    a connection's time (0.14 s of CPU in place of 0.06 s, measured with OpenSSH 9.2).
    """
    blocks = [
        f"Host {host}\n"
        f"  HostName {address}\n"
        "  User root\n"
        f'  IdentityFile "{identity}"\n'
        "  IdentitiesOnly yes\n"
        "  KexAlgorithms ^curve25519-sha256\n"
        f'  GlobalKnownHostsFile "{known_hosts}"\n'
        for host, address in sorted(addresses.items())
    ]
    return "# Written by coffre lab up.\n" + "\n".join(blocks)
