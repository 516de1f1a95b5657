"""Runs a backup now: checks the quota, starts the agent, reads its report on the machine and then in the bucket."""

import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum

from coffre.agents.driver import RunClock
from coffre.agents.home import AgentOwner
from coffre.agents.kinds import driver_of, with_bucket
from coffre.agents.report import Report, ReportResult
from coffre.agents.report_paths import Integrity
from coffre.errors import BusyError, ExpectedError, RefusedError, RemoteError
from coffre.findings import Finding
from coffre.observation.judge import identity
from coffre.observation.judge.gaps import judge_gaps
from coffre.observation.report_shelf import Until, is_success
from coffre.observation.reports import find_wanted
from coffre.observation.sighting import look
from coffre.operations.access.gate import GateState, settle_gate_of
from coffre.operations.access.suspension import find_shut_out
from coffre.secrets.store import OnNotice
from coffre.spec.loader import Checkout
from coffre.spec.tenant import Machine, PullConnection, Tenant
from coffre.tenant.lookup import find_machine
from coffre.tenant.machines import open_machine
from coffre.tenant.opening import OpenTenant
from coffre.tenant.presence import find_unapplied
from coffre.tenant.runs import lock_again

DEADLINE_SECONDS = 12 * 3600
"""The maximum wait for a backup; the agent ends its own run at the deadline of its orders."""

GATE_PATIENCE_SECONDS = 60
"""The maximum wait for another command that changes the tenant, before the gate is checked."""

SNAPSHOT_RESULTS = (ReportResult.SUCCESS, ReportResult.PARTIAL)
"""The results that claim a snapshot."""

OnProgress = Callable[[str, str], None]
"""Called with a machine's name and its current action."""


class BackupOutcome(StrEnum):
    """How a machine's backup ended; `unreachable`: unknown, the machine did not answer.

    `stopped`: not started, since the machine fills the tenant's storage. `unapplied`: not started, since it has no
    storage to write to, not yet or no longer. `other_machine`: it ran on another machine than the accepted one.
    """

    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"
    QUOTA = "quota"
    STOPPED = "stopped"
    UNAPPLIED = "unapplied"
    OTHER_MACHINE = "other_machine"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class MachineBackup:
    """One machine's run. ``in_storage``: whether the bucket has the snapshot and the report (None: not checked).

    ``losses`` is what the bucket had before and has lost, regardless of the run's result; ``gaps`` is what this run's
    snapshot lacks; ``others`` names the machines that back up under this one's name, which does not change the result
    of its own run.
    """

    machine: str
    outcome: BackupOutcome
    message: str
    report: Report | None = None
    in_storage: bool | None = None
    losses: tuple[Finding, ...] = ()
    others: tuple[Finding, ...] = ()
    gaps: tuple[Finding, ...] = ()

    @property
    def is_success(self) -> bool:
        return self.outcome is BackupOutcome.SUCCESS and not self.losses


@dataclass(frozen=True)
class TenantBackup:
    """The runs of a tenant's machines, and the gate before and after them."""

    machines: tuple[MachineBackup, ...]
    gate_before: GateState
    gate_after: GateState


def back_up(
    opened: OpenTenant,
    machines: Sequence[str],
    on_progress: OnProgress,
    deadline_seconds: int = DEADLINE_SECONDS,
) -> TenantBackup:
    """Back the machines up now, in parallel, and return how each ended; never longer than the deadline.

    A machine without storage is named, and the others are backed up. RefusedError when none of these has storage, and
    while the tenant is suspended. Ctrl-C ends the wait, not the backups: they go on, on the machines.
    """
    unapplied: dict[str, RefusedError] = {}
    on_platform = with_bucket({name: opened.machine(name) for name in machines})
    with lock_again(
        opened.tenant, opened.checkout, opened.on_notice, command="backup", patience_seconds=GATE_PATIENCE_SECONDS
    ) as now:
        unapplied.update(find_unapplied(now.tenant, now.buckets, now.log, machines))
        there = [name for name in on_platform if name not in unapplied]
        unapplied.update(find_shut_out(now.tenant, now.buckets, there))
        gate = settle_gate_of(now, unapplied.setdefault)
    for name, refused in unapplied.items():
        if name not in machines:
            opened.on_notice(f"{name}: {_sentence(refused)}")
    if len(machines) == 1 and machines[0] in unapplied:
        raise unapplied[machines[0]]
    interrupted = threading.Event()
    clock = RunClock(sleep=lambda seconds: _pause(interrupted, seconds))

    def run(machine: str) -> MachineBackup:
        if machine in unapplied:
            return MachineBackup(machine, BackupOutcome.UNAPPLIED, f"not started: {_sentence(unapplied[machine])}")
        if gate.is_closed and machine in on_platform:
            return MachineBackup(machine, BackupOutcome.QUOTA, f"not started: {gate.explanation}")
        if machine in gate.filling.stopped:
            return MachineBackup(machine, BackupOutcome.STOPPED, f"not started: {gate.explain_stop(machine)}")
        return _back_up_one(opened, machine, on_progress, deadline_seconds, clock)

    with ThreadPoolExecutor(max_workers=max(1, len(machines))) as executor:
        try:
            ended = tuple(executor.map(run, machines))
        except KeyboardInterrupt:
            interrupted.set()
            raise
    return TenantBackup(
        ended,
        gate,
        gate if gate.is_closed else _settle_after(opened.tenant, opened.checkout, opened.on_notice, gate, unapplied),
    )


def _settle_after(
    tenant: Tenant, checkout: Checkout, on_notice: OnNotice, before: GateState, unapplied: Collection[str]
) -> GateState:
    """Check the gate again, unless another command has the tenant and does it itself: the runs matter more here."""

    def say(machine: str, refused: RefusedError) -> None:
        if machine not in unapplied:
            on_notice(f"{machine}: {_sentence(refused)}")

    try:
        with lock_again(tenant, checkout, on_notice, command="backup", patience_seconds=GATE_PATIENCE_SECONDS) as now:
            return settle_gate_of(now, say)
    except BusyError as error:
        on_notice(
            f"the gate was not checked after the backup: {error.message}; run `coffre gate` when that command has ended"
        )
        return before


def _pause(interrupted: threading.Event, seconds: float) -> None:
    if interrupted.wait(seconds):
        raise ExpectedError("the wait was interrupted", "The backup continues; `coffre status` shows its result.")


def _back_up_one(
    opened: OpenTenant, machine: str, on_progress: OnProgress, deadline_seconds: int, clock: RunClock
) -> MachineBackup:
    try:
        report = opened.agents.open(machine).back_up(
            AgentOwner(opened.tenant.id, machine),
            lambda: open_machine(opened.checkout, opened.tenant, machine),
            deadline_seconds,
            lambda text: on_progress(machine, text),
            clock,
        )
    except RemoteError as problem:
        return MachineBackup(machine, BackupOutcome.UNREACHABLE, _sentence(problem))
    except ExpectedError as problem:
        return MachineBackup(machine, BackupOutcome.FAILED, _sentence(problem))
    if not driver_of(opened.machine(machine)).needs_bucket:
        return MachineBackup(machine, BackupOutcome(report.result.value), report.message, report)
    return _witness(opened, machine, report)


def _witness(opened: OpenTenant, machine: str, report: Report) -> MachineBackup:
    """Compare the machine's report with the bucket: the report itself, and the snapshot that it names."""
    # Read back to the last success: for an incomplete snapshot, it gives the time for `undelete`.
    seen = look(
        opened.tenant,
        opened.buckets,
        opened.secrets,
        opened.memory,
        machine,
        until=is_success if report.integrity is not Integrity.WHOLE else _is_run_of(report),
    )
    judged = judge_report(
        machine,
        report,
        is_stored=report.snapshot_id in seen.stored.snapshots,
        is_delivered=any(each.run_id == report.run_id for each in (*seen.reported.reports, *seen.reported.others)),
        is_own=identity.is_own(seen.memory, report),
    )
    gaps = judge_gaps(find_wanted(opened.tenant, opened.log, machine), report, seen.whole_at)
    is_own = judged.outcome is not BackupOutcome.OTHER_MACHINE
    return replace(judged, losses=seen.losses, others=seen.others, gaps=gaps if is_own else ())


def _is_run_of(report: Report) -> Until:
    return lambda each: each.run_id == report.run_id


def judge_report(
    machine: str, report: Report, *, is_stored: bool, is_delivered: bool, is_own: bool = True
) -> MachineBackup:
    """Decide how a run ended from both sources: a snapshot that only the machine knows is a failure. Pure."""
    if not is_own:
        message = (
            f"{report.result.value}, but on another machine than the accepted one: its backups are stored, but "
            f"not accepted as those of {machine}"
        )
        return MachineBackup(machine, BackupOutcome.OTHER_MACHINE, message, report, in_storage=is_stored)
    if report.result in SNAPSHOT_RESULTS and not is_stored:
        message = f"the machine reports snapshot {report.snapshot_id}, but its bucket does not contain it"
        return MachineBackup(machine, BackupOutcome.FAILED, message, report, in_storage=False)
    message = report.message
    if not is_delivered:
        message = f"{message}; the report is still on the machine".removeprefix("; ")
    return MachineBackup(machine, BackupOutcome(report.result.value), message, report, in_storage=is_delivered)


def _sentence(problem: ExpectedError) -> str:
    return f"{problem.message}. {problem.hint}" if problem.hint else problem.message


_BY_ITSELF = (
    "It backs up at its schedule; whoever sits before it can start a backup at once (docs/pulled-machines.md, "
    "docs/sites.md). `coffre status` shows its last ones."
)


def is_reached_by_others(machine: Machine) -> bool:
    """Tell whether this computer does not reach a machine itself: nobody does, or only the node of its site. Pure."""
    return isinstance(machine.connection, PullConnection) or machine.connection.site is not None


def list_by_themselves(tenant: Tenant) -> list[str]:
    """Return the machines in service that this computer does not reach: they back up at their schedule only. Pure."""
    active = tenant.active_machines().items()
    return [name for name, machine in active if is_reached_by_others(machine)]


def choose_to_back_up(tenant: Tenant, machine: str | None) -> list[str]:
    """Return the machines for `coffre backup`: the named one, or all in service; RefusedError when there is none.

    A machine that nobody can reach is not among them: it backs up at its schedule.
    """
    if machine is None:
        active = tenant.active_machines()
        if not active:
            raise RefusedError(f"{tenant.slug} has no machine in service", "Every machine of its file is retired.")
        names = [name for name in active if name not in list_by_themselves(tenant)]
        if not names:
            raise RefusedError(
                f"no machine of {tenant.slug} can be reached from here (`via: pull`, or `site`)", _BY_ITSELF
            )
        return names
    found = tenant.active_machines().get(machine)
    if found is not None and not isinstance(found.connection, PullConnection) and found.connection.site is not None:
        raise RefusedError(
            f"{tenant.slug}/{machine} is reached only by the node of site {found.connection.site}", _BY_ITSELF
        )
    if machine in list_by_themselves(tenant):
        raise RefusedError(f"nobody can reach {tenant.slug}/{machine} from outside (`via: pull`)", _BY_ITSELF)
    retirement = find_machine(tenant, machine).retired
    if retirement is not None:
        raise RefusedError(
            f"{tenant.slug}/{machine} is retired since {retirement.on:%Y-%m-%d}: it has no key for backups",
            "Its backups can be restored. To put it back into service, remove `retired:` from the file and run "
            "`coffre apply`.",
        )
    return [machine]
