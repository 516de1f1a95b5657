"""Who erased and who verified: signatures tell people apart, names do not, and a statement counts where it belongs."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pypdf
import pytest

from coffre.errors import RefusedError
from coffre.offboarding.approval.people import People
from coffre.offboarding.approval.second_person import digest_verification, is_another_person
from coffre.offboarding.certificate.issue import issue
from coffre.offboarding.certificate.issued import Certificate
from coffre.offboarding.certificate.who import list_people, read_who
from coffre.offboarding.erase.checks import Absent, ErasureCheck, ErasureLook, RepositoryPasswords
from coffre.offboarding.lifecycle.evidence import (
    Approved,
    BucketCount,
    BucketErased,
    ErasureBegan,
    SecretDestroyed,
    Step,
    Verified,
)
from coffre.offboarding.lifecycle.journal import Journal
from coffre.records.actor import Author
from coffre.records.details import to_details
from coffre.records.events import Event
from coffre.records.facts.departure import Stage
from coffre.signing.statements import Act, read_statement
from coffre.tenant.opening import OpenTenant
from tests.signers import Person, SignedRepository, make_person
from tests.unit.offboarding.departures import HASH, LEAVING, copy_event, leaving_tenant, open_tenant

ANNA, PAUL, MARC = "anna@smileo.example", "paul@smileo.example", "marc@smileo.example"
ERASED_ON, VERIFIED_ON = date(2027, 5, 1), date(2027, 5, 4)
PASSED = Verified((ErasureCheck(ErasureLook.USER, "x", True, Absent()),))


@pytest.fixture(scope="module")
def other(keys: Path) -> Person:
    return make_person(keys, MARC, "other")


@pytest.fixture
def repository(tmp_path: Path, anna: Person, paul: Person) -> SignedRepository:
    repository = SignedRepository(tmp_path / "desk")
    (repository.root / ".gitignore").write_text(".coffre\n*.json\n")
    (repository.root / "platform.yaml").write_text("version: 1\nplatforms:\n  lab:\n    lab: true\n")
    repository.commit(anna, allowed_signers=anna.entry() + paul.entry())
    return repository


@pytest.fixture
def opened(repository: SignedRepository) -> Iterator[OpenTenant]:
    with open_tenant(repository.root, leaving_tenant(), is_embedded=True) as opened:
        yield opened


def add(repository: SignedRepository, who: Person, entry: str) -> None:
    text = (repository.root / "allowed_signers").read_text()
    repository.commit(who, allowed_signers=text + entry)


def erase(opened: OpenTenant, who: Person | None, *, machine: str = "compta-01", **how: Any) -> Journal:
    journal = Journal(opened.log, ERASED_ON)
    People(opened.checkout, opened.embedded, journal).prove(
        Act.ERASE, HASH, who.key if who is not None else None, **how
    )
    bucket, count = opened.buckets.name(machine), BucketCount(objects=3)
    began = ErasureBegan(machine, bucket, "a.1.1", opened.buckets.owner_uid, opened.tenant.id, count)
    journal.note(Step.ERASURE_BEGAN, began, machine)
    journal.note(Step.BUCKET_ERASED, BucketErased(machine, bucket, count, BucketCount(), True), machine)
    journal.note(Step.SECRET_DESTROYED, SecretDestroyed(RepositoryPasswords(), ("a", "b"), HASH))
    return journal


def verify(opened: OpenTenant, who: Person | None, **how: Any) -> bool:
    """Verify as somebody; returns whether it is proved to be another person's."""
    journal = Journal(opened.log, VERIFIED_ON)
    people = People(opened.checkout, opened.embedded, journal)
    subject = digest_verification(journal, to_details(PASSED))
    acted = people.prove(Act.VERIFY, subject, who.key if who is not None else None, **how)
    is_another = acted is not None and is_another_person(people, journal, acted)
    journal.note(Step.VERIFIED, PASSED, again=True)
    return is_another


def certificate(opened: OpenTenant) -> tuple[Certificate, dict[str, Any], str]:
    made = issue(opened, Journal(opened.log, VERIFIED_ON), VERIFIED_ON)
    facts: dict[str, Any] = json.loads(made.json.read_text(encoding="utf-8"))["certificate"]
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(made.pdf).pages)
    return made, facts, " ".join(text.replace("\u00a0", " ").split())


def is_by_another(opened: OpenTenant) -> bool:
    """Return what a certificate would say of the verification."""
    journal = Journal(opened.log, VERIFIED_ON)
    return read_who(People(opened.checkout, opened.embedded, journal), journal).is_verified_by_another


def events(opened: OpenTenant) -> list[Event]:
    return opened.records._events  # type: ignore[attr-defined, no-any-return]


def test_two_people_with_keys_of_their_own_are_proved_to_be_two(opened: OpenTenant, anna: Person, paul: Person) -> None:
    erase(opened, paul).enter(Stage.ERASED)
    assert verify(opened, anna)
    made, facts, text = certificate(opened)
    assert facts["verification"]["is_by_another"]
    assert not [each for each in made.reservations if "avant son jour" in each]
    assert "une autre personne que celle qui a procédé à l’effacement, ce que prouvent leurs signatures" in text
    assert f"{ANNA} (prouvé par signature" in text
    assert "déclaré" not in text
    assert not [each for each in made.reservations if "prouve" in each]
    proved = {each["role"]: each for each in facts["people"]}
    assert (proved["erased"]["name"], proved["verified"]["name"]) == (PAUL, ANNA)
    assert proved["erased"]["key"] != proved["verified"]["key"]
    stated = read_statement(proved["verified"]["statement"])
    assert stated is not None
    assert (stated.act, stated.tenant, stated.day) == (Act.VERIFY, opened.tenant.id, VERIFIED_ON)


def test_names_alone_are_declared_everywhere(opened: OpenTenant) -> None:
    erase(opened, None)
    marc = replace(opened, log=replace(opened.log, author=Author(MARC, None)))
    assert not verify(marc, None)
    made, facts, text = certificate(opened)
    assert not facts["verification"]["is_by_another"]
    assert facts["verification"]["is_other_name"]
    assert f"{MARC} (déclaré)" in text
    assert "une autre personne que celle qui a procédé" not in text
    assert any("Rien ne prouve que l’effacement a été vérifié par un autre" in each for each in made.reservations)
    assert any(each.startswith("Vérification\u00a0: identité déclarée") for each in made.reservations)


def test_one_key_and_one_person_with_two_keys_are_one(
    repository: SignedRepository, opened: OpenTenant, anna: Person, paul: Person, other: Person
) -> None:
    add(repository, paul, other.entry("anna+2@smileo.example"))
    erase(opened, anna)
    assert not verify(opened, anna)
    assert not verify(opened, other)


def test_a_key_that_who_erased_brought_alone_verifies_nothing(
    repository: SignedRepository, opened: OpenTenant, anna: Person, other: Person
) -> None:
    add(repository, anna, other.entry())
    erase(opened, anna)
    assert not verify(opened, other)
    assert not is_by_another(opened)


def test_an_erasure_without_a_signature_is_nobody_s_so_that_nobody_is_another(
    opened: OpenTenant, anna: Person, paul: Person
) -> None:
    erase(opened, paul)
    erase(opened, None, machine="caisse-01")
    assert not verify(opened, anna)


def test_who_approved_does_not_verify(opened: OpenTenant, anna: Person, paul: Person) -> None:
    journal = Journal(opened.log, ERASED_ON)
    people = People(opened.checkout, opened.embedded, journal)
    begun = (people.trust.began_at or "", people.trust.changed_at or "")
    approved = Approved("a" * 40, ("julie@x.example",), PAUL, "Claire", "erase", ERASED_ON, ERASED_ON, "", True, "k")
    journal.note(Step.APPROVED, replace(approved, signers_from=begun[0], signers_at=begun[1]))
    erase(opened, anna)
    assert not verify(opened, paul)


def test_a_statement_of_another_tenant_is_none_here(
    repository: SignedRepository, opened: OpenTenant, anna: Person, paul: Person
) -> None:
    """The employee copies Anna's verification of a tenant that she did verify into another one's records."""
    with open_tenant(repository.root, leaving_tenant(id="n22222222a"), is_embedded=True) as theirs:
        erase(theirs, paul)
        assert verify(theirs, anna)
        copied = next(event for event in events(theirs) if event.details.get("act") == "verify")
        verified = next(event for event in events(theirs) if event.details.get("step") == "verified")
    erase(opened, paul)
    for event in (copied, verified):
        copy_event(opened, event.kind, event.details)
    assert not People(opened.checkout, opened.embedded, Journal(opened.log, VERIFIED_ON)).list_acts(Act.VERIFY)
    assert not is_by_another(opened)


@pytest.mark.parametrize(
    "fault", ["rewritten", "moved", "another day", "renamed", "other act", "another text", "result"]
)
def test_a_journal_that_was_written_over_proves_nothing(
    opened: OpenTenant, anna: Person, paul: Person, fault: str
) -> None:
    erase(opened, paul)
    assert verify(opened, anna)
    journal = events(opened)
    places = {event.details.get("act", event.details.get("step")): place for place, event in enumerate(journal)}

    def change(what: str, **details: object) -> None:
        place = places[what]
        journal[place] = replace(journal[place], details={**journal[place].details, **details})

    if fault == "rewritten":
        change("bucket_erased", is_gone=False)
    elif fault == "result":
        change("verified", **to_details(Verified((ErasureCheck(ErasureLook.USER, "y", True, Absent()),))))
    elif fault == "moved":
        journal.insert(0, replace(journal.pop(places["verify"]), id=0))
    elif fault == "another day":
        change("verify", on="2027-05-03")
    elif fault == "renamed":
        place = places["verified"]
        journal[place] = replace(journal[place], actor=MARC)
    elif fault == "other act":
        change("verified", by=journal[places["bucket_erased"]].details["by"])
    else:
        stated = str(journal[places["verify"]].details["statement"])
        change("verify", statement=stated.replace(ANNA, MARC))
    assert not is_by_another(opened)


def test_another_departure_s_verification_does_not_count_for_this_one(
    opened: OpenTenant, anna: Person, paul: Person
) -> None:
    erase(opened, paul)
    assert verify(opened, anna)
    kept = next(event for event in events(opened) if event.details.get("act") == "verify")
    Journal(opened.log, VERIFIED_ON).enter(Stage.RENOUNCED)
    erase(opened, paul)
    copy_event(opened, kept.kind, kept.details)
    assert not People(opened.checkout, opened.embedded, Journal(opened.log, VERIFIED_ON)).list_acts(Act.VERIFY)


def test_a_pipeline_signs_for_those_whom_its_git_host_knows(
    repository: SignedRepository, opened: OpenTenant, anna: Person, keys: Path
) -> None:
    pipeline = make_person(keys, "pipeline@smileo.example")
    with pytest.raises(RefusedError, match="is not trusted here"):
        erase(opened, pipeline, on_behalf_of=PAUL)
    add(repository, anna, pipeline.entry(options='namespaces="coffre-platform"'))
    with pytest.raises(RefusedError, match="is not trusted here"):
        erase(opened, anna, on_behalf_of=PAUL)
    erase(opened, pipeline, on_behalf_of=PAUL)
    assert not verify(opened, pipeline, on_behalf_of="Paul+1@smileo.example")
    assert verify(opened, pipeline, on_behalf_of=MARC)
    journal = Journal(opened.log, VERIFIED_ON)
    people = list_people(journal.entries(), read_who(People(opened.checkout, opened.embedded, journal), journal))
    assert [(each.name, each.is_proved) for each in people] == [(PAUL, True), (MARC, True)]


@pytest.mark.parametrize("act", ["erasure", "verification"])
def test_platform_yaml_says_that_a_name_is_not_enough(repository: SignedRepository, act: str) -> None:
    for settings in ({}, {"offboarding": {"identities": {act: "proved"}}}):
        with open_tenant(repository.root, leaving_tenant(), **settings) as opened:
            people = People(opened.checkout, opened.embedded, Journal(opened.log, ERASED_ON))
            with pytest.raises(RefusedError, match="must sign"):
                people.prove(Act.ERASE if act == "erasure" else Act.VERIFY, HASH, None)
    with open_tenant(repository.root, leaving_tenant(), offboarding={"identities": {act: "declared"}}) as opened:
        people = People(opened.checkout, opened.embedded, Journal(opened.log, ERASED_ON))
        assert people.prove(Act.ERASE if act == "erasure" else Act.VERIFY, HASH, None) is None


def test_acts_before_their_day_are_reservations(repository: SignedRepository, anna: Person, paul: Person) -> None:
    """Everything is done in May; by the calendar, erasure begins at the end of August."""
    leaving = {**LEAVING, "ends_on": date(2027, 6, 30)}
    with open_tenant(repository.root, leaving_tenant(leaving=leaving), is_embedded=True) as opened:
        erase(opened, paul).enter(Stage.ERASED)
        verify(opened, anna)
        made, _, text = certificate(opened)
    early = [each.replace("\u00a0", " ") for each in made.reservations if "avant son jour" in each]
    assert any("Effacement achevé des sauvegardes de la machine compta-01, le 1er mai 2027" in each for each in early)
    assert any("Vérification de l’effacement, le 4 mai 2027" in each for each in early)
    assert any(each.startswith("Étape «") for each in early)
    assert all("29 août 2027" in each or "30 août 2027" in each for each in early)
    assert "avant son jour" in text
