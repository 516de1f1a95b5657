"""One pass over all tenants: side by side, each within its own time; what could not be seen is said to be unknown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from coffre.errors import ExpectedError
from coffre.findings import Finding, FindingKind
from coffre.records.actor import Author, read_author
from coffre.records.database.store import Records
from coffre.records.database.supervision import Noted, Watched
from coffre.records.events import EventKind
from coffre.records.kept_findings import NO_TENANT, KeptFinding
from coffre.secrets.store import OnNotice
from coffre.spec.loader import Checkout
from coffre.spec.tenant import Tenant
from coffre.storage.values import PlatformAwayError
from coffre.supervision.applied import AppliedHouse, AppliedReader
from coffre.supervision.availability.known import read_platforms
from coffre.supervision.findings.life import Settled, Subject, settle
from coffre.supervision.judge.platform import PassWord, PlatformVerdict, find_hanging, judge_platform
from coffre.supervision.observe.owners import Owners
from coffre.supervision.strangers import Strangers, UsersLook, is_about_users
from coffre.supervision.telling.planning import Addressees, plan_ends, plan_messages
from coffre.supervision.watch import Known, TenantWatch, tell, watch
from coffre.supervision.weakened import WeakenedReader
from coffre.tenant.opening import TenantOpener, open_tenants
from coffre.workspace.many.threads import Late, run_all

WORKERS = 8
"""Tenants at a time: a look mostly waits for the platform."""
TENANT_SECONDS = 120.0
"""The longest look at one tenant."""
_BATCH = 50
"""Looks are written to the records so many at a time, in one transaction."""

_OF_OTHERS = frozenset(EventKind) - {EventKind.FINDING_OPENED, EventKind.FINDING_CLOSED, EventKind.FINDING_WORD}
"""The events that supervision does not write itself, but for a gate that it moves."""

OnProblem = Callable[[str, Exception], None]
"""Called with a tenant and an error that nobody expected."""


@dataclass(frozen=True)
class PassResult:
    """The result of one pass: of how many ``tenants`` it saw everything (``seen``), and which it did not see, and why.

    ``unseen`` also has those whose last apply is not known. ``opened`` and ``closed`` are the findings that it changed.

    ``next_look_at`` are the tenants that must be looked at before the next pass is due, and when.
    """

    began_at: datetime
    ended_at: datetime
    tenants: int
    seen: int
    unseen: Mapping[str, str]
    ended: Sequence[str]
    opened: Sequence[KeptFinding]
    closed: Sequence[KeptFinding]
    next_look_at: Mapping[str, datetime]

    @property
    def is_whole(self) -> bool:
        """Whether every tenant was seen."""
        return not self.unseen


@dataclass
class Supervisor:
    """Passes over the tenants of one records database; what was parsed once is kept between two passes."""

    root: Path
    records: Records
    on_notice: OnNotice
    on_problem: OnProblem
    clock: Callable[[], datetime]
    every: timedelta
    addressees: Callable[[datetime], Addressees] = lambda _: Addressees()
    """Returns who is told of what opens and ends."""
    _applied: AppliedReader = field(init=False)
    _weakened: WeakenedReader = field(default_factory=WeakenedReader)

    def __post_init__(self) -> None:
        self._applied = AppliedReader(self.root)

    def run(self, only: Sequence[str] | None = None) -> PassResult:
        """Make one pass over all tenants, or look again at ``only`` some of them."""
        began_at = self.clock()
        house = self._applied.read(self.records)
        slugs = [slug for slug in house.tenants if only is None or slug in only]
        number = None if only is not None else self.records.supervision.begin_pass(began_at, len(slugs))
        planner = _Planner(self.addressees(began_at), {each.tenant.id: each.tenant for each in house.tenants.values()})
        collected = _Collected(self.records, read_author(self.root), self.clock, planner)
        if house.checkout is not None:
            self._watch_all(house.checkout, slugs, collected, is_whole=only is None)
        collected.settle_late()
        if only is None:
            collected.settle_unknown(house)
        collected.settle_platforms(house, self.records)
        collected.write()
        if number is not None:
            self.records.supervision.end_pass(number, self.clock(), collected.seen)
        return collected.result(began_at, self.clock(), len(slugs))

    def _watch_all(self, checkout: Checkout, slugs: Sequence[str], collected: "_Collected", *, is_whole: bool) -> None:
        watched = self.records.supervision.read_watched()
        newest = self.records.find_newest(_OF_OTHERS)
        weakened = self._weakened.read(self.records, self.clock())
        with open_tenants(checkout, self.on_notice) as opener:
            jobs: dict[str, Callable[[], TenantWatch | UsersLook | None]] = {}
            owners = Owners(opener.open_survey)
            for slug in slugs:
                tenant_id = checkout.tenants[slug].id
                last = newest.get(tenant_id)
                event_id = 0 if last is None or last.id is None else last.id
                known = Known(
                    watched.get(tenant_id, {}),
                    collected.kept_of(tenant_id),
                    event_id,
                    weakened.get(tenant_id, {}),
                    owners,
                )
                jobs[slug] = self._job(opener, slug, known)
            if is_whole:
                strangers = Strangers(self.root, self.records, watched.get(NO_TENANT, {}))
                jobs |= {_of_users(name): job for name, job in strangers.jobs(checkout, opener, self.clock())}
            for name, result in run_all(jobs, WORKERS, TENANT_SECONDS):
                if name in checkout.tenants:
                    collected.take(checkout, name, result, self.on_problem)
                else:
                    collected.take_users(name, result, self.on_problem)

    def _job(self, opener: TenantOpener, slug: str, known: Known) -> Callable[[], TenantWatch | None]:
        return lambda: watch(opener.open(slug, is_look=True), known, self.clock(), self.every)


@dataclass(frozen=True)
class _Planner:
    """Adds to what a look changes the messages about it: both are written at once."""

    addressees: Addressees
    tenants: Mapping[str, Tenant]

    def plan(self, noted: Noted, settled: Settled, now: datetime, *, is_over: bool) -> Noted:
        """Return the changes with their messages; ``is_over``: the tenant's service has ended."""
        tenant = self.tenants.get(noted.tenant_id)
        messages = plan_messages(settled, tenant, self.addressees, now)
        ended = plan_ends(settled, self.addressees, now, is_for_customer=not is_over)
        return replace(noted, messages=messages, ended=ended)


class _Collected:
    """What the looks of one pass bring, and what of it is written."""

    def __init__(self, records: Records, author: Author, clock: Callable[[], datetime], planner: _Planner) -> None:
        self._store, self._author, self._clock, self._planner = records.supervision, author, clock, planner
        self._kept: dict[str, list[KeptFinding]] = {}
        for each in self._store.list_findings():
            self._kept.setdefault(each.place.tenant_id, []).append(each)
        self._waiting: list[Noted] = []
        self._away: dict[str, list[tuple[str, PlatformAwayError]]] = {}
        self._late: dict[str, tuple[Tenant, Late]] = {}
        self._answered: set[str] = set()
        self._users: dict[str, UsersLook] = {}
        self.seen = 0
        self.unseen: dict[str, str] = {}
        self.ended: list[str] = []
        self.opened: list[KeptFinding] = []
        self.closed: list[KeptFinding] = []
        self.next_look_at: dict[str, datetime] = {}

    def kept_of(self, tenant_id: str) -> Sequence[KeptFinding]:
        return self._kept.get(tenant_id, [])

    def take(
        self,
        checkout: Checkout,
        slug: str,
        result: TenantWatch | UsersLook | Exception | Late | None,
        on_problem: OnProblem,
    ) -> None:
        """Take the result of one look at a tenant."""
        tenant = checkout.tenants[slug]
        problems = result.look.problems if isinstance(result, TenantWatch) else {}
        self.seen += result is None or (isinstance(result, TenantWatch) and not problems)
        if isinstance(result, TenantWatch):
            if result.look.was_made:
                self._answered |= _platforms_of(tenant) - problems.keys()
            for platform, why in problems.items():
                self.unseen[slug] = f"its part on {platform}: {why.message}"
                if isinstance(why, PlatformAwayError):
                    self._away.setdefault(platform, []).append((slug, why))
            self.next_look_at[slug] = result.next_look_at
            self._add(result.noted, result.settled)
        elif result is None:
            self.ended.append(slug)
            self._settle(Subject(tenant.id, slug), [], lambda _: True, is_over=True)
        elif isinstance(result, PlatformAwayError):
            self.unseen[slug] = result.message
            self._away.setdefault(tenant.storage.platform, []).append((slug, result))
        elif isinstance(result, Late):
            self.unseen[slug] = _say(result)
            self._late[slug] = (tenant, result)
        elif isinstance(result, Exception):
            self.unseen[slug] = _say(result)
            if not isinstance(result, ExpectedError):
                on_problem(slug, result)
            self._settle_unseen(tenant)

    def settle_late(self) -> None:
        """Open a finding for each tenant whose look took too long, unless its platform answered nobody: that is one.

        A platform may accept every connection and answer nothing.
        """
        platforms = {slug: _platforms_of(tenant) for slug, (tenant, _) in self._late.items()}
        hanging = find_hanging(platforms, self._answered)
        for platform, slugs in hanging.items():
            silent = [(slug, PlatformAwayError(_say(self._late[slug][1]))) for slug in slugs]
            self._away.setdefault(platform, []).extend(silent)
        for slug, (tenant, _) in self._late.items():
            if not hanging.keys() & platforms[slug]:
                self._settle_unseen(tenant)

    def _settle_unseen(self, tenant: Tenant) -> None:
        problem = Finding(FindingKind.TENANT_NOT_SEEN, None, {"error": self.unseen[tenant.slug]})
        self._settle(Subject(tenant.id, tenant.slug), [problem], lambda _: False)

    def take_users(
        self,
        name: str,
        result: TenantWatch | UsersLook | Exception | Late | None,
        on_problem: OnProblem,
    ) -> None:
        """Take the result of the daily look at a platform's users; without one its findings stay as they are."""
        if isinstance(result, UsersLook):
            self._users[name] = result
        elif isinstance(result, Exception | Late):
            self.unseen[name] = _say(result)
            if isinstance(result, Exception) and not isinstance(result, ExpectedError):
                on_problem(name, result)

    def settle_unknown(self, house: AppliedHouse) -> None:
        """Open a finding for each tenant whose last apply is not known: nobody looks at it."""
        for each in house.unknown:
            self.unseen[each.slug] = each.reason.value
            finding = Finding(FindingKind.NOT_KNOWN, None, {"reason": each.reason.value})
            self._settle(Subject(each.tenant_id, each.slug), [finding], lambda _: False)

    def settle_platforms(self, house: AppliedHouse, records: Records) -> None:
        """Judge each platform by its probes and by this pass; one that does not serve is one finding in all."""
        if house.checkout is None:
            return
        settings, now = house.checkout.settings, self._clock()
        zone = settings.working_hours.timezone
        year = now.astimezone(ZoneInfo(zone)).year
        known = read_platforms(records, year, zone)
        for name in settings.platforms:
            one, away = known.get(name), self._away.get(name, [])
            seen = PassWord(name in self._answered, len(away), away[0][1].message if away else None)
            verdict = judge_platform(one.spans, one.maintenances, one.judge(year, zone, now), seen, now)
            users = self._users.get(_of_users(name))
            found = [*verdict.findings, *([] if users is None else users.findings)]
            watched = {} if users is None or users.watched is None else {name: users.watched}
            self._settle(Subject(platform=name), found, _reached(verdict, users), watched)

    def write(self) -> None:
        """Write what is left to the records."""
        if self._waiting:
            self._store.note(self._waiting)
            self._waiting = []

    def result(self, began_at: datetime, ended_at: datetime, tenants: int) -> PassResult:
        return PassResult(
            began_at, ended_at, tenants, self.seen, self.unseen, self.ended, self.opened, self.closed, self.next_look_at
        )

    def _settle(
        self,
        subject: Subject,
        found: Sequence[Finding],
        was_looked_at: Callable[[KeptFinding], bool],
        watched: Mapping[str, Watched] | None = None,
        *,
        is_over: bool = False,
    ) -> None:
        now = self._clock()
        kept = [each for each in self._kept.get(subject.tenant_id, []) if each.place.platform == subject.platform]
        settled = settle(subject, kept, found, was_looked_at, now)
        same = [each.id for each in settled.same if each.id is not None]
        events = [*tell(settled, self._author, now)]
        self._add(Noted(subject.tenant_id, now, watched or {}, settled.written, same, events), settled, is_over=is_over)

    def _add(self, noted: Noted, settled: Settled, *, is_over: bool = False) -> None:
        self.opened += settled.opened
        self.closed += settled.closed
        self._waiting.append(self._planner.plan(noted, settled, self._clock(), is_over=is_over))
        if len(self._waiting) >= _BATCH:
            self.write()


def _platforms_of(tenant: Tenant) -> set[str]:
    return set(tenant.storage.parts) or {tenant.storage.platform}


def _of_users(platform: str) -> str:
    """Name the look at the users of a platform: no tenant is called so."""
    return f"users of {platform}"


def _reached(verdict: PlatformVerdict, users: UsersLook | None) -> Callable[[KeptFinding], bool]:
    """Return which findings about a platform are over when they are not among those that were seen."""

    def is_reached(kept: KeptFinding) -> bool:
        return users is not None if is_about_users(kept.place.kind) else verdict.reached(kept.place.kind)

    return is_reached


def _say(result: Exception | Late) -> str:
    if isinstance(result, Late):
        return f"the look took longer than {result.limit_seconds:.0f} s"
    return result.message if isinstance(result, ExpectedError) else type(result).__name__
