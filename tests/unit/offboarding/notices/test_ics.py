"""The calendar as iCalendar, read back by the library's own parser."""

from datetime import date, timedelta

import icalendar

from coffre.offboarding.lifecycle.calendar import Calendar, Milestone, plan_calendar
from coffre.offboarding.notices import ics, words
from coffre.spec.leaving import Leaving
from coffre.spec.platform import Offboarding
from tests.builders import tenant_with

LEAVING = {
    "notice_on": date(2027, 1, 4),
    "ends_on": date(2027, 2, 28),
    "requested_by": "Claire Martin, gérante",
    "approved_by": "paul@smileo.example",
    "choice": "erase",
}


def plan(**changes: object) -> Calendar:
    return plan_calendar(Leaving.model_validate({**LEAVING, **changes}), Offboarding())


def test_each_date_is_an_event_of_a_whole_day_in_french() -> None:
    calendar = plan()
    read = icalendar.Calendar.from_ical(ics.render(tenant_with(), calendar))
    events = read.walk("VEVENT")
    assert [event["dtstart"].dt for event in events] == [entry.on for entry in calendar.entries]
    assert all(event["dtend"].dt - event["dtstart"].dt == timedelta(days=1) for event in events)
    assert str(events[-1]["summary"]) == (f"{words.MILESTONES[Milestone.CERTIFICATE_DUE]} – Boulangerie Martin SARL")


def test_a_date_that_moves_stays_the_same_event() -> None:
    def uids(calendar: Calendar) -> list[str]:
        found = icalendar.Calendar.from_ical(ics.render(tenant_with(), calendar)).walk("VEVENT")
        return sorted(str(event["uid"]) for event in found)

    assert uids(plan()) == uids(plan(extended_to=date(2027, 4, 30)))
    assert len(set(uids(plan()))) == len(Milestone)


def test_the_same_departure_gives_the_same_bytes() -> None:
    assert ics.render(tenant_with(), plan()) == ics.render(tenant_with(), plan())
