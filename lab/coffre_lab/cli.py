"""lab: the embedded platform, a real Ceph and machines to deploy to."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import get_globals, open_checkout
from coffre.workspace.paths import LAB_FOLDER

if TYPE_CHECKING:
    from coffre_lab.lab import Lab
    from coffre_lab.status import LabStatus

group = typer.Typer(help="The embedded platform: a Ceph and machines to deploy to.", no_args_is_help=True)

NOT_RUNNING = 1


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="lab")


@group.callback()
def _group() -> None:
    """The embedded platform: a Ceph and machines to deploy to."""


@group.command("up")
def up(
    context: typer.Context,
    release: Annotated[
        int | None, typer.Option("--release", help="Ceph 16, 18 or 20; by default the lab's own, and 18 for a new one.")
    ] = None,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Upgrade a lab of an older release to this one; there is no way back.")
    ] = False,
    nodes: Annotated[
        int | None,
        typer.Option(
            "--nodes",
            help="1, or 3 with an OSD each, two gateways and a balancer; by default the lab's own; 1 for a new one.",
        ),
    ] = None,
) -> None:
    """Start the missing parts: Ceph, its S3 gateway, and the machines of every tenant on a platform of the lab."""
    from coffre.spec.tenant import SshConnection

    checkout = open_checkout(context)
    lab = _open_lab(context, release, may_upgrade=upgrade, nodes=nodes)
    ssh_config = lab.ssh_config
    hosts = [
        machine.connection.host
        for tenant in checkout.tenants.values()
        for machine in tenant.machines.values()
        if isinstance(machine.connection, SshConnection)
        and (config := checkout.settings.platforms[tenant.storage.platform].ssh_config)
        and (checkout.root / config).resolve() == ssh_config
    ]
    started = time.monotonic()
    status = lab.up(hosts)
    _show(status)
    output.result(f"the lab is up after {time.monotonic() - started:.0f} s")


@group.command("fetch")
def fetch(
    context: typer.Context,
    releases: Annotated[
        list[int] | None, typer.Argument(metavar="RELEASE", help="Ceph 16, 18 or 20 (default: 18).", show_default=False)
    ] = None,
) -> None:
    """Download the files of a Ceph release into the tools cache, in advance of the first `up`: about two minutes."""
    from coffre_lab.ceph.releases import DEFAULT_RELEASE

    for number in dict.fromkeys(releases or [DEFAULT_RELEASE]):
        _open_lab(context, number).fetch()
        output.result(f"Ceph {number} is in the cache")


@group.command("down")
def down(
    context: typer.Context,
    erase: Annotated[bool, typer.Option("--erase", help="Also remove all data of the platform.")] = False,
) -> None:
    """End every process, mount and network interface of the lab; its data stays."""
    _open_lab(context).down(erase=erase)
    output.result(
        "the lab is down" + (" and its data is gone" if erase else "; `coffre lab up` starts it again with its data")
    )


@group.command("status")
def status(context: typer.Context) -> None:
    """Show the running parts of the lab; end with 1 when a part does not run."""
    found = _open_lab(context).status()
    _show(found)
    if not found.is_running:
        raise typer.Exit(NOT_RUNNING)


def _open_lab(
    context: typer.Context, release: int | None = None, *, may_upgrade: bool = False, nodes: int | None = None
) -> "Lab":
    from coffre_lab.lab import Lab

    directory = get_globals(context).find_root() / LAB_FOLDER
    return Lab(directory, on_progress=output.progress, release=release, may_upgrade=may_upgrade, nodes=nodes)


def _show(status: "LabStatus") -> None:
    release = "" if status.release is None else f" (Ceph {status.release})"
    output.result(f"S3 endpoint: {status.endpoint or 'never started'}{release}")
    for gateway in status.gateways:
        output.result(f"  gateway behind it: {gateway}")
    for daemon in status.daemons:
        output.result(f"  {daemon.name}: {'not running' if daemon.pid is None else f'pid {daemon.pid}'}")
    for machine in status.machines:
        state = "not running" if machine.leader_pid is None else "answers" if machine.answers else "does not answer"
        output.result(f"  {machine.host} ({machine.address}): {state}")
