"""Sends files to a machine in one command: the stream with their content, and the sh text that places each. Pure.

The content is sent on standard input, so that no process list shows it; the machine only needs sh, tar and coreutils.
A file is written beside its place, with its owner and its mode, until its checksum is verified; then one rename moves
it there. The next run overwrites the remains of a killed one.
"""

import io
import shlex
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

DAMAGED = "what arrived is not what was sent"
ROOT_ID = 0
_NEW = ".new"


@dataclass(frozen=True)
class PlacedFile:
    """A file and its absolute path; ``mode`` are its permissions, ``sha256`` is checked after it has arrived."""

    path: str
    mode: int
    sha256: str
    content: bytes


@dataclass(frozen=True)
class Placement:
    """What a machine must have, all owned by root: folders with their modes, files, links with their targets."""

    folders: Mapping[str, int]
    files: Sequence[PlacedFile]
    links: Mapping[str, str]


def make_archive(placement: Placement) -> bytes:
    """Return the files as a tar archive for `make_command`; empty when there are none."""
    if not placement.files:
        return b""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for file in placement.files:
            member = tarfile.TarInfo(_beside(file).removeprefix("/"))
            member.mode, member.uid, member.gid, member.size = file.mode, ROOT_ID, ROOT_ID, len(file.content)
            archive.addfile(member, io.BytesIO(file.content))
    return stream.getvalue()


def make_command(placement: Placement) -> str:
    """Return the sh text to run as root with the archive on its standard input. It fails when one step fails."""
    lines = ["set -e"]
    for folder, mode in placement.folders.items():
        lines.append(f"install -d -o root -g root -m {mode:04o} -- {shlex.quote(folder)}")
    if placement.files:
        arriving = shlex.join(_beside(file) for file in placement.files)
        sums = shlex.join(f"{file.sha256}  {_beside(file)}" for file in placement.files)
        lines.append(f"clear_away() {{ rm -f -- {arriving}; }}; trap clear_away EXIT")
        lines.append("tar -x -p -f - -C /")
        lines.append(f"printf '%s\\n' {sums} | sha256sum -c >/dev/null 2>&1 || {{ echo '{DAMAGED}' >&2; exit 1; }}")
        lines += [f"mv -f -T -- {shlex.quote(_beside(file))} {shlex.quote(file.path)}" for file in placement.files]
    for link, target in placement.links.items():
        lines.append(f"ln -s -f -n -- {shlex.join([target, link])}")
    return "\n".join(lines)


def _beside(file: PlacedFile) -> str:
    return f"{file.path}{_NEW}"
