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
from coffre.tenant.service import Service
from tests.signers import Person, SignedRepository, make_person
from tests.unit.offboarding.departures import HASH, LEAVING, copy_event, leaving_tenant, open_service

ANNA, PAUL, MARC = "anna@smileo.example", "paul@smileo.example", "marc@smileo.example"
ERASED_ON, VERIFIED_ON = date(2027, 5, 1), date(2027, 5, 4)
PASSED = Verified((ErasureCheck(ErasureLook.USER, "x", True, Absent()),))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def anna(keys: Path) -> Person:
    return make_person(keys, ANNA)


@pytest.fixture(scope="module")
def paul(keys: Path) -> Person:
    return make_person(keys, PAUL)


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
def service(repository: SignedRepository) -> Iterator[Service]:
    with open_service(repository.root, leaving_tenant(), is_embedded=True) as opened:
        yield opened


def add(repository: SignedRepository, who: Person, entry: str) -> None:
    text = (repository.root / "allowed_signers").read_text()
    repository.commit(who, allowed_signers=text + entry)


def erase(service: Service, who: Person | None, *, machine: str = "compta-01", **how: Any) -> Journal:
    journal = Journal(service.log, ERASED_ON)
    People(service.repository, service.embedded, journal).prove(
        Act.ERASE, HASH, who.key if who is not None else None, **how
    )
    bucket, count = service.buckets.name(machine), BucketCount(objects=3)
    began = ErasureBegan(machine, bucket, "a.1.1", service.owner_uid, service.tenant.id, count)
    journal.note(Step.ERASURE_BEGAN, began, machine)
    journal.note(Step.BUCKET_ERASED, BucketErased(machine, bucket, count, BucketCount(), True), machine)
    journal.note(Step.SECRET_DESTROYED, SecretDestroyed(RepositoryPasswords(), ("a", "b"), HASH))
    return journal


def verify(service: Service, who: Person | None, **how: Any) -> bool:
    """Verify as somebody; returns whether it is proved to be another person's."""
    journal = Journal(service.log, VERIFIED_ON)
    people = People(service.repository, service.embedded, journal)
    subject = digest_verification(journal, to_details(PASSED))
    acted = people.prove(Act.VERIFY, subject, who.key if who is not None else None, **how)
    is_another = acted is not None and is_another_person(people, journal, acted)
    journal.note(Step.VERIFIED, PASSED, again=True)
    return is_another


def certificate(service: Service) -> tuple[Certificate, dict[str, Any], str]:
    made = issue(service, Journal(service.log, VERIFIED_ON), VERIFIED_ON)
    facts: dict[str, Any] = json.loads(made.json.read_text(encoding="utf-8"))["certificate"]
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(made.pdf).pages)
    return made, facts, " ".join(text.replace("\u00a0", " ").split())


def is_by_another(service: Service) -> bool:
    """Return what a certificate would say of the verification."""
    journal = Journal(service.log, VERIFIED_ON)
    return read_who(People(service.repository, service.embedded, journal), journal).is_verified_by_another


def events(service: Service) -> list[Event]:
    return service.records._events  # type: ignore[attr-defined, no-any-return]


def test_two_people_with_keys_of_their_own_are_proved_to_be_two(service: Service, anna: Person, paul: Person) -> None:
    erase(service, paul).enter(Stage.ERASED)
    assert verify(service, anna)
    made, facts, text = certificate(service)
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
    assert (stated.act, stated.tenant, stated.day) == (Act.VERIFY, service.tenant.id, VERIFIED_ON)


def test_names_alone_are_declared_everywhere(service: Service) -> None:
    erase(service, None)
    marc = replace(service, log=replace(service.log, author=Author(MARC, None)))
    assert not verify(marc, None)
    made, facts, text = certificate(service)
    assert not facts["verification"]["is_by_another"]
    assert facts["verification"]["is_other_name"]
    assert f"{MARC} (déclaré)" in text
    assert "une autre personne que celle qui a procédé" not in text
    assert any("Rien ne prouve que l’effacement a été vérifié par un autre" in each for each in made.reservations)
    assert any(each.startswith("Vérification\u00a0: identité déclarée") for each in made.reservations)


def test_one_key_and_one_person_with_two_keys_are_one(
    repository: SignedRepository, service: Service, anna: Person, paul: Person, other: Person
) -> None:
    add(repository, paul, other.entry("anna+2@smileo.example"))
    erase(service, anna)
    assert not verify(service, anna)
    assert not verify(service, other)


def test_a_key_that_who_erased_brought_alone_verifies_nothing(
    repository: SignedRepository, service: Service, anna: Person, other: Person
) -> None:
    add(repository, anna, other.entry())
    erase(service, anna)
    assert not verify(service, other)
    assert not is_by_another(service)


def test_an_erasure_without_a_signature_is_nobody_s_so_that_nobody_is_another(
    service: Service, anna: Person, paul: Person
) -> None:
    erase(service, paul)
    erase(service, None, machine="caisse-01")
    assert not verify(service, anna)


def test_who_approved_does_not_verify(service: Service, anna: Person, paul: Person) -> None:
    journal = Journal(service.log, ERASED_ON)
    people = People(service.repository, service.embedded, journal)
    begun = (people.trust.began_at or "", people.trust.changed_at or "")
    approved = Approved("a" * 40, ("julie@x.example",), PAUL, "Claire", "erase", ERASED_ON, ERASED_ON, "", True, "k")
    journal.note(Step.APPROVED, replace(approved, signers_from=begun[0], signers_at=begun[1]))
    erase(service, anna)
    assert not verify(service, paul)


def test_a_statement_of_another_tenant_is_none_here(
    repository: SignedRepository, service: Service, anna: Person, paul: Person
) -> None:
    """The employee copies Anna's verification of a tenant that she did verify into another one's records."""
    with open_service(repository.root, leaving_tenant(id="n22222222a"), is_embedded=True) as theirs:
        erase(theirs, paul)
        assert verify(theirs, anna)
        copied = next(event for event in events(theirs) if event.details.get("act") == "verify")
        verified = next(event for event in events(theirs) if event.details.get("step") == "verified")
    erase(service, paul)
    for event in (copied, verified):
        copy_event(service, event.kind, event.details)
    assert not People(service.repository, service.embedded, Journal(service.log, VERIFIED_ON)).list_acts(Act.VERIFY)
    assert not is_by_another(service)


@pytest.mark.parametrize(
    "fault", ["rewritten", "moved", "another day", "renamed", "other act", "another text", "result"]
)
def test_a_journal_that_was_written_over_proves_nothing(
    service: Service, anna: Person, paul: Person, fault: str
) -> None:
    erase(service, paul)
    assert verify(service, anna)
    journal = events(service)
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
    assert not is_by_another(service)


def test_another_departure_s_verification_does_not_count_for_this_one(
    service: Service, anna: Person, paul: Person
) -> None:
    erase(service, paul)
    assert verify(service, anna)
    kept = next(event for event in events(service) if event.details.get("act") == "verify")
    Journal(service.log, VERIFIED_ON).enter(Stage.RENOUNCED)
    erase(service, paul)
    copy_event(service, kept.kind, kept.details)
    assert not People(service.repository, service.embedded, Journal(service.log, VERIFIED_ON)).list_acts(Act.VERIFY)


def test_a_pipeline_signs_for_those_whom_its_git_host_knows(
    repository: SignedRepository, service: Service, anna: Person, keys: Path
) -> None:
    pipeline = make_person(keys, "pipeline@smileo.example")
    with pytest.raises(RefusedError, match="is not trusted here"):
        erase(service, pipeline, on_behalf_of=PAUL)
    add(repository, anna, pipeline.entry(options='namespaces="coffre-platform"'))
    with pytest.raises(RefusedError, match="is not trusted here"):
        erase(service, anna, on_behalf_of=PAUL)
    erase(service, pipeline, on_behalf_of=PAUL)
    assert not verify(service, pipeline, on_behalf_of="Paul+1@smileo.example")
    assert verify(service, pipeline, on_behalf_of=MARC)
    journal = Journal(service.log, VERIFIED_ON)
    people = list_people(journal.entries(), read_who(People(service.repository, service.embedded, journal), journal))
    assert [(each.name, each.is_proved) for each in people] == [(PAUL, True), (MARC, True)]


@pytest.mark.parametrize("act", ["erasure", "verification"])
def test_platform_yaml_says_that_a_name_is_not_enough(repository: SignedRepository, act: str) -> None:
    for settings in ({}, {"offboarding": {"identities": {act: "proved"}}}):
        with open_service(repository.root, leaving_tenant(), **settings) as service:
            people = People(service.repository, service.embedded, Journal(service.log, ERASED_ON))
            with pytest.raises(RefusedError, match="must sign"):
                people.prove(Act.ERASE if act == "erasure" else Act.VERIFY, HASH, None)
    with open_service(repository.root, leaving_tenant(), offboarding={"identities": {act: "declared"}}) as service:
        people = People(service.repository, service.embedded, Journal(service.log, ERASED_ON))
        assert people.prove(Act.ERASE if act == "erasure" else Act.VERIFY, HASH, None) is None


def test_acts_before_their_day_are_reservations(repository: SignedRepository, anna: Person, paul: Person) -> None:
    """Everything is done in May; by the calendar, erasure begins at the end of August."""
    leaving = {**LEAVING, "ends_on": date(2027, 6, 30)}
    with open_service(repository.root, leaving_tenant(leaving=leaving), is_embedded=True) as service:
        erase(service, paul).enter(Stage.ERASED)
        verify(service, anna)
        made, _, text = certificate(service)
    early = [each.replace("\u00a0", " ") for each in made.reservations if "avant son jour" in each]
    assert any("Effacement achevé des sauvegardes de la machine compta-01, le 1er mai 2027" in each for each in early)
    assert any("Vérification de l’effacement, le 4 mai 2027" in each for each in early)
    assert any(each.startswith("Étape «") for each in early)
    assert all("29 août 2027" in each or "30 août 2027" in each for each in early)
    assert "avant son jour" in text
