"""A machine that is simulated from run to run: its files, its repository, its reports, and what storage says.

Reports are documents of the agent that Coffre parses; nothing here knows the rules that judge them.
"""

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from coffre.agents.report import parse_report
from coffre.supervision.judge.attacks.attack import (
    Released,
    SeenRun,
    Snapshot,
    StoreWords,
    Suspicion,
    Weakened,
    judge_attack,
)
from coffre.supervision.observe.runs import add_runs, silent_growth

KIB, MIB, GIB = 1024, 1024**2, 1024**3
FIRST = datetime(2026, 1, 5, 19, tzinfo=UTC)
LETTERS, PHOTOS, ENCRYPTED = 0.45, 0.985, 1.001
"""What data comes to when restic compresses it."""


@dataclass
class Day:
    """What happens to the files until the next run, in numbers of files and bytes of new content."""

    new: int = 0
    changed: int = 0
    removed: int = 0
    unreadable: int = 0
    incompressible: int = 0
    large_bytes: int = 0
    raw_bytes: int = 0
    packed_bytes: float = 0.0
    bait_changed: int = 0
    bait_gone: int = 0
    bait_read: int = 0

    def write(self, files: int, size_bytes: float, ratio: float, *, is_new: bool) -> None:
        """Give files new content, of this size each, of which ``ratio`` stays after compression."""
        self.new += files if is_new else 0
        self.changed += 0 if is_new else files
        self.incompressible += files if ratio >= 0.9 else 0
        self.large_bytes += int(files * size_bytes) if is_new and size_bytes >= 16 * MIB and ratio >= 0.9 else 0
        self.raw_bytes += int(files * size_bytes)
        self.packed_bytes += files * size_bytes * ratio


@dataclass
class Machine:
    """A machine with files of one kind in the main; ``touched`` and ``made`` are what its people do on a usual day."""

    rng: random.Random
    files: int = 20_000
    file_bytes: float = 400 * KIB
    ratio: float = LETTERS
    touched: int = 60
    made: int = 15
    baits: int = 6
    reads_baits: bool = False
    now: datetime = FIRST
    number: int = 0
    repository_bytes: int = 0
    runs: tuple[SeenRun, ...] = ()
    stored: list[Snapshot] = field(default_factory=list)
    unreported: int = 0
    released: Released | None = None
    weakened: Weakened | None = None
    overwritten: int = 0
    overwritten_at: datetime | None = None
    bytes_processed: int = 0

    def start(self) -> None:
        """Make the first full backup."""
        self.bytes_processed = int(self.files * self.file_bytes)
        first = Day()
        first.write(self.files, self.file_bytes, self.ratio, is_new=True)
        self.back_up(first, is_first=True)

    def usual_day(self) -> Day:
        """Return what people do on a day like any other."""
        day = Day()
        touched = int(self.touched * self.rng.lognormvariate(0, 0.6))
        # Half of the letters are compressed by the program that writes them.
        day.write(touched // 2, self.file_bytes, self.ratio, is_new=False)
        day.write(touched - touched // 2, self.file_bytes, 0.95, is_new=False)
        day.write(int(self.made * self.rng.lognormvariate(0, 0.6)), self.file_bytes, self.ratio, is_new=True)
        day.removed = int(self.made * 0.6 * self.rng.lognormvariate(0, 0.6))
        # One large file that changes every day: a mailbox, a database. It does not always compress.
        day.write(1, self.rng.uniform(20, 400) * MIB, self.rng.uniform(self.ratio, 0.95), is_new=False)
        day.bait_read = self.baits if self.reads_baits and self.rng.random() < 0.5 else 0
        return day

    def back_up(
        self,
        day: Day,
        *,
        is_first: bool = False,
        is_reported: bool = True,
        says: Day | None = None,
        uploaded_before: float = 0.0,
        after: timedelta = timedelta(days=1),
    ) -> Suspicion | None:
        """Back up what is there after a day; ``says`` is what a forged report tells instead.

        ``uploaded_before`` is what a run that was cut off had uploaded: restic uses most of it again.
        """
        self.now += after
        before = self.files
        removed = min(day.removed, before)
        changed = min(day.changed, before - removed)
        self.files = before - removed + day.new
        grown = int(day.packed_bytes + 2 * MIB)
        self.repository_bytes += int(grown + uploaded_before)
        if not is_first:
            mean = self.bytes_processed / max(1, before)
            new_bytes = day.raw_bytes * day.new / max(1, day.new + day.changed)
            self.bytes_processed = int(self.bytes_processed - removed * mean + new_bytes)
        self.number += 1
        snapshot_id = hashlib.sha256(str(self.number).encode()).hexdigest()
        self.stored.append(Snapshot(snapshot_id, self.now))
        if not is_reported:
            self.unreported += 1
            return self.judge()
        said = says or day
        self._report(said, snapshot_id, before, changed if says is None else says.changed, is_first=is_first)
        return self.judge()

    def _report(self, day: Day, snapshot_id: str, before: int, changed: int, *, is_first: bool) -> None:
        removed = min(day.removed, before)
        total = before - removed + day.new
        lost_baits = day.bait_changed + day.bait_gone
        document = {
            "version": 1,
            "number": self.number,
            "tenant_id": "k7f3q9wz2m",
            "machine": "compta-01",
            "run_id": f"{self.number:032x}",
            "started_at": (self.now - timedelta(minutes=5)).isoformat(),
            "finished_at": self.now.isoformat(),
            "result": "partial" if day.unreadable else "success",
            "snapshot_id": snapshot_id,
            "bytes_added": int(day.packed_bytes),
            "bytes_new": day.raw_bytes,
            "bytes_processed": self.bytes_processed,
            "files_processed": total,
            "unreadable_count": day.unreadable,
            "changes": None
            if is_first
            else {
                "files_new": day.new,
                "files_changed": changed,
                "files_unmodified": max(0, before - removed - changed - day.unreadable),
                "files_removed": removed + day.unreadable,
                "files_incompressible": day.incompressible,
                "bytes_large": day.large_bytes,
            },
            "bait": None
            if is_first or not self.baits
            else {
                "intact": self.baits - lost_baits,
                "changed": day.bait_changed,
                "gone": day.bait_gone,
                "read": min(day.bait_read, self.baits - lost_baits),
            },
        }
        report = parse_report(json.dumps(document).encode(), self.now)
        arrivals = {each.snapshot_id: each.at for each in self.stored}
        self.runs = add_runs(self.runs, [report], arrivals, self.repository_bytes, self.now)
        self.unreported = 0

    def judge(self) -> Suspicion | None:
        """Judge as a pass of supervision does."""
        store = StoreWords(
            overwritten=self.overwritten,
            overwritten_key="restic/data/ab/ab" if self.overwritten else None,
            overwritten_at=self.overwritten_at,
            unreported=self.unreported,
            silent_bytes=silent_growth(self.runs, self.repository_bytes),
            repository_bytes=self.repository_bytes,
        )
        return judge_attack(self.runs, store, self.stored, self.weakened, self.released)


def settle_in(machine: Machine, days: int) -> None:
    """Let a machine live for some usual days after its first backup."""
    machine.start()
    for _ in range(days):
        suspicion = machine.back_up(machine.usual_day())
        assert suspicion is None, suspicion


def kinds(suspicion: Suspicion | None) -> Sequence[str]:
    return [] if suspicion is None else sorted({each.kind.value for each in suspicion.signs})
