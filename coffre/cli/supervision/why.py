"""why: one screen in French about a tenant, from the records alone, that an operator reads on the phone."""

from typing import Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout, open_records
from coffre.cli.supervision.drawing import draw_tenant


def register(app: typer.Typer) -> None:
    app.command("why")(why)


def why(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")],
) -> None:
    """Show in French how a tenant is, as the last pass of supervision saw it: to be read to the customer on the phone.

    It asks no platform and no machine; it says when somebody last looked.
    """
    from coffre.cli.words.supervision.why import describe_tenant
    from coffre.supervision.lines import TimedReadings

    checkout = open_checkout(context)
    picture = draw_tenant(checkout, tenant)
    with open_records(checkout) as records:
        restores = TimedReadings(records, picture.drawn_at).foresee(picture.tenant, picture.machines)
    for line in describe_tenant(picture, restores):
        output.result(line)
