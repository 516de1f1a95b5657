"""Copies a machine's repository to a bucket on another platform, object by object, without its password.

The name of each object is the hash of its content: only what matches its name is written, and nothing there is ever
overwritten or deleted, whatever the source says. Snapshots are listed first and copied last, so the copy has at every
moment what its snapshots need, as far as it is sound in the source. A bad object is named and does not stop the others:
a machine could otherwise stop every later copy with a single one.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from coffre.agents.repository import Part, RepositoryLayout, RepositoryObject
from coffre.agents.sealing import SEALED_LIMIT_BYTES
from coffre.errors import RefusedError
from coffre.operations.copying.listing import Held, of_part, pair_up
from coffre.operations.copying.pace import Pace
from coffre.operations.copying.transfer import Missing, Transfer
from coffre.records.facts.backups import CopyFault, CopyRun, UncopiedObject
from coffre.spec import naming
from coffre.spec.values.sizes import format_bytes, group_digits
from coffre.storage.driver import Bucket
from coffre.storage.values import ObjectFacts

CHECKPOINT_SECONDS = 60.0
"""The maximum that the record of a killed run lacks; the copy itself loses nothing."""
MAX_PACK_BYTES = 256 * 1024**2
"""Agents write packs of 128 MiB at most."""
MAX_HELD = 100_000
"""How many snapshots, and how many index files, are held in memory. Of more, the oldest are copied: a machine that
floods its bucket hides nothing that was there before. Such a run is not complete."""
MAX_REPORTS = 200
"""How many of the newest reports the copy gets: drills from the copy compare with the hashes in them."""
MAX_NAMED = 20

OnProgress = Callable[[str], None]

_REPORT = re.compile(re.escape(naming.REPORTS_PREFIX) + r"[0-9A-Za-z][0-9A-Za-z._-]{0,199}\.(sealed|json)")


class NoRepositoryError(RefusedError):
    """The source has no readable repository, or no longer; the copy stays as it is."""


class OtherRepositoryError(RefusedError):
    """The copy is of another repository than the source's, maybe the only one left of it; nothing was written."""


@dataclass(frozen=True)
class RepositoryCopy:
    """The result of a run, or its progress.

    ``listed_at`` is the source's clock before its snapshots were listed, and ``snapshots`` are their names.
    ``copied_objects`` and ``copied_bytes`` are those of this run. ``faults`` names at most `MAX_NAMED` objects by their
    key, ``fault_count`` counts all. ``is_complete``: each object listed since was copied, was there already, or is a
    fault.
    """

    listed_at: datetime
    snapshots: tuple[str, ...]
    copied_objects: int
    copied_bytes: int
    faults: Mapping[str, CopyFault]
    fault_count: int
    is_complete: bool


Note = Callable[[RepositoryCopy], object]


def describe_copy(copy: RepositoryCopy, platform: str) -> CopyRun:
    """Return a run to the platform of this name in the form of a record. Pure."""
    return CopyRun(
        platform=platform,
        listed_at=copy.listed_at,
        is_complete=copy.is_complete,
        snapshot_count=len(copy.snapshots),
        copied_count=copy.copied_objects,
        copied_bytes=copy.copied_bytes,
        faults=tuple(UncopiedObject(key, fault) for key, fault in copy.faults.items()),
        fault_count=copy.fault_count,
    )


def copy_repository(
    source: Bucket, target: Bucket, layout: RepositoryLayout, pace: Pace, *, on_progress: OnProgress, note: Note
) -> RepositoryCopy:
    """Copy what the target lacks of the source's repository, and of its newest reports; returns the result.

    ``note`` gets the copy so far every `CHECKPOINT_SECONDS`, and before an error ends the run; not the returned result.
    May be killed and run again: the next run copies what is missing. The caller keeps prunes and other copies of the
    same machine away meanwhile.

    Raises NoRepositoryError and OtherRepositoryError before anything is written, and the errors of either platform,
    such as PlatformAwayError and QuotaExceededError.
    """
    config = _choose_config(source, target, layout)
    run = _Run(_Job(source, target, layout, pace, on_progress, note), source.probe_server_time())
    try:
        run.copy(config)
    except BaseException:
        note(run.so_far())
        raise
    return run.so_far()


def _choose_config(source: Bucket, target: Bucket, layout: RepositoryLayout) -> bytes | None:
    """Return the config that the target lacks, None when it has the same."""
    key = layout.key_of(RepositoryObject(Part.CONFIG, ""))
    config = source.find(key, layout.start_limit_bytes)
    if not isinstance(config, bytes):
        raise NoRepositoryError(
            f"bucket {source.name} has no repository{'' if config is None else ' with a readable config'}; "
            "its copy stays as it is",
            "If the repository was lost, the copy still has it. Otherwise run `coffre apply` for the tenant.",
        )
    copied = target.find(key, layout.start_limit_bytes)
    is_empty = copied is None and all(layout.find(facts.key) is None for facts in target.walk_objects(layout.prefix))
    if copied != config and not is_empty:
        raise OtherRepositoryError(
            f"bucket {target.name} does not hold a copy of the repository of bucket {source.name}, but another one: "
            "nothing was written",
            "The copy may be all that is left of the earlier repository. Find out who began the new one, and keep the "
            "copy until nothing in it is needed.",
        )
    return config if is_empty else None


@dataclass(frozen=True)
class _Job:
    """What a run copies, from where to where, and who hears of it."""

    source: Bucket
    target: Bucket
    layout: RepositoryLayout
    pace: Pace
    on_progress: OnProgress
    note: Note


class _Run:
    """One run; its counts are the progress."""

    def __init__(self, job: _Job, listed_at: datetime) -> None:
        self._job, self._layout = job, job.layout
        self._transfer = Transfer(job.source, job.target, job.pace)
        self._listed_at, self._noted_at = listed_at, time.monotonic()
        self._snapshots: tuple[str, ...] = ()
        self._copied_objects = self._copied_bytes = self._fault_count = 0
        self._faults: dict[str, CopyFault] = {}
        self._is_complete = False

    def copy(self, config: bytes | None) -> None:
        """List what needs other objects first and copy it last; ``config`` is None when the target has it."""
        first, last = self._split_order()
        held: dict[Part, Held] = {}
        for part in reversed(last):
            self._job.on_progress(f"listing the {part} of the repository")
            held[part] = Held(MAX_HELD, newest=False)
            for facts in self._list(self._job.source, part):
                held[part].offer(facts)
        self._snapshots = tuple(self._name_of(facts.key) for facts in held[Part.SNAPSHOTS].in_order())
        if config is not None:
            self._put_config(config)
        for part in first:
            self._copy_part(part, self._list(self._job.source, part))
        for part in last:
            if part is Part.SNAPSHOTS:
                self._copy_reports()
            self._copy_part(part, held[part].in_order())
        self._is_complete = not any(each.dropped for each in held.values())

    def so_far(self) -> RepositoryCopy:
        return RepositoryCopy(
            self._listed_at,
            self._snapshots,
            self._copied_objects,
            self._copied_bytes,
            dict(self._faults),
            self._fault_count,
            self._is_complete,
        )

    def _split_order(self) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
        """Return the parts that are walked while they are copied, and those that are listed before."""
        order = self._layout.order
        first = order.index(Part.DATA) + 1
        return tuple(part for part in order[:first] if part is not Part.CONFIG), order[first:]

    def _put_config(self, config: bytes) -> None:
        self._job.pace.wait(len(config))
        self._job.target.put(self._layout.key_of(RepositoryObject(Part.CONFIG, "")), config)
        self._copied_objects += 1
        self._copied_bytes += len(config)

    def _copy_part(self, part: Part, listed: Iterable[ObjectFacts]) -> None:
        self._job.on_progress(f"copying the {part} of the repository")
        limit_bytes = self._layout.start_limit_bytes if part in self._layout.read_at_start else MAX_PACK_BYTES
        there = self._list(self._job.target, part)
        self._transfer.copy_all(self._list_missing(pair_up(listed, there), limit_bytes), self._take)

    def _copy_reports(self) -> None:
        self._job.on_progress("copying the newest reports")
        newest = Held(MAX_REPORTS, newest=True)
        for facts in self._walk(self._job.source, naming.REPORTS_PREFIX):
            if _REPORT.fullmatch(facts.key) and facts.size_bytes <= SEALED_LIMIT_BYTES:
                newest.offer(facts)
        wanted = newest.in_order()
        keys = {facts.key for facts in wanted}
        there = {facts.key: facts for facts in self._walk(self._job.target, naming.REPORTS_PREFIX) if facts.key in keys}
        pairs = ((facts, there.get(facts.key)) for facts in wanted)
        self._transfer.copy_all(self._list_missing(pairs, SEALED_LIMIT_BYTES), self._take)

    def _list_missing(
        self, pairs: Iterable[tuple[ObjectFacts, ObjectFacts | None]], limit_bytes: int
    ) -> Iterator[Missing]:
        """Yield what the target lacks, of objects with those of the target; what cannot be copied is a fault."""
        for facts, copied in pairs:
            if copied is not None:
                if copied.size_bytes != facts.size_bytes:
                    self._name(facts.key, CopyFault.SIZE_DIFFERS)
            elif facts.size_bytes > limit_bytes:
                self._name(facts.key, CopyFault.TOO_LARGE)
            else:
                yield Missing(facts.key, facts.size_bytes, self._name_of(facts.key))

    def _name_of(self, key: str) -> str:
        found = self._layout.find(key)
        return "" if found is None else found.name

    def _list(self, bucket: Bucket, part: Part) -> Iterator[ObjectFacts]:
        return of_part(self._walk(bucket, self._layout.prefix_of(part)), self._layout, part)

    def _walk(self, bucket: Bucket, prefix: str) -> Iterator[ObjectFacts]:
        """Yield a listing, with a checkpoint at times: a flood of foreign keys also takes its time."""
        for facts in bucket.walk_objects(prefix):
            self._pause()
            yield facts

    def _take(self, each: Missing, fault: CopyFault | None) -> None:
        if fault is not None:
            self._name(each.key, fault)
        else:
            self._copied_objects += 1
            self._copied_bytes += each.size_bytes
        self._pause()

    def _name(self, key: str, fault: CopyFault) -> None:
        self._fault_count += 1
        if len(self._faults) < MAX_NAMED:
            self._faults[key] = fault

    def _pause(self) -> None:
        if time.monotonic() - self._noted_at > CHECKPOINT_SECONDS:
            self._job.note(self.so_far())
            self._noted_at = time.monotonic()
            copied = f"{group_digits(self._copied_objects)} objects, {format_bytes(self._copied_bytes)}"
            self._job.on_progress(f"copied so far: {copied}")
