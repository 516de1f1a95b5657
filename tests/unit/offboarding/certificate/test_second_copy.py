"""What a certificate says of a second copy, and that it says nothing of one that never was."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pypdf
import pytest

from coffre.offboarding.approval.people import digest
from coffre.offboarding.approval.second_person import digest_verification
from coffre.offboarding.certificate.facts import build_facts
from coffre.offboarding.certificate.issue import _sources, issue
from coffre.offboarding.certificate.model import CertificateFacts
from coffre.offboarding.certificate.render import is_erasure_established
from coffre.offboarding.certificate.sealed import read_tenant_key
from coffre.offboarding.erase.checks import ServiceKeys
from coffre.offboarding.lifecycle.evidence import (
    BucketCount,
    BucketErased,
    ErasureBegan,
    Locked,
    SecretDestroyed,
    Step,
)
from coffre.offboarding.lifecycle.journal import Journal
from coffre.records.details import to_details
from coffre.records.facts.contract import SecondCopyChange
from coffre.spec import naming
from coffre.spec.storage_platform import AwsPlatform
from coffre.tenant.opening import OpenTenant
from tests.builders import AWS_PLATFORM
from tests.unit.offboarding.departures import (
    HASH,
    ended_on,
    leaving_tenant,
    moment,
    open_tenant,
    verify_and_clear,
    write_whole_departure,
)

THERE, TODAY = "aws-paris", ended_on(5)
MACHINES = ("compta-01", "caisse-01")
WITH_COPY = {"platform": "lab", "quota": "10 GiB", "copy": {"platform": THERE}}
COUNT = BucketCount(objects=700, versions=3, bytes=21_474_836_480)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OpenTenant]:
    """A departure from the original alone, of a tenant whose file names a copy."""
    with open_tenant(tmp_path, leaving_tenant(storage=WITH_COPY), is_embedded=True) as opened:
        there = AwsPlatform.model_validate(AWS_PLATFORM["platforms"]["lab"])
        hosting = there.hosting.model_copy(update={"operator": "Amazon Web Services", "site": "Paris"})
        opened.checkout.settings.platforms[THERE] = there.model_copy(update={"hosting": hosting})
        yield opened


def note_copy(
    opened: OpenTenant, journal: Journal, machine: str, *, is_erased: bool = True, locked: Locked | None = None
) -> None:
    tenant = opened.tenant
    bucket = naming.bucket_name(tenant.slug, tenant.id, machine, is_copy=True)
    owner = f"{opened.buckets.owner_uid}_copy"
    began = ErasureBegan(machine, bucket, "aws.1", owner, tenant.id, COUNT, "aws.1", THERE)
    journal.note(Step.ERASURE_BEGAN, began, machine)
    if is_erased:
        left = BucketCount(versions=4) if locked else BucketCount()
        erased = BucketErased(machine, bucket, COUNT, left, locked is None, locked, THERE)
        journal.note(Step.BUCKET_ERASED, erased, machine)


def write_departure(opened: OpenTenant, *copied: str, is_made: bool = True, **changes: Any) -> Journal:
    """Write a departure in which these machines' copies were erased; ``is_made``: the records have the copy."""
    if is_made:
        opened.log.append(SecondCopyChange(THERE))
    journal = write_whole_departure(opened)
    for machine in copied:
        note_copy(opened, journal, machine, **changes)
    verify_and_clear(opened, journal)
    keys = SecretDestroyed(ServiceKeys(copied_to=THERE), ("secrets/martin_copy.control.age",), HASH)
    journal.note(Step.SECRET_DESTROYED, keys)
    return journal


def facts_of(opened: OpenTenant, journal: Journal) -> CertificateFacts:
    key = read_tenant_key(opened.tenant, opened.checkout, opened.embedded, datetime.now(UTC))
    return build_facts(_sources(opened, journal, TODAY, key))


def of_copies(facts: CertificateFacts) -> list[str]:
    return [each for each in facts.reservations if "copie" in each]


def test_both_places_both_erasures_and_both_bundles_of_keys_are_in_the_documents(opened: OpenTenant) -> None:
    journal = write_departure(opened, *MACHINES)
    facts = facts_of(opened, journal)
    assert (is_erasure_established(facts), of_copies(facts)) == (True, [])
    certificate = issue(opened, journal, TODAY)
    pages = " ".join(page.extract_text() for page in pypdf.PdfReader(certificate.pdf).pages)
    text = " ".join(pages.replace("\u00a0", " ").replace("\u202f", " ").split())
    for words in (
        "certifie que",
        "leur seconde copie a été effacée de même : 1 400 objets courants",
        "Hébergement des sauvegardes Alpes Hébergement SA",
        "Hébergement de la seconde copie Amazon Web Services – Paris",
        "compte 123456789012, région eu-west-3",
        "Sous-traitants ultérieurs de la seconde copie",
        "Amazon Web Services EMEA SARL (LU) : hébergement des sauvegardes",
        "Seconde copie de la machine compta-01",
        "Seconde copie de la machine caisse-01",
        naming.bucket_name("martin", "k7f3q9wz2m", "compta-01", is_copy=True),
        "Clés de la seconde copie (aws-paris)",
        "NIST SP 800-88",
        "Les disques de la plate-forme",
    ):
        assert words in text
    assert "None" not in text
    written = json.loads(certificate.json.read_text(encoding="utf-8"))["certificate"]
    assert written["copy_site"]["account"] == "123456789012"
    assert [[copy["platform"] for copy in each["copies"]] for each in written["machines"]] == [[THERE], [THERE]]


def test_a_tenant_that_never_had_a_copy_has_no_new_key_in_its_documents(tmp_path: Path) -> None:
    with open_tenant(tmp_path, leaving_tenant(), is_embedded=True) as opened:
        journal = write_whole_departure(opened)
        verify_and_clear(opened, journal)
        facts = facts_of(opened, journal)
        assert is_erasure_established(facts)
        text = json.dumps(to_details(facts))
    assert not [key for key in ("copied_to", "copies", "copy_site") if f'"{key}"' in text]


def test_a_copy_that_the_file_names_and_no_apply_ever_made_is_no_fact(opened: OpenTenant) -> None:
    journal = write_whole_departure(opened)
    verify_and_clear(opened, journal)
    facts = facts_of(opened, journal)
    assert (facts.copy_site, of_copies(facts), is_erasure_established(facts)) == (None, [], True)


@pytest.mark.parametrize("copied", [(), ("compta-01",)])
def test_a_copy_without_evidence_of_its_erasure_is_a_reservation(opened: OpenTenant, copied: tuple[str, ...]) -> None:
    facts = facts_of(opened, write_departure(opened, *copied))
    lacking = [name for name in MACHINES if name not in copied]
    assert of_copies(facts) == [
        f"L’effacement de la seconde copie de la machine {name} n’est pas établi." for name in lacking
    ]
    assert not is_erasure_established(facts)


def test_a_copy_whose_erasure_began_and_did_not_end_is_a_reservation(opened: OpenTenant) -> None:
    facts = facts_of(opened, write_departure(opened, *MACHINES, is_erased=False))
    assert [each.startswith("L’effacement de la seconde copie") for each in of_copies(facts)] == [True, True]
    assert not is_erasure_established(facts)


def test_a_lock_on_a_copy_is_told_as_one_on_the_original(opened: OpenTenant) -> None:
    facts = facts_of(opened, write_departure(opened, *MACHINES, locked=Locked(4, moment(ended_on(20)))))
    assert [each.replace("\u00a0", " ") for each in of_copies(facts)] == [
        f"4 versions d’objets de la seconde copie de la machine {name} restent sur la plate-forme, sous un verrou que "
        "nul ne peut lever avant le 20 mai 2027."
        for name in MACHINES
    ]
    assert not is_erasure_established(facts)


def test_the_erasure_of_the_copy_alone_establishes_none_of_the_original(opened: OpenTenant) -> None:
    facts = facts_of(opened, write_departure(opened, *MACHINES))
    without = replace(facts, machines=tuple(replace(each, began=None, erased=None) for each in facts.machines))
    assert not is_erasure_established(without)


def test_what_the_second_person_signs_is_unchanged_without_a_copy(opened: OpenTenant) -> None:
    """A statement signed before copies were known must still verify."""
    journal = write_whole_departure(opened)
    seen: dict[str, object] = {"checks": []}
    began = [
        {
            "machine": name,
            "bucket": opened.buckets.name(name),
            "instance_id": f"a1b2c3d4.{len(name)}.1",
            "owner": opened.buckets.owner_uid,
            "tenant_id": opened.tenant.id,
            "before": {"objects": 1204, "versions": 310, "markers": 12, "uploads": 1, "bytes": 42_949_672_960},
            "marker": "",
        }
        for name in MACHINES
    ]
    assert digest_verification(journal, seen) == digest({"erased": began, "seen": seen})
    note_copy(opened, journal, "compta-01")
    assert digest_verification(journal, seen) != digest({"erased": began, "seen": seen})
