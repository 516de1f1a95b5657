"""The pages in Debian's Chromium, on a phone and in the dark: no error, no request, and nothing that axe finds."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from coffre.findings import Finding, FindingKind
from coffre.records.database.store import Records
from coffre.records.facts.backups import Drilled
from coffre.records.probes import ProbeSpan
from tests.kept_tenants import GIB, KeptTenant, keep_passes, write_checkout
from tests.prepared_command import prepared_command
from tests.vendor_tenants import CONTRACT, PARTS, PLATFORMS

DAY = timedelta(days=1)
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
LONG = "Établissements Montgolfier-Réveillon & Associés, société d’exploitation des moulins de la Haute-Ardèche"
AT_BOTH = {"contract": CONTRACT, "storage": {"platform": "lab", "quota": "10 GiB", "parts": PARTS}}
HOSTILE = "/srv/" + "données-" * 60 + "<script>document.title = 'x'</script>"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of four tenants in different states, and a customer's own page, by the command."""
    root = tmp_path_factory.mktemp("checkout")
    now = datetime.now(UTC)
    used = {"percent": 90, "used_bytes": 470 * GIB, "quota_bytes": 500 * GIB}
    lost = {"path": HOSTILE, "state": "empty"}
    tenants = [
        KeptTenant(
            "martin",
            "k7f3q9wz2m",
            {"name": LONG, "storage": {"platform": "lab", "quota": "500 GiB"}},
            ("compta-01", "caisse-01", "atelier-01"),
            {ago: (470 - 2 * ago) * GIB for ago in range(90) if ago not in (40, 41)},
            {"compta-01": (0, 1, 2, 5, 8), "caisse-01": (9,)},
            [
                (Finding(FindingKind.QUOTA_NEAR, None, used), 2 * DAY, None),
                (Finding(FindingKind.BACKUP_FAILED, "caisse-01", {"result": "failed"}), 7 * DAY, None),
                (Finding(FindingKind.PATH_NOT_SAVED, "compta-01", lost), 3 * DAY, None),
                (Finding(FindingKind.SNAPSHOTS_GONE, "compta-01", {"count": 2}), DAY, None),
            ],
            drills=[(4, Drilled(1, "s", ("a",))), (34, Drilled(1, "s", ("a",), ("a differs",)))],
        ),
        KeptTenant(
            "durand",
            "m4ple9x2ya",
            {"name": "Atelier Durand", **AT_BOTH},
            sizes=dict.fromkeys(range(30), GIB),
            agents={"caisse-01": "acronis"},
            platform=PLATFORMS,
        ),
        KeptTenant("blanc", "z9y8x7w6v5", {"name": "Blanc"}, looked_ago=None),
    ]
    with Records.open(write_checkout(root), root) as records:
        keep_passes(records, now, 34, len(tenants), without=(12,))
        for each in tenants:
            each.keep(records, now)
        minute = timedelta(minutes=1)
        times = (now - DAY * 3, now - DAY * 2, now - DAY * 2 + 9 * minute, now)
        records.availability.add_probes([ProbeSpan("lab", times[0], times[1], True, 1440, 1, 1)])
        records.availability.add_probes(
            [ProbeSpan("lab", times[1] + minute, times[2], False, 10, 1, 1, "write", "timeout")]
        )
        records.availability.add_probes([ProbeSpan("lab", times[2] + minute, times[3], True, 2870, 1, 1)])
    run(root, "site", "pages")
    run(root, "site", "customer", "--audience", "customer", "--tenant", "martin")
    return root


def run(root: Path, *arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    done = prepared_command().run(arguments, cwd=root, environment=environment)
    assert done.code == 0, done.output


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path="/usr/bin/chromium", args=QUIET)
        yield opened
        opened.close()


@dataclass
class Visit:
    """A page in the browser, and what it said and asked for."""

    page: Page
    said: list[str]
    asked: list[str]


def visit(browser: Browser, file: Path, scheme: str, width: int, *, has_script: bool = True) -> Visit:
    context = browser.new_context(
        color_scheme=scheme,  # type: ignore[arg-type]
        viewport={"width": width, "height": 800},
        java_script_enabled=has_script,
    )
    found = Visit(context.new_page(), [], [])
    found.page.on("console", lambda message: found.said.append(message.text))
    found.page.on("pageerror", lambda error: found.said.append(str(error)))
    found.page.on("request", lambda request: found.asked.append(request.url))
    found.page.goto(file.as_uri())
    return found


PAGES = (
    "pages/index.html",
    "pages/clients/martin.html",
    "pages/clients/durand.html",
    "pages/clients/blanc.html",
    "customer/index.html",
)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_sound_for_everybody(site: Path, browser: Browser, name: str) -> None:
    for scheme, width in (("light", 1100), ("dark", 360)):
        seen = visit(browser, site / name, scheme, width)
        assert [each for each in seen.asked if not each.startswith(("file:", "data:"))] == []
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width, "nothing reaches beyond a phone"
        found = Axe().run(seen.page).response
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []
        assert seen.said == []
        seen.page.context.close()


def test_dark_is_dark_and_light_is_light(site: Path, browser: Browser) -> None:
    def brightness(scheme: str) -> int:
        seen = visit(browser, site / PAGES[1], scheme, 800)
        colours: str = seen.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        seen.page.context.close()
        return sum(int(each) for each in colours.removeprefix("rgb(").removesuffix(")").split(","))

    assert brightness("dark") < 150 < 600 < brightness("light")


def test_the_index_leads_to_a_tenant_and_back_without_script(site: Path, browser: Browser) -> None:
    seen = visit(browser, site / PAGES[0], "light", 360, has_script=False)
    assert [each.inner_text() for each in seen.page.locator(".who a").all()] == ["Blanc", LONG, "Atelier Durand"]
    seen.page.get_by_text(LONG).click()
    assert seen.page.title() == LONG
    assert seen.page.locator("svg polyline").count() == 2, "the days without a measure are a gap"
    seen.page.get_by_text("Tous les clients").click()
    assert seen.page.title() == "État des sauvegardes"
    seen.page.context.close()
