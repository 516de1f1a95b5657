"""A bucket's keys that neither restic nor Coffre writes: told apart from a repository's, counted, never followed."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from coffre.observation.key_shapes import is_foreign
from coffre.offboarding.handover.bag.layout import FOREIGN_KEYS
from coffre.outside.text import one_line
from coffre.spec import naming
from coffre.storage.driver import ObjectFacts

MAX_LISTED = 10_000
"""A machine may put as many as it likes: more are counted only."""

_LOCKS_PREFIX = f"{naming.RESTIC_PREFIX}locks/"
_SHOWN, _SHOWN_CHARACTERS = 3, 80


@dataclass(frozen=True)
class Foreign:
    """How many keys are none of ours, and the first of them."""

    count: int = 0
    keys: tuple[str, ...] = ()


def split_bucket(listed: Iterable[ObjectFacts]) -> tuple[list[ObjectFacts], Foreign]:
    """Part what restic wrote, locks left out, from the keys that nothing of ours writes. Pure.

    A machine may put any key below `restic/`, with `..` in it or a line end: to be copied, it would ask for another
    bucket, or for something that no folder holds.
    """
    objects: list[ObjectFacts] = []
    foreign: list[str] = []
    count = 0
    for each in listed:
        if is_foreign(each.key):
            count += 1
            if len(foreign) < MAX_LISTED:
                foreign.append(each.key)
        elif each.key.startswith(naming.RESTIC_PREFIX) and not each.key.startswith(_LOCKS_PREFIX):
            objects.append(each)
    return objects, Foreign(count, tuple(foreign))


def describe_foreign(foreign: Foreign) -> str:
    """Say which keys are left, a few by their names. Pure."""
    shown = ", ".join(one_line(key, _SHOWN_CHARACTERS) for key in foreign.keys[:_SHOWN])
    more = ", …" if foreign.count > _SHOWN else ""
    return f"{foreign.count} keys that nothing of ours writes are not handed back: {shown}{more}"


def list_foreign(bag: Path, foreign: Foreign) -> None:
    """Write the names into the bag, a JSON text a line, which no terminal and no reader takes for anything else."""
    path = bag / FOREIGN_KEYS
    path.unlink(missing_ok=True)
    if foreign.count:
        path.write_text("".join(f"{json.dumps(key)}\n" for key in foreign.keys), encoding="utf-8")
