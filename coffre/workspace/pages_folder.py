"""Writes a set of pages into a folder: each page whole, old ones go, and nothing of somebody else is touched.

A list beside the pages says what was written, and for whom: only what is on it, and still as it was written, is ever
replaced or deleted.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coffre.errors import BusyError, ExpectedError, RefusedError
from coffre.outside.files import read_plain
from coffre.workspace.files import PRIVATE_FOLDER, PUBLIC_FILE, delete, write_atomically
from coffre.workspace.locks import file_lock

LIST = ".coffre-pages.json"
LOCK = ".coffre-pages.lock"
_LIST_BYTES = 64 << 20


@dataclass(frozen=True)
class Published:
    """What changed in the folder; ``left`` are old pages that somebody changed, so they stay."""

    written: int
    removed: Sequence[str]
    left: Sequence[str]


@dataclass(frozen=True)
class _List:
    """For whom the pages are, and the SHA-256 that each may have: two while it is being replaced."""

    subject: str
    hashes: Mapping[str, Sequence[str]] = field(default_factory=dict)


def publish(folder: Path, subject: str, pages: Mapping[str, bytes]) -> Published:
    """Write pages by name (`name.html` or `folder/name.html`), the last one last, and remove those of before.

    ``subject`` is for whom they are: RefusedError for a folder with the pages of another subject, and for a file of
    somebody else where a page would go. May be killed and run again.
    """
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    busy = BusyError(f"another command writes into {folder}", "Wait for it to end and run the same command again.")
    with file_lock(folder / LOCK, busy):
        known = _read_list(folder, subject)
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in pages.items()}
        _refuse_foreign(folder, pages, known)
        both = {name: sorted({*known.hashes.get(name, ()), digest}) for name, digest in digests.items()}
        _write_list(folder, _List(subject, {**known.hashes, **both}))
        for name, content in pages.items():
            path = folder / name
            path.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            write_atomically(path, content, mode=PUBLIC_FILE, is_durable=False)
        removed, left = [], []
        for name in sorted(known.hashes.keys() - digests.keys()):
            path = folder / name
            if _digest(path) in known.hashes[name]:
                delete(path)
                removed.append(name)
            elif path.exists():
                left.append(name)
        _write_list(folder, _List(subject, {name: [digest] for name, digest in digests.items()}))
        return Published(len(pages), removed, left)


def _refuse_foreign(folder: Path, pages: Mapping[str, bytes], known: _List) -> None:
    for parent in {(folder / name).parent for name in pages} - {folder}:
        if parent.is_symlink() or (parent.exists() and not parent.is_dir()):
            raise RefusedError(f"{parent} is not a folder of these pages", "Move it away, or name another folder.")
    for name in pages:
        path = folder / name
        if (path.exists() or path.is_symlink()) and _digest(path) not in known.hashes.get(name, ()):
            raise RefusedError(
                f"{path} was not written by this command, or somebody changed it",
                "Move it away, or name another folder; nothing was written.",
            )


def _digest(path: Path) -> str | None:
    """Return the SHA-256 of a plain file; None when it is none, or cannot be read."""
    try:
        return hashlib.sha256(read_plain(path, _LIST_BYTES)).hexdigest()
    except OSError:
        return None


def _read_list(folder: Path, subject: str) -> _List:
    path = folder / LIST
    if not path.exists():
        return _List(subject)
    try:
        found = json.loads(read_plain(path, _LIST_BYTES))
        known = _List(str(found["subject"]), {str(name): [*map(str, each)] for name, each in found["pages"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExpectedError(f"{path} cannot be read", "Name another folder, or empty this one yourself.") from error
    inside = all(_is_inside(name) for name in known.hashes)
    if known.subject != subject or not inside:
        raise RefusedError(
            f"{folder} has the pages of {known.subject!r}, these are those of {subject!r}", "Name another folder."
        )
    return known


def _is_inside(name: str) -> bool:
    parts = name.split("/")
    return len(parts) <= 2 and all(part and not part.startswith(".") for part in parts)


def _write_list(folder: Path, listed: _List) -> None:
    text = json.dumps({"subject": listed.subject, "pages": dict(listed.hashes)}, indent=1)
    write_atomically(folder / LIST, text.encode(), is_durable=False)
