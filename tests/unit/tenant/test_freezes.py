"""A frozen retention: in force once it is recorded, machine by machine, until a person releases it."""

import pytest

from coffre.errors import RefusedError
from coffre.records.facts.fact import RecordedFinding
from coffre.records.facts.supervision import RetentionFrozen
from coffre.tenant.estate.freezes import (
    find_freeze,
    find_release,
    freeze_retention,
    list_freezes,
    release_retention,
)
from tests.builders import tenant_with
from tests.doubles.log import InMemoryLog

COMPTA, CAISSE = "compta-01", "caisse-01"
SEEN = RetentionFrozen((RecordedFinding("rewritten", {"files": 900}),))


def test_only_the_machine_that_was_named_is_frozen_and_a_second_freeze_changes_nothing() -> None:
    log = InMemoryLog()
    assert (find_freeze(log, COMPTA), list_freezes(log)) == (None, {})
    first = freeze_retention(log, COMPTA, SEEN)
    assert freeze_retention(log, COMPTA, RetentionFrozen(reason="again")) == first
    assert (find_freeze(log, COMPTA), find_freeze(log, CAISSE)) == (first, None)
    assert list_freezes(log) == {COMPTA: first}
    assert len(log.events) == 1


def test_a_release_is_recorded_with_its_reason_and_a_later_freeze_counts_again() -> None:
    log = InMemoryLog()
    freeze_retention(log, COMPTA, SEEN)
    assert find_release(log, COMPTA) is None
    release_retention(log, COMPTA, "a migration")
    assert (list_freezes(log), find_release(log, COMPTA)) == ({}, log.events[-1].at)
    with pytest.raises(RefusedError, match="is not frozen"):
        release_retention(log, COMPTA, "once more")
    assert freeze_retention(log, COMPTA, SEEN).fact == SEEN


def test_a_tenant_keeps_all_of_a_frozen_machine_and_of_none_of_its_others() -> None:
    tenant = tenant_with()
    frozen = tenant.with_frozen([COMPTA])
    assert (frozen.keeps_all(COMPTA), frozen.keeps_all(CAISSE), tenant.keeps_all(COMPTA)) == (True, False, False)
    assert "frozen" not in repr(frozen.model_dump())
