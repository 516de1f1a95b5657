"""Prunes a machine's repository: removes the backups that the `keep` of its plan no longer asks for.

It runs with the owner's key: the machine itself deletes nothing. Before anything goes, the snapshots are compared with
what storage and the records know of them; what does not fit together is a finding, and nothing is removed. Meanwhile
that machine's gate is closed. It may be killed at any time: the repository stays whole, the next run goes on, and
whoever settles the gates next opens this one.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from coffre.agents.kinds import layout_of
from coffre.agents.pruning import RepositoryLockedError, RepositoryPruner
from coffre.agents.repository import Part, Repository, RepositoryError, RepositoryLayout
from coffre.errors import BusyError, RefusedError
from coffre.findings import Finding, FindingKind
from coffre.observation.judge.pruning_room import PruningRoom, find_pruning_room
from coffre.observation.judge.retention import UNUSED_PERCENT, RetentionPlan, judge_plan, plan_retention
from coffre.observation.sighting import Sighting, look
from coffre.observation.stores import count_store
from coffre.observation.upkeep import is_in_maintenance, list_prunes
from coffre.operations.acknowledge.acknowledge import PRUNED, expect_no_more, forget_packs, release_snapshots
from coffre.operations.copying.run import without_copying
from coffre.operations.repository import open_repository
from coffre.operations.restore.setting_aside import list_aside_objects
from coffre.operations.retention.freeing import free_pruned
from coffre.operations.retention.looking import list_arrivals, list_candidates
from coffre.operations.retention.quiet import make_quiet, open_again
from coffre.operations.retention.refusing import refuse_frozen, refuse_unprunable
from coffre.operations.retention.values import Going, MachinePrune, Manner, PruneOutcome
from coffre.records.facts.contract import GateWord
from coffre.records.facts.fact import RecordedFinding
from coffre.records.facts.password_uses import RoutineTask, RoutineUse
from coffre.records.facts.retention import Agreement, Pruned, PruneRefused, PruningBegan, RetentionAgreed
from coffre.tenant.estate.log import fact_of
from coffre.tenant.holds import list_recorded, under_recorded
from coffre.tenant.opening import OpenTenant
from coffre.tenant.presence import refuse_unapplied
from coffre.workspace import fence
from coffre.workspace.clock import utc_now
from coffre.workspace.work_folder import work_folder

WORK_PREFIX = "prune-"
MAX_PROBLEM = 300

_LOSSES = frozenset(
    {
        FindingKind.REPOSITORY_GONE,
        FindingKind.SNAPSHOTS_GONE,
        FindingKind.PACKS_GONE,
        FindingKind.MEMORY_CHANGED,
    }
)
"""What shows that storage no longer has what Coffre knows: pruning could remove the rest."""

_AGREED_BY = {FindingKind.SNAPSHOTS_MISDATED: Agreement.DATES, FindingKind.RETENTION_TOO_MUCH: Agreement.AMOUNT}


def prune(opened: OpenTenant, machine: str, manner: Manner) -> MachinePrune:
    """Prune one machine; the caller has the tenant's lock. May be killed and run again.

    RefusedError, BusyError when a backup runs longer than the wait, and RepositoryError: what was removed stays so, and
    the repository is whole.
    """
    tenant, log = opened.tenant, opened.log
    refuse_unprunable(tenant, log)
    facts = opened.of_buckets.machine(machine)
    if facts.is_retired:
        raise RefusedError(
            f"{tenant.slug}/{machine} is retired: its backups stay until {facts.retired and facts.retired.keep_until}",
            "Then `coffre offboard TENANT --machine NAME` erases them.",
        )
    refuse_frozen(tenant, log, machine)
    refuse_unapplied(tenant, opened.buckets, log, [machine])
    return _Pruning(opened, machine, manner).run()


@dataclass
class _Pruning:
    """One run for one machine."""

    opened: OpenTenant
    machine: str
    manner: Manner
    ends_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.ends_at = time.monotonic() + self.manner.run_seconds + self.manner.wait_seconds

    def run(self) -> MachinePrune:
        opened, machine = self.opened, self.machine
        self._end_a_dead_run()
        seen = look(opened.tenant, opened.buckets, opened.secrets, opened.memory, machine)
        self._refuse_losses(seen)
        self._refuse_aside()
        with without_copying(opened), work_folder(opened.checkout.root, WORK_PREFIX) as folder:
            repository = open_repository(opened, machine, RoutineUse(RoutineTask.PRUNE), folder)
            plan = self._plan(repository)
            findings = judge_plan(machine, plan, self._agreed_at(Agreement.DATES))
            if self.manner.is_dry_run:
                return self._try(repository, plan, findings)
            open_points = [each for each in findings if _AGREED_BY[each.kind] not in self.manner.agreements]
            if open_points:
                recorded = tuple(RecordedFinding(each.kind.value, dict(each.evidence)) for each in open_points)
                opened.log.append(PruneRefused(recorded), machine)
                kept, going = len(plan.staying), _list_going(plan)
                return MachinePrune(machine, PruneOutcome.REFUSED, kept, going, tuple(open_points))
            if not plan.going and not self.manner.agreements and self._was_completed():
                return self._note_nothing(plan)
            return self._remove(repository, plan)

    def _end_a_dead_run(self) -> None:
        """Open a gate that a killed run left closed: this one has the lock, so that one is dead."""
        if is_in_maintenance(self.opened.log, self.machine) and not self.manner.is_dry_run:
            open_again(self.opened)

    def _refuse_losses(self, seen: Sighting) -> None:
        losses = [each for each in seen.losses if each.kind in _LOSSES]
        if losses:
            raise RefusedError(
                f"{self.opened.tenant.slug}/{self.machine}: storage has lost something that Coffre knew "
                f"({', '.join(sorted({each.kind.value for each in losses}))}): nothing is removed beside it",
                "`coffre status` says what. Bring it back with `coffre undelete`, or run `coffre acknowledge`.",
            )

    def _refuse_aside(self) -> None:
        """Refuse while snapshots are set aside whose data nobody has given up: restic does not know them."""
        agreed_at = self._agreed_at(Agreement.ASIDE)
        if self.manner.is_dry_run or Agreement.ASIDE in self.manner.agreements:
            return
        aside = list_aside_objects(self.opened.buckets.open(self.machine), self._layout)
        left = [each for each in aside if agreed_at is None or each.modified_at > agreed_at]
        if left:
            raise RefusedError(
                f"{self.opened.tenant.slug}/{self.machine}: {len(left)} snapshots are set aside, and a pruning removes "
                "their data",
                "`coffre snapshot list` shows them. Bring them back (`coffre snapshot bring-back`), or give them up: "
                "`coffre prune --agree aside --reason TEXT`.",
            )

    def _agreed_at(self, agreement: Agreement) -> datetime | None:
        """Return when a person last agreed to something for this machine."""
        agreed = self.opened.log.list(RetentionAgreed, self.machine)
        return max((each.at for each in agreed if agreement in each.fact.agreements), default=None)

    def _plan(self, repository: Repository) -> RetentionPlan:
        opened, machine = self.opened, self.machine
        tenant, layout = opened.tenant, self._layout
        memory = opened.memory.read(machine)
        listed = repository.list_snapshots()
        arrivals = list_arrivals(opened.buckets.open(machine), layout)
        keep = tenant.plans[opened.machine(machine).plan].keep
        candidates = list_candidates(listed, arrivals, memory)
        odd = {each.id: arrivals[each.id] for each in listed.odd if each.id in arrivals}
        return plan_retention(candidates, odd, keep, ZoneInfo(tenant.timezone))

    def _try(self, repository: Repository, plan: RetentionPlan, findings: tuple[Finding, ...]) -> MachinePrune:
        """Return what a run would do; nothing is locked or changed."""
        current_bytes, stored_bytes = self._measure()
        planned = repository.pruner().plan([each.id for each in plan.going])
        return MachinePrune(
            self.machine,
            PruneOutcome.PLANNED,
            len(plan.staying),
            _list_going(plan),
            findings,
            current_bytes,
            stored_bytes - current_bytes,
            unused_bytes=planned.unused_bytes,
            planned=planned,
        )

    def _was_completed(self) -> bool:
        """Tell whether the run before removed all that it could."""
        last = fact_of(self.opened.log.last((PruningBegan, Pruned), self.machine))
        if not isinstance(last, Pruned) or last.problem:
            return False  # it was killed, or the repository may have been repaired since
        return last.unused_bytes * 100 <= last.current_bytes_after * UNUSED_PERCENT

    def _note_nothing(self, plan: RetentionPlan) -> MachinePrune:
        """Record that nothing was to be removed: the machine is not late."""
        current_bytes, stored_bytes = self._measure()
        last = self.opened.log.last(Pruned, self.machine)
        unused_bytes = 0 if last is None else last.fact.unused_bytes
        done = Pruned(
            0, len(plan.staying), current_bytes, current_bytes, stored_bytes, stored_bytes, unused_bytes=unused_bytes
        )
        self.opened.log.append(done, self.machine)
        return MachinePrune(self.machine, PruneOutcome.NOTHING_TO_DO, len(plan.staying))

    def _remove(self, repository: Repository, plan: RetentionPlan) -> MachinePrune:
        opened, machine, log = self.opened, self.machine, self.opened.log
        ids, pruner = [each.id for each in plan.going], repository.pruner()
        if self.manner.agreements:
            log.append(RetentionAgreed(tuple(sorted(self.manner.agreements)), self.manner.reason), machine)
        before = self._measure()
        freed_bytes = self._free()
        with ExitStack() as at_end:
            # Also after an error, and after a wait in vain: the gate follows the quota again.
            at_end.callback(open_again, opened)
            make_quiet(opened, machine, pruner, self._layout, self.manner.wait_seconds, self._say)
            self._refuse_new_hold()
            planned = pruner.plan(ids)
            room = find_pruning_room(planned, self._index_bytes(), self._free_bytes())
            if room.most_repacked_bytes is not None:
                planned = pruner.plan(ids, room.most_repacked_bytes)
            with self._room(room):
                self._prune(pruner, ids, room)
            problem = self._check(repository)
            after = self._measure()
            self._excuse(max(0, (after[1] - after[0]) - (before[1] - before[0]) + freed_bytes))
        done = Pruned(
            removed_count=len(ids),
            kept_count=len(plan.staying),
            current_bytes_before=before[0],
            current_bytes_after=after[0],
            stored_bytes_before=before[1],
            stored_bytes_after=after[1],
            unused_bytes=planned.unused_bytes,
            freed_bytes=freed_bytes,
            problem=problem[:MAX_PROBLEM],
        )
        log.append(done, machine)
        return MachinePrune(
            machine,
            PruneOutcome.PRUNED,
            len(plan.staying),
            _list_going(plan),
            judge_plan(machine, plan, self._agreed_at(Agreement.DATES)),
            before[0],
            before[1] - before[0],
            after[0],
            after[1] - after[0],
            planned.unused_bytes,
            freed_bytes,
            planned,
            problem,
        )

    def _prune(self, pruner: RepositoryPruner, ids: list[str], room: PruningRoom) -> None:
        """Remove the snapshots, then the data that nothing needs any more."""
        opened, machine = self.opened, self.machine
        try:
            if ids:
                release_snapshots(opened.log, opened.memory, machine, ids, PRUNED)
                fence.check()
                self._say(f"removing {len(ids)} snapshots")
                pruner.remove(ids)
                expect_no_more(opened.memory, machine, ids, PRUNED)
            fence.check()
            self._say("pruning")
            pruner.prune(room.most_repacked_bytes, max(1.0, self.ends_at - time.monotonic()))
        except RepositoryLockedError as problem:
            raise BusyError(
                f"{opened.tenant.slug}/{machine}: {problem.message}",
                "Run the same command again later. A lock whose program died is removed after 30 minutes.",
            ) from problem
        finally:
            forget_packs(opened.memory, machine)

    def _check(self, repository: Repository) -> str:
        """Return what the check of the structure found, empty when the repository is sound."""
        self._say("checking the structure of the repository")
        try:
            repository.check()
        except RepositoryError as problem:
            return problem.message
        return ""

    def _free(self) -> int:
        """Delete for ever what earlier prunings removed, when a person agreed to it."""
        if Agreement.LOSS not in self.manner.agreements:
            return 0
        self._refuse_new_hold()
        self._say("deleting what earlier prunings removed")
        return free_pruned(self.opened, self.machine, self._layout, utc_now())

    def _refuse_new_hold(self) -> None:
        """Refuse when somebody placed a hold, or froze the retention, since the command began."""
        refuse_frozen(self.opened.tenant, self.opened.log, self.machine)
        refuse_unprunable(under_recorded(self.opened.tenant, list_recorded(self.opened.log)), self.opened.log)

    def _free_bytes(self) -> int | None:
        """Return what is left below the tenant's wall; None without one."""
        owner = self.opened.storage.find_owner(self.opened.buckets.owner_uid)
        return None if owner is None else owner.free_bytes

    def _index_bytes(self) -> int:
        found = self.opened.buckets.open(self.machine).walk_objects(self._layout.prefix_of(Part.INDEX))
        return sum(each.size_bytes for each in found)

    @contextmanager
    def _room(self, room: PruningRoom) -> Iterator[None]:
        if not room.raised_bytes:
            yield
            return
        with self.opened.buckets.extra_room(room.raised_bytes):
            yield

    def _measure(self) -> tuple[int, int]:
        """Return the bytes of the newest versions and those of all versions in the machine's bucket, as counted now."""
        current_bytes = self.opened.buckets.open(self.machine).current_bytes()
        return current_bytes, max(
            current_bytes, count_store(self.opened.buckets, self.machine, current_bytes, 0).stored_bytes
        )

    def _excuse(self, hidden_bytes: int) -> None:
        """Let the machine go on with the earlier versions of prunings: they are not what an attacker fills up with.

        A larger permission of an operator stays.
        """
        opened = self.opened
        since = utc_now() - timedelta(days=opened.tenant.storage.undelete_days)
        earlier = sum(each.hidden_bytes for each in list_prunes(opened.log, self.machine, since) if each.at >= since)
        word, last = GateWord(PRUNED, earlier + hidden_bytes, 0), fact_of(opened.log.last(GateWord, self.machine))
        if last is None or last.reason == PRUNED or last.surplus_bytes < word.surplus_bytes:
            opened.log.append(word, self.machine)

    @property
    def _layout(self) -> RepositoryLayout:
        return layout_of(self.machine, self.opened.machine(self.machine))

    def _say(self, text: str) -> None:
        self.manner.on_progress(self.machine, text)


def _list_going(plan: RetentionPlan) -> tuple[Going, ...]:
    return tuple(Going(each.id, each.arrived_at) for each in plan.going)
