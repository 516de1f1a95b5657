"""The screen that an operator reads to a customer: French, complete, and honest about who looked when."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from coffre.cli.words.supervision.french_findings import ACTIONS, ATTRIBUTIONS, CONSEQUENCES, WORDS, describe
from coffre.cli.words.supervision.why import describe_tenant
from coffre.findings import Finding, FindingKind
from coffre.records.facts.advice import AdviceMeans, AdviceOutcome
from coffre.records.kept_findings import KeptFinding
from coffre.supervision.findings.life import Subject, place_of
from coffre.supervision.findings.standing import Attribution, Consequence, NextAction
from coffre.supervision.judge.forecast import Forecast, Outlook
from coffre.supervision.judge.quota import Use
from coffre.supervision.observe.seen import SeenMachine
from coffre.supervision.picture import TenantPicture
from coffre.tenant.advice import Advice
from tests.builders import machine_with, tenant_with

NOON = datetime(2026, 11, 30, 11, 0, tzinfo=UTC)
GIB = 1024**3
TENANT = tenant_with(machines={"compta-01": machine_with(), "caisse-01": machine_with()}, licences={"workstation": 3})
SEEN = SeenMachine(NOON, 4 * GIB, 4 * GIB, 5 * GIB, 300, "success", NOON - timedelta(hours=16), NOON, True)
LATE = Finding(
    FindingKind.BACKUP_MISSED,
    "caisse-01",
    {"due_at": "2026-11-29T18:00:00+00:00", "last_success_at": "2026-11-28T18:05:00+00:00"},
)


def kept(finding: Finding) -> KeptFinding:
    place = place_of(Subject(TENANT.id, TENANT.slug), finding)
    return KeptFinding(place, TENANT.slug, NOON - timedelta(hours=2), NOON, finding.evidence, id=1)


PICTURE = TenantPicture(
    TENANT,
    NOON + timedelta(minutes=4),
    NOON,
    Use(NOON, 6 * GIB, 5 * GIB),
    {"compta-01": SEEN, "caisse-01": None},
    [kept(LATE)],
    Forecast(Outlook.GROWING, date(2027, 3, 14), GIB / 10, 40),
)


def plain(picture: TenantPicture) -> str:
    return "\n".join(describe_tenant(picture)).replace("\u00a0", " ")


def test_the_screen_of_a_tenant() -> None:
    assert plain(PICTURE) == (
        "Boulangerie Martin SARL (martin) : service actif\n"
        "Dernier contrôle : le 30 novembre 2026 à 12 h 00\n"
        "Espace : 5,00 Gio sur 10,00 Gio, soit 50 %. "
        "À ce rythme, il sera plein vers le 14 mars 2027.\n"
        "Licences : 2 sur 3 postes\n"
        "\n"
        "Machines\n"
        "  compta-01 : dernière sauvegarde réussie le 29 novembre 2026 à 20 h 00\n"
        "  caisse-01 : état inconnu\n"
        "\n"
        "À signaler\n"
        "  1. caisse-01 : pas de sauvegarde depuis le 28 novembre 2026 à 19 h 05, alors qu’une était prévue le "
        "29 novembre 2026 à 19 h 00\n"
        "     depuis le 30 novembre 2026 à 10 h 00 ; origine à établir ; ce qui a changé depuis la dernière sauvegarde "
        "n’est pas protégé (article 15) ; suite : voir avec le client"
    )


def test_what_nobody_looked_at_is_unknown_and_never_fine() -> None:
    text = plain(replace(PICTURE, looked_at=None, use=None, findings=[], forecast=Forecast(Outlook.UNKNOWN)))
    assert "Aucun contrôle n’a encore eu lieu" in text
    assert "utilisation inconnue" in text
    assert "Rien à signaler" not in text


def test_an_old_look_is_called_old() -> None:
    assert "ATTENTION, ce contrôle est ancien" in plain(replace(PICTURE, drawn_at=NOON + timedelta(hours=2)))


def test_what_was_advised_stands_there_with_what_became_of_it() -> None:
    mail = Advice(1, "Sauvegarder le serveur\x1b[2J", AdviceMeans.MAIL, NOON, "a", "compta-01", date(2026, 11, 29))
    phone = Advice(2, "Commander", AdviceMeans.PHONE, NOON, "a", None, None, AdviceOutcome.DECLINED, NOON, "non")
    text = plain(replace(PICTURE, advice=[mail, phone]))
    assert "à faire avant le 29 novembre 2026, délai dépassé" in text
    assert "\x1b" not in text
    assert text.endswith("  2. Commander (le 30 novembre 2026, par téléphone) : non suivi par le client")


def test_without_findings_it_says_so() -> None:
    assert plain(replace(PICTURE, findings=[])).endswith("Rien à signaler.")


def test_every_kind_has_its_french_words() -> None:
    assert set(WORDS) == set(FindingKind)
    assert (set(ATTRIBUTIONS), set(CONSEQUENCES), set(ACTIONS)) == (
        set(Attribution),
        set(Consequence),
        set(NextAction),
    )


@pytest.mark.parametrize("name", ["/srv/a\x1b[2J", "/srv/" + "x" * 5000, "/srv/‮evil"])
def test_a_name_from_the_machine_cannot_write_on_the_screen(name: str) -> None:
    evidence = {"path": name, "state": "empty"}
    text = describe(Finding(FindingKind.PATH_NOT_SAVED, "compta-01", evidence))
    assert len(text) < 200
    assert text.isprintable()
