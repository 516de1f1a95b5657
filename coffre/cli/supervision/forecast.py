"""forecast: how long a full restore of each machine takes, and its first backup, from the records alone."""

from typing import Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout, open_records
from coffre.cli.supervision.drawing import draw_tenant


def register(app: typer.Typer) -> None:
    app.command("forecast")(forecast)


def forecast(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")],
    size: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE", help="A restore of this size instead of a full one, like 20 GiB.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Restores and first backups, in seconds and bytes.")] = False,
) -> None:
    """Show how long a full restore of each machine takes, and the first backup of those that have none.

    Restores are foreseen from the drills and restores that were timed over the same line: the time that half of them do
    not exceed, and the one that nine of ten do not, which is what a customer is told. It asks no platform.
    """
    from coffre.cli.words.lines import describe_restore, describe_uploads
    from coffre.errors import UsageError
    from coffre.spec.values.sizes import SizeError, parse_size
    from coffre.supervision.lines import TimedReadings, read_uploads
    from coffre.tenant.vendors import list_vendor_services
    from coffre.workspace.clock import utc_now

    try:
        size_bytes = None if size is None else parse_size(size)
    except SizeError as problem:
        raise UsageError(f"--size {size} {problem.problem}", f"{problem.hint[:1].upper()}{problem.hint[1:]}.") from None
    checkout = open_checkout(context)
    picture = draw_tenant(checkout, tenant)
    with open_records(checkout) as records:
        restores = TimedReadings(records, utc_now()).foresee(picture.tenant, picture.machines, size_bytes)
        uploads = read_uploads(records, picture.tenant)
    if as_json:
        output.result_json({"restores": restores, "first_backups": uploads})
        return
    output.result("restore:" if size_bytes is not None else "full restore:")
    for each in restores:
        output.result(f"  {describe_restore(each)}")
    for vendor in list_vendor_services(picture.tenant, checkout.settings.platforms):
        output.result(f"  {', '.join(vendor.machines)}: restored in the portal of {vendor.statement.editor}; not timed")
    for line in describe_uploads(uploads):
        output.result(line)
