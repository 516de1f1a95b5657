"""Erasure needs two clocks that agree, and a journal whose days never go back."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from coffre.errors import RefusedError
from coffre.offboarding.lifecycle.clock import check_day_of_erasure, day_of, read_today, refuse_apart, refuse_before
from coffre.offboarding.lifecycle.evidence import Frozen, Step
from coffre.offboarding.lifecycle.journal import Journal
from coffre.records.facts.departure import Stage
from coffre.tenant.lookup import local_today
from tests.builders import tenant_with
from tests.unit.offboarding.departures import open_tenant


@pytest.mark.parametrize("offset", [0.0, 299.0, -299.0, 300.0])
def test_clocks_within_five_minutes_are_believed(offset: float) -> None:
    refuse_apart(offset)


@pytest.mark.parametrize(("offset", "way"), [(301.0, "ahead of"), (-1200.0, "behind")])
def test_clocks_further_apart_erase_nothing_and_say_which_is_where(offset: float, way: str) -> None:
    with pytest.raises(RefusedError, match=way):
        refuse_apart(offset)


def test_the_day_can_be_set_on_the_embedded_platform_only(tmp_path: Path) -> None:
    day = date(2027, 3, 2)
    with open_tenant(tmp_path, tenant_with(), is_embedded=True) as opened:
        assert read_today(opened.tenant, opened.embedded, day) == day
    with open_tenant(tmp_path, tenant_with()) as opened:
        with pytest.raises(RefusedError, match="--today is refused"):
            read_today(opened.tenant, opened.embedded, day)
        assert read_today(opened.tenant, opened.embedded, None) == local_today(opened.tenant)


def test_a_journal_never_goes_back_in_time(tmp_path: Path) -> None:
    with open_tenant(tmp_path, tenant_with()) as opened:
        Journal(opened.log, date(2027, 3, 2)).enter(Stage.NOTIFIED)
        Journal(opened.log, date(2027, 3, 2)).refuse_earlier_day()
        with pytest.raises(RefusedError, match="2027-03-02"):
            Journal(opened.log, date(2027, 3, 1)).refuse_earlier_day()


def test_what_the_journal_says_already_is_written_once_and_a_second_look_twice(tmp_path: Path) -> None:
    with open_tenant(tmp_path, tenant_with()) as opened:
        journal = Journal(opened.log, date(2027, 3, 2))
        for again in (False, False, True):
            journal.note(Step.FROZEN, Frozen(("compta-01",)), again=again)
        assert len(journal.steps(Step.FROZEN)) == 2
        journal.enter(Stage.RENOUNCED)
        assert journal.entries() == []
        assert journal.stage is None


@pytest.mark.parametrize("days", [(date(2027, 3, 1), date(2027, 3, 2)), (date(2027, 3, 2), date(2027, 3, 1))])
def test_both_clocks_have_to_say_that_the_day_is_there(days: tuple[date, date]) -> None:
    refuse_before(date(2027, 3, 2), (date(2027, 3, 2), date(2027, 3, 3)))
    with pytest.raises(RefusedError, match="nothing is erased before 2027-03-02"):
        refuse_before(date(2027, 3, 2), days)


def test_a_day_is_the_customer_s_wherever_the_platform_stands() -> None:
    late = datetime(2027, 3, 1, 23, 30, tzinfo=UTC)
    assert (day_of(late, "Europe/Paris"), day_of(late, "America/Cayenne")) == (date(2027, 3, 2), date(2027, 3, 1))


def test_a_day_that_is_not_there_erases_nothing_but_on_the_embedded_platform(tmp_path: Path) -> None:
    day = date(2027, 3, 2)
    with open_tenant(tmp_path, tenant_with()) as opened:
        today = local_today(opened.tenant)
        check_day_of_erasure(opened.tenant, opened.storage, opened.embedded, today, today)
        with pytest.raises(RefusedError, match="nothing is erased before"):
            check_day_of_erasure(opened.tenant, opened.storage, opened.embedded, day, day)
        opened.storage.ahead = timedelta(minutes=20)  # type: ignore[attr-defined]
        with pytest.raises(RefusedError, match="1200 s ahead"):
            check_day_of_erasure(opened.tenant, opened.storage, opened.embedded, today, today)
    with open_tenant(tmp_path, tenant_with(), is_embedded=True) as opened:
        check_day_of_erasure(opened.tenant, opened.storage, opened.embedded, day, day)
        today = local_today(opened.tenant)
        with pytest.raises(RefusedError, match="nothing is erased before"):
            check_day_of_erasure(opened.tenant, opened.storage, opened.embedded, today, today + timedelta(days=1))
