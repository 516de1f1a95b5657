"""units: what systemd needs to keep a command of Coffre running, or to start it every night."""

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from coffre.cli import output
from coffre.cli.context import get_globals
from coffre.errors import UsageError


def register(app: typer.Typer) -> None:
    app.command("unit")(unit)


def unit(
    context: typer.Context,
    service: Annotated[
        str,
        typer.Argument(
            metavar="SERVICE",
            help="The command: supervise, exporter, probe; with a timer: drill, copy, prune, verify, site.",
        ),
    ],
    timer: Annotated[bool, typer.Option("--timer", help="Print the timer that starts the service.")] = False,
    folder: Annotated[
        Path | None,
        typer.Option("--output", metavar="FOLDER", help="The folder that site writes.", show_default=False),
    ] = None,
) -> None:
    """Print a unit of systemd that runs a command for this repository, as the user who asks.

    Save it as /etc/systemd/system/coffre-SERVICE.service, then run `systemctl enable --now coffre-SERVICE`. For a
    command with a timer, save what --timer prints as coffre-SERVICE.timer too, and enable coffre-SERVICE.timer.
    """
    from coffre.spec.intake.units import Place, render_timer, render_unit

    if timer:
        if folder is not None:
            raise UsageError("a timer has no folder", "Give --output for the service, without --timer.")
        output.result(render_timer(service).rstrip("\n"))
        return
    place = Place(
        Path(sys.argv[0]).absolute(),
        get_globals(context).find_root(),
        getpass.getuser(),
        None if folder is None else folder.absolute(),
    )
    output.result(render_unit(service, place).rstrip("\n"))
