"""Checks the paths of plans against the systems of the machines that use them."""

import re
from collections.abc import Iterator
from typing import Any

from coffre.spec.parsing.lookup import Data, blocks, find_repeated, is_retired
from coffre.spec.plan import OperatingSystem
from coffre.spec.problems.problems import FileProblem, Loc
from coffre.spec.rules.patterns import check_patterns
from coffre.spec.values.fields import VALUE
from coffre.spec.values.unexpanded import find_in_path

_SYSTEMS = [system.value for system in OperatingSystem]
_ARGUMENT_BYTES = 24
"""The overhead of each one in a command line: the option's name, quotes, and the pointer to it."""
# Linux accepts 2 MiB, macOS 1 MiB, both with the environment, and orders no more; Windows accepts 32,767 characters.
_COMMAND_LINE_BYTES = {
    OperatingSystem.LINUX: 200_000,
    OperatingSystem.MACOS: 200_000,
    OperatingSystem.WINDOWS: 30_000,
}
_WILDCARD = re.compile(r"[*?]|\{[^{}]*,[^{}]*\}")
_NO_VARIABLES = ("write the path that it means, like /home/claire", r"write the path itself, like 'C:\Users'")
_BY_SYSTEM = "write the paths by system: {linux: [/home], windows: ['C:\\Users']}"


def check_paths(data: Data) -> list[FileProblem]:
    """Return the paths that are not absolute where they are used, and the systems without paths."""
    findings: list[FileProblem] = []
    users = _users_by_plan(data)
    for name, plan in blocks(data, "plans").items():
        loc: Loc = ("plans", name, "paths")
        paths = plan.get("paths")
        if isinstance(paths, list):
            findings += _check_list(loc, paths, users.get(name, {}))
        elif isinstance(paths, dict):
            findings += _check_by_system(loc, paths, users.get(name, {}))
        findings += _check_amount(("plans", name), plan, users.get(name, {}))
        findings += check_patterns(("plans", name), plan, _paths_by_system(paths, users.get(name, {})))
    return findings


def _paths_by_system(paths: Any, users: dict[str, str]) -> dict[OperatingSystem, list[str]]:
    """Return the usable paths on each system that uses a plan; for an unused plan, on each system that it names."""
    found = {}
    for system in users or _SYSTEMS:
        listed = paths.get(system) if isinstance(paths, dict) else paths
        texts = [path for path in listed if isinstance(path, str)] if isinstance(listed, list) else []
        usable = [path for path in texts if path_flaw(path, system) is None]
        if users or usable:
            found[OperatingSystem(system)] = usable
    return found or {OperatingSystem.LINUX: []}


def _check_amount(loc: Loc, plan: Data, users: dict[str, str]) -> Iterator[FileProblem]:
    """Check that all paths and patterns fit in one command line of the system, as restic gets them."""
    paths, excludes = plan.get("paths"), plan.get("exclude")
    for system in users or (OperatingSystem.LINUX.value,):
        listed = paths.get(system) if isinstance(paths, dict) else paths
        entries = [*(listed if isinstance(listed, list) else []), *(excludes if isinstance(excludes, list) else [])]
        size = sum(
            len(entry.encode(errors="surrogatepass")) + _ARGUMENT_BYTES for entry in entries if isinstance(entry, str)
        )
        limit = _COMMAND_LINE_BYTES[OperatingSystem(system)]
        if size > limit:
            message = f"{len(entries)} paths and patterns need {size} bytes, {system} accepts {limit}"
            at = "exclude" if isinstance(excludes, list) and excludes else "paths"
            yield FileProblem((*loc, at), message, "exclude whole folders instead of the files in them", at_key=True)
            return


def path_flaw(path: str, system: str) -> tuple[str, str] | None:
    """Describe why ``path`` is not an absolute path of a system, and what to write; None when it is one."""
    windows = system == OperatingSystem.WINDOWS
    parts = re.split(r"[\\/]" if windows else "/", path)
    variable = find_in_path(path)
    if variable:
        return f"has {variable}, but variables in a path are not replaced", _NO_VARIABLES[windows]
    absolute = re.match(r"[A-Za-z]:[\\/]", path) if windows else path.startswith("/")
    if not absolute:
        example = r"write it like 'C:\Users'" if windows else "write it from the root, like /home"
        return f"is not an absolute path on {system}", example
    if ".." in parts:
        return "contains ..", "write the path that it leads to"
    wildcard = _WILDCARD.search(path)
    if wildcard:
        return f"has {wildcard[0]}, but paths have no wildcards", "write the folder above, and exclude the rest of it"
    forbidden = re.search(r'[<>|":]', path[2:]) if windows else None
    if forbidden:
        return f"has {forbidden[0]}, which windows does not allow in names", "write the path as the machine shows it"
    if not windows and _is_made_by_kernel(parts):
        return "has only files that the kernel generates", "remove it: a backup of / excludes it anyway"
    return None


def _is_made_by_kernel(parts: list[str]) -> bool:
    named = [part for part in parts if part not in ("", ".")]
    return named[:1] in (["proc"], ["sys"]) or (named[:1] == ["dev"] and named[1:2] != ["shm"])


def _users_by_plan(data: Data) -> dict[str, dict[str, str]]:
    """Return, by plan, the systems of the machines that use it, each with the first machine that has it."""
    plans: dict[str, dict[str, str]] = {}
    for name, machine in blocks(data, "machines").items():
        system = machine.get("os")
        if isinstance(system, str) and system in _SYSTEMS and not is_retired(machine):
            plans.setdefault(str(machine.get("plan")), {}).setdefault(system, name)
    return plans


def _check_list(loc: Loc, paths: list[Any], users: dict[str, str]) -> Iterator[FileProblem]:
    yield from find_repeated(loc, paths)
    for place, path in enumerate(paths):
        if isinstance(path, str) and path.strip():
            yield from _check_shared((*loc, place), path, users)


def _check_shared(loc: Loc, path: str, users: dict[str, str]) -> Iterator[FileProblem]:
    """Check a path of a list for all systems: on the systems in use, or on any when the plan is not used yet."""
    flaws = [(system, flaw) for system in users or _SYSTEMS if (flaw := path_flaw(path, system))]
    if users and flaws:
        system, (message, hint) = flaws[0]
        yield FileProblem(loc, f"{VALUE} {message} ({users[system]})", hint if len(users) == 1 else _BY_SYSTEM)
    elif len(flaws) == len(_SYSTEMS):
        # The plan is not used yet: the problem on the system that the path fits best is the most useful one.
        message, hint = flaws[_SYSTEMS.index(_system_of(path))][1]
        yield FileProblem(loc, f"{VALUE} {message}", hint)


def _system_of(path: str) -> str:
    return OperatingSystem.WINDOWS if re.match(r"[A-Za-z]:|[%\\]", path) else OperatingSystem.LINUX


def _check_by_system(loc: Loc, paths: dict[str, Any], users: dict[str, str]) -> Iterator[FileProblem]:
    for system, entries in paths.items():
        if system not in _SYSTEMS or not isinstance(entries, list):
            continue
        yield from find_repeated((*loc, system), entries)
        for place, path in enumerate(entries):
            flaw = path_flaw(path, system) if isinstance(path, str) and path.strip() else None
            if flaw:
                yield FileProblem((*loc, system, place), f"{VALUE} {flaw[0]}", flaw[1])
    for system, machine in users.items():
        if system not in paths:
            yield FileProblem(loc, f"no paths for {system}, the system of {machine}", f"add {system}: […]", at_key=True)
