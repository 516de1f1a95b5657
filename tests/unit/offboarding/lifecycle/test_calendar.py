"""The dates of a departure, held against the texts that they come from."""

from datetime import date, timedelta

import pytest

from coffre.offboarding.lifecycle.calendar import Milestone, plan_calendar
from coffre.spec.leaving import Leaving
from coffre.spec.platform import Offboarding

DELAYS = Offboarding()


def leaving_with(**changes: object) -> Leaving:
    fields = {
        "notice_on": date(2026, 11, 2),
        "ends_on": date(2026, 12, 31),
        "requested_by": "Claire Martin",
        "approved_by": "paul@smileo.example",
        "choice": "erase",
    }
    return Leaving.model_validate({**fields, **changes})


def test_each_date_follows_from_the_one_before() -> None:
    calendar = plan_calendar(leaving_with(), DELAYS)
    assert [(entry.milestone, entry.on.isoformat()) for entry in calendar.entries] == [
        (Milestone.NOTICE, "2026-11-02"),
        (Milestone.NOTICE_ENDS, "2026-12-31"),
        (Milestone.NOTICE_AT_MOST, "2027-01-02"),
        (Milestone.SERVICE_ENDS, "2027-01-30"),
        (Milestone.REMINDER, "2027-02-22"),
        (Milestone.RETRIEVAL_ENDS, "2027-03-01"),
        (Milestone.ERASURE_FROM, "2027-03-02"),
        (Milestone.ERASURE_DUE, "2027-03-09"),
        (Milestone.CERTIFICATE_DUE, "2027-03-16"),
    ]
    assert all(entry.source for entry in calendar.entries)


def test_a_return_asked_for_changes_no_date() -> None:
    wanted = {"format": "files", "to": {"via": "directory", "path": "/mnt/disque"}}
    assert plan_calendar(leaving_with(choice="return", **{"return": wanted}), DELAYS) == plan_calendar(
        leaving_with(), DELAYS
    )


def test_an_extension_by_the_customer_moves_all_that_follows() -> None:
    calendar = plan_calendar(leaving_with(extended_to=date(2027, 3, 31)), DELAYS)
    assert calendar.service_ends_on == date(2027, 3, 31)
    assert calendar.erasure_from == date(2027, 5, 1)
    assert "25(5)" in next(each.source for each in calendar.entries if each.milestone is Milestone.SERVICE_ENDS)


def test_a_late_return_leaves_time_to_collect_it_and_an_early_one_takes_none() -> None:
    calendar = plan_calendar(leaving_with(), DELAYS, returned_on=date(2027, 2, 27))
    assert calendar.retrieval_ends_on == date(2027, 3, 13)
    assert plan_calendar(leaving_with(), DELAYS, returned_on=date(2027, 1, 31)) == plan_calendar(leaving_with(), DELAYS)


def test_a_public_buyer_has_everything_erased_three_months_after_the_return_at_the_latest() -> None:
    slow = Offboarding(erase_within_days=60, certificate_within_days=60)
    returned_on = date(2027, 1, 31)
    calendar = plan_calendar(leaving_with(public_buyer=True), slow, returned_on)
    assert calendar.erasure_due_on == date(2027, 4, 30)
    assert calendar.certificate_due_on == date(2027, 4, 30)
    assert "CCAG" in next(each.source for each in calendar.entries if each.milestone is Milestone.ERASURE_DUE)
    assert plan_calendar(leaving_with(), slow, returned_on).erasure_due_on == date(2027, 5, 1)


@pytest.mark.parametrize("public_buyer", [False, True])
def test_nothing_is_due_before_it_is_allowed(public_buyer: bool) -> None:
    for offset in range(0, 200, 7):
        returned_on = date(2026, 11, 2) + timedelta(days=offset)
        calendar = plan_calendar(leaving_with(public_buyer=public_buyer), DELAYS, returned_on)
        assert calendar.service_ends_on < calendar.retrieval_ends_on < calendar.erasure_from
        assert calendar.erasure_from <= calendar.erasure_due_on <= calendar.certificate_due_on
        assert calendar.retrieval_ends_on - calendar.service_ends_on >= timedelta(days=30)


@pytest.mark.parametrize(
    ("notice_on", "at_most"),
    [("2026-12-31", "2027-02-28"), ("2027-12-31", "2028-02-29"), ("2026-10-15", "2026-12-15")],
)
def test_a_notice_of_two_months_ends_on_the_same_day_or_on_the_last_of_a_shorter_month(
    notice_on: str, at_most: str
) -> None:
    calendar = plan_calendar(leaving_with(notice_on=date.fromisoformat(notice_on), ends_on=date(2028, 3, 1)), DELAYS)
    assert calendar.day(Milestone.NOTICE_AT_MOST) == date.fromisoformat(at_most)


@pytest.mark.parametrize(
    ("returned_on", "erasure_due_on"),
    [("2026-11-30", "2027-02-28"), ("2026-12-15", "2027-03-15")],
)
def test_three_months_of_a_public_buyer_end_on_the_same_day_or_on_the_last_of_a_shorter_month(
    returned_on: str, erasure_due_on: str
) -> None:
    slow = Offboarding(erase_within_days=60, certificate_within_days=60)
    calendar = plan_calendar(
        leaving_with(public_buyer=True, ends_on=date(2026, 11, 30)), slow, date.fromisoformat(returned_on)
    )
    assert calendar.erasure_due_on == date.fromisoformat(erasure_due_on)
