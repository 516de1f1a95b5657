"""What stays of a tenant after the end: every kind of record is decided about, and the rest goes."""

from datetime import date
from pathlib import Path

import pytest

from coffre.offboarding.lifecycle import keeping_after
from coffre.offboarding.lifecycle.journal import Journal
from coffre.offboarding.lifecycle.keeping_after import RetentionReason, judge_kinds, kept_until, trim_records
from coffre.offboarding.notices import words
from coffre.records.database.store import Records
from coffre.records.events import EventKind
from coffre.records.facts.agents import Install
from coffre.records.facts.backups import PasswordUsed
from coffre.records.facts.password_uses import RoutineTask, RoutineUse
from coffre.spec.platform import Offboarding
from coffre.tenant.departure import Stage
from tests.unit.offboarding.departures import leaving_tenant, open_tenant

CLOSED_ON = date(2027, 5, 12)


def test_every_kind_of_event_is_decided_about() -> None:
    assert set(keeping_after._REASONS) == set(EventKind)
    assert set(words.KEPT) == set(RetentionReason)


def test_journal_and_billing_stay_and_uses_of_passwords_go() -> None:
    kept = judge_kinds()
    assert kept[EventKind.DEPARTURE_STEP].why is RetentionReason.JOURNAL
    assert kept[EventKind.INSTALL].why is RetentionReason.BILLING
    assert EventKind.PASSWORD_USED not in kept


@pytest.mark.parametrize(
    ("reason", "closed_on", "until"),
    [
        (RetentionReason.JOURNAL, CLOSED_ON, date(2032, 5, 12)),
        (RetentionReason.AUTHORITIES, date(2028, 2, 29), date(2033, 2, 28)),
        (RetentionReason.BILLING, CLOSED_ON, date(2037, 12, 31)),
    ],
)
def test_each_reason_has_its_last_day(reason: RetentionReason, closed_on: date, until: date) -> None:
    assert kept_until(reason, closed_on, Offboarding()) == until


def test_trimming_leaves_the_journal_as_it_was(tmp_path: Path) -> None:
    with (
        Records.open("sqlite:records.db", tmp_path) as records,
        open_tenant(tmp_path, leaving_tenant(), records=records) as opened,
    ):
        journal = Journal(opened.log, CLOSED_ON)
        journal.enter(Stage.VERIFIED)
        opened.log.append(PasswordUsed(RoutineUse(RoutineTask.CHECK_STRUCTURE)), "compta-01")
        opened.log.append(Install(generation=1), "compta-01")
        before = journal.entries()
        assert trim_records(opened.log, journal) == {EventKind.PASSWORD_USED: 1}
        assert trim_records(opened.log, journal) == {}
        assert journal.entries() == before
        kinds = [event.kind for event in opened.records.list_events(opened.tenant.id)]
        assert kinds == [EventKind.DEPARTURE, EventKind.INSTALL, EventKind.RECORDS_TRIMMED]
