"""restore: restore a machine's files to a directory here or onto a machine."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from coffre.cli import asking, output
from coffre.cli.backups.arguments import FromCopy, TenantArgument
from coffre.cli.context import open_checkout
from coffre.errors import UsageError
from coffre.spec.values.sizes import format_bytes


def register(app: typer.Typer) -> None:
    app.command("restore")(restore)


def restore(
    context: typer.Context,
    tenant: TenantArgument,
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
    from_copy: FromCopy = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --in-place.")] = False,
) -> None:
    """Restore a machine's files to a directory here, or onto a machine of the tenant.

    The restore is recorded. To resume an interrupted restore, run the same command again. The destination machine holds
    the key and the password of the backed-up machine in memory until the restore ends; it does not need an agent.
    """
    from coffre.operations.restore.restore import (
        MachineDestination,
        RestoreSource,
        read_destination,
        restore_to_directory,
        restore_to_machine,
    )
    from coffre.tenant.lookup import find_tenant
    from coffre.tenant.opening import open_tenant
    from coffre.tenant.runs import recorded_run
    from coffre.tenant.second_copy import get_copied
    from coffre.tenant.vendors import refuse_outsider

    wanted = RestoreSource(machine, snapshot, path)
    checkout = open_checkout(context)
    refuse_outsider(find_tenant(checkout, tenant), machine)
    with open_tenant(checkout, tenant, output.warning) as opened:
        destination = read_destination(
            to,
            list(opened.tenant.machines),
            folder=into,
            in_place=in_place,
            is_there=lambda name: Path(name).exists(),
        )
        if from_copy and isinstance(destination, MachineDestination):
            raise UsageError(
                "--from-copy restores to a directory here only: machines have no key of the second copy",
                "Name a directory with --to and copy the files to the machine.",
            )
        source = get_copied(opened) if from_copy else opened
        if isinstance(destination, MachineDestination) and in_place and not yes:
            output.warning(
                f"files of {destination.machine} will be overwritten with those of {path or 'the whole snapshot'} "
                f"({machine}, {snapshot})"
            )
            asking.confirm(f"Overwrite files of {destination.machine}?")
        with recorded_run(opened, "restore"), output.percentage(f"restoring {machine}") as show:
            watcher = _RestoreWatcher(machine, show)
            if isinstance(destination, MachineDestination):
                done = restore_to_machine(opened, wanted, destination, watcher)
            else:
                done = restore_to_directory(source, wanted, destination, watcher)
    if done.is_others:
        output.warning(f"another machine took snapshot {done.snapshot.id[:8]} under the name of {machine}")
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
            f"{done.to} does not accept the paths of {done.apart.files} files (over 4,095 bytes, or a forbidden name): "
            f"they are stored under other names beside {done.apart.listed_in}, which lists them"
        )
        if done.apart.left_out:
            output.error(f"{done.apart.left_out} entries could not be restored; {done.apart.listed_in} names them")
            raise typer.Exit(1)


@dataclass(frozen=True)
class _RestoreWatcher:
    """Shows the steps and the progress of a restore."""

    machine: str
    on_progress: Callable[[float], None]

    def on_step(self, text: str) -> None:
        output.progress_of(self.machine, text)
