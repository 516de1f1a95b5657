"""Chooses this machine's package sources for the base system of the lab's machines. Pure."""

import re
from collections.abc import Mapping

_ONE_LINE = re.compile(r"^deb\s+(?:\[[^\]]*\]\s+)?\S+\s+(?P<suite>\S+)\s+(?P<components>.+)$")
_POCKETS = ("", "-updates", "-security")


def select_sources(files: Mapping[str, str], suite: str, beside: str = "") -> dict[str, str]:
    """Return the sources of a suite of the distribution itself, by file name, from those of this machine.

    Where none names the suite, those of the one ``beside`` serve, renamed: a mirror has all suites of its distribution.
    Sources of other makers, which may use the suites' names too, have no component ``main``.
    """
    found = _select(files, suite)
    if found or not beside:
        return found
    name_of_suite = re.compile(rf"(?<!\S){re.escape(beside)}(?=[\s-]|$)")
    return {name: name_of_suite.sub(suite, text) for name, text in _select(files, beside).items()}


def _select(files: Mapping[str, str], suite: str) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for name, text in files.items():
        kept = _select_stanzas(text, suite) if name.endswith(".sources") else _select_lines(text, suite)
        if kept:
            chosen[name] = kept
    return chosen


def _is_distribution(suites: list[str], components: list[str], codename: str) -> bool:
    return "main" in components and any(codename + pocket in suites for pocket in _POCKETS)


def _select_lines(text: str, codename: str) -> str:
    kept = []
    for line in text.splitlines():
        match = _ONE_LINE.match(line.partition("#")[0].strip())
        if match and _is_distribution([match["suite"]], match["components"].split(), codename):
            kept.append(line.strip())
    return "".join(f"{line}\n" for line in kept)


def _select_stanzas(text: str, codename: str) -> str:
    kept = []
    for stanza in re.split(r"\n\s*\n", text):
        fields = _parse_stanza(stanza)
        is_enabled = fields.get("enabled", "yes").lower() not in ("no", "false", "off", "0", "without", "disable")
        is_binary = "deb" in fields.get("types", "").split()
        suites, components = fields.get("suites", "").split(), fields.get("components", "").split()
        if is_enabled and is_binary and _is_distribution(suites, components, codename):
            kept.append("\n".join(line for line in stanza.strip().splitlines() if not line.startswith("#")))
    return "\n\n".join(kept) + "\n" if kept else ""


def _parse_stanza(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    last = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace():
            fields[last] = f"{fields.get(last, '')} {line.strip()}"
        elif ":" in line:
            name, _, value = line.partition(":")
            last = name.strip().lower()
            fields[last] = value.strip()
    return fields


def select_settings(dump: str) -> str:
    """Return how this machine fetches packages (proxy, certificates, date checks), from ``apt-config dump``."""
    kept = []
    for line in dump.splitlines():
        name, _, value = line.partition(" ")
        is_about_fetching = name.startswith("Acquire::") and not name.startswith("Acquire::IndexTargets")
        if is_about_fetching and value not in ('"";', ""):
            kept.append(line)
    return "".join(f"{line}\n" for line in kept)


def parse_codename(os_release: str) -> str | None:
    """Return VERSION_CODENAME from the text of ``/etc/os-release``."""
    return _find_field(os_release, "VERSION_CODENAME")


def is_debian(os_release: str) -> bool:
    """Tell from the text of ``/etc/os-release`` whether this is Debian itself, and not made from it."""
    return _find_field(os_release, "ID") == "debian"


def _find_field(os_release: str, name: str) -> str | None:
    match = re.search(rf'^{name}="?([a-z]+)"?$', os_release, re.MULTILINE)
    return match[1] if match else None
