"""What the commands on a running tenant's backups share: arguments, exit codes, and whom they pass over."""

from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output

if TYPE_CHECKING:
    from coffre.spec.loader import Checkout

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


def leave_out_outsiders(checkout: "Checkout", slugs: list[str], machine: str | None, *, is_all: bool) -> list[str]:
    """Return the tenants with a repository that SMILÉO can open; of all tenants, the others are named and left out.

    RefusedError when a tenant or a machine was named that has none, because a vendor keeps its backups.
    """
    from coffre.tenant.vendors import find_outsider, refuse_outsider

    outsiders = {slug: find_outsider(checkout.tenants[slug], machine) for slug in slugs if slug in checkout.tenants}
    found = {slug: statement for slug, statement in outsiders.items() if statement is not None}
    for slug, statement in found.items():
        if not is_all:
            refuse_outsider(checkout.tenants[slug], machine)
        output.progress_of(slug, f"left out: its backups lie at {statement.editor}")
    return [slug for slug in slugs if slug not in found]
