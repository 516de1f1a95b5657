"""maintenance: declares what platform.yaml says beforehand, and a window for a change that a customer asked for."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout, open_records
from coffre.cli.times import Begins, Ends, in_zone

if TYPE_CHECKING:
    from coffre.supervision.judge.maintenance import MaintenanceStep

commands = typer.Typer(no_args_is_help=True, help="Maintenance of platforms, declared beforehand.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="maintenance")


@commands.command("declare")
def declare(
    context: typer.Context,
    urgent: Annotated[
        bool, typer.Option("--urgent", help="Also with shorter notice than platform.yaml asks for; it is recorded.")
    ] = False,
) -> None:
    """Declare the maintenances of platform.yaml (`platforms.NAME.maintenance`), and tell the affected customers.

    What counts is when this was run: outages within a maintenance that was declared before it began do not count. A
    changed one is declared anew, and one that was removed is withdrawn. It may run twice: pipelines run it after each
    merge.
    """
    from coffre.records.actor import read_author
    from coffre.supervision.availability.declaring import declare_maintenance
    from coffre.tenant.locking import maintenance_locked
    from coffre.workspace.clock import utc_now

    checkout = open_checkout(context)
    zone = checkout.settings.working_hours.timezone
    with maintenance_locked(checkout), open_records(checkout) as records:
        done = declare_maintenance(records, checkout, read_author(checkout.root), utc_now(), is_urgent=urgent)
    for step in done.steps:
        output.result(_say(step, zone))
    if not done.steps:
        output.result("everything in platform.yaml is declared already")
        return
    output.result(f"customers that `coffre supervise` tells next: {', '.join(done.told) or 'none'}")
    if done.told and checkout.settings.mail is None:
        output.warning("platform.yaml names no mail server (`mail:`): the notices wait, and nobody is told")


@commands.command("list")
def list_maintenance(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="A list of maintenances.")] = False
) -> None:
    """List the declared maintenances, and when each was declared."""
    from coffre.supervision.availability.known import list_maintenances

    checkout = open_checkout(context)
    zone = checkout.settings.working_hours.timezone
    with open_records(checkout) as records:
        found = list_maintenances(records)
    if as_json:
        output.result_json([{**vars(each), "is_beforehand": each.is_beforehand} for each in found])
        return
    rows = [
        [
            each.platform,
            _local(each.begins_at, zone),
            _local(each.ends_at, zone),
            _local(each.declared_at, zone),
            ("urgent" if each.is_urgent else "") if each.is_beforehand else "AFTERWARDS: it excuses nothing",
            each.reason,
        ]
        for each in found
    ]
    if rows:
        output.table(("platform", "begins", "ends", "declared", "", "reason"), rows)
    else:
        output.result("no maintenance is declared")


@commands.command("change")
def change(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")],
    begins: Begins,
    ends: Ends,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="What the customer asked for, and when; recorded.")],
) -> None:
    """Declare a time without guarantee for a change that the customer asked for (article 9b), before it begins.

    `coffre sla --tenant TENANT` leaves it out. Times are local, of working_hours' time zone.
    """
    from coffre.records.facts.availability import ChangeWindowDeclared
    from coffre.supervision.availability.words import declare_change
    from coffre.tenant.runs import lock_recorded
    from coffre.workspace.clock import utc_now

    checkout = open_checkout(context)
    zone = checkout.settings.working_hours.timezone
    window = ChangeWindowDeclared(in_zone(begins, zone), in_zone(ends, zone), reason)
    with lock_recorded(checkout, tenant, "maintenance change", output.warning) as opened:
        declare_change(opened.log, window, utc_now())
    output.result(f"{tenant}: no guarantee from {begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M}")


def _say(step: "MaintenanceStep", zone: str) -> str:
    from coffre.supervision.judge.maintenance import Step

    done = {Step.DECLARE: "declared", Step.CHANGE: "declared anew", Step.WITHDRAW: "withdrawn"}[step.step]
    urgent = ", urgent" if step.is_short else ""
    late = ": it has begun, so it excuses nothing" if step.is_late else ""
    begins, ends = _local(step.begins_at, zone), _local(step.ends_at, zone)
    return f"{step.platform}: the maintenance from {begins} to {ends} is {done}{urgent}{late}"


def _local(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"
