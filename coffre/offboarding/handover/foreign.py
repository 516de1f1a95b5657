"""A bucket's foreign keys, which neither the agent nor Coffre writes: separated, counted, never copied."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from coffre.agents.repository import Part, RepositoryLayout
from coffre.observation.key_shapes import is_foreign
from coffre.offboarding.handover.bag.layout import FOREIGN_KEYS
from coffre.outside.text import one_line
from coffre.storage.values import ObjectFacts

MAX_LISTED = 10_000
"""A machine may write any number of them: further ones are only counted."""

_SHOWN, _SHOWN_CHARACTERS = 3, 80


@dataclass(frozen=True)
class Foreign:
    """The number of foreign keys, and the first of them."""

    count: int = 0
    keys: tuple[str, ...] = ()


def split_bucket(listed: Iterable[ObjectFacts], layout: RepositoryLayout) -> tuple[list[ObjectFacts], Foreign]:
    """Separate the objects of the repository, without locks, from foreign keys. Pure.

    A machine may write any key in its place, also with `..` or a line end: copying it could reach another bucket, or
    be impossible in a folder.
    """
    objects: list[ObjectFacts] = []
    foreign: list[str] = []
    count = 0
    for each in listed:
        found = layout.find(each.key)
        if found is not None:
            if found.part is not Part.LOCKS:
                objects.append(each)
        elif is_foreign(each.key, layout):
            count += 1
            if len(foreign) < MAX_LISTED:
                foreign.append(each.key)
    return objects, Foreign(count, tuple(foreign))


def describe_foreign(foreign: Foreign) -> str:
    """Name the keys that are left, a few of them. Pure."""
    shown = ", ".join(one_line(key, _SHOWN_CHARACTERS) for key in foreign.keys[:_SHOWN])
    more = ", …" if foreign.count > _SHOWN else ""
    return f"{foreign.count} keys that neither restic nor Coffre writes are not returned: {shown}{more}"


def list_foreign(bag: Path, foreign: Foreign) -> None:
    """Write the names into the bag, one JSON text per line, safe for terminals and readers."""
    path = bag / FOREIGN_KEYS
    path.unlink(missing_ok=True)
    if foreign.count:
        path.write_text("".join(f"{json.dumps(key)}\n" for key in foreign.keys), encoding="utf-8")
