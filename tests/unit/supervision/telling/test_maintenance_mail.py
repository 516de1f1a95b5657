"""The notice of a maintenance, in French: when, what happens, what counts, and nothing of the platform's inside."""

from dataclasses import replace
from datetime import UTC, datetime

from coffre.records.messages import Message
from coffre.spec.platform import PlatformFile
from coffre.supervision.availability.notices import plan_notices
from coffre.supervision.judge.maintenance import MaintenanceStep, Step
from coffre.supervision.telling.customer import Letter, Situation, choose_letters, write_letter
from tests.builders import PLATFORM, tenant_with
from tests.vendor_tenants import mixed_tenant

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
STEP = MaintenanceStep(
    Step.DECLARE,
    "lab",
    datetime(2026, 12, 10, 21, tzinfo=UTC),
    datetime(2026, 12, 11, 1, tzinfo=UTC),
    "remplacement de disques {{ 7*7 }} <b>",
)
TENANT = tenant_with(storage={"platform": "lab", "quota": "500 Go"})
ELSEWHERE = tenant_with(slug="durand", storage={"platform": "grenoble", "quota": "500 Go"})
SETTINGS = PlatformFile.model_validate(PLATFORM)


def notice(step: MaintenanceStep = STEP) -> Message:
    (found,) = plan_notices([step], [TENANT, ELSEWHERE], NOW)
    return found


def text(step: MaintenanceStep) -> str:
    mail = write_letter(Letter(notice(step)), TENANT, SETTINGS, Situation(None, None, frozenset()), NOW)
    assert mail.to == TENANT.contact.email
    return f"{mail.subject}\n{mail.text}"


def test_the_customers_of_that_platform_are_told_each_thing_that_was_said() -> None:
    found = notice()
    assert (found.slug, found.tenant_id) == (TENANT.slug, TENANT.id)
    later = plan_notices([replace(STEP, step=Step.WITHDRAW)], [TENANT], NOW.replace(hour=10))
    assert [each.lead for each in choose_letters([found, *later])] == [found, *later], "in their order, none left out"


def test_customers_with_a_part_of_their_space_there_are_told_too() -> None:
    (told,) = plan_notices([replace(STEP, platform="editor")], [TENANT, mixed_tenant(slug="roux")], NOW)
    assert told.slug == "roux"


def test_the_notice_says_when_what_happens_and_how_to_reach_smileo() -> None:
    said = text(STEP)
    when = "10\u00a0décembre\u00a02026 à 22\u00a0h\u00a000"
    assert said.startswith("Maintenance prévue le 10\u00a0décembre\u00a02026 – contrat BC-2026-0412\n")
    assert f"du {when} au 11\u00a0décembre\u00a02026 à 2\u00a0h\u00a000 (fuseau horaire Europe/Paris)" in said
    assert "Travaux prévus\u00a0: remplacement de disques {{ 7*7 }} <b>." in said
    assert "vos sauvegardes et vos restaurations peuvent être interrompues" in said
    assert "n’est pas compté dans la disponibilité de 99,7\u00a0% par an (article 15" in said
    assert "Vous pouvez nous joindre à l’adresse exploitation@smileo.example ou au +33 4 76 00 00 10." in said
    assert "urgents" not in said
    assert "\n\n\n" not in said


def test_an_urgent_a_late_a_changed_and_a_withdrawn_one_say_so() -> None:
    assert "Ces travaux sont urgents" in text(replace(STEP, is_short=True))
    late = text(replace(STEP, is_short=True, is_late=True))
    assert "99,7" not in late, "what is said once it has begun excuses nothing"
    assert "cette annonce remplace la précédente" in text(replace(STEP, step=Step.CHANGE))
    withdrawn = text(replace(STEP, step=Step.WITHDRAW))
    assert withdrawn.startswith("Maintenance annulée")
    assert "n’aura pas lieu" in withdrawn
    assert "interrompues" not in withdrawn


def test_nothing_of_the_platforms_inside_reaches_a_customer() -> None:
    for step in (Step.DECLARE, Step.CHANGE, Step.WITHDRAW):
        said = text(replace(STEP, step=step, reason="mise à jour")).casefold()
        for inside in ("ceph", "rgw", "bucket", "coffre", "lab", TENANT.id, TENANT.slug, "alpes hébergement"):
            assert inside not in said, inside
