"""Chooses the versions that bring a repository back to an earlier time: rules over a full listing. Pure.

What was current at that time becomes current again. Later objects stay where they are: indexes are merged and packs
that no index names are ignored, so later backups survive beside the earlier state. Only later index, snapshot and key
files whose content does not match their name (their SHA-256) must be hidden, since one such file stops every command;
so does a foreign key that is taken for such a file, of any date. Locks are not restored: reads need none, and old ones
would block backups.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from coffre.agents.repository import Part, RepositoryLayout
from coffre.errors import RefusedError, UsageError
from coffre.observation.key_shapes import ForeignKeys, is_foreign
from coffre.spec.tenant import Tenant
from coffre.storage.values import ObjectVersion


@dataclass(frozen=True)
class Comeback:
    """A version that becomes current again by a copy onto its key."""

    key: str
    version_id: str
    size_bytes: int
    part: Part


@dataclass(frozen=True)
class UndeletePlan:
    """What brings a repository back to an earlier time.

    ``hidden`` are later keys that get a delete marker, ``later`` those that stay unchanged; ``lost`` existed and cannot
    be restored, because no version is left. ``undone_from`` and ``undone_to`` are the first and the last of the changes
    that are undone. ``foreign`` are foreign keys: they are ignored and stay in place, except those in ``hidden``.
    ``hidden_snapshots`` are the ids of the snapshots in ``hidden``.
    """

    at: datetime
    comebacks: tuple[Comeback, ...]
    hidden: tuple[str, ...]
    later: tuple[str, ...]
    lost: tuple[str, ...]
    undone_from: datetime | None = None
    undone_to: datetime | None = None
    foreign: ForeignKeys = field(default_factory=ForeignKeys)
    hidden_snapshots: tuple[str, ...] = ()

    @property
    def is_needed(self) -> bool:
        return bool(self.comebacks or self.hidden)

    @property
    def copied_bytes(self) -> int:
        """How much of the tenant's wall the copies will take."""
        return sum(comeback.size_bytes for comeback in self.comebacks)


def plan_undelete(
    versions: Iterable[ObjectVersion],
    at: datetime,
    layout: RepositoryLayout,
    *,
    unsound: Collection[str] = (),
    is_exact: bool = False,
    foreign: Iterable[str] = (),
) -> UndeletePlan:
    """Return what brings the repository of a full listing back to ``at``.

    ``unsound`` are later keys whose content does not match their name; with ``is_exact`` every later index, snapshot
    and key file is hidden. ``foreign`` are the keys that `part_foreign` removed from the listing. RefusedError when
    there was no repository at that time.
    """
    comebacks: list[Comeback] = []
    passed_over = ForeignKeys()
    hidden: list[str] = []
    for key in foreign:
        passed_over = passed_over.add(key)
        if layout.misleads(key):
            hidden.append(key)
    later: list[str] = []
    lost: list[str] = []
    undone: list[datetime] = []
    was_there = False
    for (key, part), history in _by_key(versions, layout).items():
        current, then = history[0], _find_then(history, at)
        if then is None or then.is_marker:
            if _was_deleted_unseen(history, then):
                lost.append(key)
            elif not current.is_marker:
                is_hidden = key in unsound or (is_exact and part in layout.read_at_start)
                (hidden if is_hidden else later).append(key)
            continue
        was_there = was_there or part is Part.CONFIG
        if not _is_same_content(current, then):
            comebacks.append(Comeback(key, then.version_id, then.size_bytes, part))
            undone.append(_first_after(history, then).modified_at)
            undone.append(current.modified_at)
    if not was_there:
        raise RefusedError(
            f"there was no repository at {at:%Y-%m-%d %H:%M:%S} UTC, or nothing is left of it",
            "Give a time between its first backup and the damage.",
        )
    return UndeletePlan(
        at,
        tuple(sorted(comebacks, key=lambda comeback: (layout.order.index(comeback.part), comeback.key))),
        tuple(hidden),
        tuple(later),
        tuple(lost),
        min(undone, default=None),
        max(undone, default=None),
        passed_over,
        tuple(found.name for key in hidden if (found := layout.find(key)) and found.part is Part.SNAPSHOTS),
    )


def part_foreign(versions: Iterable[ObjectVersion], layout: RepositoryLayout) -> tuple[list[ObjectVersion], list[str]]:
    """Separate foreign keys from a listing; returns the listing without them, and those that exist now."""
    ours: list[ObjectVersion] = []
    foreign: list[str] = []
    for version in versions:
        if not is_foreign(version.key, layout):
            ours.append(version)
        elif version.is_latest and not version.is_marker:
            foreign.append(version.key)
    return ours, foreign


def list_later(versions: Iterable[ObjectVersion], at: datetime, layout: RepositoryLayout) -> list[ObjectVersion]:
    """Return the current objects of `read_at_start` written after ``at``: their content must match their name."""
    return [
        history[0]
        for (_, part), history in _by_key(versions, layout).items()
        if part in layout.read_at_start and not history[0].is_marker
        if (then := _find_then(history, at)) is None or then.is_marker
    ]


def count_by_part(comebacks: Iterable[Comeback]) -> Mapping[Part, int]:
    """Count what comes back by its part, in the order of a plan, in which it is restored."""
    return Counter(comeback.part for comeback in comebacks)


def read_moment(text: str, timezone: str, now: datetime) -> datetime:
    """Read a time in ISO 8601 and return it in UTC; without an offset it is local time of ``timezone``.

    UsageError for anything else, for a local time that a clock change skips or repeats, and for the future.
    """
    how = "Write it like 2026-11-23T14:05, or 2026-11-23T13:05:30Z."
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        read = None
    if read is None or not any(sign in text for sign in "T :"):
        raise UsageError(f"{text!r} is not a date and a time", how)
    if read.tzinfo is None:
        read = _localise(read, timezone)
    moment = read.astimezone(UTC)
    if moment > now:
        raise UsageError(f"{moment:%Y-%m-%d %H:%M:%S} UTC is in the future", how)
    return moment


def refuse_too_old(tenant: Tenant, moment: datetime, now: datetime) -> None:
    """Refuse a time whose versions may be gone; a hold keeps everything from its first day on."""
    since = now
    if tenant.hold is not None:
        began = datetime.combine(tenant.hold.since, datetime.min.time(), ZoneInfo(tenant.timezone))
        since = min(now, began)
    oldest = since - timedelta(days=tenant.storage.undelete_days)
    if moment < oldest:
        raise RefusedError(
            f"{moment:%Y-%m-%d %H:%M:%S} UTC is too long ago: {tenant.slug} keeps old versions for "
            f"{tenant.storage.undelete_days} days (storage.undelete_days)",
            f"Give a time after {oldest:%Y-%m-%d %H:%M} UTC. If the repository still has it, use `coffre restore`.",
        )


def _localise(naive: datetime, timezone: str) -> datetime:
    zone = ZoneInfo(timezone)
    first, second = (naive.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        raise UsageError(
            f"{naive:%Y-%m-%d %H:%M} is skipped or repeated in {timezone}: the clocks change at that time",
            f"Write it with its offset, like {first.astimezone(UTC):%Y-%m-%dT%H:%M}Z.",
        )
    return first


def _by_key(versions: Iterable[ObjectVersion], layout: RepositoryLayout) -> dict[tuple[str, Part], list[ObjectVersion]]:
    """Return the history of each key, newest first as listed, with the key's part; without locks."""
    histories: dict[tuple[str, Part], list[ObjectVersion]] = {}
    for version in versions:
        part = layout.part_of(version.key)
        if part in layout.order:
            histories.setdefault((version.key, part), []).append(version)
    return histories


def _find_then(history: Sequence[ObjectVersion], at: datetime) -> ObjectVersion | None:
    return next((version for version in history if version.modified_at <= at), None)


def _first_after(history: Sequence[ObjectVersion], then: ObjectVersion) -> ObjectVersion:
    return history[history.index(then) - 1]


def _was_deleted_unseen(history: Sequence[ObjectVersion], then: ObjectVersion | None) -> bool:
    """Tell whether the oldest known version of a key is its deletion after that time: the object before it is lost."""
    return then is None and history[-1].is_marker


def _is_same_content(current: ObjectVersion, then: ObjectVersion) -> bool:
    if current.is_marker:
        return False
    return current.version_id == then.version_id or (current.etag, current.size_bytes) == (then.etag, then.size_bytes)
