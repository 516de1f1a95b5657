"""Outages of a platform from its probes, and the times that nobody probed. Pure.

Three failures in a row make an outage: from the first of them to the first success after it. Where nobody probed for
longer than `CLOSE` nobody knows: that is no outage, and it is not up. A probe that could not look, by SMILÉO's own
fault, is as none.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from coffre.records.probes import CLOSE, ProbeSpan, join
from coffre.supervision.judge.intervals import Interval, intersect, unite

FAILURES = 3
"""So many failed probes in a row make an outage: one alone may be a lost packet."""


@dataclass(frozen=True)
class Outage:
    """An outage; ``ends_at`` is the first success after it, or the last failure where nobody probed afterwards.

    ``is_going_on``: the newest probe failed, and it is fresh; then ``ends_at`` is the time of the judgement.
    """

    begins_at: datetime
    ends_at: datetime
    is_going_on: bool
    step: str
    fault: str
    failures: int

    @property
    def interval(self) -> Interval:
        return Interval(self.begins_at, self.ends_at)


def merge(spans: Sequence[ProbeSpan]) -> list[ProbeSpan]:
    """Join the spans of one platform that a day's end has cut, without what says nothing; they are in their order."""
    found: list[ProbeSpan] = []
    for each in leave_out_unknown(spans):
        joined = join(found[-1], each) if found else None
        if joined is None:
            found.append(each)
        else:
            found[-1] = joined
    return found


def leave_out_unknown(spans: Sequence[ProbeSpan]) -> list[ProbeSpan]:
    """Return the spans that say whether the platform served."""
    return [each for each in spans if each.is_known]


def find_outages(spans: Sequence[ProbeSpan], now: datetime) -> list[Outage]:
    """Return the outages of one platform, of spans in their order."""
    return list(_outages(merge(spans), now))


def _outages(spans: Sequence[ProbeSpan], now: datetime) -> Iterator[Outage]:
    for place, span in enumerate(spans):
        if span.is_up or span.probes < FAILURES:
            continue
        after = spans[place + 1] if place + 1 < len(spans) else None
        is_going_on = after is None and now - span.ends_at <= CLOSE
        ends_at = span.ends_at
        if after is not None and after.begins_at - span.ends_at <= CLOSE:
            ends_at = after.begins_at
        elif is_going_on:
            ends_at = max(now, span.ends_at)
        yield Outage(span.begins_at, ends_at, is_going_on, span.step or "", span.fault or "", span.probes)


def find_unprobed(spans: Sequence[ProbeSpan], within: Interval) -> tuple[Interval, ...]:
    """Return the times of an interval about which no probe says anything, of spans in their order."""
    gaps: list[Interval] = []
    last: datetime | None = None
    for each in leave_out_unknown(spans):
        if last is None or each.begins_at - last > CLOSE:
            gaps.append(Interval(last or min(within.begins_at, each.begins_at), each.begins_at))
        last = each.ends_at if last is None else max(last, each.ends_at)
    if last is None or within.ends_at - last > CLOSE:
        gaps.append(Interval(last or within.begins_at, within.ends_at))
    return intersect(unite(gaps), (within,))
