"""The calendar of a departure as iCalendar (RFC 5545), in French: a file for the customer's and SMILÉO's agendas."""

from datetime import UTC, date, datetime, time, timedelta

import icalendar

from coffre.offboarding.lifecycle.calendar import Calendar, CalendarEntry
from coffre.offboarding.notices import words
from coffre.spec.tenant import Tenant


def render(tenant: Tenant, calendar: Calendar) -> bytes:
    """Return a file with one all-day event per date. Pure: the same departure always gives the same bytes.

    An event keeps its identity when its day moves, so that a later file replaces the events of an earlier one.
    """
    document = icalendar.Calendar()
    document.add("version", "2.0")
    document.add("prodid", "-//Coffre//Fin de contrat//FR")
    document.add("method", "PUBLISH")
    document.add("x-wr-calname", f"Fin du contrat de {tenant.name}")
    for entry in calendar.entries:
        document.add_component(_render_entry(tenant, calendar.notice_on, entry))
    content: bytes = document.to_ical()
    return content


def _render_entry(tenant: Tenant, notice_on: date, entry: CalendarEntry) -> icalendar.Event:
    event = icalendar.Event()
    event.add("uid", f"{tenant.id}-{notice_on:%Y%m%d}-{entry.milestone.value}@coffre")
    event.add("dtstamp", datetime.combine(notice_on, time(), UTC))
    event.add("dtstart", entry.on)
    event.add("dtend", entry.on + timedelta(days=1))
    event.add("summary", f"{words.MILESTONES[entry.milestone]} – {tenant.name}")
    event.add("description", f"{words.SOURCES[entry.source]}\nContrat {tenant.contract.reference}")
    event.add("transp", "TRANSPARENT")
    return event
