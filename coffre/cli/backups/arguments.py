"""The arguments and exit codes that the commands on a running tenant's backups share."""

from typing import Annotated

import typer

TenantArgument = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")]
MachineOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="One machine (default: all).", show_default=False)
]

FAILED, REFUSED = 1, 4
