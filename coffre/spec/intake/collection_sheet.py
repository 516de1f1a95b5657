"""The collection sheet for the customer, in French: article 6 requires it before the work begins."""

import jinja2

from coffre import toolchain
from coffre.spec.platform import Provider

TEMPLATE = "templates/fiche-de-collecte.txt.j2"


def render_collection_sheet(provider: Provider) -> str:
    """Return the sheet as plain text, for an e-mail."""
    text = toolchain.bundled(TEMPLATE).read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined)  # noqa: S701 - plain text
    return environment.from_string(text).render(provider=provider)
