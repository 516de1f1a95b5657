"""Units of systemd for SMILÉO's computer: commands that go on all the time, and commands that a timer starts."""

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
    """A command: its arguments, what it does, and how long it may take to stop.

    ``starts_at`` is the calendar event of systemd that starts it; without one it goes on all the time.
    ``delay_seconds`` spreads the start. ``has_folder``: it takes a folder for its output.
    """

    arguments: Sequence[str]
    description: str
    stop_seconds: int
    starts_at: str | None = None
    delay_seconds: int = 0
    has_folder: bool = False
    stops_alone: bool = False
    """Whether its programs go on until it has completed its work; those of others get the signal too."""


SERVICES: Mapping[str, Service] = {
    "supervise": Service(("supervise", "--every", "5m"), "supervision of all tenants", 180),
    "exporter": Service(("exporter",), "metrics for Prometheus", 30),
    "probe": Service(("probe", "--every", "1m"), "probes of the storage platforms", 90),
    "drill": Service(("drill", "--due"), "restore tests that are due", 600, "*-*-* 00:30", 900, stops_alone=True),
    "copy": Service(("copy", "--all"), "second copies of all tenants", 180, "*-*-* 02:30", 900),
    "prune": Service(("prune", "--all"), "backups that are no longer kept", 600, "*-*-* 04:30", 900),
    "verify": Service(("verify", "--all"), "verification of all repositories", 180, "*-*-* 06:30", 900),
    "site": Service(("site",), "pages of all tenants", 60, "*-*-* *:00/15", 60, has_folder=True),
}
"""By name. A machine that is pruned can be neither drilled nor verified, so these begin hours apart."""


@dataclass(frozen=True)
class Place:
    """Where a unit runs: ``program`` for the repository in ``root``, by ``user``; ``folder`` is for its output."""

    program: Path
    root: Path
    user: str
    folder: Path | None = None


def render_unit(name: str, place: Place) -> str:
    """Return the unit of a service; one that a timer starts ends when its command does.

    UsageError for a service that does not exist, a folder that lacks or has no use, and for a path with a character
    that a unit cannot hold.
    """
    service = _find(name)
    if service.has_folder != (place.folder is not None):
        raise UsageError(
            f"{name} writes into a folder" if service.has_folder else f"{name} writes into no folder",
            f"Add --output FOLDER, like `coffre unit {name} --output /srv/www/coffre`."
            if service.has_folder
            else "Leave out --output.",
        )
    folder = [] if place.folder is None else [str(place.folder)]
    return _render(
        "service.j2" if service.starts_at is None else "timed-service.j2",
        description=service.description,
        user=place.user,
        root=_escape(str(place.root)),
        command=" ".join(map(_quote, [str(place.program), *service.arguments, *folder])),
        stop_seconds=service.stop_seconds,
        kill_mode="mixed" if service.stops_alone else "control-group",
    )


def render_timer(name: str) -> str:
    """Return the timer of a service; UsageError for one that does not exist or goes on all the time."""
    service = _find(name)
    if service.starts_at is None:
        timed = ", ".join(each for each, found in SERVICES.items() if found.starts_at is not None)
        raise UsageError(f"{name} goes on all the time: no timer starts it", f"These have a timer: {timed}.")
    return _render(
        "timer.j2",
        description=service.description,
        name=name,
        starts_at=service.starts_at,
        delay_seconds=service.delay_seconds,
    )


def _find(name: str) -> Service:
    service = SERVICES.get(name)
    if service is None:
        raise UsageError(f"there is no service {name}", f"Choose one: {', '.join(SERVICES)}.")
    return service


def _render(template: str, **values: object) -> str:
    environment = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)  # noqa: S701 - plain text
    text = (toolchain.bundled("templates") / "systemd" / template).read_text(encoding="utf-8")
    return environment.from_string(text).render(values)


def _escape(text: str) -> str:
    """Return a path as a unit takes it literally: `%` begins a specifier there."""
    if not text.isprintable() or not _SPECIAL.isdisjoint(text):
        raise UsageError(f"{text!r} has a character that a unit cannot hold", "Move it to a folder with a plain name.")
    return text.replace("%", "%%")


def _quote(word: str) -> str:
    """Return a word of a command (systemd.service, COMMAND LINES)."""
    escaped = _escape(word)
    return f'"{escaped}"' if " " in escaped else escaped
