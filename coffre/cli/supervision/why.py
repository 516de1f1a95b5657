"""why: one screen in French about a tenant, from the records alone, that an operator reads on the phone."""

from typing import Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout


def register(app: typer.Typer) -> None:
    app.command("why")(why)


def why(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")],
) -> None:
    """Show in French how a tenant is, as the last pass of supervision saw it: to be read to the customer on the phone.

    It asks no platform and no machine; it says when somebody last looked.
    """
    from coffre.cli.words.why import describe_tenant
    from coffre.errors import RefusedError
    from coffre.records.database.store import Records
    from coffre.supervision.picture import draw
    from coffre.workspace.clock import utc_now

    checkout = open_checkout(context)
    with Records.open(checkout.settings.records, checkout.root) as records:
        picture = draw(records, checkout.root, tenant, utc_now())
    if picture is None:
        raise RefusedError(
            f"no apply of {tenant} is in the records", "Run `coffre apply`, then `coffre supervise`; then ask again."
        )
    for line in describe_tenant(picture):
        output.result(line)
