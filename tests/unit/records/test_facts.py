"""Every kind of event is a typed fact, which reads what the version before wrote and writes the same."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from coffre.errors import ExpectedError
from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind, check_recordable
from coffre.records.facts import (
    advice,
    agents,
    availability,
    backups,
    contract,
    departure,
    enrolment,
    inputs,
    retention,
    reviewed,
    supervision,
)
from coffre.records.facts.fact import Fact, RecordedFinding
from coffre.records.facts.mail import MailState, MessageSent
from coffre.records.facts.password_uses import (
    DrillUse,
    ExportUse,
    HandoverUse,
    PasswordReason,
    QuotedUse,
    RemoteRestoreUse,
    RestoreUse,
    RoutineTask,
    RoutineUse,
)
from coffre.records.facts.registry import FACTS, read_as, read_fact, write_fact
from coffre.spec.tenant import HoldKind

CASES = Path(__file__).parents[2] / "cases" / "records"
HASH = "ab" * 32
AGE = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
MOMENT = datetime(2026, 11, 20, 3, 4, 5, tzinfo=UTC)
DAY, FIRST_OF_MAY = date(2027, 3, 2), date(2027, 5, 1)

EXPECTED: list[Fact] = [
    agents.Install("workstation", HASH, "0.2.0", "ssh root@compta.example:22", generation=3),
    agents.Update("workstation", HASH, "0.3.0", "winrm admin@compta.example:5986", generation=4),
    agents.Update("workstation", generation=2),
    agents.OrdersIssued(3, ("plan.paths",)),
    agents.OrdersIssued(4, renews=True),
    agents.OrdersWritten(4),
    agents.Removal(is_changed=True),
    agents.MachineRetired("server", date(2026, 11, 20), date(2027, 3, 31), "AKIA1"),
    contract.QuotaChange(107_374_182_400, ("AV-1",)),
    contract.LicenceChange({"server": 1, "workstation": 2}),
    contract.OptionChange(("escrow",)),
    contract.SuspensionChange(is_suspended=True),
    contract.HoldChange(contract.HoldInFile("TJ 1/27", date(2027, 1, 5), HoldKind.PRESERVE), ("AV-1",)),
    contract.HoldChange(None),
    contract.Commissioned(("compta-01", "caisse-01")),
    backups.PasswordUsed(QuotedUse("drill of snapshot 86288919, seed 7")),
    backups.Drilled(
        7,
        HASH,
        ("/home/été.txt",),
        ("a file differs",),
        (RecordedFinding("packs_gone", {"count": 2, "bytes": 9}),),
        (RecordedFinding("path_not_saved", {"path": "/srv", "state": "empty", "bytes": None}),),
    ),
    backups.Drilled(8, HASH),
    backups.VerificationRun(
        MOMENT, HASH, 12, 4096, 0.1234, False, (backups.PackDamage(HASH, backups.PackFault.ALTERED),), 1, ""
    ),
    backups.VerificationRound(MOMENT, 12, 4096, 1),
    contract.GateChange(True, 5, 4, 9, contract.FillReason.OBJECTS),
    contract.GateChange(False, 3, 4, 9),
    contract.GateChange(False, 3, 4),
    contract.GateWord("a migration", 17, 3),
    contract.OutOfHoursApply("it is Sunday"),
    agents.KeyRotated("the key of compta-01", "moved", "AKIA2", "AKIA1"),
    agents.KeyRotated("the signing key", "begun"),
    backups.Undeleted(MOMENT, 2, 9, ("restic/snapshots/a",), 1, 0, 1),
    backups.Undeleted(MOMENT, 2, 9, (), 0, 0),
    backups.SnapshotSetAside(HASH, "asked by letter"),
    backups.SnapshotBroughtBack(HASH, "asked back"),
    backups.SnapshotsReleased("hidden", (HASH,)),
    backups.SnapshotsReleased(
        "acknowledged", (), "a disk was lost", (RecordedFinding("reports_gone", {"number": None, "known": 7}),)
    ),
    backups.NewRepository("all is lost", 2, HASH),
    backups.NewRepository("all is lost", 0),
    agents.MachineReplaced("a new PC", agents.AcceptedBefore("compta", "0a1b", MOMENT)),
    agents.MachineReplaced("a new PC"),
    agents.PathsAccepted("it is empty", 5, (agents.PathSize("/srv", 0, 0),)),
    departure.DepartureStage(DAY, identity=departure.AuthorProof.DECLARED, stage=departure.Stage.NOTIFIED),
    departure.DepartureStage(DAY, "vieux-pc", departure.AuthorProof.PROVED, "0f0f", stage=departure.Stage.ERASED),
    departure.DepartureStep(
        DAY, identity=departure.AuthorProof.DECLARED, step="frozen", evidence={"machines": ["compta-01"]}
    ),
    departure.LetterPosted(departure.LetterKind.REMINDER, "rappel.pdf", HASH, MailState.WRITTEN, DAY),
    departure.LetterPosted(departure.LetterKind.ERASED, "fin.pdf", HASH, MailState.SENT, DAY, "a@b.example", "<1@b>"),
    contract.Disclosed("REQ-1", contract.DisclosureState.BEGUN, "files"),
    contract.Disclosed(
        "REQ-1",
        contract.DisclosureState.COMPLETE,
        sealed_in="/mnt/x",
        statement_sha256=HASH,
        machines=({"machine": "compta-01", "files": 2},),
    ),
    contract.HoldPlaced("REQ-1", date(2027, 1, 5), HoldKind.BLOCK_ACCESS),
    contract.HoldLifted("REQ-1", "a letter"),
    departure.RecordsTrimmed(FIRST_OF_MAY, (departure.TrimmedCount("drill", 2),), True),
    backups.CopyRun(
        "aws-paris",
        MOMENT,
        False,
        2,
        12,
        4096,
        (backups.UncopiedObject(f"restic/data/ab/{HASH}", backups.CopyFault.ALTERED),),
        1,
    ),
    contract.SecondCopyChange("aws-paris", ("AV-2027-03",)),
    departure.RecordsBegun("the disk died"),
    reviewed.ReviewedApply(
        reviewed.ApplyState.DONE,
        "ab" * 32,
        "0123456789abcdef0123456789abcdef01234567",
        ("boris",),
        ("resources", "protection"),
        7,
        "anna",
        "chloe",
    ),
    inputs.InputsApplied(HASH, HASH, is_complete=True, has_agents=False),
    enrolment.EnrolmentInvited("0" * 32, MOMENT, needs_confirmation=True),
    enrolment.EnrolmentRevoked("0" * 32, "the mail went astray"),
    enrolment.EnrolmentMisused("1" * 32, ("0123-4567-89ab-cdef",)),
    enrolment.ConfigurationDelivered(1, AGE, HASH, "1" * 32, "portable-de-léa"),
    enrolment.ConfigurationDelivered(2, AGE, HASH),
    inputs.InputsApplied(
        HASH, HASH, is_complete=True, has_agents=True, file_sha256=HASH, platform_file_sha256="cd" * 32
    ),
    supervision.FindingOpened(RecordedFinding("quota_near", {"percent": 80, "used_bytes": 9, "quota_bytes": 10}), "80"),
    supervision.FindingOpened(
        RecordedFinding("platform_away", {"error": "nobody answers", "tenants": 2}), platform="lab"
    ),
    supervision.FindingClosed("quota_near", MOMENT, "80"),
    supervision.FindingWord(7, "quota_near", supervision.Word.ACKNOWLEDGED, "an amendment is on its way"),
    supervision.FindingWord(7, "quota_near", supervision.Word.SILENCED, "until it is signed", MOMENT),
    supervision.FindingWord(7, "quota_near", supervision.Word.TICKET, ticket="INC-17"),
    supervision.PauseDeclared(MOMENT, "the shop is closed"),
    supervision.PauseEnded("it is open again"),
    supervision.RetentionFrozen(
        (RecordedFinding("rewritten", {"files": 900, "files_before": 1000}),),
        last_good_snapshot_id=HASH,
        last_good_at=MOMENT,
    ),
    supervision.RetentionFrozen(reason="the customer calls: their files are locked"),
    supervision.RetentionReleased("an accountant encrypted her folder"),
    MessageSent(7, "quota_near", "begin", "claire@martin.example", "<0f0f@smileo.example>", "250 taken", HASH),
    MessageSent(8, "quota_reached", "end", "claire@martin.example", "<1f1f@smileo.example>", "250 taken", HASH, 3),
    retention.PruningBegan(),
    retention.PruningEnded(),
    retention.RetentionAgreed((retention.Agreement.AMOUNT, retention.Agreement.LOSS), "M. Martin, by mail"),
    retention.Pruned(3, 40, 9000, 7000, 9500, 9600, unused_bytes=12),
    retention.Pruned(0, 40, 9000, 9000, 9500, 4000, freed_bytes=5500, problem="the repository's index is damaged"),
    retention.PruneRefused((RecordedFinding("retention_too_much", {"count": 70, "days": 70, "of_days": 100}),)),
    advice.AdviceGiven(1, "back up the new server too", advice.AdviceMeans.MAIL, date(2027, 1, 31)),
    advice.AdviceGiven(2, "keep a year of backups", advice.AdviceMeans.PHONE),
    advice.AdviceEnded(1, advice.AdviceOutcome.DECLINED, "Mme Martin writes that it is replaced in spring"),
    availability.MaintenanceDeclared("lab", MOMENT, MOMENT + timedelta(hours=2), "Ceph 19"),
    availability.MaintenanceDeclared("lab", MOMENT, MOMENT + timedelta(hours=3), "Ceph 19", is_urgent=True),
    availability.MaintenanceWithdrawn("lab", MOMENT),
    availability.ChangeWindowDeclared(MOMENT, MOMENT + timedelta(hours=2), "the move that Mme Martin asked for"),
    availability.TimeExcluded(
        "lab",
        MOMENT,
        MOMENT + timedelta(hours=2),
        "the river flooded the site",
        availability.ExclusionCause.THIRD_PARTY,
    ),
    availability.ExclusionRevoked("lab", MOMENT, MOMENT + timedelta(hours=2), "it was another site"),
    backups.Drilled(9, HASH, ("/srv/a",), reading=backups.Reading(12.345, 268_435_456, 20, "ceph-1")),
    backups.Restored(HASH, backups.Reading(61.5, 1_073_741_824, 4211, "ceph-1", "caisse-01")),
    backups.Restored(HASH),
]
"""What the events of `every-kind.sqlite.sql` say, in their order."""

SHORTER = {2, 17, 22, 28}
"""Places of events without fields that came later: what is written today has them."""

USED = 15
"""The place of an event whose reason was a sentence: today's reasons are typed."""

REASONS: list[tuple[PasswordReason, dict[str, object]]] = [
    *((RoutineUse(task), {"task": task.value, "kind": "routine"}) for task in RoutineTask),
    (DrillUse(HASH, 7), {"snapshot": HASH, "seed": 7, "kind": "drill"}),
    (RestoreUse("latest", "/srv/x"), {"snapshot": "latest", "directory": "/srv/x", "kind": "restore"}),
    (
        RemoteRestoreUse("latest", "caisse-01"),
        {"snapshot": "latest", "machine": "caisse-01", "handed_over": False, "kind": "remote_restore"},
    ),
    (
        RemoteRestoreUse(HASH, "caisse-01", "/srv/y", is_handed_over=True),
        {"snapshot": HASH, "machine": "caisse-01", "folder": "/srv/y", "handed_over": True, "kind": "remote_restore"},
    ),
    (
        HandoverUse("files", "directory"),
        {"format": "files", "via": "directory", "handed_over": False, "kind": "handover"},
    ),
    (
        HandoverUse("repository", "s3", "REQ-1", is_handed_over=True),
        {"format": "repository", "via": "s3", "reference": "REQ-1", "handed_over": True, "kind": "handover"},
    ),
    (ExportUse(("age1x",), "an audit"), {"recipients": ["age1x"], "reason": "an audit", "kind": "export"}),
    (QuotedUse("drill"), {"text": "drill", "kind": "quoted"}),
]
"""Every reason for the use of a password, and its stored form."""


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Event]]:
    """Events of every kind in a database that the version before wrote."""
    root = tmp_path_factory.mktemp("records")
    with sqlite3.connect(root / "records.db") as connection:
        connection.executescript((CASES / "every-kind.sqlite.sql").read_text(encoding="utf-8"))
    connection.close()
    with Records.open("sqlite:records.db", root) as records:
        yield records.list_events("k7f3q9wz2m")
        assert records.verify().faults == ()


def test_every_kind_has_its_fact_and_is_among_those_of_before(before: list[Event]) -> None:
    assert set(FACTS) == {event.kind for event in before} == set(EventKind)
    assert len(set(FACTS.values())) == len(FACTS)


@pytest.mark.parametrize("place", range(len(EXPECTED)))
def test_an_event_of_before_is_read_as_its_fact(before: list[Event], place: int) -> None:
    assert len(before) == len(EXPECTED)
    assert read_fact(before[place]) == EXPECTED[place]
    assert read_as(before[place], type(EXPECTED[place])) == EXPECTED[place]


@pytest.mark.parametrize("place", sorted(set(range(len(EXPECTED))) - SHORTER - {USED}))
def test_a_fact_is_written_as_before_byte_for_byte(before: list[Event], place: int) -> None:
    assert json.dumps(write_fact(EXPECTED[place])) == json.dumps(before[place].details)


@pytest.mark.parametrize(
    ("reference", "hold"),
    [
        ("confidential, see `coffre hold list`", contract.HoldInFile(None, FIRST_OF_MAY, HoldKind.PRESERVE, True)),
        (
            "TJ 1/27; another is confidential, see `coffre hold list`",
            contract.HoldInFile("TJ 1/27", FIRST_OF_MAY, HoldKind.PRESERVE, True),
        ),
        ("TJ 1/27", contract.HoldInFile("TJ 1/27", FIRST_OF_MAY, HoldKind.PRESERVE)),
    ],
)
def test_a_hold_that_was_confidential_by_a_sentence_is_read_as_values(
    reference: str, hold: contract.HoldInFile
) -> None:
    stored = {"hold": {"reference": reference, "since": "2027-05-01", "kind": "preserve"}, "amendments": []}
    event = Event("k7", "martin", EventKind.HOLD_CHANGE, MOMENT, "claire", details=stored)
    fact = read_as(event, contract.HoldChange)
    assert fact == contract.HoldChange(hold)
    today = Event("k7", "martin", EventKind.HOLD_CHANGE, MOMENT, "claire", details=write_fact(fact))
    assert read_fact(today) == fact
    assert "coffre hold list" not in json.dumps(today.details)


@pytest.mark.parametrize(("reason", "stored"), REASONS)
def test_a_reason_for_a_password_is_stored_as_values_and_read_back(
    reason: PasswordReason, stored: dict[str, object]
) -> None:
    fact = backups.PasswordUsed(reason)
    assert write_fact(fact) == {"reason": stored}
    details = json.loads(json.dumps(write_fact(fact)))
    event = Event("k7", "martin", EventKind.PASSWORD_USED, MOMENT, "claire", details=details)
    check_recordable(event)
    assert read_fact(event) == fact


def test_the_sentence_of_an_event_of_before_is_read_unchanged_and_stays_as_it_is(before: list[Event]) -> None:
    event = before[USED]
    assert event.details == {"reason": "drill of snapshot 86288919, seed 7"}
    assert read_as(event, backups.PasswordUsed).reason == QuotedUse("drill of snapshot 86288919, seed 7")
    assert event.details == {"reason": "drill of snapshot 86288919, seed 7"}


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        (EventKind.HOLD_PLACED, {"since": "soon"}),
        (EventKind.DEPARTURE, {"on": "2027-03-02"}),
        (EventKind.DEPARTURE_STEP, {"on": "2027-03-02"}),
        (EventKind.INSTALL, {"licence": "server"}),
        (EventKind.PASSWORD_USED, {"reason": {"kind": "unheard-of"}}),
        (EventKind.PASSWORD_USED, {"reason": {"kind": "routine", "task": "unheard-of"}}),
        (EventKind.PASSWORD_USED, {}),
    ],
)
def test_what_is_missing_or_absurd_in_an_event_is_said(kind: EventKind, details: dict[str, object]) -> None:
    event = Event("k7", "martin", kind, MOMENT, "claire", details=details, id=7)
    with pytest.raises(ExpectedError, match=f"event 7 of martin, of the kind {kind.value}, has unexpected details"):
        read_fact(event)


def test_an_event_is_not_read_as_a_fact_of_another_kind() -> None:
    event = Event("k7", "martin", EventKind.ORDERS_WRITTEN, MOMENT, "claire", details={"generation": 1})
    with pytest.raises(TypeError, match="OrdersIssued"):
        read_as(event, agents.OrdersIssued)
