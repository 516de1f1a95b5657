"""The collection sheet for the customer, in French: article 6 requires it before the work begins."""

from collections.abc import Sequence

import jinja2

from coffre import toolchain
from coffre.spec.platform import Provider

TEMPLATE = "templates/fiche-de-collecte.txt.j2"


def render_collection_sheet(provider: Provider, products: Sequence[str] = ()) -> str:
    """Return the sheet as plain text, for an e-mail; ``products`` are the agents of vendors that can be chosen."""
    text = toolchain.bundled(TEMPLATE).read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined)  # noqa: S701 - plain text
    return environment.from_string(text).render(provider=provider, products=products)
