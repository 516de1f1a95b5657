"""snapshot: set a forged or unreadable snapshot aside, or bring it back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout
from coffre.outside.text import one_line

if TYPE_CHECKING:
    from coffre.tenant.opening import OpenTenant

TenantArgument = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")]
MachineOption = Annotated[str, typer.Option(metavar="NAME", help="The machine whose snapshot it is.")]
SnapshotOption = Annotated[str, typer.Option(metavar="ID", help="The snapshot's id, or its beginning.")]
ReasonOption = Annotated[str, typer.Option(metavar="TEXT", help="The reason; recorded.")]

commands = typer.Typer(no_args_is_help=True, help="Set forged or unreadable snapshots aside.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="snapshot")


@commands.command("set-aside")
def set_aside(
    context: typer.Context,
    tenant: TenantArgument,
    machine: MachineOption,
    snapshot: SnapshotOption,
    reason: ReasonOption,
) -> None:
    """Set a snapshot aside: restores, drills, returns and departures skip it. Deletes nothing; recorded.

    Returns and the certificate of erasure list it. `coffre snapshot bring-back` reverses it.
    """
    from coffre.operations.restore import setting_aside

    _refuse_outsider(context, tenant, machine)
    with _changing(context, tenant, "snapshot set-aside") as opened:
        done = setting_aside.set_aside(
            opened.tenant, opened.buckets, opened.log, opened.memory, machine, snapshot, reason
        )
    output.result(f"{machine}: snapshot {one_line(done, 80)} is set aside; none of its data is deleted")


@commands.command("bring-back")
def bring_back(
    context: typer.Context,
    tenant: TenantArgument,
    machine: MachineOption,
    snapshot: SnapshotOption,
    reason: ReasonOption,
) -> None:
    """Put a snapshot that was set aside back into its repository. Recorded."""
    from coffre.operations.restore import setting_aside

    _refuse_outsider(context, tenant, machine)
    with _changing(context, tenant, "snapshot bring-back") as opened:
        done = setting_aside.bring_back(opened.tenant, opened.buckets, opened.log, machine, snapshot, reason)
    output.result(f"{machine}: snapshot {one_line(done, 80)} is back in the repository")


@commands.command("list")
def list_snapshots(
    context: typer.Context,
    tenant: TenantArgument,
    machine: Annotated[str | None, typer.Option(metavar="NAME", help="One machine (default: all).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list of snapshots that are set aside.")] = False,
) -> None:
    """List the snapshots that are set aside, with the author and the reason."""
    from coffre.agents.kinds import with_repository
    from coffre.operations.restore.setting_aside import list_aside
    from coffre.tenant.opening import open_tenant

    _refuse_outsider(context, tenant, machine)
    with open_tenant(open_checkout(context), tenant, output.warning) as opened:
        names = [machine] if machine else list(with_repository(opened.of_buckets.tenant.machines))
        found = [each for name in names for each in list_aside(opened.tenant, opened.buckets, opened.log, name)]
    if as_json:
        output.result_json(found)
        return
    for each in found:
        told = f", since {each.at:%Y-%m-%d %H:%M} UTC, by {each.by}: {each.reason}" if each.at else ""
        output.result(f"{each.machine}: snapshot {one_line(each.snapshot, 80)}{told}")
    if not found:
        output.result(f"{tenant}: no snapshot is set aside")


def _refuse_outsider(context: typer.Context, tenant: str, machine: str | None) -> None:
    from coffre.tenant.lookup import find_tenant
    from coffre.tenant.vendors import refuse_outsider

    refuse_outsider(find_tenant(open_checkout(context), tenant), machine)


@contextmanager
def _changing(context: typer.Context, tenant: str, command: str) -> Iterator["OpenTenant"]:
    """Lock a tenant, then open it for a change."""
    from coffre.tenant.runs import lock_recorded

    with lock_recorded(open_checkout(context), tenant, command, output.warning) as opened:
        yield opened
