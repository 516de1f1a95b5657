"""Writes the files that a restore's directory refused into one folder of it, under other names, with a list of all."""

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coffre.agents.repository import Node, Repository
from coffre.errors import ExpectedError
from coffre.operations.drill.sampling import readable
from coffre.operations.restore.streamed_file import NotTakenError, is_as_listed, write_file
from coffre.outside.beneath import Beneath

LIST = b"list.jsonl"


@dataclass(frozen=True)
class Apart:
    """The result: ``files`` stored under other names, entries that were ``left_out``, and the file that lists both."""

    files: int
    left_out: int
    listed_in: Path


def hand_apart(repository: Repository, snapshot: str, path: str | None, target: Path) -> Apart:
    """Write every file of a snapshot that ``target`` lacks into one folder of it (with ``path``, only those below it).

    May run twice. Missing folders are not created: the list has the full path of every entry.
    """
    folder = f"coffre-apart-{snapshot[:8]}".encode()
    files = left_out = 0
    with Beneath(target) as below:
        if below.find(folder) is None:
            below.make_folder(folder)
        lines = []
        for node, exact in _list_missing(repository, snapshot, path, below):
            fields: dict[str, Any] = {"path": readable(os.fsdecode(exact)), "type": node.type}
            if not _is_text(exact):
                fields["path_base64"] = base64.b64encode(exact).decode()
            name = hashlib.sha256(exact).hexdigest()[:32].encode()
            refused = _hand_over(repository, snapshot, node, exact, below, folder + b"/" + name)
            if refused:
                fields["not_stored"] = refused
                left_out += 1
            else:
                fields["stored_as"] = name.decode()
                files += 1
            lines.append(json.dumps(fields, ensure_ascii=False))
        _write_list(below, folder + b"/" + LIST, lines)
    return Apart(files, left_out, target / os.fsdecode(folder) / os.fsdecode(LIST))


def _hand_over(repository: Repository, snapshot: str, node: Node, exact: bytes, below: Beneath, place: bytes) -> str:
    """Write one entry to its other place; returns why it is not stored, empty when it is."""
    if node.type != "file":
        return f"a {node.type} has no content to hand over"
    try:
        write_file(repository, snapshot, exact, below, place)
    except NotTakenError as problem:
        return str(problem)
    except OSError as problem:
        raise ExpectedError(
            "no room is left for the restore",
            "Make room, then run the same command again: it continues.",
        ) from problem
    return ""


def _list_missing(
    repository: Repository, snapshot: str, path: str | None, below: Beneath
) -> Iterator[tuple[Node, bytes]]:
    wanted = None if path is None else os.fsencode(path)
    for node, exact in repository.ls_bytes(snapshot):
        is_wanted = wanted is None or exact == wanted or exact.startswith(wanted + b"/")
        if is_wanted and node.type != "dir" and not is_as_listed(node, below.find(exact.removeprefix(b"/"))):
            yield node, exact


def _write_list(below: Beneath, place: bytes, lines: list[str]) -> None:
    if below.find(place) is not None:
        below.unlink(place)
    with os.fdopen(below.create(place), "w", encoding="utf-8") as listed:
        listed.writelines(f"{line}\n" for line in lines)


def _is_text(path: bytes) -> bool:
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return True
