"""brake: freeze, release and list the retentions of machines."""

from typing import Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout

TenantArgument = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")]
MachineOption = Annotated[str, typer.Option(metavar="MACHINE", help="The machine.")]

commands = typer.Typer(no_args_is_help=True, help="Frozen retentions: none of a machine's backups is removed.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="brake")


@commands.command("freeze")
def freeze(
    context: typer.Context,
    tenant: TenantArgument,
    machine: MachineOption,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, and who said so; it is recorded.")],
) -> None:
    """Freeze the retention of a machine: neither `coffre prune` nor the platform removes any of its backups.

    `coffre supervise` does it by itself for the signs of an attack. Backups go on.
    """
    from coffre.operations.holds.brake import pull_brake
    from coffre.records.facts.supervision import RetentionFrozen

    fact = RetentionFrozen(reason=reason)
    frozen = pull_brake(open_checkout(context), tenant, machine, fact, output.warning)
    output.result(f"{tenant}: {machine}: frozen since {frozen.since:%Y-%m-%d %H:%M} UTC; nothing expires (read back)")


@commands.command("release")
def release(
    context: typer.Context,
    tenant: TenantArgument,
    machine: MachineOption,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="What was found out, and by whom; it is recorded.")],
) -> None:
    """Release the retention of a machine; `coffre apply` then restores the expiry that the file declares.

    What was seen until now is no reason to freeze it again.
    """
    from coffre.operations.holds.brake import release_brake

    release_brake(open_checkout(context), tenant, machine, reason, output.warning)
    output.result(f"{tenant}: {machine}: released; run `coffre apply {tenant}` to restart expiry")


@commands.command("list")
def list_frozen(
    context: typer.Context,
    tenant: TenantArgument,
    as_json: Annotated[bool, typer.Option("--json", help="A list of frozen retentions.")] = False,
) -> None:
    """List the frozen retentions of a tenant, with the last good snapshot of each."""
    from coffre.cli.words.supervision.attack import describe_freeze
    from coffre.tenant.estate.freezes import list_freezes
    from coffre.tenant.opening import open_tenant

    with open_tenant(open_checkout(context), tenant, output.warning) as opened:
        found = sorted(list_freezes(opened.log).values(), key=lambda each: each.machine)
    if as_json:
        output.result_json(found)
        return
    for each in found:
        output.result(describe_freeze(each))
    if not found:
        output.result(f"{tenant}: no retention is frozen")
