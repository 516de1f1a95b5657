"""snapshot: a snapshot that is forged or that nothing reads, put aside and brought back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_repository
from coffre.outside.text import one_line

if TYPE_CHECKING:
    from coffre.tenant.service import Service

Tenant = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")]
Machine = Annotated[str, typer.Option(metavar="NAME", help="The machine whose snapshot it is.")]
SnapshotId = Annotated[str, typer.Option(metavar="ID", help="The snapshot's id, or its beginning.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why, as the records will have it.")]

commands = typer.Typer(no_args_is_help=True, help="Snapshots that are forged or unreadable, put aside.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="snapshot")


@commands.command("set-aside")
def set_aside(context: typer.Context, tenant: Tenant, machine: Machine, snapshot: SnapshotId, reason: Reason) -> None:
    """Put a snapshot out of the way of restores, drills, returns and departures. Nothing is deleted; recorded.

    Returns and the certificate name it. `coffre snapshot bring-back` undoes it.
    """
    from coffre.operations.restore import setting_aside

    with _changing(context, tenant, "snapshot set-aside") as service:
        done = setting_aside.set_aside(service, machine, snapshot, reason)
    output.result(f"{machine}: snapshot {one_line(done, 80)} is aside; nothing of it was deleted")


@commands.command("bring-back")
def bring_back(context: typer.Context, tenant: Tenant, machine: Machine, snapshot: SnapshotId, reason: Reason) -> None:
    """Put a snapshot that is aside back into its repository. Recorded."""
    from coffre.operations.restore import setting_aside

    with _changing(context, tenant, "snapshot bring-back") as service:
        done = setting_aside.bring_back(service, machine, snapshot, reason)
    output.result(f"{machine}: snapshot {one_line(done, 80)} is back in the repository")


@commands.command("list")
def list_snapshots(
    context: typer.Context,
    tenant: Tenant,
    machine: Annotated[str | None, typer.Option(metavar="NAME", help="One machine (default: all).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list of snapshots that are aside.")] = False,
) -> None:
    """List the snapshots that are aside, with who put them there and why."""
    from coffre.agents.kinds import with_repository
    from coffre.operations.restore.setting_aside import list_aside
    from coffre.tenant.service import open_service

    with open_service(open_repository(context), tenant, output.warning) as service:
        names = [machine] if machine else list(with_repository(service.tenant.machines))
        found = [each for name in names for each in list_aside(service, name)]
    if as_json:
        output.result_json(found)
        return
    for each in found:
        told = f", since {each.at:%Y-%m-%d %H:%M} UTC, by {each.by}: {each.reason}" if each.at else ""
        output.result(f"{each.machine}: snapshot {one_line(each.snapshot, 80)}{told}")
    if not found:
        output.result(f"{tenant}: no snapshot is aside")


@contextmanager
def _changing(context: typer.Context, tenant: str, command: str) -> Iterator["Service"]:
    """Open a tenant to change it: its lock first, then a look."""
    from coffre.tenant.runs import lock_recorded

    with lock_recorded(open_repository(context), tenant, command, output.warning) as service:
        yield service
