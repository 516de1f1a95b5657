"""Evidence survives the way through the records' JSON."""

import json
from datetime import UTC, date, datetime
from typing import get_args

import pytest

from coffre.offboarding.erase.checks import (
    Absent,
    ContentsSeen,
    CustomerSeen,
    ErasureCheck,
    ErasureLook,
    KeyAnswer,
    KeyTried,
    Left,
    OwnedBuckets,
    Present,
    Quoted,
    RepositoryPasswords,
    RestoreAnswer,
    RestoreTried,
    Seen,
    ServiceKeys,
    ToldByLetter,
)
from coffre.offboarding.lifecycle.evidence import (
    Agent,
    AgentOutcome,
    Approved,
    Attestation,
    BucketCount,
    BucketErased,
    ErasureBegan,
    Flaws,
    Locked,
    OwnerErased,
    OwnerErasureBegan,
    OwnerProved,
    RestoreLeft,
    Returned,
    SecretDestroyed,
    UserDeleted,
    Verified,
    read_evidence,
)
from coffre.records.details import to_details
from coffre.records.events import Event, EventKind, check_recordable
from coffre.records.facts.departure import Attested
from coffre.secrets.identifiers import Generation, SecretId, SecretKind

NOON = datetime(2027, 3, 2, 12, tzinfo=UTC)
COUNT = BucketCount(objects=3, versions=2, markers=1, uploads=1, bytes=4096)

SEEN: list[Seen] = [
    Absent(),
    Present(),
    Present(owner="martin-k7"),
    ContentsSeen(versions=3, markers=2, uploads=1),
    Left(names=("a", "b")),
    OwnedBuckets(sought=2, names=("a",)),
    *(KeyTried(answer=answer, said="no") for answer in KeyAnswer),
    *(RestoreTried(answer=answer, said="no") for answer in RestoreAnswer),
    CustomerSeen(is_listed=False, is_answering=True, is_being_deleted=False),
    CustomerSeen(is_listed=False, is_answering=False, is_being_deleted=True, deleted_at=NOON, recoverable_until=NOON),
    Quoted(text="something"),
]
PASSED = ErasureCheck(ErasureLook.USER, "martin-k7", True, Absent())
FAILED = ErasureCheck(
    ErasureLook.KEY,
    "AKIA1",
    False,
    KeyTried(answer=KeyAnswer.ACCEPTED),
    SecretId(SecretKind.MACHINE_KEY, "m1", Generation.OLD),
)

EVIDENCE = [
    Approved(
        "1a2b3c",
        ("anna@smileo.example",),
        "paul@smileo.example",
        "C. Martin",
        "erase",
        date(2027, 1, 4),
        date(2027, 2, 28),
    ),
    Returned("m1", "files", ("1a2b",), "/mnt/x", 3, 10, "ab" * 32, 0, NOON, NOON, 1.5, 2.0),
    Returned("m1", "repository", (), "/x", 3, 10, "ab" * 32, 0, NOON, NOON, 1.5, 2.0, True, ("c",), Flaws(3, 2, False)),
    Attestation(Attested.DATA_RECOVERED, "recu.pdf", "cd" * 32, date(2027, 2, 1)),
    Agent("m1", "linux", AgentOutcome.UNREACHED, None, ToldByLetter(on=date(2027, 3, 1))),
    Agent("m1", "linux", AgentOutcome.UNREACHED, None, Quoted(text="lettre du 1er mars 2027")),
    Agent("m1", "linux", AgentOutcome.REMOVED, NOON),
    ErasureBegan("m1", "martin-m1-0123456789", "id.1", "martin-k7", "k7", COUNT),
    BucketErased("m1", "b", COUNT, BucketCount(versions=1, bytes=5), False, Locked(1, NOON)),
    BucketErased("m1", "b", COUNT, BucketCount(), True),
    ErasureBegan("m1", "martin-m1-9876543210", "id.2", "martin-k7_copy", "k7", COUNT, "m.2", "aws-paris"),
    BucketErased("m1", "c", COUNT, BucketCount(), True, copied_to="aws-paris"),
    SecretDestroyed(ServiceKeys(copied_to="aws-paris"), (), "ef" * 32),
    SecretDestroyed(RepositoryPasswords(), (".coffre/secrets", ".coffre/escrow"), "ef" * 32),
    SecretDestroyed(RepositoryPasswords(machine="m1"), (), "ef" * 32),
    SecretDestroyed(ServiceKeys(), (), "ef" * 32),
    SecretDestroyed(Quoted(text="the data bundle"), (), "ef" * 32),
    UserDeleted("martin-k7.m1", ("AKIA1", "AKIA2")),
    RestoreLeft("portable-01", "vendor", "Acronis International GmbH", "https://eu2-cloud.acronis.com"),
    OwnerProved("vendor", "coffre:k7", "6e6d758d", "Martin", 4, False, ("pw_base_workstations 3",), 1),
    OwnerErasureBegan("vendor", "6e6d758d", 4),
    OwnerErased("vendor", "coffre:k7", "6e6d758d", NOON, NOON),
    OwnerErased("vendor", "coffre:k7", "6e6d758d", None, None),
    Verified((PASSED, FAILED)),
    *(Verified((ErasureCheck(ErasureLook.BUCKET, "b", False, seen),)) for seen in SEEN),
]


@pytest.mark.parametrize("evidence", EVIDENCE, ids=lambda each: type(each).__name__)
def test_evidence_reads_back_as_it_was_written(evidence: object) -> None:
    details = json.loads(json.dumps(to_details(evidence)))
    assert read_evidence(type(evidence), {**details, "on": "2027-03-02", "step": "x"}) == evidence


@pytest.mark.parametrize("evidence", EVIDENCE, ids=lambda each: type(each).__name__)
def test_evidence_may_stand_in_an_event(evidence: object) -> None:
    """No name of a field looks like that of a secret: the records would refuse it."""
    check_recordable(Event("k7", "martin", EventKind.DEPARTURE_STEP, NOON, "anna", details=to_details(evidence)))


def test_a_return_that_was_recorded_before_flaws_were_told_has_none() -> None:
    details = to_details(EVIDENCE[1])
    del details["flaws"]
    assert read_evidence(Returned, details) == EVIDENCE[1]


def test_flaws_that_were_recorded_before_files_came_apart_have_none() -> None:
    details = to_details(EVIDENCE[1])
    details["flaws"] = {"foreign": 3, "damaged": 0, "is_whole": False}
    assert read_evidence(Returned, details).flaws == Flaws(foreign=3, is_whole=False)


def test_a_verification_without_checks_proves_nothing() -> None:
    assert not Verified(()).is_passed
    assert not Verified((PASSED, FAILED)).is_passed
    assert Verified((PASSED, FAILED)).failed == [FAILED]
    assert Verified((PASSED,)).is_passed


def test_every_kind_of_what_is_seen_is_read_back_here() -> None:
    assert {type(seen) for seen in SEEN} == set(get_args(Seen))
    assert len({seen.kind for seen in SEEN}) == len(get_args(Seen))


def test_a_kind_that_this_version_does_not_know_is_an_error_and_no_other_kind() -> None:
    recorded = {"look": "bucket", "subject": "b", "passed": True, "seen": {"kind": "something newer"}}
    with pytest.raises(ValueError, match="something newer"):
        read_evidence(Verified, {"checks": [recorded]})


@pytest.mark.parametrize(
    "evidence",
    [
        ErasureBegan("m1", "martin-m1-0123456789", "id.1", "martin-k7", "k7", COUNT, "m.1"),
        BucketErased("m1", "b", COUNT, BucketCount(), True),
        SecretDestroyed(ServiceKeys(), (), "ef" * 32),
    ],
    ids=lambda each: type(each).__name__,
)
def test_evidence_of_the_original_is_written_as_before_there_were_copies(evidence: object) -> None:
    """Its bytes are hashed and signed: no key may come in, and a journal of before reads the same."""
    details = json.dumps(to_details(evidence))
    assert "copied_to" not in details
    assert read_evidence(type(evidence), json.loads(details)) == evidence
