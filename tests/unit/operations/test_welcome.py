"""The welcome paper: French words for schedules and retention, article 16 with the options, whole on its pages."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pypdf
import pytest

from coffre.correspondence.pages import render_html, render_pdf
from coffre.observation.judge.uplink import FirstBackup, RateSource, Uploads
from coffre.operations.welcome.paper import STYLE_SHEETS, collect
from coffre.operations.welcome.words import TASKS, describe_first_backups, describe_keep, describe_schedule
from coffre.spec.loader import load_checkout
from coffre.spec.plan import Keep
from coffre.spec.platform import PlatformFile
from coffre.spec.tenant import Option, Tenant
from coffre.spec.values.schedule import parse_schedule
from tests.unit.hostile.texts import PLAIN
from tests.vendor_tenants import CONTRACT, PLATFORMS, mixed_tenant, vendors_tenant

ROOT = Path(__file__).resolve().parents[3]
SLUG = "boulangerie-martin"
UPLOADS = Uploads(
    (
        FirstBackup("compta-01", 200 * 2**30, 20 * 10**6, RateSource.DECLARED, 85_900.0),
        FirstBackup("caisse-01", 2 * 2**30, 20 * 10**6, RateSource.DECLARED, 859.0),
        FirstBackup("poste-01", None, 20 * 10**6, RateSource.DECLARED, None),
    ),
    shared_seconds=200_000.0,
)


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("daily 19:00", "tous les jours à 19 h 00"),
        ("Mon..Fri 12:30", "du lundi au vendredi à 12 h 30"),
        ("Mon 07:05", "le lundi à 7 h 05"),
        ("Mon,Wed 12:30", "le lundi et le mercredi à 12 h 30"),
        ("Mon,Wed,Sun 12:30", "le lundi, le mercredi et le dimanche à 12 h 30"),
        ("Sat..Sun 10:00", "le samedi et le dimanche à 10 h 00"),
    ],
)
def test_a_schedule_in_words(schedule: str, words: str) -> None:
    assert describe_schedule(parse_schedule(schedule)) == words


def test_a_retention_in_words() -> None:
    plain = describe_keep(Keep(daily=30, weekly=12, monthly=1, yearly=10)).replace("\u00a0", " ")
    assert plain == (
        "une par jour pendant 30 jours, une par semaine pendant 12 semaines, une par mois pendant 1 mois "
        "et une par an pendant 10 ans"
    )
    assert describe_keep(Keep(daily=7)).replace("\u00a0", " ") == "une par jour pendant 7 jours"


def test_first_backups_in_words_are_those_whose_length_is_known() -> None:
    assert [each.replace("\u00a0", " ") for each in describe_first_backups(UPLOADS)] == [
        "compta-01 : 200,00 Gio à 20 Mbit/s, soit 23 h 52 sans interruption",
        "caisse-01 : 2,00 Gio à 20 Mbit/s, soit 15 min sans interruption",
        "toutes les machines de la même ligne ensemble : 2 jours et 8 h",
    ]
    assert describe_first_backups(Uploads()) == []


def test_an_option_makes_its_task_the_providers() -> None:
    tests = next(task for task in TASKS if task.option is Option.RESTORE_TESTS)
    assert (tests.is_providers([Option.RESTORE_TESTS]), tests.is_providers([])) == (True, False)
    assert {task.option for task in TASKS} - {None} == set(Option)


def test_the_paper_of_the_example_says_everything(tmp_path: Path) -> None:
    checkout = load_checkout(ROOT)
    facts = collect(checkout.tenants[SLUG], checkout, date(2026, 12, 1), date(2026, 12, 2), UPLOADS, is_specimen=False)
    text, pages = print_paper(tmp_path, facts)
    for said in (
        "mis en service le 1er décembre 2026",
        "compta-01 : 200,00 Gio à 20 Mbit/s, soit 23 h 52 sans interruption",
        "caisse-01",
        "/home, /etc",
        "du lundi au vendredi à 12 h 30 ; tous les jours à 19 h 00",
        "une par jour pendant 30 jours",
        "sudo sauvegarde-restaurer liste",
        "Tests de sauvegarde et de restauration (option commandée) oui –",
        "Responsabilité des données perdues – oui",
        "99,7 % de l’année",
        "claire@martin.example",
    ):
        assert said in text, text
    assert "Windows" not in text
    assert "éditeur" not in text
    assert pages <= 3


def print_paper(folder: Path, facts: Mapping[str, object]) -> tuple[str, int]:
    """Return what the paper says, and on how many pages."""
    (path := folder / "bienvenue.pdf").write_bytes(render_pdf("bienvenue/bienvenue.html.j2", STYLE_SHEETS, facts))
    reader = pypdf.PdfReader(path)
    text = " ".join(page.extract_text() for page in reader.pages).replace("\u00a0", " ")
    return " ".join(text.split()), len(reader.pages)


def vendors_paper(folder: Path, tenant: Tenant) -> str:
    checkout = replace(load_checkout(ROOT), settings=PlatformFile.model_validate(PLATFORMS))
    facts = collect(tenant, checkout, date(2026, 12, 1), date(2026, 12, 2), Uploads(), is_specimen=False)
    text, pages = print_paper(folder, facts)
    assert pages <= 3
    return text


def test_the_paper_says_what_the_contract_says_of_a_vendors_agent(tmp_path: Path) -> None:
    text = vendors_paper(tmp_path, vendors_tenant())
    for said in (
        "Machines concernées : toutes. Les licences (2 postes) viennent de la commande CMD-88231 passée",
        "l’éditeur, Acronis, ont été acceptées le 3 novembre 2026",
        "dans le portail de l’éditeur (https://eu2-cloud.acronis.example)",
        "celui de l’éditeur : il ne s’ajoute pas aux 99,7 % de la plate-forme",
        "supprimée dans le portail Acronis est définitivement perdue",
        "Maintien du portail et des agents Acronis en fonctionnement oui –",
    ):
        assert said in text, text
    for wrong in ("sauvegarde-restaurer", "peut encore être rétablie", "délai de rétablissement écoulé", "témoins"):
        assert wrong not in text, text


@pytest.mark.parametrize("kind", PLAIN)
def test_the_number_of_an_order_is_only_a_text(kind: str) -> None:
    checkout = replace(load_checkout(ROOT), settings=PlatformFile.model_validate(PLATFORMS))

    def count_signs(order: str) -> int:
        contract = {**CONTRACT, "vendor": {**CONTRACT["vendor"], "order": order}}
        tenant = mixed_tenant(contract=contract)
        facts = collect(tenant, checkout, date(2026, 12, 1), date(2026, 12, 2), Uploads(), is_specimen=False)
        return render_html("bienvenue/bienvenue.html.j2", facts).count("<")

    assert count_signs(PLAIN[kind]) == count_signs("CMD-88231")


def test_each_statement_of_a_mixed_tenant_names_its_machines(tmp_path: Path) -> None:
    text = vendors_paper(tmp_path, mixed_tenant())
    for said in (
        "Machines concernées : caisse-01. Les licences (1 poste) viennent",
        "4,00 Gio (4 294 967 296 octets) sont réservés aux machines dont l’agent est Acronis Cyber Protect",
        "Une sauvegarde supprimée de compta-01 peut encore être rétablie pendant 14 jours",
        "Sur compta-01, une personne ayant les droits d’administration restaure elle-même",
        "Sur compta-01, l’agent dépose",
        "délai de rétablissement écoulé (compta-01)",
    ):
        assert said in text, text
