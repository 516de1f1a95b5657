"""The read-only base system of all machines of all labs: made once per recipe, in the tools cache."""

import hashlib
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from coffre_lab import processes
from coffre_lab.ceph.bootstrap import install, own_codename
from coffre_lab.ceph.trees import ensure_tree

PACKAGES = (
    "ca-certificates",
    "curl",
    "dbus",
    "iproute2",
    "libnss-myhostname",
    "openssh-server",
    "python3",
    "sudo",
    "systemd",
    "systemd-sysv",
    "tcsh",
    "tzdata",
    "zsh",
)
SUDO_USER = "operateur"
"""An ordinary user with sudo, for connections that become root."""

SSH_DIRECTORY = "etc/ssh/lab"
"""The folder of each machine's host key and the lab's authorised key, mounted from the lab's directory."""

FILES = {
    "etc/ssh/sshd_config.d/lab.conf": (
        "HostKey /etc/ssh/lab/ssh_host_ed25519_key\n"
        "AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/lab/authorized_keys\n"
        "PasswordAuthentication no\n"
        "UseDNS no\n"
    ),
    f"etc/sudoers.d/{SUDO_USER}": f"{SUDO_USER} ALL=(ALL:ALL) NOPASSWD: ALL\n",
    "etc/machine-id": "",
    "etc/resolv.conf": "",
}
MASKED_UNITS = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "console-getty.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty.target",
    "systemd-networkd.service",
    "systemd-resolved.service",
)


@dataclass(frozen=True)
class Base:
    """The base system for one distribution release and architecture, kept under ``cache``."""

    cache: Path
    codename: str

    @property
    def directory(self) -> Path:
        """The finished tree; another recipe has another name."""
        recipe = repr((self.codename, platform.machine(), PACKAGES, sorted(FILES.items()), MASKED_UNITS, SUDO_USER))
        return self.cache / f"base-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"

    def ensure(self, on_progress: Callable[[str], None]) -> Path:
        """Return the tree, and make it if it is missing; a tree with this name is always complete."""
        ensure_tree(self.directory, "the lab's base system", partial(self._build, on_progress=on_progress))
        return self.directory

    def _build(self, tree: Path, scratch: Path, on_progress: Callable[[str], None]) -> None:
        began = time.monotonic()
        on_progress(f"machines: making their base system ({self.codename}) with mmdebstrap, about 20 s, once")
        install(tree, self.codename, PACKAGES, scratch)
        _customise(tree)
        on_progress(f"machines: base system made in {time.monotonic() - began:.1f} s")


def open_base(cache: Path) -> Base:
    """Return the base for this machine's own distribution release, whose package sources are used."""
    return Base(cache, own_codename())


def _customise(tree: Path) -> None:
    """Make the tree a machine of the lab: the sudo user, SSH by the lab's keys, nothing that runs by itself."""
    processes.run(["chroot", str(tree), "useradd", "--create-home", "--shell", "/bin/bash", SUDO_USER], timeout=30)
    for name, text in FILES.items():
        file = tree / name
        file.unlink(missing_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o440 if "sudoers" in name else 0o644)
    (tree / SSH_DIRECTORY).mkdir()
    for key in (tree / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    # The lab's machines must not contain this machine's package sources and settings.
    for pattern in ("apt.conf.d/99mmdebstrap", "sources.list", "sources.list.d/*"):
        for file in (tree / "etc/apt").glob(pattern):
            file.unlink()
    (tree / "etc/hostname").unlink(missing_ok=True)
    processes.run(["systemctl", f"--root={tree}", "mask", *MASKED_UNITS], timeout=30)
