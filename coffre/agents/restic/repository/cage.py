"""The cage in which restic restores: it limits what restic can write and read on this computer."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coffre.agents.restic.repository import cage_entry
from coffre.errors import RefusedError

NO_CAGE = cage_entry.EXIT_CODE

_NAMES = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf")
_AUTHORITIES = (
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
)
"""The folders of the authorities that systems trust; they have no private keys."""


@dataclass(frozen=True)
class Cage:
    """The folders that restic may write in, and the other paths it may read; paths are the same inside and outside."""

    write: tuple[Path, ...] = ()
    read: tuple[Path, ...] = ()

    def around(self, program: Path, arguments: Sequence[str]) -> tuple[Path, list[str]]:
        """Return the program and the arguments that run a program in this cage; none of them may be secret."""
        wanted = {
            "write": [str(each) for each in self.write],
            "read": [*(str(each) for each in self.read), *_NAMES],
            "program": str(program),
            "parent": os.getpid(),
        }
        entry = [cage_entry.__file__, json.dumps(wanted), str(program)]
        return Path(sys.executable), ["-I", "-S", "-B", *entry, *arguments]


def authorities(ca_file: Path | None) -> tuple[Path, ...]:
    """Return the paths that must be readable to verify a server's certificate."""
    return (ca_file,) if ca_file else tuple(Path(each) for each in _AUTHORITIES)


def no_cage(said: str) -> RefusedError:
    """Return the refusal of a restore without a cage; ``said`` is the kernel's message."""
    return RefusedError(
        f"as root, Coffre restores only in a cage, and it cannot create one here: {said}",
        "A customer wrote the backup: its restore must not reach anything but the target. The cage needs "
        "CAP_SYS_ADMIN, mount namespaces and /proc: leave the container, or run Coffre as a user other than root. "
        "Nothing was restored.",
    )
