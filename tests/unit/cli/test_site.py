"""The pages: what they show, what a customer never sees, and what a hostile name cannot do."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from coffre.cli.site.curve import Curve, draw
from coffre.cli.site.pages import make_customers_page, make_pages
from coffre.findings import Finding, FindingKind
from coffre.records.actor import Author
from coffre.records.database.store import Records
from coffre.records.database.supervision import Noted
from coffre.records.facts.backups import Drilled
from coffre.records.kept_findings import KeptFinding
from coffre.records.probes import ProbeSpan
from coffre.spec.platform import Provider
from coffre.supervision import saying
from coffre.supervision.findings.life import Subject, place_of
from coffre.supervision.judge.forecast import Forecast, Outlook
from coffre.supervision.overview.gather import gather
from tests.builders import PLATFORM
from tests.kept_tenants import GIB, KeptTenant, keep_passes, write_checkout
from tests.unit.hostile.texts import PLAIN
from tests.vendor_tenants import CONTRACT, PARTS, PLATFORMS

NOON = datetime(2026, 11, 30, 11, tzinfo=UTC)
DAY = timedelta(days=1)
PROVIDER = Provider.model_validate(PLATFORM["provider"])
STAFF, TICKET, ANSWER = "paul@smileo.example", "INC-4711", "10.9.8.7 refused"
PLAIN_STATE = Finding(
    FindingKind.BACKUP_LATE, "caisse-01", {"due_at": "2026-11-29T18:00:00+00:00", "last_success_at": None}
)
MARTIN = KeptTenant(
    "martin",
    "k7f3q9wz2m",
    {"name": "Menuiserie Martin"},
    sizes={ago: (9 * GIB - ago * GIB // 20) for ago in range(60) if ago not in (20, 21)},
    backups={"compta-01": (0, 3, 4)},
    findings=[(PLAIN_STATE, DAY, None), (Finding(FindingKind.TENANT_NOT_SEEN, None, {"error": ANSWER}), DAY, None)],
    drills=[(3, Drilled(1, "s", ("a", "b"), ("/srv/b differs",)))],
)
ROUX = KeptTenant("roux", "q2w3e4r5t6", {"name": "Cabinet Roux"}, ("notaire-01",), sizes={0: GIB})


def pages_of(root: Path, *tenants: KeptTenant, passes: int = 34, only: str | None = None) -> Mapping[str, str]:
    reference = write_checkout(root, tenants[0].platform)
    with Records.open(reference, root) as records:
        if passes:
            keep_passes(records, NOON, passes, len(tenants))
        for each in tenants:
            each.keep(records, NOON)
        away = Finding(FindingKind.PLATFORM_AWAY, None, {"error": ANSWER, "tenants": 2})
        place = place_of(Subject(platform="lab"), away)
        records.supervision.note([Noted("", NOON, findings=[KeptFinding(place, "", NOON, NOON, away.evidence)])])
        author = Author(STAFF, None)
        for kept in records.supervision.list_findings():
            saying.acknowledge(records, kept.id or 0, "we know", author, NOON)
            saying.give_ticket(records, kept.id or 0, TICKET, author, NOON)
        overview = gather(records, root, NOON, only)
        made = make_pages(overview, PROVIDER) if only is None else make_customers_page(next(overview.tenants), PROVIDER)
    return {name: page.decode() for name, page in made.items()}


def words(page: str) -> str:
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.S)
    return re.sub(r"\s+", " ", text.replace("\u00a0", " ").replace("&nbsp;", " "))


def test_the_index_has_every_tenant_and_says_who_was_not_looked_at(tmp_path: Path) -> None:
    blind = KeptTenant("blanc", "z9y8x7w6v5", {"name": "Blanc"}, looked_ago=None)
    pages = pages_of(tmp_path, MARTIN, ROUX, blind)
    assert list(pages)[-1] == "index.html", "it is written when what it leads to is there"
    index = words(pages["index.html"])
    assert set(re.findall(r'href="(clients/[^"]+)"', pages["index.html"])) == set(pages) - {"index.html"}
    assert "3 clients à l’état inconnu" in index
    assert "rien à signaler" not in index, "the platform is away: nobody knows"
    assert "Page écrite le 30 novembre 2026 à 12 h 00" in index


def test_without_a_pass_nothing_is_called_good(tmp_path: Path) -> None:
    pages = pages_of(tmp_path, KeptTenant("blanc", "z9y8x7w6v5", looked_ago=None), passes=0)
    assert "Aucun passage de la supervision n’a encore eu lieu" in words(pages["index.html"])
    own = words(pages["clients/blanc.html"])
    assert "Aucun contrôle n’a encore eu lieu" in own
    assert "Rien à signaler" not in own


def test_the_page_of_a_tenant(tmp_path: Path) -> None:
    own = words(pages_of(tmp_path, MARTIN)["clients/martin.html"])
    for each in (
        "9,00 Gio sur 10,00 Gio",
        "soit 90 %",
        "2 jours sans mesure",
        "caisse-01 : pas de sauvegarde depuis son installation",
        "dernière sauvegarde réussie le 30 novembre 2026",
        "27 nov. : sauvegardée",
        "2 fichiers relus, 1 problème",
        f"pris en charge par {STAFF}",
        f"ticket {TICKET}",
        "la plateforme de stockage ne répond pas",
    ):
        assert each.lower() in own.lower(), each


def test_the_customers_page_has_nothing_of_others_or_of_the_platform(tmp_path: Path) -> None:
    [page] = pages_of(tmp_path, MARTIN, ROUX, only="martin").values()
    assert "Menuiserie Martin" in page
    assert "compta-01" in page
    assert "n’a pas pu être contrôlé" in page, "what nobody could see is not hidden"
    hidden = {
        *(ROUX.slug, ROUX.id, "Cabinet Roux", "notaire-01"),
        *(STAFF, TICKET, ANSWER, "we know"),
        *('"lab"', ">lab", "Alpes Hébergement", "Meylan", "plateforme"),
        *(MARTIN.id, "constat n°", "relève d", "index.html", "voir avec le client"),
    }
    assert [each for each in hidden if each.lower() in page.lower()] == []


class Tags(HTMLParser):
    """Collects what a browser would act upon."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize("name", PLAIN)
def test_a_hostile_name_is_only_a_text(tmp_path: Path, name: str) -> None:
    text = PLAIN[name]
    path = Finding(FindingKind.PATH_NOT_SAVED, "compta-01", {"path": f"/srv/{text}\x1b[2J\u202e", "state": "empty"})
    hostile = KeptTenant(
        "martin", "k7f3q9wz2m", {"name": text}, sizes={0: GIB}, findings=[(path, DAY, None)], drills=MARTIN.drills
    )
    plain = KeptTenant("martin", "k7f3q9wz2m", {"name": "Martin"}, sizes={0: GIB}, findings=[(path, DAY, None)])
    pages = pages_of(tmp_path, hostile)
    (tmp_path / "other").mkdir()
    expected = pages_of(tmp_path / "other", plain)
    for page, other in zip(pages.values(), expected.values(), strict=True):
        found = Tags(page).tags
        assert {tag for tag, _ in found} <= {tag for tag, _ in Tags(other).tags} | {"span", "li", "ul", "p"}
        assert not [each for _, each in found if any(key.startswith("on") for key in each)]
        assert not {"script", "img", "iframe"} & {tag for tag, _ in found}
        assert "\x1b" not in page
        assert "\u202e" not in page


def test_the_availability_of_the_platform_is_for_operators_only(tmp_path: Path) -> None:
    reference = write_checkout(tmp_path)
    begin = NOON - DAY * 10
    up = ProbeSpan("lab", begin, NOON, True, 14_400, 1, 1)
    down = ProbeSpan(
        "lab", begin - timedelta(minutes=120), begin - timedelta(minutes=1), False, 119, 1, 1, "write", "timeout"
    )
    with Records.open(reference, tmp_path) as records:
        keep_passes(records, NOON, 2, 1)
        MARTIN.keep(records, NOON)
        records.availability.add_probes([down])
        records.availability.add_probes([up])
        own = next(gather(records, tmp_path, NOON).tenants)
        operators = words(make_pages(gather(records, tmp_path, NOON), PROVIDER)["clients/martin.html"].decode())
        customers = words(make_customers_page(own, PROVIDER)["index.html"].decode())
    assert "Disponibilité en 2026 99,1" in operators
    assert "des 26 h 16 min d’arrêt admises dans l’année, 24 h" in operators
    assert "Interruption le 20 novembre 2026 à 10 h" in operators
    assert "sans mesure : ce temps est inconnu" in operators
    assert "Disponibilité" not in customers


def test_a_page_asks_nobody_for_anything(tmp_path: Path) -> None:
    for page in pages_of(tmp_path, MARTIN).values():
        assert "default-src 'none'" in page
        links = [each.get(key) for _, each in Tags(page).tags for key in ("href", "src") if each.get(key)]
        assert [
            each for each in links if each and not re.fullmatch(r"data:,|(\.\./)?(clients/)?[a-z]+\.html", each)
        ] == []
        assert not re.search(r"url\(|@import", page)


QUOTA = 100
TODAY = date(2026, 11, 30)


def curve(sizes: Mapping[int, int], forecast: Forecast) -> str:
    days = {TODAY - DAY * ago: size for ago, size in sizes.items()}
    return draw(Curve(days, QUOTA, forecast, min(days), TODAY), "c", "title & <b>", "words")


def test_a_day_without_a_measure_is_a_gap_in_the_curve() -> None:
    unknown = Forecast(Outlook.UNKNOWN)
    assert curve({5: 1, 4: 2, 3: 3, 2: 4, 1: 5, 0: 6}, unknown).count("<polyline") == 1
    assert curve({5: 1, 4: 2, 1: 5, 0: 6}, unknown).count("<polyline") == 2
    assert "&lt;b&gt;" in curve({0: 1}, unknown)


def test_the_forecast_ends_where_the_quota_is_reached_and_without_one_there_is_none() -> None:
    sizes = {1: 50, 0: 60}
    assert "ahead" not in curve(sizes, Forecast(Outlook.UNKNOWN))
    growing = Forecast(Outlook.GROWING, TODAY + DAY * 20, 2.0, 30)
    [ahead] = re.findall(r'class="ahead" x1="[\d.]+" y1="[\d.]+" x2="([\d.]+)" y2="([\d.]+)"', curve(sizes, growing))
    [quota] = re.findall(r'class="quota" x1="0" x2="600" y1="([\d.]+)"', curve(sizes, growing))
    assert ahead[1] == quota
    assert float(ahead[0]) < 600
    shrinking = Forecast(Outlook.STEADY, None, -1.0, 30)
    [ahead] = re.findall(r'class="ahead" x1="[\d.]+" y1="([\d.]+)" x2="[\d.]+" y2="([\d.]+)"', curve(sizes, shrinking))
    assert float(ahead[0]) < float(ahead[1])


FULL_PART = {"platform": "editor", "used_bytes": 39 * GIB // 10, "quota_bytes": 4 * GIB, "free_bytes": GIB}
ALERT = {"type": "NoBackupForXDays", "severity": "critical", "count": 1, "since": None}


@pytest.mark.parametrize("only", [None, "martin"])
def test_a_page_says_what_the_contract_says_of_a_vendors_agent(tmp_path: Path, only: str | None) -> None:
    storage = {"platform": "editor", "quota": "10 GiB"}
    tenant = KeptTenant(
        "martin",
        "k7f3q9wz2m",
        {"contract": CONTRACT, "storage": storage},
        sizes={0: GIB},
        agents=dict.fromkeys(("compta-01", "caisse-01"), "acronis"),
        platform=PLATFORMS,
    )
    pages = pages_of(tmp_path, tenant, only=only)
    page = words(pages["index.html" if only else "clients/martin.html"])
    for said in (
        "L’agent Acronis Cyber Protect Machines concernées : toutes.",
        "Les licences (2 postes) viennent de la commande CMD-88231",
        "ont été acceptées le 3 novembre 2026",
        "il ne s’ajoute pas aux 99,7 % de la plate-forme",
        "est définitivement perdue",
        "https://eu2-cloud.acronis.example",
    ):
        assert said in page, page
    assert "Exercices de restauration" not in page, "nobody tests restores from outside of the portal"
    assert "anciennes versions" not in page


def test_a_page_of_a_mixed_tenant_names_the_machines_of_the_vendor(tmp_path: Path) -> None:
    storage = {"platform": "lab", "quota": "10 GiB", "parts": PARTS}
    tenant = KeptTenant(
        "martin",
        "k7f3q9wz2m",
        {"contract": CONTRACT, "storage": storage},
        sizes={0: GIB},
        agents={"caisse-01": "acronis"},
        platform=PLATFORMS,
        findings=[
            (Finding(FindingKind.PART_FULL, None, FULL_PART), DAY, None),
            (Finding(FindingKind.VENDOR_ALERT, "caisse-01", ALERT), DAY, None),
            (
                Finding(FindingKind.LICENCES_NOT_GRANTED, None, {"kind": "workstation", "granted": 1, "ordered": 2}),
                DAY,
                None,
            ),
        ],
    )
    (both := tmp_path / "operator").mkdir()
    shown = words(pages_of(both, tenant)["clients/martin.html"])
    assert "les sauvegardes des machines de cette partie s’arrêteront quand elle sera pleine" in shown
    assert "partie sur editor" in shown
    assert "SMILÉO s’adresse au distributeur" in shown
    (own := tmp_path / "customer").mkdir()
    page = words(pages_of(own, tenant, only="martin")["index.html"])
    assert "partie sur" not in page
    assert "SMILÉO consulte la console de l’éditeur" in page
    assert "Machines concernées : caisse-01. Les licences (1 poste) viennent de la commande CMD-88231" in page
    assert "Exercices de restauration" in page
    assert "anciennes versions" in page


def test_the_number_of_an_order_is_only_a_text_of_a_page(tmp_path: Path) -> None:
    def tags_with(order: str) -> list[tuple[str, dict[str, str | None]]]:
        contract = {**CONTRACT, "vendor": {**CONTRACT["vendor"], "order": order}}
        fields = {"contract": contract, "storage": {"platform": "editor", "quota": "10 GiB"}}
        agents = dict.fromkeys(("compta-01", "caisse-01"), "acronis")
        tenant = KeptTenant("martin", "k7f3q9wz2m", fields, sizes={0: GIB}, agents=agents, platform=PLATFORMS)
        (root := tmp_path / str(len(list(tmp_path.iterdir())))).mkdir()
        page = pages_of(root, tenant, only="martin")["index.html"]
        assert "Acronis Cyber Protect" in page
        return Tags(page).tags

    assert tags_with(PLAIN["HTML"] + PLAIN["entities"]) == tags_with("CMD-88231")
