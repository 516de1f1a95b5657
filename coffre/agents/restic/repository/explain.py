"""Explains the end of a restic run in a sentence, with the remedy: exit code and reason, never a stack trace. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from coffre.agents.restic.repository.damage import Damage, DamagedPart, count_failed_entries, find_damage
from coffre.agents.restic.repository.output import read_line

MAX_DETAILS = 3
MAX_DETAIL_LENGTH = 600
"""The maximum of one message: a path has up to 4,096 bytes, and the fault comes at its end."""
MAX_REASON_LENGTH = 300
"""The maximum of restic's own words beside our sentence."""

EXIT_MEANINGS: Mapping[int, tuple[str, str]] = {
    1: ("restic failed", "Correct the cause, then run the command again: reading changes nothing in the repository."),
    3: ("some files could not be read", "All others were read; look at the files that are named."),
    10: ("there is no restic repository there", "Run `coffre apply`: it creates the repository of a new machine."),
    11: ("the repository is locked by another restic", "Wait for that run to end and try again."),
    12: (
        "the repository password is wrong",
        "The data bundle is not the one of this repository: restore the right one from escrow, create no new one. "
        "If it is the right one, the key file was replaced: `coffre undelete` brings the old one back.",
    ),
    97: ("there is no cage", "The message of the cage says what is missing."),
}

_DAMAGE_HINT = (
    "The bucket keeps the damaged object and its earlier versions. `coffre verify TENANT --machine NAME` lists all "
    "damage; `coffre undelete TENANT --machine NAME --at TIME` brings back the state of a time before the damage."
)
_CRASH_HINT = (
    "The repository contains something that restic does not write, so another run fails in the same way. "
    "`coffre verify TENANT --machine NAME` says what is damaged; the bucket keeps it with its earlier versions."
)

_PLACE_HINT = (
    "The rest is in place, and another run fails in the same way. A restore to a directory here (`--to ./DIR`) gives "
    "such files other names and puts them in one folder with a list."
)

# A frame of Go's stack is two lines; the second has a tab, a file and a line number.
_FRAME = re.compile(r"(?:\A|\n)[^\n]+\n\t[^\n]+\.(?:go|s):\d+[^\n]*")
_GOROUTINE = re.compile(r"goroutine \d+ \[")
_CRASH = re.compile(r"(?:panic|fatal error|runtime): ")


def explain_exit(code: int, stderr: Iterable[str]) -> tuple[str, str]:
    """Return an exit code's meaning as a sentence without full stop, with restic's own reason, and a hint."""
    lines = list(stderr)
    crash = _find_crash(lines)
    if crash is not None:
        damage = find_damage(lines)
        meaning = describe_damage(damage) if damage else "restic crashed on what it read in the repository"
        return f"{meaning}: {crash}", _DAMAGE_HINT if damage else _CRASH_HINT
    conclusion, details = _reasons(lines)
    # The first details are the cause; the following ones are restic's advice.
    reasons = [*conclusion, *details[:MAX_DETAILS]]
    failed = count_failed_entries(code, lines)
    if failed is not None:
        return (
            f"all was restored except what the target cannot store ({failed} errors): {'; '.join(details[:1])}",
            _PLACE_HINT,
        )
    damage = find_damage(lines)
    if damage is not None and code in (1, 3):
        return f"{describe_damage(damage)}: {shorten('; '.join(reasons), MAX_REASON_LENGTH)}", _DAMAGE_HINT
    meaning, hint = EXIT_MEANINGS.get(code, (f"restic ended with {code}", "Run the command again."))
    return (f"{meaning}: {'; '.join(reasons)}" if reasons else meaning), hint


def explain_damage(damage: Damage) -> tuple[str, str]:
    """Return the message for damage that the bucket itself shows, and a hint."""
    return describe_damage(damage), _DAMAGE_HINT


def describe_damage(damage: Damage) -> str:
    """Return in a few words which part of a repository is damaged or lost."""
    name = f" {damage.name[:12]}" if damage.name else ""
    if damage.part is DamagedPart.INDEX and damage.is_gone:
        return f"the repository's index lacks data that its snapshots need ({damage.name[:12]} for example)"
    if damage.part is DamagedPart.KEY and damage.is_gone:
        return "the repository no longer has a key file (its password is not the cause)"
    ending = "gone" if damage.is_gone else "damaged"
    aside = " (its password is not the cause)" if damage.part in (DamagedPart.KEY, DamagedPart.CONFIG) else ""
    what = damage.part if damage.part is not DamagedPart.SNAPSHOT else "file of snapshot"
    return f"the repository's {what}{name} is {ending}{aside}"


def shorten(text: str, limit: int) -> str:
    """Return a text of at most ``limit`` characters, with its beginning and its end."""
    half = (limit - 3) // 2
    return text if len(text) <= limit else f"{text[:half]} … {text[-half:]}"


def without_stack(text: str) -> str:
    """Return a message of restic without the frames of Go's stack that it prints after some."""
    return _FRAME.sub("", text)


def _find_crash(lines: Sequence[str]) -> str | None:
    """Return in one line why Go's runtime ended restic, None when it did not."""
    if not any(_GOROUTINE.match(line) for line in lines):
        return None
    said = next((line for line in lines if _CRASH.match(line)), "panic")
    return " ".join(said[:MAX_REASON_LENGTH].split())


def _reasons(stderr: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return restic's final error and its earlier messages, each once and as one line."""
    conclusion: dict[str, None] = {}
    details: dict[str, None] = {}
    for line in stderr:
        fields = read_line(line)
        kind = fields.get("message_type")
        if kind == "error":
            text = f"{fields.get('item', '')}: {_error_text(fields)}".removeprefix(": ")
        else:
            text = str(fields.get("message", "")) if fields else line
        text = shorten(" ".join(without_stack(text).split()).removeprefix("Fatal: "), MAX_DETAIL_LENGTH)
        if text:
            (conclusion if kind == "exit_error" else details).setdefault(text)
    return list(conclusion), list(details)


def _error_text(fields: Mapping[str, Any]) -> str:
    error = fields.get("error")
    return str(error.get("message", "")) if isinstance(error, Mapping) else str(fields.get("message") or error or "")
