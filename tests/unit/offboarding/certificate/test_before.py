"""A certificate and a journal as the version before wrote them: they verify and read as they did, names as declared."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coffre.cli.main import app
from coffre.offboarding.approval.people import People
from coffre.offboarding.certificate.verify import verify_file
from coffre.offboarding.certificate.who import list_people, read_who
from coffre.offboarding.lifecycle.evidence import Approved, Step
from coffre.offboarding.lifecycle.journal import Journal, digest_journal
from coffre.records.events import Event, EventKind
from coffre.tenant.opening import OpenTenant
from tests.unit.offboarding.departures import ended_on, leaving_tenant, open_tenant

BEFORE = Path(__file__).resolve().parents[3] / "cases" / "certificates"
LAB = BEFORE / "lab.pem"
FILES = sorted(BEFORE.glob("certificat-*"))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OpenTenant]:
    with open_tenant(tmp_path, leaving_tenant(), is_embedded=True) as opened:
        for each in json.loads((BEFORE / "journal.json").read_text(encoding="utf-8")):
            opened.records.append(
                Event(
                    tenant_id=opened.tenant.id,
                    slug=opened.tenant.slug,
                    kind=EventKind(each["kind"]),
                    at=datetime.fromisoformat(each["at"]),
                    actor=each["actor"],
                    commit=each["commit"],
                    machine=each["machine"],
                    details=each["details"],
                )
            )
        yield opened


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.suffix)
def test_a_certificate_of_before_verifies_and_calls_nobody_proved(file: Path) -> None:
    assert verify_file(file, LAB).is_valid
    result = CliRunner().invoke(app, ["certificate", "verify", str(file), "--certificate", str(LAB)])
    assert result.exit_code == 0
    assert "by paul@smileo.example (declared)" in result.output
    assert "by marc@smileo.example: declared; no proof" in result.output
    assert "another person" not in result.output


def test_there_is_one_of_each_kind() -> None:
    assert [file.suffix for file in FILES] == [".json", ".pdf"]


def test_a_journal_of_before_reads_and_its_digest_is_the_same(opened: OpenTenant) -> None:
    journal = Journal(opened.log, ended_on(5))
    entries = journal.entries()
    facts = json.loads(FILES[0].read_text(encoding="utf-8"))["certificate"]
    before = [entry for entry in entries if entry.event.details.get("step") != Step.CERTIFIED.value]
    assert digest_journal(before) == facts["proof"]["journal_sha256"]
    approved = journal.find(Step.APPROVED, Approved)
    assert approved is not None
    assert not approved.is_proved
    who = read_who(People(opened.checkout, opened.embedded, journal), journal)
    assert not who.is_verified_by_another
    assert [(each.role, each.name, each.is_proved) for each in list_people(entries, who)] == [
        ("wrote", "anna@smileo.example", False),
        ("approved", "paul@smileo.example", False),
        ("erased", "anna@smileo.example", False),
        ("verified", "marc@smileo.example", False),
    ]
