"""hold: place, lift and list confidential holds, which are in the records and never in git."""

from datetime import datetime
from typing import Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout

TenantArgument = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")]
Reference = Annotated[str, typer.Option(metavar="TEXT", help="The reference of the order or letter; recorded.")]

commands = typer.Typer(no_args_is_help=True, help="Confidential holds: in the records, never in git.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="hold")


@commands.command("place")
def place(
    context: typer.Context,
    tenant: TenantArgument,
    reference: Reference,
    since: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], metavar="DAY", help="The day of the order.")],
    block_access: Annotated[
        bool, typer.Option("--block-access", help="Also block every read and write, including SMILÉO's.")
    ] = False,
) -> None:
    """Place a confidential hold (not in git); effective immediately, for every command.

    The command reads the hold back from the platform.
    """
    from coffre.operations.holds.place import place_hold
    from coffre.spec.tenant import HoldKind
    from coffre.tenant.holds import RecordedHold

    kind = HoldKind.BLOCK_ACCESS if block_access else HoldKind.PRESERVE
    hold = RecordedHold(reference, since.date(), kind, "")
    buckets = place_hold(open_checkout(context), tenant, hold, output.warning)
    output.result(f"{tenant}: held ({kind.value}); nothing expires in {buckets} buckets (read back)")


@commands.command("lift")
def lift(
    context: typer.Context,
    tenant: TenantArgument,
    reference: Reference,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Who ends the hold, and why; recorded.")],
) -> None:
    """Lift a confidential hold; `coffre apply` then restores the expiry and access that the file declares."""
    from coffre.tenant.holds import lift_hold
    from coffre.tenant.runs import lock_recorded

    with lock_recorded(open_checkout(context), tenant, "hold lift", output.warning) as opened:
        lift_hold(opened.log, reference, reason)
    output.result(f"{tenant}: the hold {reference} is lifted; run `coffre apply {tenant}` to restart expiry")


@commands.command("list")
def list_holds(
    context: typer.Context,
    tenant: TenantArgument,
    as_json: Annotated[bool, typer.Option("--json", help="A list of holds.")] = False,
) -> None:
    """List the active confidential holds on a tenant."""
    from coffre.tenant.holds import list_recorded
    from coffre.tenant.opening import open_tenant

    with open_tenant(open_checkout(context), tenant, output.warning) as opened:
        found = list_recorded(opened.log)
    if as_json:
        output.result_json(found)
        return
    for hold in found:
        output.result(f"{hold.reference}: {hold.kind.value}, since {hold.since}, placed by {hold.placed_by}")
    if not found:
        output.result(f"{tenant}: no confidential hold")
