"""lab: the embedded platform, a real one-node Ceph and machines to deploy to."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import get_globals, open_repository

if TYPE_CHECKING:
    from coffre.lab.lab import Lab
    from coffre.lab.status import LabStatus

group = typer.Typer(help="The embedded platform: a one-node Ceph and machines to deploy to.", no_args_is_help=True)

NOT_RUNNING = 1


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="lab")


@group.callback()
def _group() -> None:
    """The embedded platform: a one-node Ceph and machines to deploy to."""


@group.command("up")
def up(context: typer.Context) -> None:
    """Start what is missing: Ceph, its S3 gateway, and the machines of every tenant on a platform of the lab."""
    from coffre.spec.tenant import SshConnection

    repository = open_repository(context)
    lab = _open_lab(context)
    ssh_config = lab.ssh_config
    hosts = [
        machine.connection.host
        for tenant in repository.tenants.values()
        for machine in tenant.machines.values()
        if isinstance(machine.connection, SshConnection)
        and (config := repository.settings.platforms[tenant.storage.platform].ssh_config)
        and (repository.root / config).resolve() == ssh_config
    ]
    started = time.monotonic()
    status = lab.up(hosts)
    _show(status)
    output.result(f"the lab is up after {time.monotonic() - started:.0f} s")


@group.command("down")
def down(
    context: typer.Context,
    erase: Annotated[bool, typer.Option("--erase", help="Also remove all the platform ever stored.")] = False,
) -> None:
    """End every process, mount and network interface of the lab; what it stored stays."""
    _open_lab(context).down(erase=erase)
    output.result(
        "the lab is down" + (" and its data is gone" if erase else "; `coffre lab up` brings it back as it was")
    )


@group.command("status")
def status(context: typer.Context) -> None:
    """Show what of the lab runs; ends with 1 when not all of it does."""
    found = _open_lab(context).status()
    _show(found)
    if not found.is_running:
        raise typer.Exit(NOT_RUNNING)


def _open_lab(context: typer.Context) -> "Lab":
    from coffre.lab.lab import Lab

    return Lab(get_globals(context).find_root() / ".coffre" / "lab", on_progress=output.progress)


def _show(status: "LabStatus") -> None:
    output.result(f"S3 endpoint: {status.endpoint or 'never started'}")
    for daemon in status.daemons:
        output.result(f"  {daemon.name}: {'not running' if daemon.pid is None else f'pid {daemon.pid}'}")
    for machine in status.machines:
        state = "not running" if machine.leader_pid is None else "answers" if machine.answers else "does not answer"
        output.result(f"  {machine.host} ({machine.address}): {state}")
