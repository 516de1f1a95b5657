"""Evidence that the version before wrote as English sentences: read as typed values, worded as that version did.

The files in tests/cases/certificates/sentences were made by commit cb88dfc: a journal, its certificate, and every
sentence that its checks could write with the French that it gave them.
"""

import json
import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pypdf
import pytest

from coffre.cli.words.checks import describe_check
from coffre.offboarding.approval.second_person import digest_verification
from coffre.offboarding.certificate import wording
from coffre.offboarding.certificate.issue import issue
from coffre.offboarding.certificate.verify import open_seal
from coffre.offboarding.erase.checks import (
    DestroyedSecret,
    ErasureCheck,
    ErasureLook,
    Quoted,
    RepositoryPasswords,
    RestoreTried,
    ToldByLetter,
)
from coffre.offboarding.lifecycle.evidence import Agent, SecretDestroyed, Step, Verified, read_evidence
from coffre.offboarding.lifecycle.journal import Journal
from coffre.records.events import Event, EventKind
from coffre.records.facts.advice import AdviceMeans
from coffre.tenant.advice import give_advice
from coffre.tenant.opening import OpenTenant
from tests.unit.offboarding.departures import ended_on, leaving_tenant, open_tenant

FOLDER = Path(__file__).resolve().parents[3] / "cases" / "certificates" / "sentences"
SENTENCES: dict[str, Any] = json.loads((FOLDER / "sentences.json").read_text(encoding="utf-8"))
TODAY = ended_on(5)

NOT_KNOWN_THEN = {"restic opened the repository": "restic a ouvert le dépôt"}
"""What the version before wrote and had no French for."""


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OpenTenant]:
    with open_tenant(tmp_path, leaving_tenant(), is_embedded=True) as opened:
        for each in json.loads((FOLDER / "journal.json").read_text(encoding="utf-8")):
            fields = {**each, "kind": EventKind(each["kind"]), "at": datetime.fromisoformat(each["at"])}
            opened.records.append(Event(tenant_id=opened.tenant.id, slug=opened.tenant.slug, **fields))
        yield opened


def read_secret(what: str) -> DestroyedSecret:
    return read_evidence(SecretDestroyed, {"what": what, "places": [], "fingerprint": ""}).what


def shown_on(pdf: Path) -> str:
    """Return the text of a certificate but for its proof: hashes and signatures are others in each."""
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(pdf).pages)
    shown, replaced = re.subn(r" Preuve Journal .+? Pour vérifier", "", " ".join(text.replace("\u00a0", " ").split()))
    assert replaced == 1
    return shown


@pytest.mark.parametrize("each", SENTENCES["checks"], ids=lambda each: each["recorded"]["name"])
def test_a_check_reads_in_french_and_in_english_as_it_did(each: dict[str, Any]) -> None:
    recorded, (name, seen) = each["recorded"], each["french"]
    check = read_evidence(ErasureCheck, recorded)
    assert check.passed is recorded["passed"]
    assert wording.name_check(check) == name
    assert wording.say_seen(check) == NOT_KNOWN_THEN.get(seen, seen)
    assert describe_check(check) == f"{recorded['name']}: {recorded['seen']}"


def test_a_check_is_quoted_only_where_the_version_before_had_no_words_for_it() -> None:
    found = [(read_evidence(ErasureCheck, each["recorded"]), each) for each in SENTENCES["checks"]]
    assert {check.look for check, _ in found} == set(ErasureLook) - {ErasureLook.NAME, ErasureLook.CUSTOMER}, (
        "which came later"
    )
    quoted = [each["recorded"]["seen"] for check, each in found if isinstance(check.seen, Quoted)]
    assert [text.partition(":")[0] for text in quoted] == [
        "list bucket martin-compta-01-779e82c9b5 with access key AKIA0000000000000006",
        "there is no repository there",
        "a sentence of its own",
    ]
    assert [each["recorded"]["name"] for check, each in found if check.look is ErasureLook.QUOTED] == [
        "something that nobody knows any more"
    ]


def test_restic_is_quoted_where_it_was_refused() -> None:
    (said,) = {each["recorded"]["seen"] for each in SENTENCES["checks"] if "Access Denied" in each["recorded"]["seen"]}
    checks = [read_evidence(ErasureCheck, each["recorded"]) for each in SENTENCES["checks"]]
    assert said in {check.seen.said for check in checks if isinstance(check.seen, RestoreTried)}


@pytest.mark.parametrize("each", SENTENCES["secrets"], ids=lambda each: each["recorded"])
def test_a_destroyed_secret_reads_as_it_did(each: dict[str, str]) -> None:
    assert wording.name_secret(read_secret(each["recorded"])) == each["french"]


def test_a_secret_is_of_one_machine_or_of_all() -> None:
    assert read_secret("the repository passwords") == RepositoryPasswords()
    assert read_secret("the repository password of caisse-01") == RepositoryPasswords(machine="caisse-01")
    assert read_secret("the data bundle") == Quoted(text="the data bundle")


@pytest.mark.parametrize(
    ("recorded", "told"),
    [
        ("courrier du 12/04/2027", ToldByLetter(on=date(2027, 4, 12))),
        ("lettre du 12 avril 2027", Quoted(text="lettre du 12 avril 2027")),
        ("", None),
    ],
)
def test_how_a_customer_was_told_reads_as_it_did(recorded: str, told: object) -> None:
    agent = read_evidence(Agent, {"machine": "m", "system": "linux", "outcome": "unreached", "told": recorded})
    assert agent.told == told
    assert agent.told is None or wording.say_told(agent.told) == recorded


def test_a_certificate_of_a_journal_of_before_says_what_it_said(opened: OpenTenant) -> None:
    certificate = issue(opened, Journal(opened.log, TODAY), TODAY)
    before, now = (open_seal(pdf.read_bytes()).facts for pdf in (FOLDER / "certificat.pdf", certificate.pdf))
    assert shown_on(certificate.pdf) == shown_on(FOLDER / "certificat.pdf")
    assert now["proof"]["journal_sha256"] == before["proof"]["journal_sha256"]
    assert (now["reservations"], now["specimen"]) == (before["reservations"], before["specimen"])
    assert (before["format"], now["format"]) == (1, 2)


def test_a_certificate_says_that_advice_is_kept_when_there_was_any(opened: OpenTenant) -> None:
    give_advice(opened.log, "Back up the new server too", AdviceMeans.MAIL, None, None)
    certificate = issue(opened, Journal(opened.log, TODAY), TODAY)
    assert "Conseils et avertissements adressés au client" in " ".join(shown_on(certificate.pdf).split())


def test_a_statement_that_the_version_before_had_signed_is_about_the_same(opened: OpenTenant) -> None:
    journal = Journal(opened.log, TODAY)
    (entry,) = journal.steps(Step.VERIFIED)
    assert digest_verification(journal, entry.event.details) == SENTENCES["verification_sha256"]


def test_what_was_written_before_is_not_written_once_more(opened: OpenTenant) -> None:
    journal = Journal(opened.log, TODAY)
    written = len(journal.entries())
    for step, kind in ((Step.FINAL_CHECK, Verified), (Step.SECRET_DESTROYED, SecretDestroyed)):
        found = journal.find(step, kind)
        assert found is not None
        journal.note(step, found)
    assert len(journal.entries()) == written
