"""Finds a machine that fills its tenant's storage well below the wall: it is stopped, and the others go on. Pure.

The wall limits all versions of every object, the sold quota only current ones. A machine that overwrites one name
repeatedly, or floods reports/ and locks, which a closed gate leaves open, approaches the wall but not the quota; at
the wall no machine of the tenant can write, not even a report. Everything except current objects of the repository is
called surplus here: earlier versions, reports, locks, unfinished uploads. For an honest machine this is pruned data
that can still be undeleted; the room between quota and wall is made for it. A platform without a hard quota does not
enforce the wall: then it is only the bound of this judgement.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from coffre.records.facts.contract import FillReason

CLOSE_AT, REOPEN_AT = 0.5, 0.25
"""Parts of the room between quota and wall: a growing machine is stopped at the first, allowed again at the second."""
LEFT_TO_OTHERS, PRESSING_AT, LEFT_WHEN_PRESSING = 0.5, 0.75, 0.25
"""How much surplus the other machines may then have together, as a part of that room; less when more is used."""
MATTERS = 0.001
"""A surplus of a smaller part of that room is what locks and reports leave: to stop its machine would free nothing."""
WORD_HOLDS = 0.25
"""By which part of that room a machine may grow after an operator's permission."""
OBJECTS_CLOSE_AT, OBJECTS_LEFT, OBJECTS_REOPEN_AT = 0.75, 0.5, 0.5
"""The same as parts of the limit on objects."""
WALL_MARGIN_BYTES = 32 * 1024**2
"""The wall is considered reached when no pack of restic fits below it."""


@dataclass(frozen=True)
class MachineStore:
    """The content of one machine's bucket: current objects, the repository's among them, and all versions of all.

    ``objects`` counts every version, delete marker and part of an upload.
    """

    machine: str
    current_bytes: int
    repository_bytes: int
    stored_bytes: int
    objects: int

    @property
    def surplus_bytes(self) -> int:
        return max(0, self.stored_bytes - self.repository_bytes)


@dataclass(frozen=True)
class Room:
    """A tenant's sold quota, its wall, and how many objects its machines may have together."""

    quota_bytes: int
    wall_bytes: int
    object_limit: int

    @property
    def spare_bytes(self) -> int:
        return max(0, self.wall_bytes - self.quota_bytes)


@dataclass(frozen=True)
class Word:
    """An operator's permission for a machine to go on: its surplus and its number of objects at that time."""

    surplus_bytes: int
    objects: int


@dataclass(frozen=True)
class Filling:
    """Which machines must stop, and why; whether the wall is reached, and by which machine (None: no surplus)."""

    stopped: Mapping[str, FillReason] = field(default_factory=dict)
    is_wall_reached: bool = False
    largest: str | None = None
    """The machine with the most surplus."""

    @property
    def wall_reached_by(self) -> str | None:
        return self.largest if self.is_wall_reached else None


def judge_filling(
    stores: Sequence[MachineStore],
    room: Room,
    stopped_now: Collection[str] = (),
    words: Mapping[str, Word] | None = None,
) -> Filling:
    """Return the machines that must stop. A stopped one stays stopped until there is clearly room again."""
    stored_bytes = sum(store.stored_bytes for store in stores)
    is_wall_reached = stored_bytes >= room.wall_bytes - min(WALL_MARGIN_BYTES, room.spare_bytes // 8)
    largest = max(stores, key=lambda store: store.surplus_bytes, default=None)
    filling = {
        **dict.fromkeys(_by_objects(stores, room, stopped_now), FillReason.OBJECTS),
        **dict.fromkeys(_by_bytes(stores, room, stopped_now), FillReason.BYTES),
    }
    # Applied last: no other machine is stopped instead of one that may go on.
    excused = {store.machine for store in stores if _is_excused(store, (words or {}).get(store.machine), room)}
    named = largest.machine if largest is not None and largest.surplus_bytes > 0 else None
    stopped = {machine: reason for machine, reason in filling.items() if machine not in excused}
    return Filling(stopped, is_wall_reached, named)


def _by_bytes(stores: Sequence[MachineStore], room: Room, stopped_now: Collection[str]) -> Collection[str]:
    spare, stored_bytes = room.spare_bytes, sum(store.stored_bytes for store in stores)
    surplus_bytes = sum(store.surplus_bytes for store in stores)
    nears_wall = stored_bytes >= room.quota_bytes + spare * CLOSE_AT
    # A surplus beyond all spare room takes sold room, at any distance from the wall. A repository that was pruned to
    # less than half at once would look the same.
    takes_sold_room = surplus_bytes >= spare
    if not nears_wall and not takes_sold_room:
        is_clear = stored_bytes < room.quota_bytes + spare * REOPEN_AT and surplus_bytes < spare * CLOSE_AT
        return () if is_clear else stopped_now
    least = spare * MATTERS
    suspects = sorted(
        (store for store in stores if store.surplus_bytes > least),
        key=lambda store: store.surplus_bytes,
        reverse=True,
    )
    if not nears_wall:
        abnormal = {store.machine for store in takewhile(_has_more_surplus_than_backups, suspects)}
        suspects = [store for store in suspects if store.machine in abnormal or store.machine in stopped_now]
    is_pressing = stored_bytes >= room.quota_bytes + spare * PRESSING_AT
    left = spare * (LEFT_WHEN_PRESSING if is_pressing else LEFT_TO_OTHERS)
    return _largest_until([(store.machine, store.surplus_bytes) for store in suspects], left, stopped_now)


def _has_more_surplus_than_backups(store: MachineStore) -> bool:
    return store.surplus_bytes > store.repository_bytes


def _by_objects(stores: Sequence[MachineStore], room: Room, stopped_now: Collection[str]) -> Collection[str]:
    total = sum(store.objects for store in stores)
    if total < room.object_limit * OBJECTS_REOPEN_AT:
        return ()
    if total < room.object_limit * OBJECTS_CLOSE_AT:
        share = room.object_limit * OBJECTS_REOPEN_AT / 2
        return [store.machine for store in stores if store.machine in stopped_now and store.objects > share]
    counted = [(store.machine, store.objects) for store in stores]
    return _largest_until(counted, room.object_limit * OBJECTS_LEFT, stopped_now)


def _largest_until(amounts: Sequence[tuple[str, int]], left: float, stopped_now: Collection[str]) -> list[str]:
    """Take the largest, already stopped ones first, at least one, until the sum of the others fits."""
    taken: list[str] = []
    total = sum(amount for _, amount in amounts)
    for name, amount in sorted(amounts, key=lambda each: (each[0] not in stopped_now, -each[1], each[0])):
        if taken and total <= left and name not in stopped_now:
            break
        taken.append(name)
        total -= amount
    return taken


def _is_excused(store: MachineStore, word: Word | None, room: Room) -> bool:
    """Tell whether an operator's permission is valid: until the machine has grown by another quarter of the room."""
    if word is None:
        return False
    return (
        store.surplus_bytes < word.surplus_bytes + room.spare_bytes * WORD_HOLDS
        and store.objects < word.objects + room.object_limit * (1 - OBJECTS_CLOSE_AT)
    )
