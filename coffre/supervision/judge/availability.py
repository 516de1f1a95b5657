"""The availability of a platform in a year, and what is left of its budget (article 15: 99.7 % a year). Pure.

What does not count: maintenance that was declared before it began, a window for a change that the customer asked for
(article 9b), and what a person excluded by a recorded decision (force majeure, a third party, the customer).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from coffre.records.probes import ProbeSpan
from coffre.supervision.judge.intervals import Interval, intersect, subtract, total, unite
from coffre.supervision.judge.outages import Outage, find_outages, find_unprobed

BUDGET_PER_MILLE = 3
"""What 99.7 % leaves of a year: 26 h 16 min 48 s of 365 days."""


@dataclass(frozen=True)
class Excused:
    """Times that do not count, by their reason."""

    maintenance: Sequence[Interval] = ()
    changes: Sequence[Interval] = ()
    decisions: Sequence[Interval] = ()

    @property
    def all(self) -> tuple[Interval, ...]:
        return unite([*self.maintenance, *self.changes, *self.decisions])


@dataclass(frozen=True)
class CountedOutage:
    """An outage as far as it lies in the year; ``counted_seconds`` of it count."""

    begins_at: datetime
    ends_at: datetime
    is_going_on: bool
    step: str
    fault: str
    counted_seconds: int


@dataclass(frozen=True)
class Month:
    """One month of the year, 1 to 12: seconds that count as down, that are excused, and that nobody probed."""

    number: int
    used_seconds: int
    excused_seconds: int
    unprobed_seconds: int


@dataclass(frozen=True)
class Availability:
    """The availability of a platform from the begin of a year until ``until``, its end or now.

    ``excused_seconds`` were down and do not count. ``unprobed_seconds`` are neither up nor down: nobody knows.
    ``probed_seconds`` is the rest.
    """

    year: int
    since: datetime
    until: datetime
    budget_seconds: int
    used_seconds: int
    excused_seconds: int
    unprobed_seconds: int
    probed_seconds: int
    months: Sequence[Month]
    outages: Sequence[CountedOutage]

    @property
    def left_seconds(self) -> int:
        """What is left of the budget; negative once it is exceeded."""
        return self.budget_seconds - self.used_seconds

    @property
    def percent(self) -> float | None:
        """The share of the probed time that was not down; None when nobody probed."""
        if self.probed_seconds == 0:
            return None
        return 100 * (1 - self.used_seconds / self.probed_seconds)


def year_of(year: int, timezone: str) -> Interval:
    """Return a calendar year in a time zone."""
    zone = ZoneInfo(timezone)
    return Interval(datetime(year, 1, 1, tzinfo=zone), datetime(year + 1, 1, 1, tzinfo=zone))


def budget_of(year: Interval) -> timedelta:
    """Return how long a platform may be down in a year."""
    return _absolute(year).length * BUDGET_PER_MILLE / 1000


def judge_year(spans: Sequence[ProbeSpan], excused: Excused, year: int, timezone: str, now: datetime) -> Availability:
    """Judge one platform's year until now; ``spans`` are in their order, and may begin before the year."""
    whole = _absolute(year_of(year, timezone))
    within = Interval(whole.begins_at, max(whole.begins_at, min(whole.ends_at, now)))
    outages = find_outages(spans, now)
    down = intersect(unite([each.interval for each in outages]), (within,))
    counted = subtract(down, excused.all)
    unprobed = find_unprobed(spans, within)
    return Availability(
        year,
        within.begins_at,
        within.ends_at,
        _seconds(budget_of(whole)),
        _seconds(total(counted)),
        _seconds(total(down) - total(counted)),
        _seconds(total(unprobed)),
        _seconds(within.length - total(unprobed)),
        [_month(number, year, timezone, within, (counted, down, unprobed)) for number in range(1, 13)],
        [found for each in outages if (found := _count(each, within, counted)) is not None],
    )


def _count(outage: Outage, within: Interval, counted: Sequence[Interval]) -> CountedOutage | None:
    inside = intersect((outage.interval,), (within,))
    if not inside:
        return None
    seconds = _seconds(total(intersect(inside, counted)))
    return CountedOutage(inside[0].begins_at, inside[0].ends_at, outage.is_going_on, outage.step, outage.fault, seconds)


def _month(
    number: int,
    year: int,
    timezone: str,
    within: Interval,
    parts: tuple[Sequence[Interval], Sequence[Interval], Sequence[Interval]],
) -> Month:
    zone = ZoneInfo(timezone)
    after = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=zone)
    month = intersect((_absolute(Interval(datetime(year, number, 1, tzinfo=zone), after)),), (within,))
    counted, down, unprobed = (total(intersect(part, month)) for part in parts)
    return Month(number, _seconds(counted), _seconds(down - counted), _seconds(unprobed))


def _absolute(interval: Interval) -> Interval:
    """Return the same time in UTC: Python subtracts two times of one zone as wall clocks do."""
    utc = ZoneInfo("UTC")
    return Interval(interval.begins_at.astimezone(utc), interval.ends_at.astimezone(utc))


def _seconds(length: timedelta) -> int:
    return round(length.total_seconds())
