"""A year of a platform: its outages, what probes and passes see of them, and what supervision must find."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from coffre.findings import FindingKind
from coffre.records.facts.availability import Maintenance
from coffre.records.kept_findings import KeptFinding
from coffre.records.probes import ProbeSpan, one_probe
from coffre.supervision.findings.life import Subject, settle
from coffre.supervision.judge.availability import Excused, judge_year
from coffre.supervision.judge.intervals import Interval
from coffre.supervision.judge.platform import PassWord, PlatformVerdict, judge_platform

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PASS = timedelta(minutes=5)
PARIS = "Europe/Paris"
BUDGET = timedelta(days=365) * 3 / 1000
SERVED = PassWord(has_answered=True)
AWAY = PassWord(has_answered=False, unseen_tenants=100, error="nobody answers")


class Trouble(NamedTuple):
    """A time in which a platform does not serve; ``is_whole``: passes do not reach it either."""

    begins_at: datetime
    ends_at: datetime
    is_whole: bool
    is_declared: bool = False

    @property
    def length(self) -> timedelta:
        return self.ends_at - self.begins_at


class Incident(NamedTuple):
    """A finding about a platform as the test expects it: from when to when it is, and within what delay it is seen."""

    kind: FindingKind
    begins_at: datetime
    ends_at: datetime | None


@dataclass
class PlatformYear:
    """A platform of the year with its seeded troubles, in their order."""

    name: str
    begins_at: datetime
    ends_at: datetime
    troubles: Sequence[Trouble]
    blips: Sequence[datetime]
    """One or two lost packets: no outage."""
    spans: list[ProbeSpan] = field(default_factory=list)

    @classmethod
    def make(
        cls, name: str, begins_at: datetime, ends_at: datetime, rng: random.Random, hours: Sequence[float]
    ) -> "PlatformYear":
        """Return a platform with outages of so many hours, a declared maintenance, and lost packets, all apart."""
        days = sorted(rng.sample(range(5, (ends_at - begins_at).days - 5, 3), len(hours) + 7))
        at = {day: begins_at + timedelta(days=day, minutes=rng.randrange(24 * 60)) for day in days}
        rng.shuffle(days)
        blips = [at[day] for day in days[:6]]
        declared = at[days[6]]
        troubles = [Trouble(declared, declared + 2 * HOUR, is_whole=True, is_declared=True)]
        for turn, (day, each) in enumerate(zip(days[7:], hours, strict=True)):
            troubles.append(Trouble(at[day], at[day] + each * HOUR, is_whole=turn % 3 != 1))
        made = cls(name, begins_at, ends_at, sorted(troubles), blips)
        made.spans = made._probe()
        return made

    def away(self, now: datetime) -> Trouble | None:
        """Return the trouble in which no pass reaches the platform."""
        return next((each for each in self.troubles if each.is_whole and each.begins_at <= now < each.ends_at), None)

    def _probe(self) -> list[ProbeSpan]:
        """Return the spans of a probe a minute."""
        bad = [(each.begins_at, each.ends_at) for each in self.troubles] + [(at, at + 2 * MINUTE) for at in self.blips]
        found, good_from = [], self.begins_at
        for begins, ends in [*sorted(bad), (self.ends_at, self.ends_at)]:
            found.append(_span(self.name, good_from, begins - MINUTE, is_up=True))
            if begins < ends:
                found.append(_span(self.name, begins, ends - MINUTE, is_up=False))
            good_from = ends
        return found

    def until(self, now: datetime) -> list[ProbeSpan]:
        """Return what the records have of the probes at a time."""
        found = [each for each in self.spans if each.begins_at <= now]
        if found and found[-1].ends_at > now:
            last = found[-1]
            minutes = (now - last.begins_at) // MINUTE
            found[-1] = _span(self.name, last.begins_at, last.begins_at + minutes * MINUTE, is_up=last.is_up)
        return found

    @property
    def maintenances(self) -> list[Maintenance]:
        return [
            Maintenance(self.name, each.begins_at, each.ends_at, each.begins_at - timedelta(days=9), "Ceph 19")
            for each in self.troubles
            if each.is_declared
        ]

    def expected(self) -> list[Incident]:
        """Return what must be found: one incident for each outage, and that 80 % and all of the budget are used."""
        found, used = [], timedelta()
        for each in self.troubles:
            kind = FindingKind.PLATFORM_IN_MAINTENANCE if each.is_declared else FindingKind.PLATFORM_AWAY
            # Whom no pass misses, three probes do.
            seen_from = each.begins_at if each.is_whole else each.begins_at + 2 * MINUTE
            found.append(Incident(kind, seen_from, each.ends_at))
            if each.is_declared:
                continue
            for spent in (BUDGET * 0.8, BUDGET):
                if used < spent <= used + each.length:
                    found.append(Incident(FindingKind.AVAILABILITY_SPENT, each.begins_at + spent - used, None))
            used += each.length
        return sorted(found)

    def supervise(self) -> list[Incident]:
        """Run supervision over the year; returns what it opened, when, and when it closed."""
        kept: list[KeptFinding] = []
        done: list[KeptFinding] = []
        excused = Excused([Interval(each.begins_at, each.ends_at) for each in self.maintenances])
        for now in self._passes():
            spans, away = self.until(now), self.away(now)
            seen = SERVED if away is None else AWAY
            year = judge_year(spans, excused, now.year, PARIS, now)
            verdict = judge_platform(spans, self.maintenances, year, seen, now)
            settled = settle(Subject(platform=self.name), kept, verdict.findings, reached(verdict), now)
            done += settled.closed
            gone = {each.place for each in [*settled.closed, *settled.changed]}
            kept = [each for each in kept if each.place not in gone] + [*settled.opened, *settled.changed]
        return sorted(
            [Incident(FindingKind(each.place.kind), each.since, each.closed_at) for each in [*done, *kept]],
            key=lambda each: each[:2],
        )

    def _passes(self) -> list[datetime]:
        """Return one pass a day, and every pass around a trouble."""
        wanted = {self.begins_at + timedelta(days=day) for day in range(1, (self.ends_at - self.begins_at).days)}
        times = [(each.begins_at, each.ends_at) for each in self.troubles] + [(each, each) for each in self.blips]
        for begins, ends in times:
            first = self.begins_at + (begins - self.begins_at) // PASS * PASS
            wanted |= {first + turn * PASS for turn in range((ends - first) // PASS + 4)}
        return sorted(wanted)


def reached(verdict: PlatformVerdict) -> Callable[[KeptFinding], bool]:
    return lambda kept: verdict.reached(kept.place.kind)


def _span(name: str, begins_at: datetime, ends_at: datetime, *, is_up: bool) -> ProbeSpan:
    probes = (ends_at - begins_at) // MINUTE + 1
    one = one_probe(name, begins_at, 20) if is_up else one_probe(name, begins_at, 5000, "write", "unreachable")
    return ProbeSpan(**{**vars(one), "ends_at": ends_at, "probes": probes})
