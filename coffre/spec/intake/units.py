"""Units of systemd for the commands that go on all the time on SMILÉO's computer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from coffre import toolchain
from coffre.errors import UsageError

_SPECIAL = frozenset("\"'\\$;")
"""systemd refuses a program whose path has one of these."""


@dataclass(frozen=True)
class Service:
    """A command that goes on: its arguments, what it does, and how long it may take to stop."""

    arguments: Sequence[str]
    description: str
    stop_seconds: int


SERVICES: Mapping[str, Service] = {
    "supervise": Service(("supervise", "--every", "5m"), "supervision of all tenants", 180),
    "exporter": Service(("exporter",), "metrics for Prometheus", 30),
    "probe": Service(("probe", "--every", "1m"), "probes of the storage platforms", 90),
}


def render_unit(name: str, program: Path, root: Path, user: str) -> str:
    """Return the unit of a service: ``program`` is run for the repository in ``root`` by ``user``, from the start on.

    UsageError for a service that does not exist, and for a path with a character that a unit cannot hold.
    """
    service = SERVICES.get(name)
    if service is None:
        raise UsageError(f"there is no service {name}", f"Choose one: {', '.join(SERVICES)}.")
    environment = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)  # noqa: S701 - plain text
    text = (toolchain.bundled("templates") / "systemd" / "service.j2").read_text(encoding="utf-8")
    return environment.from_string(text).render(
        description=service.description,
        user=user,
        root=_escape(str(root)),
        command=" ".join(map(_quote, [str(program), *service.arguments])),
        stop_seconds=service.stop_seconds,
    )


def _escape(text: str) -> str:
    """Return a path as a unit takes it literally: `%` begins a specifier there."""
    if not text.isprintable() or not _SPECIAL.isdisjoint(text):
        raise UsageError(f"{text!r} has a character that a unit cannot hold", "Move it to a folder with a plain name.")
    return text.replace("%", "%%")


def _quote(word: str) -> str:
    """Return a word of a command (systemd.service, COMMAND LINES)."""
    escaped = _escape(word)
    return f'"{escaped}"' if " " in escaped else escaped
