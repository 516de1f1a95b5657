"""Letters to customers: written once, whole, in French, and true to what they were given."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pypdf
import pytest
import yaml

from coffre.offboarding.certificate.issued import Certificate
from coffre.offboarding.lifecycle.evidence import Agent, AgentOutcome, RestoreLeft
from coffre.offboarding.notices.letters import LetterFacts, LetterKind, letter_path, message_path, write_letter
from coffre.tenant.opening import OpenTenant
from tests.unit.offboarding.departures import (
    HASH,
    LEAVING,
    NOTICE_ON,
    calendar_of,
    leaving_tenant,
    moment,
    open_tenant,
    returned,
)

ROOT = Path(__file__).resolve().parents[4]
TODAY = date(2027, 1, 5)
UNREACHED = (
    Agent("caisse-01", "linux", AgentOutcome.UNREACHED, moment(date(2027, 3, 2))),
    Agent("portable-02", "windows", AgentOutcome.UNREACHED),
    Agent("studio-03", "macos", AgentOutcome.UNREACHED),
)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OpenTenant]:
    with open_tenant(tmp_path, leaving_tenant()) as opened:
        yield opened


def facts_of(opened: OpenTenant) -> LetterFacts:
    return LetterFacts(
        notice_on=NOTICE_ON,
        calendar=calendar_of(opened),
        returned=(returned("compta-01", password_handed_out=True), returned("caisse-01", renamed=2)),
        returned_on=date(2027, 4, 1),
        unreached=UNREACHED,
        restores=(RestoreLeft("portable-02", "vendor", "Acronis International GmbH", "https://eu2-cloud.acronis.com"),),
        guides={"vendor": "acronis"},
        editors=("Acronis International GmbH",),
        certificate=Certificate("CE-2027-K7-01", Path("c.pdf"), Path("c.json"), HASH, ("Une réserve <b>.",)),
    )


def read(path: Path) -> str:
    """Return a PDF's text on one line, its no-break spaces as plain ones."""
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(path).pages)
    return " ".join(text.replace("\u00a0", " ").split())


def test_a_letter_is_written_once_and_then_returned_as_it_is(opened: OpenTenant) -> None:
    path = write_letter(
        opened.tenant, opened.checkout, opened.embedded, LetterKind.NOTICE_RECEIVED, TODAY, facts_of(opened)
    )
    before = path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    again = write_letter(
        opened.tenant,
        opened.checkout,
        opened.embedded,
        LetterKind.NOTICE_RECEIVED,
        date(2027, 2, 1),
        LetterFacts(NOTICE_ON),
    )
    assert (again, again.read_bytes()) == (path, before)


def test_a_departure_after_a_renounced_one_has_letters_of_its_own(opened: OpenTenant) -> None:
    first = letter_path(opened.tenant, opened.checkout, LetterKind.NOTICE_RECEIVED, LetterFacts(NOTICE_ON))
    assert first != letter_path(
        opened.tenant, opened.checkout, LetterKind.NOTICE_RECEIVED, LetterFacts(date(2027, 9, 1))
    )
    assert first != letter_path(
        opened.tenant, opened.checkout, LetterKind.NOTICE_RECEIVED, LetterFacts(NOTICE_ON, departure=2)
    )


def test_the_notice_tells_every_date_and_brings_the_calendar(opened: OpenTenant) -> None:
    path = write_letter(
        opened.tenant, opened.checkout, opened.embedded, LetterKind.NOTICE_RECEIVED, TODAY, facts_of(opened)
    )
    text = read(path)
    for day in ("4 janvier 2027", "28 février 2027", "30 mars 2027", "29 avril 2027", "30 avril 2027", "14 mai 2027"):
        assert day in text
    assert "Claire Martin, gérante" in text
    assert "restitution de vos données, puis leur effacement" in text
    assert path.with_suffix(".ics").read_bytes().startswith(b"BEGIN:VCALENDAR")
    assert "30 mars 2027" in message_path(path).read_text(encoding="utf-8").replace("\u00a0", " ")


def test_a_customer_who_chose_erasure_is_told_that_nothing_comes_back(tmp_path: Path) -> None:
    erase = {name: value for name, value in LEAVING.items() if name != "return"} | {"choice": "erase"}
    with open_tenant(tmp_path, leaving_tenant(leaving=erase)) as opened:
        facts = LetterFacts(NOTICE_ON, calendar_of(opened))
        notice = read(
            write_letter(opened.tenant, opened.checkout, opened.embedded, LetterKind.NOTICE_RECEIVED, TODAY, facts)
        )
        reminder = read(
            write_letter(opened.tenant, opened.checkout, opened.embedded, LetterKind.REMINDER, TODAY, facts)
        )
    assert "effacement de vos données, sans restitution" in notice
    assert "aucune donnée ne vous a été remise" in reminder
    assert "Données récupérées" not in reminder


def test_what_was_handed_over_can_be_found_and_checked(opened: OpenTenant) -> None:
    text = read(
        write_letter(opened.tenant, opened.checkout, opened.embedded, LetterKind.DATA_READY, TODAY, facts_of(opened))
    )
    assert "/mnt/disque-martin/martin/compta-01" in text
    assert HASH in text.replace(" ", "")
    assert "42 949 672 960 octets" in text
    assert "2 éléments ont été écrits sous un autre nom" in text
    assert "dépôt de compta-01 vous est remis avec le mot de passe" in text
    assert "Attestation du client" in text


def test_the_owner_of_a_machine_not_reached_is_told_all_that_the_playbooks_would_remove(opened: OpenTenant) -> None:
    text = read(
        write_letter(opened.tenant, opened.checkout, opened.embedded, LetterKind.UNREACHED, TODAY, facts_of(opened))
    ).replace(" ", "")
    for role in ("restic_agent", "restic_agent_windows", "restic_agent_macos"):
        settings = yaml.safe_load((ROOT / "playbooks" / "roles" / role / "vars" / "main.yml").read_text())
        for name, value in settings.items():
            if name.endswith(("_directory", "_command", "_job")) and "private" not in name:
                assert value.replace(" ", "") in text
    assert "2mars2027" in text
    assert "aucun" in text


def test_the_last_letter_names_the_certificate_its_key_and_its_reservations(opened: OpenTenant) -> None:
    text = read(
        write_letter(opened.tenant, opened.checkout, opened.embedded, LetterKind.ERASED, TODAY, facts_of(opened))
    )
    assert "CE-2027-K7-01" in text
    assert HASH in text.replace(" ", "")
    assert "Une réserve <b>." in text


def test_a_renounced_departure_needs_no_leaving_block(tmp_path: Path) -> None:
    with open_tenant(tmp_path, leaving_tenant(status="active", leaving=None)) as opened:
        text = read(
            write_letter(
                opened.tenant,
                opened.checkout,
                opened.embedded,
                LetterKind.RENOUNCED,
                TODAY,
                LetterFacts(NOTICE_ON),
            )
        )
    assert "votre contrat se poursuit aux mêmes conditions" in text


@pytest.mark.parametrize("is_embedded", [True, False])
def test_only_on_the_embedded_platform_a_letter_is_a_specimen(tmp_path: Path, is_embedded: bool) -> None:
    with open_tenant(tmp_path, leaving_tenant(), is_embedded=is_embedded) as opened:
        path = write_letter(
            opened.tenant, opened.checkout, opened.embedded, LetterKind.NOTICE_RECEIVED, TODAY, facts_of(opened)
        )
    assert ("SPÉCIMEN" in read(path)) == is_embedded
    assert ("SPÉCIMEN" in message_path(path).read_text(encoding="utf-8")) == is_embedded


@pytest.mark.parametrize("kind", [kind for kind in LetterKind if kind is not LetterKind.RENOUNCED])
def test_no_letter_is_written_without_what_it_tells(opened: OpenTenant, kind: LetterKind) -> None:
    with pytest.raises(ValueError, match="lacks required facts"):
        write_letter(opened.tenant, opened.checkout, opened.embedded, kind, TODAY, LetterFacts(NOTICE_ON))
    assert not letter_path(opened.tenant, opened.checkout, kind, LetterFacts(NOTICE_ON)).exists()


@pytest.mark.parametrize("kind", list(LetterKind))
def test_every_letter_and_message_is_whole_and_never_uses_the_regulated_term(
    opened: OpenTenant, kind: LetterKind
) -> None:
    path = write_letter(opened.tenant, opened.checkout, opened.embedded, kind, TODAY, facts_of(opened))
    for text in (read(path), message_path(path).read_text(encoding="utf-8")):
        assert "Madame, Monsieur" in text
        assert "coffre-fort" not in text.lower()
        assert "None" not in text
        assert "{{" not in text
