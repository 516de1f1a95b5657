"""Reads a commit as git stores it: its parents, its declared author, and the signature over everything. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from coffre.errors import RefusedError

_PERSON = re.compile(r".*<([^<>]*)> (-?[0-9]{1,20}) [+-][0-9]+", re.DOTALL)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)
_NAME = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SIGNATURES = ("gpgsig", "gpgsig-sha256")


@dataclass(frozen=True)
class Commit:
    """One commit. ``author`` and ``committer`` are its declared addresses, which anybody can type.

    ``signed`` is the text under ``signature``; ``committed_at`` is also only declared.
    """

    id: str
    tree: str
    parents: tuple[str, ...]
    author: str
    committer: str
    committed_at: datetime
    signed: bytes
    signature: str | None


def read_commit(name: str, content: bytes) -> Commit:
    """Read a commit object; RefusedError for one that is not written as git writes them."""
    head, _, _ = content.partition(b"\n\n")
    fields = _read_fields(head.decode("utf-8", "surrogateescape"))
    names = [field for field, _ in fields]
    parents = tuple(value for field, value in fields if field == "parent")
    expected = ["tree", *["parent"] * len(parents), "author", "committer"]
    values = dict(fields)
    author, committer = _PERSON.fullmatch(values.get("author", "")), _PERSON.fullmatch(values.get("committer", ""))
    repeated = any(names.count(field) > 1 for field in (*_SIGNATURES, "author", "committer", "tree"))
    named = all(_NAME.fullmatch(each) and len(each) == len(name) for each in (values.get("tree", ""), *parents))
    if names[: len(expected)] != expected or repeated or author is None or committer is None or not named:
        raise RefusedError(
            f"commit {name} is not written as git writes commits", "Find out who made it, and with what."
        )
    return Commit(
        id=name,
        tree=values["tree"],
        parents=parents,
        author=_address(author[1]),
        committer=_address(committer[1]),
        committed_at=_moment(int(committer[2])),
        signed=_without_signatures(content),
        signature=values.get(_SIGNATURES[len(name) == 64]),
    )


def _address(text: str) -> str:
    """Return an address as text; an address that is not UTF-8 belongs to nobody."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").strip()


def _moment(seconds: int) -> datetime:
    """Return the time of a commit; an impossible time becomes the last possible one."""
    return datetime.fromtimestamp(seconds, UTC) if 0 <= seconds < _LATEST.timestamp() else _LATEST


def _read_fields(head: str) -> list[tuple[str, str]]:
    fields: list[tuple[str, list[str]]] = []
    for line in head.split("\n"):
        if line.startswith(" ") and fields:
            fields[-1][1].append(line[1:])
        else:
            field, _, value = line.partition(" ")
            fields.append((field, [value]))
    return [(field, "\n".join(values)) for field, values in fields]


def _without_signatures(content: bytes) -> bytes:
    """Return the signed text: the commit before the signature was added."""
    head, gap, message = content.partition(b"\n\n")
    kept, is_signature = [], False
    for line in head.split(b"\n"):
        is_signature = line.startswith((b"gpgsig ", b"gpgsig-sha256 ")) or (is_signature and line.startswith(b" "))
        if not is_signature:
            kept.append(line)
    return b"\n".join(kept) + gap + message
