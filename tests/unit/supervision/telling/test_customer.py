"""What customers are told, in French: each thing once, the stronger one for two, and nothing of the inside."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from coffre.findings import Finding, FindingKind
from coffre.records.messages import Audience, Message, MessageKind, Told
from coffre.spec.platform import PlatformFile
from coffre.spec.tenant import Tenant
from coffre.supervision.findings.life import Settled, Subject, settle
from coffre.supervision.telling import customer
from coffre.supervision.telling.customer import Letter, Situation, choose_letters, write_letter
from coffre.supervision.telling.planning import Addressees, plan_messages
from tests.builders import PLATFORM, tenant_with
from tests.vendor_tenants import PLATFORMS, mixed_tenant, vendors_tenant

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TENANT = tenant_with(storage={"platform": "lab", "quota": "500 Go", "undelete_days": 30})
SETTINGS = PlatformFile.model_validate(PLATFORM)
GO = 10**9
NEAR = Finding(FindingKind.QUOTA_NEAR, None, {"percent": 90, "used_bytes": 452 * GO, "quota_bytes": 500 * GO})
FIRST = Finding(FindingKind.QUOTA_NEAR, None, {"percent": 80, "used_bytes": 452 * GO, "quota_bytes": 500 * GO})
REACHED = Finding(FindingKind.QUOTA_REACHED, None, {"used_bytes": 501 * GO, "quota_bytes": 500 * GO})
LATE = Finding(FindingKind.BACKUP_MISSED, "compta-01", {"due_at": None, "last_success_at": None})
KNOWN = Situation(452 * GO, NOON, frozenset({FindingKind.QUOTA_NEAR}))


def opened(*findings: Finding) -> Settled:
    return settle(Subject(TENANT.id, TENANT.slug), [], findings, lambda _: True, NOON)


def messages(*findings: Finding, tenant: object = TENANT) -> list[Message]:
    return plan_messages(opened(*findings), tenant, Addressees(), NOON)  # type: ignore[arg-type]


def ends(*findings: Finding) -> list[Message]:
    return [replace(each, told=Told.END) for each in messages(*findings)]


def text(letter: Letter, situation: Situation = KNOWN) -> str:
    mail = write_letter(letter, TENANT, SETTINGS, situation, NOON)
    assert mail.to == TENANT.contact.email
    return f"{mail.subject}\n{mail.text}"


def test_the_customer_is_told_of_its_quota_and_of_nothing_else() -> None:
    found = messages(FIRST, NEAR, LATE, Finding(FindingKind.FOREIGN_KEYS, "compta-01", {"key": "x", "count": 1}))
    assert [each.about for each in found] == [messages(NEAR)[0].about]
    off = tenant_with(contact={**TENANT.contact.model_dump(), "quota_mails": False})
    assert messages(NEAR, REACHED, tenant=off) == []
    assert messages(NEAR, tenant=tenant_with(status="suspended")) == []


def test_the_stronger_of_two_is_said_and_one_end_is_enough() -> None:
    near, reached = messages(NEAR, REACHED)
    assert [*choose_letters([near, reached])] == [Letter(reached, (near,))]
    assert [*choose_letters([near])] == [Letter(near)]
    near_end, reached_end = ends(NEAR, REACHED)
    assert [*choose_letters([reached_end, near_end])] == [Letter(near_end, (reached_end,))]
    assert [*choose_letters([reached_end, near])] == [Letter(near), Letter(reached_end)]
    assert [*choose_letters([])] == []


def test_each_letter_says_what_happens_what_to_do_and_how_to_reach_smileo() -> None:
    near = text(Letter(messages(NEAR)[0]))
    assert "rempli à plus de 90\u00a0%" in near
    assert (
        "452\u00a0Go sur 500\u00a0Go sont utilisés (relevé du 23\u00a0novembre\u00a02026 à 13\u00a0h\u00a000)" in near
    )
    assert "vos sauvegardes continuent" in near
    reached = text(Letter(messages(REACHED)[0]))
    assert "vos sauvegardes sont arrêtées sur toutes vos machines (articles 2 et 8" in reached
    for each in (near, reached):
        assert "commander davantage d’espace" in each
        assert "30\u00a0jours" in each
        assert "Vous pouvez nous joindre à l’adresse exploitation@smileo.example ou au +33 4 76 00 00 10." in each
        assert each.rstrip().endswith("8 rue des Acacias, 38000 Grenoble")
    over = text(Letter(*ends(NEAR)), Situation(100 * GO, NOON, frozenset()))
    assert "de nouveau suffisant" in over
    assert "100\u00a0Go sur 500\u00a0Go" in over
    assert "reprendre" not in over
    near_end, reached_end = ends(NEAR, REACHED)
    assert "Vos sauvegardes peuvent reprendre" in text(
        Letter(near_end, (reached_end,)), Situation(None, None, frozenset())
    )
    resumed = text(Letter(reached_end))
    assert "peuvent reprendre" in resumed
    assert "Il reste rempli à plus de 90\u00a0%" in resumed


@pytest.mark.parametrize("situation", [KNOWN, Situation(None, None, frozenset())])
def test_nothing_of_the_platforms_inside_reaches_a_customer(situation: Situation) -> None:
    for letter in (Letter(each) for each in (*messages(NEAR, REACHED), *ends(NEAR, REACHED))):
        said = text(letter, situation).casefold()
        for inside in ("ceph", "rgw", "bucket", "coffre", "lab", TENANT.id, TENANT.slug, "alpes hébergement"):
            assert inside not in said, inside


def test_every_kind_of_message_has_its_letter() -> None:
    assert set(customer._LETTERS) == set(MessageKind)
    assert {each.audience for each in messages(NEAR)} == {Audience.CUSTOMER}


def test_a_letter_says_what_a_deletion_in_a_vendors_portal_means() -> None:
    settings, letter = PlatformFile.model_validate(PLATFORMS), Letter(messages(NEAR)[0])

    def say(tenant: Tenant) -> str:
        return " ".join(write_letter(letter, tenant, settings, KNOWN, NOON).text.replace("\u00a0", " ").split())

    whole, mixed = say(vendors_tenant()), say(mixed_tenant())
    assert "supprimer vous-même, dans le portail Acronis, les sauvegardes qui ne vous sont plus utiles." in whole
    assert "Une sauvegarde supprimée dans ce portail est définitivement perdue." in whole
    assert "rétablie" not in whole
    assert "utiles (compta-01). Une sauvegarde supprimée ne peut plus être rétablie après 14 jours" in mixed
    assert "dans le portail Acronis, les sauvegardes qui ne vous sont plus utiles (caisse-01)." in mixed
    assert "portail" not in text(letter)
