"""Finds lost or damaged parts of a repository in restic's output: no wrong password, no lost connection. Pure.

restic 0.18 has one exit code for a wrong password and for lost key files, one for a repository that never existed and
for one whose config is lost, and 1 or a stack trace for everything else.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from coffre.agents.repository import Remains
from coffre.agents.restic.repository.output import read_line

NO_REPOSITORY, NO_KEY_OPENS = 10, 12


class DamagedPart(StrEnum):
    """A kind of object of a repository."""

    CONFIG = "config"
    KEY = "key file"
    INDEX = "index"
    SNAPSHOT = "snapshot"
    PACK = "pack"


@dataclass(frozen=True)
class Damage:
    """A lost or altered part; ``is_gone``: it does not exist. ``name`` is what restic gives of its name."""

    part: DamagedPart
    name: str = ""
    is_gone: bool = False


_ID = "(?P<name>[0-9a-f]{8,64})"
_ABSENT = r"no such file or directory|The specified key does not exist|does not exist"
_READING = rf"(?:Load|LoadRaw|ReadFull)\(<data/{_ID}>[^)]*\)"
_SAYINGS: tuple[tuple[DamagedPart, bool, "re.Pattern[str]"], ...] = tuple(
    (part, is_gone, re.compile(pattern, re.DOTALL))
    for part, is_gone, pattern in (
        (DamagedPart.CONFIG, True, "create key in repository at .* failed: repository already contains"),
        (DamagedPart.CONFIG, False, "config or key [0-9a-f]+ is damaged"),
        (DamagedPart.CONFIG, False, "config file has zero size"),
        (DamagedPart.CONFIG, False, r"\.LoadConfig\("),
        (DamagedPart.KEY, False, rf"LoadRaw\(<key/{_ID}>\)"),
        (DamagedPart.KEY, False, r"\.(?:LoadKey|OpenKey)\("),
        (DamagedPart.INDEX, False, rf"LoadRaw\(<index/{_ID}>\)"),
        (DamagedPart.INDEX, False, f"error loading index {_ID}"),
        (DamagedPart.INDEX, False, r"\.(?:LoadIndex|DecodeIndex)\("),
        (DamagedPart.SNAPSHOT, False, rf"LoadRaw\(<snapshot/{_ID}>\)"),
        (DamagedPart.SNAPSHOT, False, rf"failed to load snapshot {_ID}: (?!.*(?:Access Denied|dial|Client\.|timeout))"),
        (DamagedPart.SNAPSHOT, False, r"\.LoadSnapshot\("),
        (DamagedPart.PACK, True, rf"{_READING}[^\n]*(?:{_ABSENT})"),
        (DamagedPart.PACK, True, rf"\s*pack {_ID}: does not exist"),
        (
            DamagedPart.PACK,
            False,
            rf"{_READING}[^\n]*(?:file is too short|unexpected EOF|invalid data returned|checksum)",
        ),
        (DamagedPart.PACK, False, rf"\s*pack {_ID}: unexpected file size"),
        (DamagedPart.PACK, False, rf"decrypting blob <[^>]*> from {_ID} failed"),
        (DamagedPart.PACK, False, rf"file is too short\nReadFull\(<data/{_ID}>\)"),
        (DamagedPart.PACK, True, rf"(?:{_ABSENT})[^\n]*\nReadFull\(<data/{_ID}>\)"),
        (DamagedPart.PACK, False, f"tree {_ID} could not be loaded; the repository could be damaged"),
        (DamagedPart.PACK, False, rf"pack {_ID} contains \d+ errors"),
        (
            DamagedPart.INDEX,
            True,
            f"(?:id|tree) {_ID} (?:not found in repository|is not known; the repository could be damaged)",
        ),
    )
)

# restic 0.18: "pack ID: does not exist", "pack ID: unexpected file size: got 5, expected 6".
_PACK = re.compile(r"\s*pack ([0-9a-f]{64}): (does not exist|unexpected file size)")

_ENTRIES_FAILED = re.compile(r"\A(?:Fatal: )?There were ([0-9]{1,12}) errors")
_NOT_TAKEN = re.compile(
    "(?:file name too long|file too large|too many links|invalid argument|illegal byte sequence"
    "|invalid or incomplete multibyte or wide character|operation not permitted|operation not supported"
    r"|numerical result out of range|argument list too long|value too large for defined data type)\Z"
)
"""The ends of a system's errors when it refuses an entry, after any text."""


def list_damaged_packs(lines: Iterable[str]) -> dict[str, bool]:
    """Return the packs that restic names in its messages, each with whether it is missing."""
    found = {}
    for line in lines:
        message = read_line(line).get("message")
        match = _PACK.match(message) if isinstance(message, str) else None
        if match:
            found[match[1]] = match[2] == "does not exist"
    return found


def find_damage(lines: Iterable[str]) -> Damage | None:
    """Return the damage in restic's error messages, first the part on which all others depend; None without damage.

    A message about a file begins with the fault and then names the file: a customer's file name is never taken for
    restic's own words.
    """
    said = [_text(line) for line in lines]
    for part, is_gone, pattern in _SAYINGS:
        for text, is_about_file in said:
            match = pattern.match(text) if is_about_file else pattern.search(text)
            if match:
                return Damage(part, match.groupdict().get("name", "") or "", is_gone)
    return None


def count_failed_entries(exit_code: int | None, lines: Iterable[str]) -> int | None:
    """Return the number of a restore's errors if all are about single entries, and it went on; None for any other end.

    For example, a name that the target refuses, or a path or a file that is too long there: everything else was
    restored. Damage of the repository, or a full disk, is not about one entry.
    """
    texts = [_text(line) for line in lines]
    ends = [match for text, _ in texts if (match := _ENTRIES_FAILED.match(text))]
    about_entries = [text for text, is_about_file in texts if is_about_file]
    if exit_code != 1 or not ends or not all(_NOT_TAKEN.search(text) for text in about_entries):
        return None
    return int(ends[-1][1])


def judge_remains(exit_code: int | None, remains: Remains) -> Damage | None:
    """Return the lost part of a repository that restic does not find, or that no key opens; None when none is lost.

    A key file alone is the remains of an interrupted initialisation.
    """
    if exit_code == NO_REPOSITORY and not remains.has_config and remains.has_backups:
        return Damage(DamagedPart.CONFIG, is_gone=True)
    if exit_code == NO_KEY_OPENS and not remains.has_keys:
        return Damage(DamagedPart.KEY, is_gone=True)
    return None


def _text(line: str) -> tuple[str, bool]:
    """Return the message of a line of standard error, and whether it is about one file of a backup."""
    fields: Mapping[str, Any] = read_line(line)
    error = fields.get("error")
    if isinstance(error, Mapping):
        return str(error.get("message", "")).removeprefix(f"{fields.get('item', '')}: "), True
    return (str(fields.get("message", "")) if fields else line), False
