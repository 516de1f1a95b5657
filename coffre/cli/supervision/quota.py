"""quota: the quota that a tenant needs next, as a change of its file."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout
from coffre.cli.supervision.drawing import draw_tenant
from coffre.errors import ExpectedError, RefusedError

if TYPE_CHECKING:
    from coffre.spec.loader import Checkout
    from coffre.supervision.judge.raising import SoldSizes
    from coffre.supervision.picture import TenantPicture

_DAYS_A_MONTH = 30.5

commands = typer.Typer(no_args_is_help=True, help="The sold quota of a tenant.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="quota")


@commands.command("suggest")
def suggest(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")],
    months: Annotated[int, typer.Option(min=1, max=60, help="The months that the quota must be enough for.")] = 12,
    write: Annotated[bool, typer.Option("--write", help="Write the change into the tenant file.")] = False,
) -> None:
    """Show the quota that a tenant needs for the next months, as a change of its file.

    It is the smallest of the price list of which less than 80 % is used then, by the growth that the records show.
    Nothing is raised before the customer signs an amendment, the file names it, and `coffre apply` carries it out.
    """
    from coffre.spec.files import TENANTS_FOLDER
    from coffre.spec.parsing.editing import Setting, show_change, write_setting
    from coffre.spec.values.sizes import format_sold, write_size
    from coffre.supervision.judge.raising import suggest_quota
    from coffre.workspace.files import PUBLIC_FILE, write_atomically

    checkout = open_checkout(context)
    picture, file = draw_tenant(checkout, tenant), f"{TENANTS_FOLDER}/{tenant}.yaml"
    if tenant not in checkout.tenants:
        raise RefusedError(f"{file} is not there", "Run the command in the repository that has it.")
    if picture.use is None or picture.use.current_bytes is None:
        raise RefusedError(
            f"the last pass did not see how much {tenant} uses", "Run `coffre supervise`, then ask again."
        )
    declared_bytes = checkout.tenants[tenant].storage.quota_bytes
    wanted_bytes = suggest_quota(
        picture.use.current_bytes,
        picture.forecast.bytes_a_day,
        int(months * _DAYS_A_MONTH),
        declared_bytes,
        _find_sizes(checkout, picture),
    )
    for line in _describe(picture):
        output.progress(line)
    if wanted_bytes <= declared_bytes:
        output.result(f"{tenant}: the {format_sold(declared_bytes)} of its file are enough for {months} months")
        return
    before = checkout.contents[file].decode("utf-8-sig")
    after = write_setting(before, Setting("storage", "quota", write_size(wanted_bytes)))
    if after is None:
        raise ExpectedError(
            f"the quota in {file} cannot be changed here", f"Write `quota: {write_size(wanted_bytes)}` there yourself."
        )
    output.result(show_change(file, before, after).rstrip("\n"))
    if write:
        write_atomically(checkout.root / file, after.encode(), mode=PUBLIC_FILE, is_alone=False)
        output.progress(f"wrote {file}: add the signed amendment under contract.amendments, then open a pull request")


def _find_sizes(checkout: "Checkout", picture: "TenantPicture") -> "SoldSizes":
    """Return the sizes of the price list of today; none without a list."""
    from coffre.review.sold import find_list
    from coffre.supervision.judge.raising import SoldSizes

    prices = checkout.settings.prices
    entry = None if prices is None else find_list(prices, picture.drawn_at.date())
    if entry is None:
        return SoldSizes()
    beyond = entry.volume_beyond
    return SoldSizes([step.up_to_bytes for step in entry.volume], None if beyond is None else beyond.each_bytes)


def _describe(picture: "TenantPicture") -> Iterator[str]:
    """Say what the suggestion rests on."""
    from coffre.spec.values.sizes import format_bytes, format_sold

    use, forecast, sold_bytes = picture.use, picture.forecast, picture.tenant.storage.quota_bytes
    if use is not None and use.current_bytes is not None:
        share = f"{format_bytes(use.current_bytes)} of {format_sold(sold_bytes)} are used"
        yield f"{share}, {use.current_bytes * 100 // sold_bytes} %, at {use.at:%Y-%m-%d %H:%M} UTC"
    if forecast.bytes_a_day is None:
        yield f"the history of {forecast.days} days is too short to tell the growth: the suggestion is for today's use"
        return
    month = int(forecast.bytes_a_day * _DAYS_A_MONTH)
    change = "grows" if month >= 0 else "shrinks"
    until = "" if forecast.reached_on is None else f", and is full about {forecast.reached_on}"
    yield f"it {change} by {format_bytes(abs(month))} a month, over {forecast.days} days{until}"
