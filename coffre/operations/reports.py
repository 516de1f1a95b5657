"""The reports that agents put in their buckets: which of them are believed, newest first, and which are set aside.

A machine seals and numbers what it says; from its first sealed report on nothing else is believed of it. Reports in
clear, of agents of before, are ordered by the server's clock, since a machine's own may be wrong. Whoever hosts the
storage may put, copy and take away anything under reports/: what is no report is named, and hides no other.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from coffre.agents.applied import Applied, parse_applied
from coffre.agents.report import LIMIT_BYTES, InvalidReportError, Report, ReportResult, parse_report
from coffre.agents.sealing import SEALED_LIMIT_BYTES, Opener, is_sealed, read_number
from coffre.operations import identity
from coffre.operations.departure import is_being_erased
from coffre.operations.findings import SetAside
from coffre.operations.service import Service
from coffre.outside.faults import Fault
from coffre.records.events import utc_now
from coffre.records.memory import Memory
from coffre.spec import naming
from coffre.storage.driver import Bucket, ObjectFacts, Unusable

LOOK_BACK_REPORTS = 60
"""How many reports are read in search of one; twice a day makes a month."""

LOOK_BACK_UNNUMBERED = 5
"""How many are read of those that their machine could not number: each is of a run on a full disk."""

MAX_NUMBERS = 100_000
"""How many numbers above those accounted for are kept in mind; years of reports that nobody has looked at."""

_INSTANT = timedelta(microseconds=1)

Until = Callable[[Report], bool]
"""Tells of a believed report whether those before it are needed no more."""


@dataclass(frozen=True)
class Reported:
    """What a machine says: its believed reports, newest first as far as they were read, and what was set aside.

    ``others`` are believed as well, of another machine that has this one's files: they count for nothing.
    Of sealed ones: ``numbers`` are those listed above the number accounted for, ``highest`` the highest that opened;
    ``replayed`` is an earlier one that the server dates after it; ``sealed_since`` and ``clean_until`` are what a
    memory may take over. ``lacks_key``: there are sealed reports, and nothing here to open them with.
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

    @property
    def last(self) -> Report | None:
        return self.reports[0] if self.reports else None

    @property
    def success(self) -> Report | None:
        return next((report for report in self.reports if report.result is ReportResult.SUCCESS), None)


def is_success(report: Report) -> bool:
    return report.result is ReportResult.SUCCESS


def find_opener(service: Service, machine: str) -> Opener | None:
    """Return what opens a machine's sealed documents; None before the apply that derives its key."""
    control = service.secrets.find_control(service.tenant.slug, service.tenant.id)
    key = control.report_keys.get(machine) if control is not None else None
    return None if key is None else Opener(key, service.tenant.id, machine)


def recall(service: Service, machine: str) -> Memory:
    """Return what is remembered of a machine, nothing once its erasure has begun; a look makes no records."""
    records = service.find_records()
    if records is None or is_being_erased(service, machine):
        return Memory()
    return records.read_memory(service.tenant.id, machine)


def list_reports(service: Service, machine: str, until: Until = is_success) -> tuple[Report, ...]:
    """Return a machine's believed reports, newest first, as far as ``until``."""
    bucket, shelf = service.owner_bucket(machine), Shelf(recall(service, machine), utc_now())
    for facts in bucket.walk_objects(naming.REPORTS_PREFIX):
        shelf.see(facts)
    return shelf.read(bucket, find_opener(service, machine), until).reports


def look_at_applied(
    service: Service, machine: str, bucket: Bucket, memory: Memory, now: datetime
) -> Applied | SetAside | None:
    """Return what a machine said when it last applied its orders; None when it never did."""
    key, opener = naming.APPLIED_KEY, find_opener(service, machine)
    body = bucket.find(key, SEALED_LIMIT_BYTES)
    if body is None:
        return None
    if isinstance(body, Unusable):
        return SetAside(key, body.fault)
    try:
        if memory.check_in_number is not None or is_sealed(body):
            if opener is None:
                return SetAside(key, Fault.MISSEALED)
            body = opener.open(key, body)
        applied = parse_applied(body, now)
    except InvalidReportError as problem:
        return SetAside(key, problem.fault, problem.field)
    if memory.check_in_number is not None and (applied.number or 0) < memory.check_in_number:
        return SetAside(key, Fault.REPLAYED)
    return applied


def find_own_applied(service: Service, machine: str) -> Applied | None:
    """Return what `find_applied` does, unless another machine that has this one's files says it."""
    found = find_applied(service, machine)
    if found is None or identity.is_foreign(recall(service, machine), found.identity, found.at):
        return None
    return found


def find_applied(service: Service, machine: str) -> Applied | None:
    """Return what a machine said when it last applied its orders; None when it never did, or nobody vouches for it."""
    bucket = service.owner_bucket(machine)
    found = look_at_applied(service, machine, bucket, recall(service, machine), utc_now())
    return found if isinstance(found, Applied) else None


@dataclass(order=True, frozen=True)
class _Ranked:
    """An object in one of the orders in which they are read."""

    rank: tuple[int, datetime, str] | tuple[datetime, str]
    facts: ObjectFacts = field(compare=False)


class _Newest:
    """The highest of all that were offered, in bounded memory."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._heap: list[_Ranked] = []

    def offer(self, ranked: _Ranked) -> None:
        heapq.heappush(self._heap, ranked)
        if len(self._heap) > self._limit:
            heapq.heappop(self._heap)

    def __iter__(self) -> Iterator[ObjectFacts]:
        return (ranked.facts for ranked in sorted(self._heap, reverse=True))


class Shelf:
    """What lies under reports/, seen object by object in bounded memory, then read."""

    def __init__(self, memory: Memory, now: datetime) -> None:
        self._memory = memory
        self._now = now
        self._by_number = _Newest(LOOK_BACK_REPORTS)
        self._unnumbered = _Newest(LOOK_BACK_UNNUMBERED)
        self._unread = _Newest(LOOK_BACK_REPORTS)
        self._in_clear = _Newest(LOOK_BACK_REPORTS)
        self._numbers: set[int] = set()
        self._newest: ObjectFacts | None = None

    def see(self, facts: ObjectFacts) -> None:
        """Take note of one object of the bucket; what is no report's key is passed over."""
        # The platform may date an object as it likes: in time to come it is as good as now.
        facts = replace(facts, modified_at=min(facts.modified_at, self._now))
        number, clean_until = read_number(facts.key), self._memory.clean_until
        is_new = clean_until is None or facts.modified_at > clean_until
        if number == 0:
            self._unnumbered.offer(_Ranked((facts.modified_at, facts.key), facts))
        elif number is not None:
            self._by_number.offer(_Ranked((number, facts.modified_at, facts.key), facts))
            if number > (self._memory.accounted_number or 0) and len(self._numbers) < MAX_NUMBERS:
                self._numbers.add(number)
            if self._newest is None or facts.modified_at > self._newest.modified_at:
                self._newest = facts
        if number is not None or facts.key.endswith(".sealed"):
            if is_new:
                self._unread.offer(_Ranked((facts.modified_at, facts.key), facts))
        elif facts.key.endswith(".json") and self._counts_in_clear(facts):
            self._in_clear.offer(_Ranked((facts.modified_at, facts.key), facts))

    def read(self, bucket: Bucket, opener: Opener | None, until: Until = is_success) -> Reported:
        """Open what has to be looked at: all that is new, and by their numbers as far back as ``until``."""
        read = _Sealed(bucket, opener, self._now)
        for facts in (*self._unread, *self._unnumbered):
            read.open(facts)
        machines = identity.learn(self._memory, [report for _, report in read.reports.values()])
        for facts in self._by_number:
            report = read.open(facts)
            if report is not None and identity.is_own(machines, report) and until(report):
                break
        machines = identity.learn(machines, [report for _, report in read.reports.values()])
        is_sealing = self._memory.sealed_since is not None or bool(read.reports)
        highest = max((report.number or 0 for _, report in read.reports.values()), default=0) or None
        replayed = self._find_replayed(read, machines)
        # What was looked at and acknowledged is not named again; it is believed no more for that.
        new = {facts.key for facts in self._unread}
        odd_sealed = tuple(each for each in read.aside.values() if each.key in new)
        if not is_sealing:
            reports, aside = _read_in_clear(bucket, self._in_clear, self._now, until)
            return Reported(reports, aside=(*odd_sealed, *aside), lacks_key=read.lacks_key)
        sealed_since = self._memory.sealed_since or min(facts.modified_at for facts, _ in read.reports.values())
        odd = [facts for facts in self._in_clear if facts.modified_at > sealed_since]
        aside = (*odd_sealed, *_judge_in_clear(bucket, odd))
        bad = {read_number(key) for key in read.aside}
        reports = _in_order(report for _, report in read.reports.values())
        return Reported(
            tuple(each for each in reports if identity.is_own(machines, each)),
            tuple(each for each in reports if not identity.is_own(machines, each)),
            aside,
            frozenset(number for number in self._numbers if number not in bad),
            highest,
            replayed,
            sealed_since,
            self._find_clean_until(read),
            read.lacks_key,
        )

    def _counts_in_clear(self, facts: ObjectFacts) -> bool:
        return self._memory.sealed_since is None or facts.modified_at > self._memory.sealed_since

    def _find_replayed(self, read: "_Sealed", machines: Memory) -> str | None:
        """Return an earlier report that the server dates after the newest one: it was put there again.

        Another machine that has this one's files counts by itself, from where it was copied.
        """
        if self._newest is None or read.open(self._newest) is None:
            return None
        own = [(facts, each) for facts, each in read.reports.values() if identity.is_own(machines, each)]
        highest = max((each.number or 0 for _, each in own), default=0)
        if not highest or not any(facts.key == self._newest.key for facts, _ in own):
            return None
        newest_at = max(facts.modified_at for facts, each in own if each.number == highest)
        is_earlier = (read_number(self._newest.key) or 0) < highest
        return self._newest.key if is_earlier and self._newest.modified_at > newest_at else None

    def _find_clean_until(self, read: "_Sealed") -> datetime | None:
        """Return until when everything was looked at; what was set aside is looked at each time."""
        seen = [facts.modified_at for facts in self._unread]
        odd = [facts.modified_at for facts in self._unread if facts.key in read.aside]
        if read.lacks_key or not seen:
            return self._memory.clean_until
        return min(odd) - _INSTANT if odd else max(seen)


class _Sealed:
    """Sealed reports, each opened once."""

    def __init__(self, bucket: Bucket, opener: Opener | None, now: datetime) -> None:
        self._bucket = bucket
        self._opener = opener
        self._now = now
        self._done: set[str] = set()
        self.reports: dict[str, tuple[ObjectFacts, Report]] = {}
        self.aside: dict[str, SetAside] = {}
        self.lacks_key = False

    def open(self, facts: ObjectFacts) -> Report | None:
        """Return the report that an object is; None when it is none, which is then set aside."""
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
        if isinstance(body, Unusable):
            self.aside[facts.key] = SetAside(facts.key, body.fault)
            return
        try:
            report = parse_report(self._opener.open(facts.key, body), self._now)
        except InvalidReportError as problem:
            self.aside[facts.key] = SetAside(facts.key, problem.fault, problem.field)
            return
        if report.number != read_number(facts.key):
            self.aside[facts.key] = SetAside(facts.key, Fault.UNREADABLE, "number")
            return
        self.reports[facts.key] = (facts, report)


def _in_order(reports: Iterable[Report]) -> tuple[Report, ...]:
    """Order sealed reports, newest first: by number; one that its machine could not number by its own clock."""
    found = list(reports)
    ordered = sorted((each for each in found if each.number), key=lambda each: each.number or 0, reverse=True)
    for each in sorted((each for each in found if not each.number), key=lambda each: each.finished_at):
        place = next((at for at, other in enumerate(ordered) if other.finished_at < each.finished_at), len(ordered))
        ordered.insert(place, each)
    return tuple(ordered)


def _read_in_clear(
    bucket: Bucket, objects: Iterable[ObjectFacts], now: datetime, until: Until
) -> tuple[tuple[Report, ...], tuple[SetAside, ...]]:
    """Read reports of a machine that has never sealed one."""
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
    """Name what lies beside the reports of a machine that seals them; it is looked at only to say what it is."""
    for facts in objects:
        body = bucket.find(facts.key, SEALED_LIMIT_BYTES)
        if isinstance(body, Unusable):
            yield SetAside(facts.key, body.fault)
        elif body is not None:
            yield SetAside(facts.key, Fault.MISSEALED if is_sealed(body) else Fault.UNSEALED)
