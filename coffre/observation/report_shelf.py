"""Reads reports/ of a bucket: the trusted reports, newest first, and those set aside. In bounded memory.

A machine seals and numbers its reports; after its first sealed report no other form is trusted. The names of its
reports carry a tag that only it can compute: a flood of the bucket hides no honest report. Names without a tag come
from earlier agent versions, as do reports in clear, which are ordered by the server's clock.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from coffre.agents.report import LIMIT_BYTES, InvalidReportError, Report, ReportResult, parse_report
from coffre.agents.sealing import SEALED_LIMIT_BYTES, Opener, is_sealed, read_number, read_tag
from coffre.findings import SetAside
from coffre.observation.judge import identity
from coffre.outside.faults import Fault
from coffre.records.memory import Memory
from coffre.storage.driver import Bucket
from coffre.storage.values import ObjectFacts, Unusable

LOOK_BACK_REPORTS = 60
"""The maximum number of reports read to find one; at two per day this is a month."""

LOOK_BACK_UNNUMBERED = 5
"""The maximum for reports that their machine could not number: each is from a run on a full disk."""

MAX_NUMBERS = 100_000
"""How many numbers above the accounted one are remembered: years of reports that no command has read."""

MAX_EARLIER = 20
"""For how many overwritten reports the first version is read."""

_INSTANT = timedelta(microseconds=1)

Until = Callable[[Report], bool]
"""Tells for a trusted report whether the reports before it are not needed."""


@dataclass(frozen=True)
class Reported:
    """A machine's reports: the trusted ones, newest first as far as they were read, and those set aside.

    ``others`` are valid too, but from another machine with this one's files: they say nothing about this machine. For
    sealed reports: ``numbers`` are those listed above the accounted number, ``highest`` is the highest one that opened;
    ``replayed`` is an earlier one that the server dates after it; ``sealed_since`` and ``clean_until`` are values for
    the memory. ``lacks_key``: there are sealed reports, but no key here to open them. ``unread`` counts the reports
    that were not read, since there are more than a machine writes.
    """

    reports: tuple[Report, ...] = ()
    others: tuple[Report, ...] = ()
    aside: tuple[SetAside, ...] = ()
    numbers: frozenset[int] = frozenset()
    highest: int | None = None
    replayed: str | None = None
    sealed_since: datetime | None = None
    clean_until: datetime | None = None
    lacks_key: bool = False
    unread: int = 0

    @property
    def last(self) -> Report | None:
        return self.reports[0] if self.reports else None

    @property
    def success(self) -> Report | None:
        return next((report for report in self.reports if report.result is ReportResult.SUCCESS), None)


def is_success(report: Report) -> bool:
    return report.result is ReportResult.SUCCESS


@dataclass(order=True, frozen=True)
class _Ranked:
    """An object with its rank in one of the orders of reading."""

    rank: tuple[int, datetime, str] | tuple[datetime, str]
    facts: ObjectFacts = field(compare=False)


class _Newest:
    """The objects with the highest ranks, in bounded memory.

    Dropped objects are counted, except those until ``looked_at``, which an earlier read may have seen.
    """

    def __init__(self, limit: int, looked_at: datetime | None = None) -> None:
        self._limit = limit
        self._looked_at = looked_at
        self._heap: list[_Ranked] = []
        self.dropped = 0
        self.dropped_from: datetime | None = None

    def offer(self, ranked: _Ranked) -> None:
        heapq.heappush(self._heap, ranked)
        if len(self._heap) > self._limit:
            at = heapq.heappop(self._heap).facts.modified_at
            self.dropped += self._looked_at is None or at > self._looked_at
            self.dropped_from = at if self.dropped_from is None else min(self.dropped_from, at)

    def __iter__(self) -> Iterator[ObjectFacts]:
        return (ranked.facts for ranked in sorted(self._heap, reverse=True))


class _Pile:
    """Sealed reports that compete only with each other: any number of other reports displaces none of these."""

    def __init__(self, memory: Memory) -> None:
        self.by_number = _Newest(LOOK_BACK_REPORTS)
        self.unnumbered = _Newest(LOOK_BACK_UNNUMBERED)
        self.unread = _Newest(LOOK_BACK_REPORTS, memory.clean_until)
        self.numbers: set[int] = set()
        self.lowest: int | None = None
        self.newest: ObjectFacts | None = None

    def see(self, facts: ObjectFacts, number: int | None, memory: Memory) -> None:
        if number == 0:
            self.unnumbered.offer(_Ranked((facts.modified_at, facts.key), facts))
        elif number is not None:
            self.by_number.offer(_Ranked((number, facts.modified_at, facts.key), facts))
            self.lowest = number if self.lowest is None else min(self.lowest, number)
            if number > (memory.accounted_number or 0) and len(self.numbers) < MAX_NUMBERS:
                self.numbers.add(number)
            if self.newest is None or facts.modified_at > self.newest.modified_at:
                self.newest = facts
        if _is_new(facts, memory):
            self.unread.offer(_Ranked((facts.modified_at, facts.key), facts))


@dataclass
class _Forged:
    """Objects with a name that their machine did not make: counted, never opened."""

    count: int = 0
    newest: ObjectFacts | None = None
    first_at: datetime | None = None

    def see(self, facts: ObjectFacts) -> None:
        self.count += 1
        if self.newest is None or facts.modified_at >= self.newest.modified_at:
            self.newest = facts
        self.first_at = facts.modified_at if self.first_at is None else min(self.first_at, facts.modified_at)

    def sum_up(self) -> tuple[SetAside, ...]:
        return () if self.newest is None else (SetAside(self.newest.key, Fault.MISSEALED, count=self.count),)


class Shelf:
    """The objects below reports/, seen one by one in bounded memory, then read."""

    def __init__(self, memory: Memory, now: datetime, opener: Opener | None) -> None:
        self._memory = memory
        self._now = now
        self._opener = opener
        self._own = _Pile(memory)
        # Reports without a tag, whose names anybody can make: high numbers must not displace the next numbers.
        self._near, self._far = _Pile(memory), _Pile(memory)
        self._forged = _Forged()
        self._in_clear = _Newest(LOOK_BACK_REPORTS)

    def see(self, facts: ObjectFacts) -> None:
        """Register one object of the bucket; a key that is no report's is ignored."""
        # The platform can give an object any date: now replaces a date in the future.
        facts = replace(facts, modified_at=min(facts.modified_at, self._now))
        number = read_number(facts.key)
        if number is not None and self._opener is not None and read_tag(facts.key) is not None:
            if self._opener.is_own_name(facts.key):
                self._own.see(facts, number, self._memory)
            elif _is_new(facts, self._memory):
                self._forged.see(facts)
        elif number is not None:
            is_near = number <= (self._memory.report_number or 0) + LOOK_BACK_REPORTS
            (self._near if is_near else self._far).see(facts, number, self._memory)
        elif facts.key.endswith(".sealed"):
            self._far.see(facts, None, self._memory)
        elif facts.key.endswith(".json") and self._counts_in_clear(facts):
            self._in_clear.offer(_Ranked((facts.modified_at, facts.key), facts))

    def read(self, bucket: Bucket, until: Until = is_success) -> Reported:
        """Open the necessary reports: all new ones, and earlier ones by number as far back as ``until``."""
        read = _Sealed(bucket, self._opener, self._now)
        piles = (self._own, self._near, self._far)
        unread = [facts for pile in piles for facts in pile.unread]
        for facts in (*unread, *(facts for pile in piles for facts in pile.unnumbered)):
            read.open(facts)
        machines = identity.learn(self._memory, [report for _, report in read.reports.values()])
        self._read_by_number(read, machines, until)
        machines = identity.learn(machines, [report for _, report in read.reports.values()])
        is_sealing = self._memory.sealed_since is not None or bool(read.reports)
        highest = max((report.number or 0 for _, report in read.reports.values()), default=0) or None
        replayed = self._find_replayed(read, machines)
        # An object that was read and acknowledged is not named again; it is still not trusted.
        new = {facts.key for facts in unread}
        odd_sealed = (*(each for each in read.aside.values() if each.key in new), *self._forged.sum_up())
        if not is_sealing:
            reports, aside = _read_in_clear(bucket, self._in_clear, self._now, until)
            aside = (*odd_sealed, *aside)
            return Reported(reports, aside=aside, lacks_key=read.lacks_key, unread=self._count_unread(read, aside))
        sealed_since = self._memory.sealed_since or min(facts.modified_at for facts, _ in read.reports.values())
        odd = [facts for facts in self._in_clear if facts.modified_at > sealed_since]
        aside = (*odd_sealed, *_judge_in_clear(bucket, odd))
        reports = _in_order(report for _, report in read.reports.values())
        return Reported(
            tuple(each for each in reports if identity.is_own(machines, each)),
            tuple(each for each in reports if not identity.is_own(machines, each)),
            aside,
            self._list_numbers(read),
            highest,
            replayed,
            sealed_since,
            self._find_clean_until(read, unread),
            read.lacks_key,
            self._count_unread(read, aside),
        )

    def _counts_in_clear(self, facts: ObjectFacts) -> bool:
        return self._memory.sealed_since is None or facts.modified_at > self._memory.sealed_since

    def _read_by_number(self, read: "_Sealed", machines: Memory, until: Until) -> None:
        for facts in self._own.by_number:
            report = read.open(facts)
            if report is not None and identity.is_own(machines, report) and until(report):
                return
        # Every report of an earlier agent version is older than the reports with the machine's tag.
        for facts in _by_number(self._near, self._far):
            report = read.open(facts)
            if report is not None and identity.is_own(machines, report) and until(report):
                return

    def _list_numbers(self, read: "_Sealed") -> frozenset[int]:
        first = self._own.lowest
        of_before = {each for each in self._near.numbers | self._far.numbers if first is None or each < first}
        good = {report.number for _, report in read.reports.values()}
        bad_own = {read_number(key) for key in read.aside if read_tag(key) is not None} - good
        bad_of_before = {read_number(key) for key in read.aside if read_tag(key) is None} - good
        return frozenset(self._own.numbers - bad_own | (of_before - bad_of_before))

    def _find_replayed(self, read: "_Sealed", machines: Memory) -> str | None:
        """Return an earlier report that the server dates after the newest one: it was written again.

        Another machine with this one's files is left out: it goes on with its own numbers after the copy.
        """
        for pile in (self._own, self._near, self._far):
            if pile.newest is not None:
                read.open(pile.newest)
        own = {facts.key: (facts, each) for facts, each in read.reports.values() if identity.is_own(machines, each)}
        highest = max((each.number or 0 for _, each in own.values()), default=0)
        if not highest:
            return None
        newest_at = max(facts.modified_at for facts, each in own.values() if each.number == highest)
        for pile in (self._own, self._near, self._far):
            newest = pile.newest
            if newest is None or newest.key not in own or newest.key in read.aside:
                continue
            if (read_number(newest.key) or 0) < highest and newest.modified_at > newest_at:
                return newest.key
        return None

    def _find_clean_until(self, read: "_Sealed", unread: list[ObjectFacts]) -> datetime | None:
        """Return the time until which everything was read; it stays before the first report that was set aside.

        Then it also stays before the first unread report: every read counts a whole flood again, in any order.
        """
        odd = [facts.modified_at for facts in unread if facts.key in read.aside]
        if self._forged.first_at is not None:
            odd.append(self._forged.first_at)
        if odd:
            piles = (self._own, self._near, self._far)
            odd += [pile.unread.dropped_from for pile in piles if pile.unread.dropped_from is not None]
        if read.lacks_key or not (unread or odd):
            return self._memory.clean_until
        return min(odd) - _INSTANT if odd else max(facts.modified_at for facts in unread)

    def _count_unread(self, read: "_Sealed", aside: tuple[SetAside, ...]) -> int:
        """Count the unread reports if some were set aside, since this is a flood; 0 otherwise.

        Unread names with the machine's tag are only counted if one was overwritten: the machine may have many of them.
        """
        if not aside:
            return 0
        is_own_written_over = any(read_tag(key) is not None for key in read.aside)
        of_own = self._own.unread.dropped if is_own_written_over else 0
        return of_own + self._near.unread.dropped + self._far.unread.dropped + self._in_clear.dropped


def _is_new(facts: ObjectFacts, memory: Memory) -> bool:
    # More may have come in the same second as the last read: from Ceph 20 on a listing has whole seconds.
    return memory.clean_until is None or facts.modified_at >= memory.clean_until


def _by_number(*piles: _Pile) -> list[ObjectFacts]:
    listed = (facts for pile in piles for facts in pile.by_number)
    return sorted(listed, key=lambda facts: (read_number(facts.key) or 0, facts.modified_at, facts.key), reverse=True)


class _Sealed:
    """Sealed reports, each opened once."""

    def __init__(self, bucket: Bucket, opener: Opener | None, now: datetime) -> None:
        self._bucket = bucket
        self._opener = opener
        self._now = now
        self._done: set[str] = set()
        self._earlier = 0
        self.reports: dict[str, tuple[ObjectFacts, Report]] = {}
        self.aside: dict[str, SetAside] = {}
        self.lacks_key = False

    def open(self, facts: ObjectFacts) -> Report | None:
        """Return an object's report; None when it is not valid, and then it is set aside."""
        if facts.key not in self._done:
            self._done.add(facts.key)
            self._read(facts)
        found = self.reports.get(facts.key)
        return found[1] if found is not None else None

    def _read(self, facts: ObjectFacts) -> None:
        if self._opener is None:
            self.lacks_key = True
            return
        body = self._bucket.find(facts.key, SEALED_LIMIT_BYTES)
        if body is None:
            return
        found = self._judge(self._opener, facts.key, body)
        if isinstance(found, SetAside):
            self.aside[facts.key] = found
        report = self._look_below(self._opener, facts.key) if isinstance(found, SetAside) else found
        if report is not None:
            self.reports[facts.key] = (facts, report)

    def _look_below(self, opener: Opener, key: str) -> Report | None:
        """Return the first version of an object: only the machine knew that name before it wrote there."""
        if self._earlier >= MAX_EARLIER or not opener.is_own_name(key):
            return None
        self._earlier += 1
        body = self._bucket.find_first(key, SEALED_LIMIT_BYTES)
        found = None if body is None else self._judge(opener, key, body)
        return found if isinstance(found, Report) else None

    def _judge(self, opener: Opener, key: str, body: bytes | Unusable) -> Report | SetAside:
        if isinstance(body, Unusable):
            return SetAside(key, body.fault)
        try:
            report = parse_report(opener.open(key, body), self._now)
        except InvalidReportError as problem:
            return SetAside(key, problem.fault, problem.field)
        return report if report.number == read_number(key) else SetAside(key, Fault.UNREADABLE, "number")


def _in_order(reports: Iterable[Report]) -> tuple[Report, ...]:
    """Order sealed reports, newest first: by number, and one without number by its machine's clock."""
    found = list(reports)
    ordered = sorted((each for each in found if each.number), key=lambda each: each.number or 0, reverse=True)
    for each in sorted((each for each in found if not each.number), key=lambda each: each.finished_at):
        place = next((at for at, other in enumerate(ordered) if other.finished_at < each.finished_at), len(ordered))
        ordered.insert(place, each)
    return tuple(ordered)


def _read_in_clear(
    bucket: Bucket, objects: Iterable[ObjectFacts], now: datetime, until: Until
) -> tuple[tuple[Report, ...], tuple[SetAside, ...]]:
    """Read the reports of a machine that has never sealed one."""
    reports: list[Report] = []
    aside: list[SetAside] = []
    for facts in objects:
        body = bucket.find(facts.key, LIMIT_BYTES)
        if body is None:
            continue
        if isinstance(body, Unusable):
            aside.append(SetAside(facts.key, body.fault))
            continue
        try:
            reports.append(parse_report(body, now))
        except InvalidReportError as problem:
            aside.append(SetAside(facts.key, problem.fault, problem.field))
            continue
        if until(reports[-1]):
            break
    return tuple(reports), tuple(aside)


def _judge_in_clear(bucket: Bucket, objects: Iterable[ObjectFacts]) -> Iterator[SetAside]:
    """Name reports in clear beside a machine's sealed reports; they are only read to describe them."""
    for facts in objects:
        body = bucket.find(facts.key, SEALED_LIMIT_BYTES)
        if isinstance(body, Unusable):
            yield SetAside(facts.key, body.fault)
        elif body is not None:
            yield SetAside(facts.key, Fault.MISSEALED if is_sealed(body) else Fault.UNSEALED)
