"""backup: back machines up now, and show the result of each path of their plans."""

from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.backups.arguments import FAILED, REFUSED, MachineOption, TenantArgument
from coffre.cli.context import open_checkout
from coffre.cli.service.gate import show_filling
from coffre.spec.values.sizes import format_bytes

if TYPE_CHECKING:
    from coffre.agents.report import Report
    from coffre.operations.backup import MachineBackup

SHOWN_PATHS = 20


def register(app: typer.Typer) -> None:
    app.command("backup")(backup)


def backup(
    context: typer.Context,
    tenant: TenantArgument,
    machine: MachineOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list of results, one a machine.")] = False,
) -> None:
    """Back machines up now, wait, and show the result."""
    from coffre.operations.backup import BackupOutcome, back_up, choose_to_back_up, list_by_themselves
    from coffre.tenant.runs import open_recorded

    with open_recorded(open_checkout(context), tenant, "backup", output.warning) as opened:
        names = choose_to_back_up(opened.tenant, machine)
        for name in list_by_themselves(opened.tenant) if machine is None else ():
            output.warning(f"{name}: not started: it cannot be reached from here, and backs up at its schedule")
        done = back_up(opened, names, output.progress_of)
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
    kept_out = (BackupOutcome.SUCCESS, BackupOutcome.QUOTA, BackupOutcome.STOPPED)
    is_full = not any(run.losses or run.outcome not in kept_out for run in done.machines)
    raise typer.Exit(REFUSED if is_full else FAILED)


def _show_backup(run: "MachineBackup") -> None:
    from coffre.cli.words.supervision.findings import describe

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
    """Show the files of each path of the plan; paths with too few files are findings."""
    good = [each for each in report.paths or () if each.state.is_good]
    for path in good[:SHOWN_PATHS]:
        size = "" if path.bytes is None else f", {format_bytes(path.bytes)}"
        link = f", a link: stored as {path.stored_as}" if path.is_elsewhere else ""
        output.result(f"  {path.path}: {path.files} file{'' if path.files == 1 else 's'}{size}{link}")
    if len(good) > SHOWN_PATHS:
        output.result(f"  and {len(good) - SHOWN_PATHS} more paths")
