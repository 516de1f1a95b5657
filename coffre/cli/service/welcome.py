"""welcome: the French paper for a customer whose service is delivered."""

from typing import Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout


def register(app: typer.Typer) -> None:
    app.command("welcome")(welcome)


def welcome(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")],
    renew: Annotated[bool, typer.Option("--renew", help="Write it again, as the tenant is now.")] = False,
) -> None:
    """Write the French paper for a customer whose service is delivered: delivery note, machines, plans, who does what.

    It is written once, as a PDF in the tenant's folder of documents: how to restore, article 16 with the options that
    were ordered, and what article 15 warns of.
    """
    from coffre.operations.welcome.paper import write_welcome
    from coffre.supervision.lines import read_uploads
    from coffre.tenant.opening import open_tenant
    from coffre.workspace.clock import utc_now

    with open_tenant(open_checkout(context), tenant, output.warning) as opened:
        uploads = read_uploads(opened.records, opened.tenant)
        path, is_new = write_welcome(opened, utc_now().date(), uploads, is_renewed=renew)
    output.result(f"{tenant}: {path}" if is_new else f"{tenant}: {path}, as it was written before")
