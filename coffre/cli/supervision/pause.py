"""pause: a person says that nobody expects a backup of a machine, or of a tenant, for a while."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout
from coffre.errors import UsageError


def register(app: typer.Typer) -> None:
    app.command("pause")(pause)


def pause(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, and who said so; it is recorded.")],
    machine: Annotated[str | None, typer.Option(metavar="MACHINE", help="The machine (default: all of them).")] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DAY", help="The first day on which backups are expected again."),
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="End the pause now, before its day.")] = False,
) -> None:
    """Declare that nobody expects a backup until a day: the machine counts as neither late nor missed.

    Nothing changes on the machine: a backup that it makes nevertheless is welcome.
    """
    from coffre.records.facts.supervision import PauseDeclared
    from coffre.tenant.lookup import find_machine
    from coffre.tenant.pauses import declare_pause, end_pause
    from coffre.tenant.runs import lock_recorded

    if (until is None) == (not end):
        raise UsageError("either --until DAY or --end is needed", "Give one of the two.")
    with lock_recorded(open_checkout(context), tenant, "pause", output.warning) as opened:
        if machine is not None:
            find_machine(opened.tenant, machine)
        whose = tenant if machine is None else f"{tenant}: {machine}"
        if until is None:
            end_pause(opened.log, machine, reason)
            output.result(f"{whose}: the pause has ended; backups are expected as scheduled")
            return
        local = until.replace(tzinfo=ZoneInfo(opened.tenant.timezone))
        declare_pause(opened.log, machine, PauseDeclared(local, reason))
    output.result(f"{whose}: no backup is expected before {until:%Y-%m-%d}")
