"""Paths of plans against the systems of the machines that use them."""

import re
from collections.abc import Iterator
from typing import Any

from coffre.spec.fields import VALUE
from coffre.spec.lookup import Data, blocks, find_repeated, is_retired
from coffre.spec.plan import OperatingSystem
from coffre.spec.problems import Finding, Loc

_SYSTEMS = [system.value for system in OperatingSystem]
_ARGUMENT_BYTES = 24
"""What stands around each in a command line: the option's name, quotes, and the pointer to it."""
# Linux takes 2 MiB, macOS 1 MiB, both with the environment, and orders hold no more; Windows takes 32,767 characters.
_COMMAND_LINE_BYTES = {
    OperatingSystem.LINUX: 200_000,
    OperatingSystem.MACOS: 200_000,
    OperatingSystem.WINDOWS: 30_000,
}
_BY_SYSTEM = "write the paths by system: {linux: [/home], windows: ['C:\\Users']}"


def check_paths(data: Data) -> list[Finding]:
    """Return the paths that are not absolute where they are used, and the systems that a plan forgets."""
    findings: list[Finding] = []
    users = _users_by_plan(data)
    for name, plan in blocks(data, "plans").items():
        loc: Loc = ("plans", name, "paths")
        paths = plan.get("paths")
        if isinstance(paths, list):
            findings += _check_list(loc, paths, users.get(name, {}))
        elif isinstance(paths, dict):
            findings += _check_by_system(loc, paths, users.get(name, {}))
        findings += _check_amount(("plans", name), plan, users.get(name, {}))
    return findings


def _check_amount(loc: Loc, plan: Data, users: dict[str, str]) -> Iterator[Finding]:
    """Check that a system can take all paths and patterns in one command line, as restic gets them."""
    paths, excludes = plan.get("paths"), plan.get("exclude")
    for system in users or (OperatingSystem.LINUX.value,):
        listed = paths.get(system) if isinstance(paths, dict) else paths
        entries = [*(listed if isinstance(listed, list) else []), *(excludes if isinstance(excludes, list) else [])]
        size = sum(
            len(entry.encode(errors="surrogatepass")) + _ARGUMENT_BYTES for entry in entries if isinstance(entry, str)
        )
        limit = _COMMAND_LINE_BYTES[OperatingSystem(system)]
        if size > limit:
            message = f"{len(entries)} paths and patterns come to {size} bytes, {limit} are what {system} takes"
            at = "exclude" if isinstance(excludes, list) and excludes else "paths"
            yield Finding((*loc, at), message, "leave out whole folders instead of the files in them", at_key=True)
            return


def path_flaw(path: str, system: str) -> tuple[str, str] | None:
    """Say why ``path`` is not an absolute path of a system, and what to write; None when it is one."""
    windows = system == OperatingSystem.WINDOWS
    absolute = re.match(r"[A-Za-z]:[\\/]", path) if windows else path.startswith("/")
    if not absolute:
        example = r"write it like 'C:\Users'" if windows else "write it from the root, like /home"
        return f"is not an absolute path on {system}", example
    if ".." in re.split(r"[\\/]" if windows else "/", path):
        return "climbs up with ..", "write the path that it leads to"
    return None


def _users_by_plan(data: Data) -> dict[str, dict[str, str]]:
    """Return, by plan, the systems of the machines that use it, each with the first machine that has it."""
    plans: dict[str, dict[str, str]] = {}
    for name, machine in blocks(data, "machines").items():
        system = machine.get("os")
        if isinstance(system, str) and system in _SYSTEMS and not is_retired(machine):
            plans.setdefault(str(machine.get("plan")), {}).setdefault(system, name)
    return plans


def _check_list(loc: Loc, paths: list[Any], users: dict[str, str]) -> Iterator[Finding]:
    yield from find_repeated(loc, paths)
    for place, path in enumerate(paths):
        if isinstance(path, str) and path.strip():
            yield from _check_shared((*loc, place), path, users)


def _check_shared(loc: Loc, path: str, users: dict[str, str]) -> Iterator[Finding]:
    """Check a path of the list that is meant for every system: the systems in use, or any when nobody uses it yet."""
    flaws = [(system, flaw) for system in users or _SYSTEMS if (flaw := path_flaw(path, system))]
    if users and flaws:
        system, (message, hint) = flaws[0]
        yield Finding(loc, f"{VALUE} {message} ({users[system]})", hint if len(users) == 1 else _BY_SYSTEM)
    elif len(flaws) == len(_SYSTEMS):
        yield Finding(loc, f"{VALUE} is not an absolute path", "write it from the root, like /home")


def _check_by_system(loc: Loc, paths: dict[str, Any], users: dict[str, str]) -> Iterator[Finding]:
    for system, entries in paths.items():
        if system not in _SYSTEMS or not isinstance(entries, list):
            continue
        yield from find_repeated((*loc, system), entries)
        for place, path in enumerate(entries):
            flaw = path_flaw(path, system) if isinstance(path, str) and path.strip() else None
            if flaw:
                yield Finding((*loc, system, place), f"{VALUE} {flaw[0]}", flaw[1])
    for system, machine in users.items():
        if system not in paths:
            yield Finding(loc, f"no paths for {system}, the system of {machine}", f"add {system}: […]", at_key=True)
