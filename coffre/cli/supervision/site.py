"""site: static pages of what supervision keeps, for operators or for one customer."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout, open_records
from coffre.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from coffre.spec.loader import Checkout


class PageAudience(StrEnum):
    """For whom the pages are."""

    OPERATORS = "operators"
    CUSTOMER = "customer"


def register(app: typer.Typer) -> None:
    app.command("site")(site)


def site(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="OUTPUT", help="The folder for the pages; made if needed.")],
    audience: Annotated[
        PageAudience, typer.Option("--audience", help="For SMILÉO's operators, or for the customer of --tenant.")
    ] = PageAudience.OPERATORS,
    tenant: Annotated[
        str | None,
        typer.Option("--tenant", metavar="TENANT", help="The customer, by file name.", show_default=False),
    ] = None,
) -> None:
    """Write what supervision keeps as pages in French: all tenants with the worst first, and a page for each.

    It asks no platform and no machine. Pages of tenants that have left go; a file that it did not write stays. With
    --audience customer it is that customer's page only, with nothing of others or of the platform in it.
    """
    from coffre.workspace.pages_folder import publish

    if (audience is PageAudience.CUSTOMER) != (tenant is not None):
        raise UsageError("--audience customer and --tenant belong together", "Give both, or neither.")
    checkout = open_checkout(context)
    subject, pages = _make(checkout, tenant)
    done = publish(folder, subject, pages)
    for name in done.left:
        output.warning(f"{folder / name} is of an earlier run, but somebody changed it: it stays")
    gone = f", {len(done.removed)} old removed" if done.removed else ""
    many = "1 page" if done.written == 1 else f"{done.written} pages"
    output.result(f"{many} in {folder}{gone}: open {folder / 'index.html'}")


def _make(checkout: "Checkout", tenant: str | None) -> tuple[str, dict[str, bytes]]:
    """Return for whom the pages are, and the pages."""
    from coffre.cli.site.pages import make_customers_page, make_pages
    from coffre.supervision.overview.gather import gather
    from coffre.workspace.clock import utc_now

    provider = checkout.settings.provider
    with open_records(checkout) as records:
        overview = gather(records, checkout.root, utc_now(), tenant)
        if tenant is None:
            return "all tenants", make_pages(overview, provider)
        found = next(overview.tenants, None)
        if found is None:
            raise RefusedError(
                f"no apply of {tenant} is in the records, or its service has ended",
                "Run `coffre apply`, then `coffre supervise`; then ask again.",
            )
        return f"the customer {found.picture.tenant.id}", make_customers_page(found, provider)
