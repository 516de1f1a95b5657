"""A year of two hundred tenants with seeded faults: each is found within its promised delay, and nothing else is found.

The clock is fake; a pass comes every five minutes, and the test goes from one pass in which something can change to the
next. What machines do is written down beforehand by a calendar of its own, which knows nothing of the rules.
"""

import heapq
import random
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from coffre.findings import FindingKind
from coffre.observation.judge.duty import Duty
from coffre.records.facts.supervision import Pause
from coffre.records.kept_findings import KeptFinding
from coffre.spec.tenant import MachineKind
from coffre.spec.values.schedule import Schedule, parse_schedule
from coffre.spec.values.working_hours import public_holidays
from coffre.supervision.findings.life import Subject, settle
from coffre.supervision.judge.quota import Use, list_warned
from coffre.supervision.judge.tenant import MachineWords, judge_tenant

TENANTS, YEAR = 200, 2027
BEGIN, END = datetime(YEAR, 1, 4, tzinfo=UTC), datetime(YEAR, 12, 20, tzinfo=UTC)
PASS, HOUR, DAY = timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)
QUOTA = 100 * 1024**3
SCHEDULES = ("daily 19:00", "Mon..Fri 12:30", "Mon..Sat 20:15", "daily 02:30")
ZONES = ("Europe/Paris", "Indian/Reunion")
WORKSTATION, SERVER = MachineKind.WORKSTATION, MachineKind.SERVER
_WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Seen(NamedTuple):
    """A finding as the test expects it, or as it was opened: `at` is when it must be, or was, found."""

    kind: FindingKind
    machine: str
    at: datetime


@dataclass
class Machine:
    """A machine of the year: what it says, moment by moment, and what supervision must find about it."""

    name: str
    kind: MachineKind
    schedule: Schedule
    zone: ZoneInfo
    days_off: Set[date]
    fault: str = ""
    on: date = date(YEAR, 1, 4)
    days: int = 0
    words: list[tuple[datetime, MachineWords]] = field(default_factory=list)
    expected: list[Seen] = field(default_factory=list)

    def live(self, rng: random.Random) -> None:
        last = BEGIN
        first_unmet: datetime | None = None
        away = {self.on + DAY * turn for turn in range(self.days)} if self.fault in {"off", "paused", "dead"} else set()
        for due in self._due():
            day = due.astimezone(self.zone).date()
            if day in away:
                first_unmet = first_unmet or due
                continue
            done = due + timedelta(minutes=rng.randrange(1, 90))
            if first_unmet is not None and self.fault != "paused":
                self._expect_absence(first_unmet, done)
            first_unmet = None
            if day == self.on and self.fault == "fails":
                self.words.append((done, MachineWords("error", last, last, True)))
                self.expected.append(Seen(FindingKind.BACKUP_FAILED, self.name, done))
                if self.kind is SERVER:
                    self.expected.append(Seen(FindingKind.BACKUP_MISSED, self.name, due + 12 * HOUR))
            elif day == self.on and self.fault == "lies":
                self.words.append((done, MachineWords("success", done, last, False)))
                self.expected.append(Seen(FindingKind.WITNESSES_DISAGREE, self.name, done))
                last = done
            else:
                if day == self.on and self.fault == "catches up":
                    done = due + 20 * HOUR  # switched off in the evening, and on again the next day
                self.words.append((done, MachineWords("success", done, done, True)))
                last = done
        self.words.sort(key=lambda each: each[0])

    def _expect_absence(self, first_unmet: datetime, back_at: datetime) -> None:
        if self.kind is SERVER:
            self.expected.append(Seen(FindingKind.BACKUP_MISSED, self.name, first_unmet + 12 * HOUR))
            return
        if first_unmet + DAY < back_at:
            self.expected.append(Seen(FindingKind.BACKUP_LATE, self.name, first_unmet + DAY))
        if first_unmet + 21 * DAY < back_at:
            self.expected.append(Seen(FindingKind.BACKUP_MISSED, self.name, first_unmet + 21 * DAY))

    def _due(self) -> Iterator[datetime]:
        for turn in range((END - BEGIN).days):
            day = (BEGIN + DAY * turn).date()
            rests = self.kind is WORKSTATION and day in self.days_off
            if _WEEK[day.weekday()] not in self.schedule.days or rests:
                continue
            at = datetime.combine(day, self.schedule.at, self.zone).astimezone(UTC)
            # A time that the change of the clock skips is none.
            if at.astimezone(self.zone).time() == self.schedule.at and at > BEGIN:
                yield at

    def duty(self) -> Duty:
        until = datetime.combine(self.on + DAY * self.days, time.min, self.zone)
        pause = Pause(datetime.combine(self.on, time.min, self.zone), until)
        return Duty(
            self.name,
            self.kind,
            (self.schedule,),
            str(self.zone),
            BEGIN,
            (pause,) if self.fault == "paused" else (),
            self.days_off.__contains__,
        )


@dataclass
class TenantYear:
    """A tenant of the year: its machines, and how its storage fills."""

    machines: list[Machine]
    fills: bool

    def use_at(self, at: datetime) -> int:
        part = (at - BEGIN) / (END - BEGIN)
        return int(QUOTA * (1.05 * part if self.fills else 0.3 + 0.3 * part))

    def expected(self) -> list[Seen]:
        reached = {80: FindingKind.QUOTA_NEAR, 90: FindingKind.QUOTA_NEAR, 100: FindingKind.QUOTA_REACHED}
        full = [
            Seen(kind, "", BEGIN + (END - BEGIN) * (percent / 105)) for percent, kind in reached.items() if self.fills
        ]
        return sorted([*full, *(each for machine in self.machines for each in machine.expected)])

    def supervise(self) -> list[Seen]:
        """Run supervision over the year; returns what it opened, with the time of the pass."""
        duties = {machine.name: machine.duty() for machine in self.machines}
        words = {machine.name: MachineWords(None, None, None, None) for machine in self.machines}
        told = sorted((at, m.name, said) for m in self.machines for at, said in m.words)
        told_from = 0
        kept: list[KeptFinding] = []
        opened: list[Seen] = []
        passes = [next_pass(at) for at, _, said in told if said.last_result != "success" or not said.witnesses_agree]
        # A run after an absence, or a failed one, ends a finding: that pass is one in which something changes.
        passes += [next_pass(BEGIN + DAY * turn) for turn in range((END - BEGIN).days)]
        if self.fills:
            passes += [next_pass(each.at) for each in self.expected() if not each.machine]
        heapq.heapify(passes)
        done: datetime | None = None
        while passes and (now := heapq.heappop(passes)) < END:
            if now == done:
                continue
            done = now
            while told_from < len(told) and told[told_from][0] <= now:
                _, name, said = told[told_from]
                words[name], told_from = said, told_from + 1
            use = Use(now, self.use_at(now), self.use_at(now))
            is_closed = use.stored_bytes >= QUOTA
            verdict = judge_tenant(use, QUOTA, words, duties, now, is_gate_closed=is_closed, warned=list_warned(kept))
            settled = settle(Subject("t", "t"), kept, verdict.findings, lambda _: True, now)
            opened += [Seen(FindingKind(each.place.kind), each.place.machine, now) for each in settled.opened]
            gone = {each.place for each in [*settled.closed, *settled.changed]}
            kept = [each for each in kept if each.place not in gone] + [*settled.opened, *settled.changed]
            if verdict.changes_at is not None:
                heapq.heappush(passes, max(next_pass(verdict.changes_at), now + PASS))
        return sorted(opened)


def next_pass(at: datetime) -> datetime:
    """Return the first pass at a moment or after it."""
    return BEGIN + -(-(at - BEGIN) // PASS) * PASS


def make_tenant(rng: random.Random, number: int) -> TenantYear:
    zone = ZoneInfo(rng.choice(ZONES))
    closed = {date(YEAR, 8, 2) + DAY * turn for turn in range(14)} if rng.random() < 0.3 else set()
    days_off = {*public_holidays()[f"{YEAR}-01-01" : f"{YEAR}-12-31"], *closed}
    machines = []
    for turn in range(rng.randint(1, 4)):
        kind = SERVER if rng.random() < 0.3 else WORKSTATION
        faults = ["", "", "fails", "lies"] + (["dead"] if kind is SERVER else ["off", "off", "paused", "catches up"])
        schedule = parse_schedule(rng.choice(SCHEDULES))
        machine = Machine(f"pc-{turn}", kind, schedule, zone, days_off, rng.choice(faults))
        machine.on = (BEGIN + DAY * rng.randint(14, 300)).date()
        machine.days = rng.choice([2, 4, 9, 30, 45])
        machine.live(random.Random(f"{number} {turn}"))
        machines.append(machine)
    return TenantYear(machines, fills=number % 10 == 0)


def test_a_year_of_two_hundred_tenants() -> None:
    rng = random.Random(YEAR)
    found = expected = 0
    for number in range(TENANTS):
        tenant = make_tenant(rng, number)
        wanted, got = tenant.expected(), tenant.supervise()
        assert [each[:2] for each in got] == [each[:2] for each in wanted], number
        for one, other in zip(wanted, got, strict=True):
            assert one.at <= other.at <= one.at + PASS, (number, one, other)
        found, expected = found + len(got), expected + len(wanted)
    assert found == expected > TENANTS
