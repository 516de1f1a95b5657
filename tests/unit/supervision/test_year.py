"""A year of two hundred tenants with seeded faults: each is found within its promised delay, and nothing else is found.

Laptops that are off, dead servers, failed runs, wrong clocks, full tenants, outages of platforms and attackers, over
holidays and changes of the clock.

The clock is fake; a pass comes every five minutes, and the test goes from one pass in which something can change to the
next. What machines do is written down beforehand by a calendar of its own, which knows nothing of the rules.
"""

import heapq
import json
import random
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from coffre.agents.report import Report, parse_report
from coffre.findings import FindingKind
from coffre.observation.drills.judge import DrillDuty, PastDrill, judge_drills
from coffre.observation.judge.agent import CLOCK_OFF_SECONDS, Deployed, judge_agent
from coffre.observation.judge.duty import Duty
from coffre.records.facts.backups import Drilled
from coffre.records.facts.supervision import Pause
from coffre.records.kept_findings import KeptFinding
from coffre.spec.tenant import MachineKind
from coffre.spec.values.schedule import Schedule, parse_schedule
from coffre.spec.values.working_hours import public_holidays
from coffre.supervision.findings.life import Subject, settle
from coffre.supervision.judge.quota import Use, list_warned
from coffre.supervision.judge.tenant import MachineWords, judge_tenant
from tests.unit.supervision.simulated_platform import PlatformYear
from tests.unit.supervision.test_attack import SPEEDS, STRAINS, machine_of

TENANTS, YEAR = 200, 2027
BEGIN, END = datetime(YEAR, 1, 4, tzinfo=UTC), datetime(YEAR, 12, 20, tzinfo=UTC)
PASS, HOUR, DAY = timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)
QUOTA = 100 * 1024**3
SCHEDULES = ("daily 19:00", "Mon..Fri 12:30", "Mon..Sat 20:15", "daily 02:30")
ZONES = ("Europe/Paris", "Indian/Reunion")
WORKSTATION, SERVER = MachineKind.WORKSTATION, MachineKind.SERVER
_WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


PROFILE_NAMES = ("office", "small", "photographer")
STRAIN_NAMES = tuple(STRAINS)
DEPLOYED = Deployed(None, None, None, "")


def report_of(clock_offset_seconds: int) -> Report:
    document = {
        "version": 1, "number": 1, "tenant_id": "k7f3q9wz2m", "machine": "pc-0", "run_id": f"{1:032x}",
        "started_at": BEGIN.isoformat(), "finished_at": BEGIN.isoformat(), "result": "success",
        "clock_offset_seconds": clock_offset_seconds,
    }  # fmt: skip
    return parse_report(json.dumps(document).encode(), BEGIN)


WRONG_CLOCK, ALMOST_RIGHT_CLOCK = report_of(-CLOCK_OFF_SECONDS - 60), report_of(CLOCK_OFF_SECONDS - 60)


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
    platform: PlatformYear
    fault: str = ""
    on: date = date(YEAR, 1, 4)
    days: int = 0
    words: list[tuple[datetime, MachineWords]] = field(default_factory=list)
    clocks: list[tuple[datetime, Report]] = field(default_factory=list)
    """What its reports say of its clock."""
    expected: list[Seen] = field(default_factory=list)
    drills: list[PastDrill] = field(default_factory=list)

    @property
    def is_drilled(self) -> bool:
        """Whether its tenant ordered restore tests."""
        return self.fault in {"", "undrilled", "drill fails"}

    def be_drilled(self) -> None:
        """Drill it at night, a month after its first backup and after each drill; not during the fault."""
        day, end = self.words[0][0].astimezone(self.zone).date() + 30 * DAY, END.date()
        while day < end:
            due = datetime.combine(day, time.min, self.zone).astimezone(UTC)
            back = self.on + DAY * self.days
            night = back if self.fault == "undrilled" and self.on <= day < back else day
            at = datetime.combine(night, time(1), self.zone).astimezone(UTC)
            if due + 7 * DAY < at:
                self.expected.append(Seen(FindingKind.DRILL_OVERDUE, self.name, due + 7 * DAY))
            fails = self.fault == "drill fails" and not any(each.fact.problems for each in self.drills)
            self.drills.append(PastDrill(at, Drilled(1, "ab", problems=("a: not restored",) if fails else ())))
            if fails:
                self.expected.append(Seen(FindingKind.DRILL_FAILED, self.name, at))
            day = night + DAY * (1 if fails else 30)

    def drill_duty(self, now: datetime) -> DrillDuty:
        done = [each.at for each in self.drills if each.at <= now]
        first = self.words[0][0]
        return DrillDuty(
            self.name, str(self.zone), 30, 7, BEGIN, first if first <= now else None, done[-1] if done else None
        )

    def live(self, rng: random.Random) -> None:
        last = BEGIN
        first_unmet: datetime | None = None
        away = {self.on + DAY * turn for turn in range(self.days)} if self.fault in {"off", "paused", "dead"} else set()
        for due in self._due():
            day = due.astimezone(self.zone).date()
            if day in away:
                first_unmet = first_unmet or due
                continue
            done = self._served(due + timedelta(minutes=rng.randrange(1, 90)))
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
                    # Switched off in the evening, and on again the next day.
                    done = self._served(due + 20 * HOUR)
                    self._expect_absence(due, done)
                self.words.append((done, MachineWords("success", done, done, True)))
                last = done
                if self.fault == "clock":
                    self._tell_clock(day, done)
        self.words.sort(key=lambda each: each[0])

    def _served(self, at: datetime) -> datetime:
        """Return when a run gets through: an agent tries until its platform serves again."""
        trouble = next((each for each in self.platform.troubles if each.begins_at <= at < each.ends_at), None)
        return at if trouble is None else trouble.ends_at + timedelta(minutes=7)

    def _tell_clock(self, day: date, done: datetime) -> None:
        is_off = self.on <= day < self.on + DAY * self.days
        before = self.clocks[-1][1] if self.clocks else None
        said = WRONG_CLOCK if is_off else ALMOST_RIGHT_CLOCK
        self.clocks.append((done, said))
        if is_off and before is not said:
            self.expected.append(Seen(FindingKind.CLOCK_OFF, self.name, done))

    def _expect_absence(self, first_unmet: datetime, back_at: datetime) -> None:
        if self.kind is SERVER:
            if first_unmet + 12 * HOUR < back_at:
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
    platform: PlatformYear

    def use_at(self, at: datetime) -> int:
        part = (at - BEGIN) / (END - BEGIN)
        return int(QUOTA * (1.05 * part if self.fills else 0.3 + 0.3 * part))

    def expected(self) -> list[Seen]:
        reached = {80: FindingKind.QUOTA_NEAR, 90: FindingKind.QUOTA_NEAR, 100: FindingKind.QUOTA_REACHED}
        full = [
            Seen(kind, "", BEGIN + (END - BEGIN) * (percent / 105)) for percent, kind in reached.items() if self.fills
        ]
        every = [*full, *(each for machine in self.machines for each in machine.expected)]
        return sorted(each._replace(at=self._seen_at(each.at)) for each in every)

    def _seen_at(self, at: datetime) -> datetime:
        """Return when a pass can see it: nobody is judged while the platform is away."""
        away = self.platform.away(next_pass(at))
        return at if away is None else away.ends_at

    def supervise(self) -> list[Seen]:
        """Run supervision over the year; returns what it opened, with the time of the pass."""
        duties = {machine.name: machine.duty() for machine in self.machines}
        words = {machine.name: MachineWords(None, None, None, None) for machine in self.machines}
        told = sorted((at, m.name, said) for m in self.machines for at, said in m.words)
        clocks = sorted((at, m.name, said) for m in self.machines for at, said in m.clocks)
        reports: dict[str, Report] = {}
        told_from = clocks_from = 0
        kept: list[KeptFinding] = []
        opened: list[Seen] = []
        drilled = [machine for machine in self.machines if machine.is_drilled]
        passes = [next_pass(at) for at, _, said in told if said.last_result != "success" or not said.witnesses_agree]
        passes += [next_pass(each.at) for machine in drilled for each in machine.drills if each.fact.problems]
        # A run after an absence, or a failed one, ends a finding: that pass is one in which something changes.
        passes += [next_pass(BEGIN + DAY * turn) for turn in range((END - BEGIN).days)]
        if self.fills:
            passes += [next_pass(each.at) for each in self.expected() if not each.machine]
        passes += [next_pass(at) for at, _, said in clocks if said is WRONG_CLOCK]
        heapq.heapify(passes)
        done: datetime | None = None
        while passes and (now := heapq.heappop(passes)) < END:
            if now == done:
                continue
            done = now
            if (away := self.platform.away(now)) is not None:
                heapq.heappush(passes, next_pass(away.ends_at))
                continue
            while clocks_from < len(clocks) and clocks[clocks_from][0] <= now:
                _, name, report = clocks[clocks_from]
                reports[name], clocks_from = report, clocks_from + 1
            while told_from < len(told) and told[told_from][0] <= now:
                _, name, said = told[told_from]
                words[name], told_from = said, told_from + 1
            use = Use(now, self.use_at(now), self.use_at(now))
            is_closed = use.stored_bytes >= QUOTA
            verdict = judge_tenant(
                use,
                QUOTA,
                words,
                duties,
                now,
                is_gate_closed=is_closed,
                warned=list_warned(kept),
                drills=[machine.drill_duty(now) for machine in drilled],
            )
            of_agents = [
                found for name, report in reports.items() for found in judge_agent(name, report, DEPLOYED, now)
            ]
            failed = [
                each
                for machine in drilled
                for each in judge_drills(machine.name, [each for each in machine.drills if each.at <= now], None)
            ]
            settled = settle(Subject("t", "t"), kept, [*verdict.findings, *of_agents, *failed], lambda _: True, now)
            opened += [Seen(FindingKind(each.place.kind), each.place.machine, now) for each in settled.opened]
            gone = {each.place for each in [*settled.closed, *settled.changed]}
            kept = [each for each in kept if each.place not in gone] + [*settled.opened, *settled.changed]
            if verdict.changes_at is not None:
                heapq.heappush(passes, max(next_pass(verdict.changes_at), now + PASS))
        return sorted(opened)


def next_pass(at: datetime) -> datetime:
    """Return the first pass at a moment or after it."""
    return BEGIN + -(-(at - BEGIN) // PASS) * PASS


def make_tenant(rng: random.Random, number: int, platform: PlatformYear) -> TenantYear:
    zone = ZoneInfo(rng.choice(ZONES))
    closed = {date(YEAR, 8, 2) + DAY * turn for turn in range(14)} if rng.random() < 0.3 else set()
    days_off = {*public_holidays()[f"{YEAR}-01-01" : f"{YEAR}-12-31"], *closed}
    machines = []
    for turn in range(rng.randint(1, 4)):
        kind = SERVER if rng.random() < 0.3 else WORKSTATION
        faults = ["", "", "fails", "lies", "clock", "undrilled", "drill fails"]
        faults += ["dead"] if kind is SERVER else ["off", "off", "paused", "catches up"]
        schedule = parse_schedule(rng.choice(SCHEDULES))
        machine = Machine(f"pc-{turn}", kind, schedule, zone, days_off, platform, rng.choice(faults))
        machine.on = (BEGIN + DAY * rng.randint(14, 300)).date()
        machine.days = rng.choice([2, 4, 9, 30, 45])
        machine.live(random.Random(f"{number} {turn}"))
        if machine.is_drilled:
            machine.be_drilled()
        machines.append(machine)
    return TenantYear(machines, number % 10 == 0, platform)


def make_platforms(rng: random.Random) -> list[PlatformYear]:
    """Two platforms; the second one is down for longer than it may."""
    hours = {"gra": [0.2, 0.5, 1, 3, 5], "par": [0.25, 2, 4, 6, 7, 8]}
    return [PlatformYear.make(name, BEGIN, END, rng, each) for name, each in hours.items()]


def test_a_year_of_two_hundred_tenants() -> None:
    rng = random.Random(YEAR)
    found = expected = 0
    platforms = make_platforms(rng)
    for number in range(TENANTS):
        tenant = make_tenant(rng, number, platforms[number % 2])
        wanted, got = tenant.expected(), tenant.supervise()
        assert [each[:2] for each in got] == [each[:2] for each in wanted], number
        for one, other in zip(wanted, got, strict=True):
            assert one.at <= other.at <= one.at + PASS, (number, one, other)
        found, expected = found + len(got), expected + len(wanted)
    assert found == expected > TENANTS


def test_each_outage_of_a_year_is_one_incident_and_no_lost_packet_is_one() -> None:
    for platform in make_platforms(random.Random(YEAR)):
        wanted, got = platform.expected(), platform.supervise()
        assert [each.kind for each in got] == [each.kind for each in wanted], platform.name
        for one, other in zip(wanted, got, strict=True):
            assert one.begins_at <= other.begins_at <= one.begins_at + PASS, (platform.name, one, other)
            if one.ends_at is None:
                assert other.ends_at is None, "the year's budget stays used"
            else:
                assert other.ends_at is not None
                assert one.ends_at <= other.ends_at <= one.ends_at + PASS, (platform.name, one, other)


def test_attackers_of_a_year_are_found_within_three_runs_and_nobody_else_is_suspected() -> None:
    """A machine of every tenth tenant is followed run by run; half of them are attacked one day."""
    rng = random.Random(YEAR)
    platforms = make_platforms(rng)
    attacked = 0
    for number in range(0, TENANTS, 10):
        # Nothing else happens to its machine: what is found is the attack.
        machine = next(each for each in make_tenant(rng, number, platforms[number % 2]).machines)
        runs = sorted(at for at, _ in machine.words)
        files = machine_of(PROFILE_NAMES[number // 10 % len(PROFILE_NAMES)], number)
        strain, speed = STRAIN_NAMES[number // 20 % len(STRAIN_NAMES)], list(SPEEDS)[number // 10 % len(SPEEDS)]
        attack_at = rng.randrange(30, len(runs) - 3) if number % 20 else len(runs)
        files.now = runs[0]
        files.start()
        before, found_at = runs[0], None
        for turn, at in enumerate(runs[1:]):
            files.now += at - before - DAY
            before = at
            if turn < attack_at:
                assert files.back_up(files.usual_day()) is None, (number, machine.name, at, "a false alarm")
            elif STRAINS[strain](files, SPEEDS[speed], turn - attack_at) is not None:
                found_at = turn
                break
        assert found_at is None or attack_at <= found_at < attack_at + 3, (number, strain, speed)
        assert (found_at is None) == (attack_at == len(runs)), (number, strain, speed)
        attacked += found_at is not None
    assert attacked == TENANTS // 20
