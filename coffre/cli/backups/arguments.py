"""The arguments and exit codes that the commands on a running tenant's backups share."""

from typing import Annotated

import typer

TenantArgument = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")]
MachineOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="One machine (default: all).", show_default=False)
]

FromCopy = Annotated[
    bool, typer.Option("--from-copy", help="From the second copy; the tenant's own platform is not needed.")
]

FAILED, REFUSED = 1, 4

PASSED_OVER = {
    "never_applied": "it was never applied",
    "left": "it has left, and its backups are erased",
    "hold": "a hold blocks every access",
}
"""Why a command over all tenants passes one over; a test compares them with `PassedOver`."""
