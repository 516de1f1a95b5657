"""The base system that all machines of all labs run over, read only: made once a recipe, in the tools cache."""

import hashlib
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from coffre.errors import ExpectedError
from coffre.lab import apt_sources, processes
from coffre.lab.state import hold_lock

BUILD_SECONDS = 900.0
PACKAGES = (
    "ca-certificates",
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
"""Where each machine finds its own host key and the lab's authorised key, mounted from the lab's directory."""

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
        """Return the tree, made first if need be; a tree under this name is always complete."""
        with hold_lock(self.cache / f"{self.directory.name}.lock", "the lab's base system", wait_seconds=BUILD_SECONDS):
            if not self.directory.exists():
                began = time.monotonic()
                on_progress(f"machines: making their base system ({self.codename}) with mmdebstrap, about 20 s, once")
                self._build()
                on_progress(f"machines: base system made in {time.monotonic() - began:.1f} s")
        return self.directory

    def _build(self) -> None:
        for leftover in self.cache.glob(f"{self.directory.name}.building-*"):
            remove_tree(leftover)
        tree = self.cache / f"{self.directory.name}.building-{os.getpid()}"
        scratch = tree.with_name(f"{tree.name}.scratch")
        scratch.mkdir()
        _bootstrap(tree, self.codename, scratch)
        _customise(tree)
        remove_tree(scratch)
        tree.rename(self.directory)


def open_base(cache: Path) -> Base:
    """Return the base for this machine's own distribution release, whose package sources are used."""
    codename = apt_sources.parse_codename(Path("/etc/os-release").read_text(encoding="utf-8"))
    if codename is None:
        raise ExpectedError("/etc/os-release names no release", "the lab needs Debian 12 or Ubuntu 24.04, or newer")
    return Base(cache, codename)


def remove_tree(directory: Path) -> None:
    """Remove a system's tree, never crossing into something mounted below it."""
    processes.run(["rm", "-rf", "--one-file-system", "--", str(directory)], timeout=120)


def _bootstrap(tree: Path, codename: str, scratch: Path) -> None:
    """Install the packages into ``tree`` from this machine's own sources, fetched as it fetches its own."""
    sources = apt_sources.select_sources(_read_sources(), codename)
    if not sources:
        raise ExpectedError(
            f"no package source of {codename} with component main is configured", "see /etc/apt/sources.list"
        )
    for name, text in sources.items():
        (scratch / name).write_text(text, encoding="utf-8")
    settings = scratch / "apt.conf"
    settings.write_text(
        apt_sources.select_settings(processes.run(["apt-config", "dump"], timeout=30))
        + 'Dir::Etc::netrc "/etc/apt/auth.conf";\nDir::Etc::netrcparts "/etc/apt/auth.conf.d/";\n',
        encoding="utf-8",
    )
    command = ["mmdebstrap", "--mode=root", "--format=directory", "--variant=minbase", "--dpkgopt=force-unsafe-io"]
    command += [f"--aptopt={settings}", f"--include={','.join(PACKAGES)}", codename, str(tree)]
    # Dies with us, and in name spaces of its own: whatever ends the build leaves no process and no mount behind.
    own = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    environment = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    environment["TMPDIR"] = str(scratch)
    processes.run(
        [*own, *command, *(str(scratch / name) for name in sources)], timeout=BUILD_SECONDS, environment=environment
    )


def _read_sources() -> dict[str, str]:
    directory = Path("/etc/apt")
    files = [directory / "sources.list", *sorted((directory / "sources.list.d").glob("*"))]
    return {
        file.name: file.read_text(encoding="utf-8", errors="replace")
        for file in files
        if file.suffix in (".list", ".sources") and file.is_file()
    }


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
    # How this machine fetches packages, and from where, is nobody's business in the lab's machines.
    for pattern in ("apt.conf.d/99mmdebstrap", "sources.list", "sources.list.d/*"):
        for file in (tree / "etc/apt").glob(pattern):
            file.unlink()
    (tree / "etc/hostname").unlink(missing_ok=True)
    processes.run(["systemctl", f"--root={tree}", "mask", *MASKED_UNITS], timeout=30)
