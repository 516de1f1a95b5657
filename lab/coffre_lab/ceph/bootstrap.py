"""Builds systems in a folder, from packages of this machine's own package sources."""

import os
from collections.abc import Sequence
from pathlib import Path

from coffre.errors import ExpectedError
from coffre_lab import processes
from coffre_lab.machines import apt_sources

BUILD_SECONDS = 900.0


def own_codename() -> str:
    """Return the name of this machine's distribution release, as its package sources have it."""
    codename = apt_sources.parse_codename(_read_os_release())
    if codename is None:
        raise ExpectedError("/etc/os-release names no release", "the lab needs Debian 12 or Ubuntu 24.04, or newer")
    return codename


def install(tree: Path, suite: str, packages: Sequence[str], scratch: Path) -> None:
    """Install packages of a suite, and what they need, into the new folder ``tree``; ``scratch`` is for its files.

    ExpectedError when no package source of this machine has the suite.
    """
    beside = own_codename() if apt_sources.is_debian(_read_os_release()) else ""
    sources = apt_sources.select_sources(_read_sources(), suite, beside)
    if not sources:
        raise ExpectedError(
            f"no package source of {suite} with component main is configured",
            f"Have one in /etc/apt/sources.list.d, a Debian mirror's for {suite}, signed by Debian's archive key.",
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
    command += [f"--aptopt={settings}", f"--include={','.join(packages)}", suite, str(tree)]
    # It ends with this process, in its own name spaces: after any end, the build leaves no process and no mount behind.
    own = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    environment = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    environment["TMPDIR"] = str(scratch)
    processes.run(
        [*own, *command, *(str(scratch / name) for name in sources)], timeout=BUILD_SECONDS, environment=environment
    )


def remove_tree(directory: Path) -> None:
    """Remove a system's tree, never crossing into something mounted below it."""
    processes.run(["rm", "-rf", "--one-file-system", "--", str(directory)], timeout=120)


def _read_os_release() -> str:
    return Path("/etc/os-release").read_text(encoding="utf-8")


def _read_sources() -> dict[str, str]:
    directory = Path("/etc/apt")
    files = [directory / "sources.list", *sorted((directory / "sources.list.d").glob("*"))]
    return {
        file.name: file.read_text(encoding="utf-8", errors="replace")
        for file in files
        if file.suffix in (".list", ".sources") and file.is_file()
    }
