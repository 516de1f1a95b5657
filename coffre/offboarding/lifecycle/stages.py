"""The stages of a departure and the conditions of each transition; no other module defines them. Pure.

The table below is also in `docs/offboarding.md`, and a test compares both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from coffre.errors import RefusedError
from coffre.offboarding.lifecycle.calendar import Calendar
from coffre.records.facts.departure import Stage
from coffre.spec.leaving import Choice
from coffre.tenant.departure import BEFORE_ERASURE


@dataclass(frozen=True)
class Facts:
    """The facts that decide whether the next stage is due; ``today`` is the procedure's day for the customer.

    ``unreturned`` and ``agents_left`` name machines; ``locked_until`` is the day on which the platform's last lock on
    versions ends.
    """

    today: date
    calendar: Calendar
    choice: Choice
    unreturned: tuple[str, ...] = ()
    has_receipt: bool = False
    agents_left: tuple[str, ...] = ()
    hold: str | None = None
    locked_until: date | None = None
    is_verified: bool = False


@dataclass(frozen=True)
class Waiting:
    """The condition of the next stage, and its date if it is known."""

    what: str
    until: date | None = None


@dataclass(frozen=True)
class Transition:
    """One transition from a stage to the next. ``wait`` returns its open condition, None when it is due."""

    source: Stage | None
    target: Stage
    condition: str
    work: str
    wait: Callable[[Facts], Waiting | None]


def _at_once(_: Facts) -> Waiting | None:
    return None


def _for_the_notice(facts: Facts) -> Waiting | None:
    day = facts.calendar.notice_on
    return Waiting("the day of the notice", day) if facts.today < day else None


def _for_the_end_of_service(facts: Facts) -> Waiting | None:
    day = facts.calendar.service_ends_on
    if facts.today > day:
        return None
    return Waiting(f"the end of the service on {day}: machines back up until then", _next(day))


def _for_the_receipt(facts: Facts) -> Waiting | None:
    day = facts.calendar.retrieval_ends_on
    if facts.today > day or (facts.choice is Choice.RETURN and facts.has_receipt):
        return None
    receipt = "the customer's receipt, or " if facts.choice is Choice.RETURN else ""
    return Waiting(f"{receipt}the end of the retrieval period on {day}", _next(day))


def _for_the_agents(facts: Facts) -> Waiting | None:
    day = facts.calendar.erasure_due_on
    if not facts.agents_left or facts.today >= day:
        return None
    return Waiting(f"agents still to be removed: {', '.join(facts.agents_left)}; each run tries again until {day}", day)


def _for_the_day_of_erasure(facts: Facts) -> Waiting | None:
    if facts.hold is not None:
        return Waiting(f"the end of a hold ({facts.hold}): nothing is deleted while it stands")
    day = facts.calendar.erasure_from
    if facts.today < day:
        return Waiting(f"{day}: nothing may be erased before", day)
    if facts.locked_until is not None and facts.today < facts.locked_until:
        return Waiting(f"the end of the platform's own lock on {facts.locked_until}", facts.locked_until)
    return None


def _for_the_verification(facts: Facts) -> Waiting | None:
    if facts.is_verified:
        return None
    return Waiting("a passed verification: a second person runs this command with --verify")


def _for_no_hold(facts: Facts) -> Waiting | None:
    if facts.hold is None:
        return None
    return Waiting(f"the end of a hold ({facts.hold}): nothing is deleted while it stands")


TRANSITIONS: tuple[Transition, ...] = (
    Transition(
        None,
        Stage.NOTIFIED,
        "the file has `status: leaving`, and another person than its author approved it",
        "the approval is recorded, the customer gets the calendar",
        _for_the_notice,
    ),
    Transition(Stage.NOTIFIED, Stage.SERVING, "at once", "machines back up and restore as before", _at_once),
    Transition(
        Stage.SERVING,
        Stage.FROZEN,
        "the service has ended: the transition is over",
        "machines lose access to their repositories, SMILÉO's key still works",
        _for_the_end_of_service,
    ),
    Transition(
        Stage.FROZEN,
        Stage.RETURNED,
        "every machine's data was returned and read back; at once when the customer chose erasure",
        "data is returned, the customer is informed where it is, and how to restore what only a vendor reads",
        lambda facts: Waiting(f"the return of {', '.join(facts.unreturned)}") if facts.unreturned else None,
    ),
    Transition(
        Stage.RETURNED,
        Stage.ACKNOWLEDGED,
        "the customer's receipt is recorded, or the retrieval period is over",
        "the customer is reminded once before the period ends",
        _for_the_receipt,
    ),
    Transition(
        Stage.ACKNOWLEDGED,
        Stage.DISMANTLED,
        "every agent is removed, or erasure is due and the unreached machines are named",
        "agents are removed, then the machines' users are suspended, and a vendor's customer is disabled",
        _for_the_agents,
    ),
    Transition(
        Stage.DISMANTLED,
        Stage.ERASED,
        "the first day of erasure has come, there is no hold, both clocks agree, no lock of the platform is left",
        "buckets and a vendor's customer, then the data bundle and its escrow copy, then users and keys",
        _for_the_day_of_erasure,
    ),
    Transition(
        Stage.ERASED,
        Stage.VERIFIED,
        "`--verify` confirmed by other means that nothing is left",
        "the person and the result of the verification are in the journal",
        _for_the_verification,
    ),
    Transition(
        Stage.VERIFIED,
        Stage.CLOSED,
        "there is no hold",
        "the stack, the control bundle and local files are removed; a last check; the certificate and its letter",
        _for_no_hold,
    ),
)


def find_transition(stage: Stage | None) -> Transition | None:
    """Return the transition from a stage; None from an end."""
    return next((transition for transition in TRANSITIONS if transition.source is stage), None)


def refuse_renouncing(slug: str, stage: Stage, *, has_erasure_begun: bool) -> None:
    """Refuse to renounce a departure after the start of its erasure."""
    if stage not in BEFORE_ERASURE or has_erasure_begun:
        raise RefusedError(
            f"{slug} can no longer stay: its departure is at {stage.value} and its data is being erased or gone",
            "Restore `status: leaving` and the `leaving:` block. A customer who comes back is a new tenant.",
        )


def refuse_unless_reached(slug: str, wanted: Stage, reached: Stage | None, waiting: Waiting | None) -> None:
    """Refuse, with the open condition and its date, when a requested stage is not reached."""
    order = [None, *(transition.target for transition in TRANSITIONS)]
    if reached in order and wanted in order and order.index(reached) >= order.index(wanted):
        return
    at = reached.value if reached is not None else "not begun"
    why = f"it waits for {waiting.what}" if waiting is not None else "it does not lead there"
    raise RefusedError(
        f"the departure of {slug} is not at {wanted.value}, but at {at}: {why}",
        f"`coffre offboard {slug} --plan` has every date."
        if waiting is None or waiting.until is None
        else f"Run the same command again on {waiting.until}.",
    )


def is_late(facts: Facts, stage: Stage | None) -> bool:
    """Tell whether erasure or certificate are overdue."""
    if stage in (Stage.CLOSED, Stage.RENOUNCED, None):
        return False
    is_erased = stage in (Stage.ERASED, Stage.VERIFIED)
    due_on = facts.calendar.certificate_due_on if is_erased else facts.calendar.erasure_due_on
    return facts.today > due_on


def render_table(transitions: Sequence[Transition] = TRANSITIONS) -> str:
    """Return the table of transitions as Markdown, for the runbook."""
    rows = [
        f"| {each.source.value if each.source else '(none)'} | {each.target.value} | {each.condition} | {each.work} |"
        for each in transitions
    ]
    before = ", ".join(stage.value for stage in Stage if stage in BEFORE_ERASURE)
    rows.append(
        f"| {before} | renounced | the file has `status: active` again, and nothing was erased yet "
        "| machines get access again; `coffre apply` installs removed agents again |"
    )
    return "\n".join(["| from | to | when | what is done |", "| --- | --- | --- | --- |", *rows])


def _next(day: date) -> date:
    return date.fromordinal(day.toordinal() + 1)
