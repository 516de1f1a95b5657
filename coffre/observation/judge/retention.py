"""Which backups of a machine stay by the `keep` of its plan, and which a pruning may remove. Pure.

`keep` counts by age and never by number, as restic's `--keep-within-daily` and its sisters do: of each day, week, month
and year within the time, the newest backup stays. The age of a backup is the time at which its object arrived in
storage, by storage's clock. A machine chooses the time in its snapshot itself: with one for each past day, dated a
minute before midnight, it would take the place of every real one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from coffre.findings import Finding, FindingKind
from coffre.spec.plan import Keep

ALWAYS_STAY = 2
"""So many of the newest backups stay, and of those that a report of the machine names."""
CLOCK_SKEW = timedelta(minutes=16)
"""S3 refuses a machine whose clock differs by more than 15 minutes."""
UNKNOWN_RUN = timedelta(hours=24)
"""The longest run of a snapshot that does not tell how long it took."""
LONGEST_RUN = timedelta(days=7)
"""A first backup over a slow line may take days. A snapshot that tells of a longer run was not made by an agent."""
GOING_PERCENT = 20
"""A run that would take away the last backup of more than this part of all days is refused."""
GOING_DAYS = 3
"""So many days may lose their last backup in one run, whatever part of all days they are."""

Group = tuple[str, tuple[str, ...]]
"""The machine's name in a snapshot, which has one plan, and its tags, which name the installation.

The paths are left out: those of a link change with its target, and each change would begin another group.
"""


@dataclass(frozen=True)
class Candidate:
    """A snapshot: ``taken_at`` is what it says, ``arrived_at`` is storage's word (None: its time is impossible).

    ``run`` is how long its backup took, by its own words (None: it does not say). ``is_reported``: a sealed report of
    the accepted machine names it.
    """

    id: str
    taken_at: datetime
    arrived_at: datetime
    group: Group
    run: timedelta | None = None
    is_reported: bool = False

    @property
    def is_dated_honestly(self) -> bool:
        """Whether its own time and storage's differ by no more than the length of its run."""
        run = UNKNOWN_RUN if self.run is None else min(max(self.run, timedelta(0)), LONGEST_RUN)
        return -CLOCK_SKEW <= self.arrived_at - self.taken_at <= run + CLOCK_SKEW


@dataclass(frozen=True)
class RetentionPlan:
    """What a pruning of a machine would do: ``going`` leave, oldest first, all others stay.

    ``misdated`` are the snapshots whose own time differs from storage's; ``odd`` are those that no agent writes, by id,
    with the time of their arrival. Both stay, and take no other's place. ``days`` counts the days that have a backup,
    ``emptied_days`` those among them that would have none.
    """

    staying: tuple[Candidate, ...]
    going: tuple[Candidate, ...]
    misdated: tuple[Candidate, ...] = ()
    odd: Mapping[str, datetime] = field(default_factory=dict)
    days: int = 0
    emptied_days: int = 0

    @property
    def goes_too_far(self) -> bool:
        """Whether more days than usual would lose their last backup."""
        return self.emptied_days > GOING_DAYS and self.emptied_days * 100 > self.days * GOING_PERCENT


def plan_retention(
    candidates: Iterable[Candidate], odd: Mapping[str, datetime], keep: Keep, zone: ZoneInfo
) -> RetentionPlan:
    """Return what `keep` leaves of a machine's snapshots.

    Ages count back from the newest arrival, not from today: a machine that is off for months keeps what it has.
    """
    found = sorted(candidates, key=lambda each: (each.arrived_at, each.id))
    honest = [each for each in found if each.is_dated_honestly]
    kept = _list_kept(honest, keep, zone)
    going = [each for each in honest if each.id not in kept]
    gone = {each.id for each in going}
    staying = [each for each in found if each.id not in gone]
    days = {day_of(each, zone) for each in found}
    return RetentionPlan(
        tuple(staying),
        tuple(going),
        tuple(each for each in found if not each.is_dated_honestly),
        odd,
        len(days),
        len(days - {day_of(each, zone) for each in staying}),
    )


def day_of(each: Candidate, zone: ZoneInfo) -> str:
    """Return the local day on which a backup arrived."""
    return each.arrived_at.astimezone(zone).date().isoformat()


def judge_plan(machine: str, plan: RetentionPlan, dates_agreed_at: datetime | None = None) -> tuple[Finding, ...]:
    """Return why a plan is not carried out without a person's word; none when it may be.

    ``dates_agreed_at`` is when a person last agreed to the dates of the snapshots that were there.
    """
    found = []
    misdated = [each for each in plan.misdated if not _is_agreed(each.arrived_at, dates_agreed_at)]
    odd = sorted(each for each, at in plan.odd.items() if not _is_agreed(at, dates_agreed_at))
    if misdated or odd:
        first = misdated[0] if misdated else None
        evidence: dict[str, str | int | None] = {
            "snapshot": first.id if first else odd[0],
            "taken_at": first.taken_at.isoformat() if first else None,
            "stored_at": first.arrived_at.isoformat() if first else None,
            "count": len(misdated) + len(odd),
        }
        found.append(Finding(FindingKind.SNAPSHOTS_MISDATED, machine, evidence))
    if plan.goes_too_far:
        too_far = {"count": len(plan.going), "days": plan.emptied_days, "of_days": plan.days}
        found.append(Finding(FindingKind.RETENTION_TOO_MUCH, machine, too_far))
    return tuple(found)


def _is_agreed(arrived_at: datetime, agreed_at: datetime | None) -> bool:
    return agreed_at is not None and arrived_at <= agreed_at


def count_due(arrivals: Iterable[datetime], keep: Keep, zone: ZoneInfo, before: datetime) -> int:
    """Count the backups that `keep` no longer asks for and that arrived before a time, by their arrivals alone."""
    nobody: Group = ("", ())
    found = [Candidate(str(number), at, at, nobody) for number, at in enumerate(sorted(arrivals))]
    kept = _list_kept(found, keep, zone)
    return sum(1 for each in found if each.id not in kept and each.arrived_at < before)


def _list_kept(candidates: Sequence[Candidate], keep: Keep, zone: ZoneInfo) -> set[str]:
    """Return the ids that stay, of candidates in the order of their arrival."""
    kept = {each.id for each in candidates[-ALWAYS_STAY:]}
    kept |= {each.id for each in [each for each in candidates if each.is_reported][-ALWAYS_STAY:]}
    if not candidates:
        return kept
    newest = candidates[-1].arrived_at.astimezone(zone)
    groups: defaultdict[Group, list[Candidate]] = defaultdict(list)
    for each in reversed(candidates):
        groups[each.group].append(each)
    for members in groups.values():
        for since, name_of in _list_spans(keep, newest):
            last: str | None = None
            for each in members:
                at = each.arrived_at.astimezone(zone)
                # The oldest stays as well, as with restic: a first backup is not lost to the second of its month.
                if at > since and ((name := name_of(at)) != last or each is members[-1]):
                    kept.add(each.id)
                    last = name
    return kept


def _list_spans(keep: Keep, newest: datetime) -> Iterable[tuple[datetime, Callable[[datetime], str]]]:
    """Yield each span that `keep` asks for: its beginning, and how its parts are called."""
    if keep.daily:
        yield newest - timedelta(days=keep.daily), lambda at: f"{at:%Y-%m-%d}"
    if keep.weekly:
        yield newest - timedelta(weeks=keep.weekly), lambda at: f"{at:%G-%V}"
    if keep.monthly:
        yield _months_before(newest, keep.monthly), lambda at: f"{at:%Y-%m}"
    if keep.yearly:
        yield _months_before(newest, 12 * keep.yearly), lambda at: f"{at:%Y}"


def _months_before(moment: datetime, months: int) -> datetime:
    """Return the same day so many months before; the days that a month lacks run into the next one, as in Go."""
    count = moment.year * 12 + moment.month - 1 - months
    first = moment.replace(year=count // 12, month=count % 12 + 1, day=1)
    return first + timedelta(days=moment.day - 1)


@dataclass(frozen=True)
class PastPrune:
    """A pruning that ended: ``hidden_bytes`` became earlier versions, ``unused_bytes`` of kept packs hold no backup.

    ``removed`` counts the snapshots that left.
    """

    at: datetime
    removed: int
    hidden_bytes: int
    unused_bytes: int
    repository_bytes: int


@dataclass(frozen=True)
class Upkeep:
    """What is known of a machine's retention: its plan, the prunings in the order of their end, what is stored now.

    ``noncurrent_bytes`` are those of all earlier versions. ``since`` is when its retention first counted.
    """

    keep: Keep
    zone: ZoneInfo
    undelete_days: int
    since: datetime | None
    prunes: Sequence[PastPrune]
    arrivals: Mapping[str, datetime]
    noncurrent_bytes: int


LATE_AFTER = timedelta(days=30)
"""`coffre prune` runs daily; a machine that was not pruned for so long has backups that the contract no longer has."""
EXPIRY_GRACE = timedelta(days=3)
"""A platform expires versions once a day, and rounds up to whole days."""
UNUSED_PERCENT = 10
"""restic leaves 5 % of unused data in its packs; more is left only when there was no room to repack them."""


def judge_upkeep(machine: str, upkeep: Upkeep, now: datetime) -> tuple[Finding, ...]:
    """Report a retention that nobody carries out, and one that frees nothing although it removes backups."""
    last = upkeep.prunes[-1].at if upkeep.prunes else None
    since = max(filter(None, (last, upkeep.since)), default=None)
    found = []
    if since is None or now - since > LATE_AFTER:
        due = count_due(upkeep.arrivals.values(), upkeep.keep, upkeep.zone, now - LATE_AFTER)
        if due:
            evidence: dict[str, str | int | None] = {
                "last_at": None if last is None else last.isoformat(),
                "count": due,
            }
            found.append(Finding(FindingKind.RETENTION_LATE, machine, evidence))
    stuck = _find_stuck(upkeep, now)
    return (*found, *([] if stuck is None else [Finding(FindingKind.RETENTION_FREES_NOTHING, machine, stuck)]))


def _find_stuck(upkeep: Upkeep, now: datetime) -> dict[str, str | int | None] | None:
    """Return what stays although it was removed long enough ago; None when nothing does."""
    expired = now - timedelta(days=upkeep.undelete_days) - EXPIRY_GRACE
    old = [each for each in upkeep.prunes if each.at < expired]
    if not old:
        return None
    newest = old[-1]
    # What was hidden since may still be there: only what is beyond it can be of the old pruning.
    since_bytes = sum(each.hidden_bytes for each in upkeep.prunes if each.at >= expired)
    beyond = upkeep.noncurrent_bytes - since_bytes
    if newest.hidden_bytes and beyond >= newest.hidden_bytes:
        return {"why": "versions", "at": newest.at.isoformat(), "bytes": beyond}
    last = upkeep.prunes[-1]
    has_removed = any(each.removed for each in old)
    if has_removed and last.unused_bytes * 100 > last.repository_bytes * UNUSED_PERCENT:
        return {"why": "unused", "at": last.at.isoformat(), "bytes": last.unused_bytes}
    return None
