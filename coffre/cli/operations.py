"""backup, restore, drill and status: what is done to a running tenant."""

import secrets
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import go_on_after, open_repository
from coffre.errors import ExpectedError
from coffre.spec.sizes import format_bytes

if TYPE_CHECKING:
    from coffre.operations.backup import MachineBackup
    from coffre.operations.observe import MachineStatus, TenantStatus

Tenant = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")]
Machine = Annotated[str | None, typer.Option(metavar="NAME", help="One machine (default: all).", show_default=False)]

FAILED, REFUSED = 1, 4


def register(app: typer.Typer) -> None:
    app.command("backup")(backup)
    app.command("restore")(restore)
    app.command("drill")(drill)
    app.command("status")(status)


def backup(
    context: typer.Context,
    tenant: Tenant,
    machine: Machine = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list of results, one a machine.")] = False,
) -> None:
    """Back machines up now, wait, and say what happened."""
    from coffre.operations.backup import Outcome, back_up
    from coffre.operations.runs import open_recorded

    with open_recorded(open_repository(context), tenant, "backup", output.warning) as service:
        names = [machine] if machine else list(service.tenant.machines)
        for name in names:
            service.machine(name)
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
    outcomes = {run.outcome for run in done.machines}
    if outcomes == {Outcome.SUCCESS}:
        return
    raise typer.Exit(REFUSED if outcomes <= {Outcome.SUCCESS, Outcome.QUOTA} else FAILED)


def _show_backup(run: "MachineBackup") -> None:
    report = run.report
    line = f"{run.machine}: {run.outcome.value}"
    if report is not None and report.snapshot_id:
        seconds = (report.finished_at - report.started_at).total_seconds()
        line += (
            f", snapshot {report.snapshot_id[:8]}: {report.files_processed} files, "
            f"{format_bytes(report.bytes_processed)} read, {format_bytes(report.bytes_added)} added in {seconds:.0f} s"
        )
    output.result(line)
    if run.message:
        output.result(f"  {run.message}")
    if report is not None:
        for path in report.unreadable:
            output.result(f"  not read: {path}")
        more = report.unreadable_count - len(report.unreadable)
        if more > 0:
            output.result(f"  and {more} more")


def restore(
    context: typer.Context,
    tenant: Tenant,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A directory that is new or empty.")],
    machine: Annotated[str, typer.Option(metavar="NAME", help="The machine whose backup it is.")],
    snapshot: Annotated[str, typer.Option(metavar="ID", help="A snapshot's id, or its beginning.")] = "latest",
    path: Annotated[
        str | None, typer.Option(metavar="PATH", help="One file or folder only.", show_default=False)
    ] = None,
) -> None:
    """Restore a machine's files to a directory here, with SMILÉO's key; recorded."""
    from coffre.operations.restore import restore_to_directory
    from coffre.operations.runs import open_recorded

    with (
        open_recorded(open_repository(context), tenant, "restore", output.warning) as service,
        output.percentage(f"restoring {machine}") as show,
    ):
        chosen, summary = restore_to_directory(service, machine, to, snapshot=snapshot, path=path, on_progress=show)
    output.result(
        f"{machine}: snapshot {chosen.id[:8]} of {chosen.taken_at:%Y-%m-%d %H:%M} UTC restored to {to}: "
        f"{summary.files} entries, {format_bytes(summary.restored_bytes)}"
    )


def drill(
    context: typer.Context,
    tenant: Tenant,
    machine: Machine = None,
    seed: Annotated[int | None, typer.Option(help="Repeat the sample of an earlier drill.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list of results, one a machine.")] = False,
) -> None:
    """Restore a sample with SMILÉO's key and compare it with what the machine reported."""
    from coffre.operations.drill import drill as run_drill
    from coffre.operations.runs import open_recorded

    chosen_seed = secrets.randbelow(10**9) if seed is None else seed
    drills, names = [], [machine] if machine else []
    with open_recorded(open_repository(context), tenant, "drill", output.warning) as service:
        names = names or list(service.tenant.machines)
        for name in names:
            try:
                drills.append(run_drill(service, name, chosen_seed, partial(output.progress_of, name)))
            except ExpectedError as problem:
                output.expected_error(problem)
    if as_json:
        output.result_json(drills)
    for done in [] if as_json else drills:
        verdict = "passed" if done.is_passed else "FAILED"
        output.result(
            f"{done.machine}: drill {verdict}, seed {done.seed}, snapshot {done.snapshot_id[:8]}: "
            f"{done.compared_by_hash} files compared by hash, {done.compared_by_size} by size, "
            f"{format_bytes(done.restored_bytes)} restored"
        )
        for finding in done.problems:
            output.result(f"  {finding}")
    if len(drills) < len(names) or not all(done.is_passed for done in drills):
        raise typer.Exit(FAILED)


def status(
    context: typer.Context,
    tenants: Annotated[list[str] | None, typer.Argument(metavar="TENANT", help="Tenants (default: all).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list of tenants.")] = False,
) -> None:
    """Show what is true right now, from the platform and the buckets."""
    from coffre.operations.observe import observe
    from coffre.operations.service import open_service

    repository = open_repository(context)
    now = datetime.now(UTC)
    names = tenants or list(repository.tenants)
    seen = []
    for name in names:
        try:
            with open_service(repository, name, output.warning) as service:
                seen.append(observe(service, now))
        except ExpectedError as problem:
            go_on_after(name, problem, alone=len(names) == 1)
    if as_json:
        output.result_json(seen)
    for tenant in [] if as_json else seen:
        _show_status(tenant)
    if len(seen) < len(names):
        raise typer.Exit(FAILED)


def _show_status(tenant: "TenantStatus") -> None:
    used = "?" if tenant.used_bytes is None else format_bytes(tenant.used_bytes)
    licences = ", ".join(f"{count.used} of {count.granted} {kind}" for kind, count in tenant.licences.items())
    output.result(
        f"{tenant.tenant} ({tenant.status}): {used} of {format_bytes(tenant.quota_bytes)} used, "
        f"gate {tenant.gate or 'unknown'}; licences: {licences}"
    )
    for option, how in tenant.options.items():
        if how == "manual":
            output.result(f"  option {option}: manual, Coffre does not carry it out yet")
    output.table(
        [
            "  machine",
            "agent",
            "last result",
            "last success (reported)",
            "newest snapshot (in storage)",
            "snapshots",
            "stored",
            "orders",
            "late",
        ],
        [_status_row(machine) for machine in tenant.machines],
        right=["snapshots", "stored"],
    )


def _status_row(machine: "MachineStatus") -> list[str]:
    orders = f"{_or_unknown(machine.generation_applied)} of {_or_unknown(machine.generation_wanted)}"
    return [
        f"  {machine.name}",
        machine.agent,
        _or_unknown(machine.last_result),
        _moment(machine.last_success_at),
        _moment(machine.newest_snapshot_at) + (" (NOT the reported one)" if machine.witnesses_agree is False else ""),
        _or_unknown(machine.snapshots),
        "?" if machine.stored_bytes is None else format_bytes(machine.stored_bytes),
        orders,
        {True: "LATE", False: "no", None: "?"}[machine.overdue],
    ]


def _or_unknown(value: object) -> str:
    return "?" if value is None else str(value)


def _moment(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
