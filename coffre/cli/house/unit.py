"""units: what systemd needs to keep a command of Coffre running."""

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from coffre.cli import output
from coffre.cli.context import get_globals


def register(app: typer.Typer) -> None:
    app.command("unit")(unit)


def unit(
    context: typer.Context,
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="The command: supervise, exporter, probe.")],
) -> None:
    """Print a unit of systemd that keeps a command running for this repository, as the user who asks.

    Save it as /etc/systemd/system/coffre-SERVICE.service, then run `systemctl enable --now coffre-SERVICE`.
    """
    from coffre.spec.intake.units import render_unit

    program = Path(sys.argv[0]).absolute()
    output.result(render_unit(service, program, get_globals(context).find_root(), getpass.getuser()).rstrip("\n"))
