"""The picture of a tenant that commands of supervision show."""

from typing import TYPE_CHECKING

from coffre.cli.context import open_records
from coffre.errors import RefusedError

if TYPE_CHECKING:
    from coffre.spec.loader import Checkout
    from coffre.supervision.picture import TenantPicture


def draw_tenant(checkout: "Checkout", slug: str) -> "TenantPicture":
    """Return what the last passes know of a tenant; RefusedError when the records have no complete apply of it."""
    from coffre.supervision.picture import draw
    from coffre.workspace.clock import utc_now

    with open_records(checkout) as records:
        picture = draw(records, checkout.root, slug, utc_now())
    if picture is None:
        raise RefusedError(
            f"no apply of {slug} is in the records", "Run `coffre apply`, then `coffre supervise`; then ask again."
        )
    return picture
