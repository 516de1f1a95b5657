"""The state machine of a departure: every stage held against what may hold it up, and what may not."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from coffre.errors import RefusedError
from coffre.offboarding.lifecycle.calendar import plan_calendar
from coffre.offboarding.lifecycle.stages import (
    TRANSITIONS,
    Facts,
    find_transition,
    is_late,
    refuse_renouncing,
    render_table,
)
from coffre.records.facts.departure import Stage
from coffre.spec.leaving import Choice
from coffre.spec.platform import Offboarding
from coffre.tenant.departure import BEFORE_ERASURE
from tests.unit.offboarding.lifecycle.test_calendar import leaving_with

CALENDAR = plan_calendar(leaving_with(), Offboarding())
DAY = timedelta(days=1)
DONE = Facts(
    today=CALENDAR.certificate_due_on,
    calendar=CALENDAR,
    choice=Choice.RETURN,
    has_receipt=True,
    is_verified=True,
)
"""Everything is there, and every day is over."""


def wait(stage: Stage | None, **changes: object):
    transition = find_transition(stage)
    assert transition is not None
    return transition.wait(replace(DONE, **changes))  # type: ignore[arg-type]


def test_the_table_leads_from_nothing_to_the_end_through_every_stage() -> None:
    stage, path = None, []
    while (transition := find_transition(stage)) is not None:
        stage = transition.target
        path.append(stage)
    assert path == [each for each in Stage if each is not Stage.RENOUNCED]
    assert find_transition(Stage.RENOUNCED) is None


@pytest.mark.parametrize("transition", TRANSITIONS, ids=lambda each: each.target.value)
def test_nothing_waits_once_all_is_there(transition) -> None:
    assert transition.wait(DONE) is None


@pytest.mark.parametrize(
    ("stage", "first_day"),
    [
        (None, CALENDAR.notice_on),
        (Stage.SERVING, CALENDAR.service_ends_on + DAY),
        (Stage.DISMANTLED, CALENDAR.erasure_from),
    ],
)
def test_a_stage_with_a_day_waits_until_that_day_and_says_it(stage: Stage | None, first_day: date) -> None:
    waiting = wait(stage, today=first_day - DAY)
    assert waiting is not None
    assert waiting.until == first_day
    assert wait(stage, today=first_day) is None


def test_the_receipt_counts_for_a_return_and_the_period_alone_for_an_erasure() -> None:
    before = CALENDAR.retrieval_ends_on
    assert wait(Stage.RETURNED, today=before) is None
    assert wait(Stage.RETURNED, today=before, has_receipt=False) is not None
    assert wait(Stage.RETURNED, today=before, choice=Choice.ERASE) is not None
    assert wait(Stage.RETURNED, today=before + DAY, has_receipt=False) is None


def test_a_receipt_never_brings_the_day_of_erasure_forward() -> None:
    assert wait(Stage.DISMANTLED, today=CALENDAR.retrieval_ends_on, has_receipt=True) is not None


def test_unreturned_data_stops_everything_whatever_the_day() -> None:
    waiting = wait(Stage.FROZEN, unreturned=("compta-01",))
    assert waiting is not None
    assert "compta-01" in waiting.what


def test_machines_that_cannot_be_reached_hold_up_nothing_from_the_due_day_on() -> None:
    due_on = CALENDAR.erasure_due_on
    assert wait(Stage.ACKNOWLEDGED, today=due_on - DAY, agents_left=("caisse-01",)) is not None
    assert wait(Stage.ACKNOWLEDGED, today=due_on, agents_left=("caisse-01",)) is None
    assert wait(Stage.ACKNOWLEDGED, today=CALENDAR.notice_on) is None


@pytest.mark.parametrize("stage", [Stage.DISMANTLED, Stage.VERIFIED])
def test_a_hold_stops_every_deletion_on_any_day(stage: Stage) -> None:
    waiting = wait(stage, hold="TGI Grenoble 12/34")
    assert waiting is not None
    assert "TGI Grenoble 12/34" in waiting.what


def test_a_lock_of_the_platform_becomes_the_date() -> None:
    until = CALENDAR.certificate_due_on + 40 * DAY
    waiting = wait(Stage.DISMANTLED, locked_until=until)
    assert waiting is not None
    assert waiting.until == until
    assert wait(Stage.DISMANTLED, locked_until=until, today=until) is None


def test_nothing_is_closed_without_a_verification() -> None:
    assert wait(Stage.ERASED, is_verified=False) is not None


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.RENOUNCED])
@pytest.mark.parametrize("has_erasure_begun", [True, False])
def test_a_departure_can_be_renounced_until_anything_was_erased(stage: Stage, has_erasure_begun: bool) -> None:
    if stage in BEFORE_ERASURE and not has_erasure_begun:
        refuse_renouncing("martin", stage, has_erasure_begun=has_erasure_begun)
    else:
        with pytest.raises(RefusedError, match="martin can no longer stay"):
            refuse_renouncing("martin", stage, has_erasure_begun=has_erasure_begun)


def test_late_is_the_day_after_erasure_or_certificate_was_due() -> None:
    erasure, certificate = CALENDAR.erasure_due_on, CALENDAR.certificate_due_on
    assert not is_late(replace(DONE, today=erasure), Stage.DISMANTLED)
    assert is_late(replace(DONE, today=erasure + DAY), Stage.DISMANTLED)
    assert not is_late(replace(DONE, today=certificate), Stage.ERASED)
    assert is_late(replace(DONE, today=certificate + DAY), Stage.VERIFIED)
    assert not is_late(replace(DONE, today=certificate + DAY), Stage.CLOSED)


def test_the_table_names_every_transition_and_the_way_back() -> None:
    table = render_table()
    assert all(f"| {transition.target.value} |" in table for transition in TRANSITIONS)
    assert "| renounced |" in table
