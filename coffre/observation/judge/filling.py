"""A machine that fills its tenant's storage: seen well below the wall, and stopped, while the others go on. Pure.

The wall counts every version of every object, the sold quota only current ones. Who overwrites one name again and
again, or floods reports/ and locks, which a closed gate leaves open, grows towards the wall without growing towards the
quota; at the wall nobody of the tenant may write, not even a report. What is no current object of the repository counts
here as surplus: earlier versions, reports, locks, unfinished uploads. Of an honest machine that is what was pruned and
can still be undeleted; the room between quota and wall is made for it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from coffre.records.facts.contract import FillReason

CLOSE_AT, REOPEN_AT = 0.5, 0.25
"""Parts of the room between quota and wall: when the growing machine is stopped, and below what it is let in again."""
LEFT_TO_OTHERS, PRESSING_AT, LEFT_WHEN_PRESSING = 0.5, 0.75, 0.25
"""How much surplus the machines that go on may have together then, as a part of that room; less when more is used."""
WORD_HOLDS = 0.25
"""By how much of that room a machine may grow on an operator's word."""
OBJECTS_CLOSE_AT, OBJECTS_LEFT, OBJECTS_REOPEN_AT = 0.75, 0.5, 0.5
"""The same as parts of the bound on objects."""
WALL_MARGIN_BYTES = 32 * 1024**2
"""The wall counts as reached when no pack of restic's fits below it any more."""


@dataclass(frozen=True)
class MachineStore:
    """What one machine's bucket holds: current objects, those of the repository among them, and all versions of all.

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
    """What a tenant was sold, what its wall is, and how many objects its machines may have together."""

    quota_bytes: int
    wall_bytes: int
    object_limit: int

    @property
    def spare_bytes(self) -> int:
        return max(0, self.wall_bytes - self.quota_bytes)


@dataclass(frozen=True)
class Word:
    """An operator's word that a machine may go on: what its surplus and its objects were when it was given."""

    surplus_bytes: int
    objects: int


@dataclass(frozen=True)
class Filling:
    """Which machines are to be stopped, and why; whether the wall is reached, and by whom (None: nobody's surplus)."""

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
    """Say which machines are to be stopped. Those stopped now stay so until there is clearly room again."""
    stored_bytes = sum(store.stored_bytes for store in stores)
    is_wall_reached = stored_bytes >= room.wall_bytes - min(WALL_MARGIN_BYTES, room.spare_bytes // 8)
    largest = max(stores, key=lambda store: store.surplus_bytes, default=None)
    filling = {
        **dict.fromkeys(_by_objects(stores, room, stopped_now), FillReason.OBJECTS),
        **dict.fromkeys(_by_bytes(stores, room, stopped_now), FillReason.BYTES),
    }
    # Only now: nobody else is stopped in place of one that may go on.
    excused = {store.machine for store in stores if _is_excused(store, (words or {}).get(store.machine), room)}
    named = largest.machine if largest is not None and largest.surplus_bytes > 0 else None
    stopped = {machine: reason for machine, reason in filling.items() if machine not in excused}
    return Filling(stopped, is_wall_reached, named)


def _by_bytes(stores: Sequence[MachineStore], room: Room, stopped_now: Collection[str]) -> Collection[str]:
    spare, stored_bytes = room.spare_bytes, sum(store.stored_bytes for store in stores)
    surplus_bytes = sum(store.surplus_bytes for store in stores)
    nears_wall = stored_bytes >= room.quota_bytes + spare * CLOSE_AT
    # Past all spare room the surplus takes from what was sold, however far the wall is. A repository that was pruned to
    # less than half, all at once, would look the same.
    takes_sold_room = surplus_bytes >= spare
    if not nears_wall and not takes_sold_room:
        is_clear = stored_bytes < room.quota_bytes + spare * REOPEN_AT and surplus_bytes < spare * CLOSE_AT
        return () if is_clear else stopped_now
    suspects = sorted(
        (store for store in stores if store.surplus_bytes > 0), key=lambda store: store.surplus_bytes, reverse=True
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
    """Take the largest, those stopped now first, at least one, until what the rest have together fits."""
    taken: list[str] = []
    total = sum(amount for _, amount in amounts)
    for name, amount in sorted(amounts, key=lambda each: (each[0] not in stopped_now, -each[1], each[0])):
        if taken and total <= left and name not in stopped_now:
            break
        taken.append(name)
        total -= amount
    return taken


def _is_excused(store: MachineStore, word: Word | None, room: Room) -> bool:
    """Tell whether an operator's word still holds: until the machine has grown by another quarter of the room."""
    if word is None:
        return False
    return (
        store.surplus_bytes < word.surplus_bytes + room.spare_bytes * WORD_HOLDS
        and store.objects < word.objects + room.object_limit * (1 - OBJECTS_CLOSE_AT)
    )
