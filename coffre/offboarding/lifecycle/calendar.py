"""The legal and contractual dates of a departure, from the tenant file and platform.yaml. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from dateutil.relativedelta import relativedelta

from coffre.spec.leaving import Leaving
from coffre.spec.platform import Offboarding

# Months end on the same day of the month, or on the last day of a shorter one (Regulation 1182/71).
LONGEST_NOTICE = relativedelta(months=2)
LONGEST_KEPT_FOR_PUBLIC_BUYER = relativedelta(months=3)


class Milestone(StrEnum):
    """A day of the calendar."""

    NOTICE = "notice"
    NOTICE_AT_MOST = "notice_at_most"
    NOTICE_ENDS = "notice_ends"
    SERVICE_ENDS = "service_ends"
    REMINDER = "reminder"
    RETRIEVAL_ENDS = "retrieval_ends"
    ERASURE_FROM = "erasure_from"
    ERASURE_DUE = "erasure_due"
    CERTIFICATE_DUE = "certificate_due"


class Source(StrEnum):
    """The legal text or setting of a day; `offboarding.french` has the words for customers."""

    LETTER = "the customer's letter"
    NOTICE_AT_MOST = "Data Act (EU) 2023/2854, article 25(2)(d): the customer cannot be held to a longer notice"
    TRANSITION = "Data Act, article 25(2)(a): transition of at most 30 days, the contract remains applicable"
    EXTENSION = "Data Act, article 25(5): extended once by the customer"
    REMINDER = "platform.yaml, offboarding.remind_before_days"
    RETRIEVAL = "Data Act, article 25(2)(g): at least 30 days to retrieve the data"
    COLLECTION = "platform.yaml, offboarding.collect_days: counted from the day of the return"
    ERASURE_FROM = (
        "Data Act, article 25(2)(h); GDPR, article 28(3)(g): after the end of the service, as the controller chose"
    )
    ERASURE_DUE = "platform.yaml, offboarding"
    ERASURE_DUE_PUBLIC = (
        "CCAG-TIC 2021, destruction des données: 3 months from the return, with a dated and signed record"
    )
    CERTIFICATE_DUE = "Decision (EU) 2021/915, clause 10; platform.yaml, offboarding"
    CERTIFICATE_DUE_PUBLIC = (
        "Decision (EU) 2021/915, clause 10; CCAG-TIC 2021, destruction des données: 3 months from the return, "
        "with a dated and signed record"
    )


@dataclass(frozen=True)
class CalendarEntry:
    """One day with its legal text or setting."""

    milestone: Milestone
    on: date
    source: Source


@dataclass(frozen=True)
class Calendar:
    """The days of one departure, each inclusive, in the customer's time zone.

    The service includes ``service_ends_on``; data can be retrieved until ``retrieval_ends_on`` inclusive; nothing is
    erased before ``erasure_from``.
    """

    entries: tuple[CalendarEntry, ...]

    @property
    def notice_on(self) -> date:
        return self.day(Milestone.NOTICE)

    @property
    def service_ends_on(self) -> date:
        return self.day(Milestone.SERVICE_ENDS)

    @property
    def reminder_on(self) -> date:
        return self.day(Milestone.REMINDER)

    @property
    def retrieval_ends_on(self) -> date:
        return self.day(Milestone.RETRIEVAL_ENDS)

    @property
    def erasure_from(self) -> date:
        return self.day(Milestone.ERASURE_FROM)

    @property
    def erasure_due_on(self) -> date:
        return self.day(Milestone.ERASURE_DUE)

    @property
    def certificate_due_on(self) -> date:
        return self.day(Milestone.CERTIFICATE_DUE)

    def day(self, milestone: Milestone) -> date:
        return next(entry.on for entry in self.entries if entry.milestone is milestone)


def plan_calendar(leaving: Leaving, delays: Offboarding, returned_on: date | None = None) -> Calendar:
    """Return every date of a departure. ``returned_on`` is the day on which the last data was returned, if any.

    The same dates apply when the customer chose erasure without return. A late return delays the end of retrieval; an
    early one does not bring it forward.
    """
    planned_end = leaving.ends_on + timedelta(days=delays.transition_days)
    service_ends_on = leaving.extended_to or planned_end
    retrieval_ends_on = service_ends_on + timedelta(days=delays.retrieval_days)
    collected_on = None if returned_on is None else returned_on + timedelta(days=delays.collect_days)
    is_late = collected_on is not None and collected_on > retrieval_ends_on
    if collected_on is not None and is_late:
        retrieval_ends_on = collected_on
    erasure_from = retrieval_ends_on + timedelta(days=1)
    erasure_due_on = erasure_from + timedelta(days=delays.erase_within_days)
    certificate_due_on = erasure_due_on + timedelta(days=delays.certificate_within_days)
    erasure_source, certificate_source = Source.ERASURE_DUE, Source.CERTIFICATE_DUE
    if leaving.public_buyer and returned_on is not None:
        limit = returned_on + LONGEST_KEPT_FOR_PUBLIC_BUYER
        if limit < erasure_due_on:
            erasure_due_on, erasure_source = max(limit, erasure_from), Source.ERASURE_DUE_PUBLIC
        if limit < certificate_due_on:
            certificate_due_on, certificate_source = max(limit, erasure_due_on), Source.CERTIFICATE_DUE_PUBLIC
    remind_on = retrieval_ends_on - timedelta(days=delays.remind_before_days)
    entries = [
        CalendarEntry(Milestone.NOTICE, leaving.notice_on, Source.LETTER),
        CalendarEntry(Milestone.NOTICE_AT_MOST, leaving.notice_on + LONGEST_NOTICE, Source.NOTICE_AT_MOST),
        CalendarEntry(Milestone.NOTICE_ENDS, leaving.ends_on, Source.LETTER),
        CalendarEntry(
            Milestone.SERVICE_ENDS, service_ends_on, Source.EXTENSION if leaving.extended_to else Source.TRANSITION
        ),
        CalendarEntry(Milestone.REMINDER, remind_on, Source.REMINDER),
        CalendarEntry(Milestone.RETRIEVAL_ENDS, retrieval_ends_on, Source.COLLECTION if is_late else Source.RETRIEVAL),
        CalendarEntry(Milestone.ERASURE_FROM, erasure_from, Source.ERASURE_FROM),
        CalendarEntry(Milestone.ERASURE_DUE, erasure_due_on, erasure_source),
        CalendarEntry(Milestone.CERTIFICATE_DUE, certificate_due_on, certificate_source),
    ]
    return Calendar(tuple(sorted(entries, key=_by_day)))


def _by_day(entry: CalendarEntry) -> tuple[date, int]:
    order: Sequence[Milestone] = list(Milestone)
    return entry.on, order.index(entry.milestone)
