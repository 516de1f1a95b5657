"""backup, restore, undelete, drill and status: what is done to a running tenant."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import asking, output
from coffre.cli.context import open_repository
from coffre.cli.gate import show_filling
from coffre.cli.status import status
from coffre.errors import ExpectedError
from coffre.spec.sizes import format_bytes

if TYPE_CHECKING:
    from coffre.agents.report import Report
    from coffre.operations.backup import MachineBackup
    from coffre.operations.versions import UndeletePlan

Tenant = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")]
Machine = Annotated[str | None, typer.Option(metavar="NAME", help="One machine (default: all).", show_default=False)]

FAILED, REFUSED = 1, 4
NAMED = 20
SHOWN_PATHS = 20


def register(app: typer.Typer) -> None:
    app.command("backup")(backup)
    app.command("restore")(restore)
    app.command("undelete")(undelete)
    app.command("drill")(drill)
    app.command("status")(status)
    app.command("acknowledge")(acknowledge)


def backup(
    context: typer.Context,
    tenant: Tenant,
    machine: Machine = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list of results, one a machine.")] = False,
) -> None:
    """Back machines up now, wait, and say what happened."""
    from coffre.operations.backup import Outcome, back_up
    from coffre.operations.retired import choose_to_back_up
    from coffre.operations.runs import open_recorded

    with open_recorded(open_repository(context), tenant, "backup", output.warning) as service:
        names = choose_to_back_up(service.tenant, machine)
        done = back_up(service, names, output.progress_of)
    if as_json:
        output.result_json(done.machines)
    else:
        for run in done.machines:
            _show_backup(run)
    if done.gate_after.is_closed:
        output.warning(
            f"the gate of {tenant} is closed: {done.gate_after.explanation}; tell the customer (contract, article 8)"
        )
    show_filling(tenant, done.gate_after)
    if all(run.is_success for run in done.machines):
        return
    kept_out = (Outcome.SUCCESS, Outcome.QUOTA, Outcome.STOPPED)
    is_full = not any(run.losses or run.outcome not in kept_out for run in done.machines)
    raise typer.Exit(REFUSED if is_full else FAILED)


def _show_backup(run: "MachineBackup") -> None:
    from coffre.cli.findings import describe

    report = run.report
    line = f"{run.machine}: {run.outcome.value}"
    if report is not None and report.snapshot_id:
        line += (
            f", snapshot {report.snapshot_id[:8]}: {report.files_processed} files, "
            f"{format_bytes(report.bytes_processed)} read, {format_bytes(report.bytes_added)} added "
            f"in {report.duration_seconds:.0f} s"
        )
    output.result(line)
    if run.message:
        output.result(f"  {run.message}")
    if report is not None:
        _show_paths(report)
        for path in report.unreadable:
            output.result(f"  not read: {path}")
        more = report.unreadable_count - len(report.unreadable)
        if more > 0:
            output.result(f"  and {more} more")
    for finding in (*run.gaps, *run.losses, *run.others):
        output.result(f"  ! {describe(finding)}")


def _show_paths(report: "Report") -> None:
    """Show what each path of the plan gave; those that gave too little are findings."""
    good = [each for each in report.paths or () if each.state.is_good]
    for path in good[:SHOWN_PATHS]:
        size = "" if path.bytes is None else f", {format_bytes(path.bytes)}"
        link = f", a link: stored as {path.stored_as}" if path.is_elsewhere else ""
        output.result(f"  {path.path}: {path.files} file{'' if path.files == 1 else 's'}{size}{link}")
    if len(good) > SHOWN_PATHS:
        output.result(f"  and {len(good) - SHOWN_PATHS} more paths")


def restore(
    context: typer.Context,
    tenant: Tenant,
    to: Annotated[
        str,
        typer.Option(
            metavar="DIR|MACHINE",
            help="A directory here that is new or empty (written with a / or a .), or the name of a machine of TENANT.",
        ),
    ],
    machine: Annotated[str, typer.Option(metavar="NAME", help="The machine whose backup it is.")],
    snapshot: Annotated[str, typer.Option(metavar="ID", help="A snapshot's id, or its beginning.")] = "latest",
    path: Annotated[
        str | None, typer.Option(metavar="PATH", help="One file or folder only.", show_default=False)
    ] = None,
    into: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="With --to MACHINE: the folder there, new or empty (default: /var/lib/coffre-restore/NAME-ID).",
            show_default=False,
        ),
    ] = None,
    in_place: Annotated[
        bool,
        typer.Option(
            "--in-place",
            help="With --to MACHINE: OVERWRITE what is there, path for path. What the snapshot lacks stays; "
            "the agent's own files are left out.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --in-place.")] = False,
) -> None:
    """Restore a machine's files to a directory here, or onto a machine of the tenant.

    Recorded. A restore that was cut short goes on when the same command is run again. A machine that is restored onto
    gets the key and the password of the machine whose backup it is, in memory, for as long as it takes; it need not
    have an agent.
    """
    from coffre.operations.restore import (
        MachineDestination,
        Wanted,
        read_destination,
        restore_to_directory,
        restore_to_machine,
    )
    from coffre.operations.runs import recorded_run
    from coffre.operations.service import open_service

    wanted = Wanted(machine, snapshot, path)
    with open_service(open_repository(context), tenant, output.warning) as service:
        destination = read_destination(
            to,
            list(service.tenant.machines),
            folder=into,
            in_place=in_place,
            is_there=lambda name: Path(name).exists(),
        )
        if isinstance(destination, MachineDestination) and in_place and not yes:
            output.warning(
                f"files of {destination.machine} are overwritten with those of {path or 'the whole snapshot'} "
                f"({machine}, {snapshot})"
            )
            asking.confirm(f"Overwrite files of {destination.machine}?")
        with recorded_run(service, "restore"), output.percentage(f"restoring {machine}") as show:
            watcher = _RestoreWatcher(machine, show)
            if isinstance(destination, MachineDestination):
                done = restore_to_machine(service, wanted, destination, watcher)
            else:
                done = restore_to_directory(service, wanted, destination, watcher)
    if done.is_others:
        output.warning(f"snapshot {done.snapshot.id[:8]} was taken by another machine under the name of {machine}")
    if done.left_out is not None:
        output.warning(
            f"snapshot {done.left_out.id[:8]} of {done.left_out.taken_at:%Y-%m-%d %H:%M} UTC is newer and was taken by "
            f"another machine under the name of {machine}: it is left out (`coffre status {tenant}`)"
        )
    output.result(
        f"{machine}: snapshot {done.snapshot.id[:8]} of {done.snapshot.taken_at:%Y-%m-%d %H:%M} UTC restored to "
        f"{done.to}: {done.summary.files} entries, {format_bytes(done.summary.restored_bytes)}"
    )
    if done.apart is not None:
        output.warning(
            f"{done.apart.files} files are not in their place, which {done.to} does not take (a path over 4,095 bytes, "
            f"or a name): they lie under other names beside {done.apart.listed_in}, which lists them"
        )
        if done.apart.left_out:
            output.error(f"{done.apart.left_out} entries could not be restored; {done.apart.listed_in} names them")
            raise typer.Exit(1)


@dataclass(frozen=True)
class _RestoreWatcher:
    """Shows steps and progress of a restore."""

    machine: str
    on_progress: Callable[[float], None]

    def on_step(self, text: str) -> None:
        output.progress_of(self.machine, text)


def undelete(
    context: typer.Context,
    tenant: Tenant,
    machine: Annotated[str, typer.Option(metavar="NAME", help="The machine whose repository it is.")],
    at: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="The moment, like 2026-11-23T14:05 (the tenant's time zone) or 2026-11-23T13:05:00Z.",
        ),
    ],
    exact: Annotated[
        bool,
        typer.Option("--exact", help="Also put snapshots and indexes written after TIME out of sight, sound ones too."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Bring a machine's repository back to what it was at a moment: deleted and overwritten objects come back.

    Shows first what it would do. Nothing is deleted: what is there now stays as an earlier version, for undelete_days.
    Backups made after TIME stay where they are sound; reports and orders are left alone. If a key of the machine was
    stolen, cut it first: `coffre rotate --now`. Ends with `restic check`.
    """
    from coffre.operations import undelete as operation
    from coffre.operations.runs import lock_service, recorded_run
    from coffre.operations.versions import read_moment, refuse_too_old

    now = datetime.now(UTC)
    with lock_service(open_repository(context), tenant, output.warning) as service:
        moment = read_moment(at, service.tenant.timezone, now)
        refuse_too_old(service.tenant, moment, now)
        plan = operation.look(service, machine, moment, is_exact=exact)
        _show_undelete(machine, plan)
        if plan.is_needed and not yes:
            asking.confirm(f"Bring {machine} back to that moment?")
        with recorded_run(service, "undelete"):
            if plan.is_needed:
                with output.percentage(f"bringing {machine} back") as show:
                    operation.undelete(service, machine, plan, show)
                output.result(f"{machine}: brought back")
            output.progress_of(machine, "restic check")
            problem = operation.check(service, machine)
            if problem is not None:
                raise ExpectedError(
                    f"{machine}: restic check: {problem.message}",
                    "Choose a moment nearer to the damage, or add --exact if later files are what it complains of.",
                )
    output.result(f"{machine}: restic check: no errors were found")


def _show_undelete(machine: str, plan: "UndeletePlan") -> None:
    from coffre.operations.versions import count_by_kind

    kinds = count_by_kind(comeback.key for comeback in plan.comebacks)
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    output.result(
        f"{machine} at {_moment_exact(plan.at)}: "
        + (
            f"{len(plan.comebacks)} objects come back ({counted}), {format_bytes(plan.copied_bytes)}"
            if plan.comebacks
            else "nothing has to come back"
        )
    )
    if plan.undone_from is not None and plan.undone_to is not None:
        output.result(
            f"  taken back: changes from {_moment_exact(plan.undone_from)} to {_moment_exact(plan.undone_to)}"
        )
    for key in plan.hidden[:NAMED]:
        output.result(f"  put out of sight (a version stays): {key}")
    if len(plan.hidden) > NAMED:
        output.result(f"  and {len(plan.hidden) - NAMED} more are put out of sight")
    if plan.later:
        output.result(f"  written later, left as they are: {len(plan.later)} objects")
    if plan.lost:
        output.result(f"  deleted, and no version is left to bring back: {len(plan.lost)} objects")
        for key in plan.lost[:NAMED]:
            output.result(f"    {key}")
    if plan.foreign.count:
        output.result(
            f"  passed over: {plan.foreign.count} keys that nothing of ours writes, {plan.foreign.first} among them"
        )


def _moment_exact(moment: datetime) -> str:
    # Fractions where there are any: two versions of an object may be of the same second.
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}".rstrip("0").rstrip(".") + " UTC"


def drill(
    context: typer.Context,
    tenant: Tenant,
    machine: Machine = None,
    seed: Annotated[int | None, typer.Option(help="Repeat the sample of an earlier drill.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list of results, one a machine.")] = False,
) -> None:
    """Restore a sample with SMILÉO's key and compare it with what the machine reported.

    Of the newest backup on record, whatever its bucket says now: a storage that lost it, or any other, fails the drill.
    """
    from coffre.cli.findings import describe
    from coffre.operations.blocked import refuse_while_blocked
    from coffre.operations.drill import drill as run_drill
    from coffre.operations.presence import refuse_unapplied
    from coffre.operations.runs import open_recorded

    chosen_seed = secrets.randbelow(10**9) if seed is None else seed
    drills, names = [], [machine] if machine else []
    failed: list[ExpectedError] = []
    with open_recorded(open_repository(context), tenant, "drill", output.warning) as service:
        refuse_while_blocked(service.tenant)
        refuse_unapplied(service, [])
        names = names or list(service.tenant.active_machines())
        for name in names:
            try:
                drills.append(run_drill(service, name, chosen_seed, partial(output.progress_of, name)))
            except ExpectedError as problem:
                failed.append(problem)
    for each in failed:
        output.expected_error(each)
    if as_json:
        output.result_json(drills)
    for done in [] if as_json else drills:
        verdict = "passed" if done.is_passed else "FAILED"
        output.result(
            f"{done.machine}: drill {verdict}, seed {done.seed}, snapshot {done.snapshot_id[:8]}: "
            f"{done.compared_by_hash} files compared by hash, {done.compared_by_size} by size, "
            f"{format_bytes(done.read_bytes)} read"
        )
        for finding in done.problems:
            output.result(f"  {finding}")
        for loss in (*done.gaps, *done.losses, *done.others):
            output.result(f"  ! {describe(loss)}")
    if len(drills) < len(names) or not all(done.is_passed for done in drills):
        raise typer.Exit(FAILED)


def acknowledge(
    context: typer.Context,
    tenant: Tenant,
    machine: Annotated[str, typer.Option(metavar="NAME", help="The machine whose storage or paths lost something.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why it may be gone; recorded.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Let go what a machine's storage lost and `coffre status` names: it alarms no more, what goes later does.

    What the bucket keeps comes back with `coffre undelete`; this is for what does not. So with paths of the plan that
    gave nothing or nearly nothing in the last backup: the machine's orders say that this is right, and it compares its
    next ones with that. Recorded, with the reason.
    """
    from coffre.cli.findings import describe
    from coffre.operations.releasing import acknowledge as let_go
    from coffre.operations.runs import lock_recorded

    repository = open_repository(context)
    if not yes:
        asking.confirm(f"Let go what the storage or the paths of {machine} lost?")
    with lock_recorded(repository, tenant, "acknowledge", output.warning) as service:
        done = let_go(service, machine, reason)
    for loss in done.losses:
        output.result(f"let go: {describe(loss)}")
    for path in done.paths:
        output.result(f"accepted: {path.path} ({path.state}): {path.files} files are right")
    if done.generation is not None:
        output.result(f"{machine}: orders {done.generation} say so at its next backup")
    output.result(f"{machine}: {done.snapshots} snapshots are expected no more")
