"""Makes the pages: each one is a whole, with its style in it, so that it asks nobody for anything."""

from collections.abc import Mapping
from typing import Any

from coffre import toolchain
from coffre.cli.site.words import Audience, as_markup, index_facts, tenant_facts, tenant_row
from coffre.correspondence.pages import render_html
from coffre.spec.platform import Provider
from coffre.supervision.overview.gather import Overview, TenantOverview
from coffre.supervision.overview.ranking import judge_level, rank

_OPERATORS, _CUSTOMER = Audience(is_customer=False), Audience(is_customer=True)
FOLDER = "clients"


def make_pages(overview: Overview, provider: Provider) -> dict[str, bytes]:
    """Return all pages by name: one for each tenant, and the index, which leads to them, last."""
    pages: dict[str, bytes] = {}
    rows = []
    for each in overview.tenants:
        slug = each.picture.tenant.slug
        href = f"{FOLDER}/{slug}.html"
        facts = {**tenant_facts(each, _OPERATORS), "index": "../index.html"}
        pages[href] = _render("site/client.html.j2", facts, provider)
        rows.append((rank(each.picture), judge_level(each.picture), tenant_row(each, href)))
    rows.sort(key=lambda row: row[0])
    facts = index_facts(overview, [row[2] for row in rows], [row[1] for row in rows], overview.unknown)
    pages["index.html"] = _render("site/index.html.j2", facts, provider)
    return pages


def make_customers_page(found: TenantOverview, provider: Provider) -> dict[str, bytes]:
    """Return the page for a customer: nothing of another customer, of the platform or of SMILÉO's own work is in it."""
    facts = {**tenant_facts(found, _CUSTOMER), "index": None}
    return {"index.html": _render("site/client.html.j2", facts, provider)}


def _render(template: str, facts: Mapping[str, Any], provider: Provider) -> bytes:
    style = as_markup((toolchain.bundled("templates") / "site" / "site.css").read_text(encoding="utf-8"))
    return render_html(template, {**facts, "style": style, "provider": provider}).encode()
