"""Judges the outbox itself: a channel that takes nothing, a customer who could not be told. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from coffre.findings import Finding, FindingKind
from coffre.records.messages import Audience, Message, Outcome
from coffre.supervision.telling.rules import FAILING_AFTER

NO_MAIL_SERVER = "no_mail_server"
NOT_SENT = "not_sent"
OUTBOX_KINDS = frozenset({FindingKind.CHANNEL_FAILING.value, FindingKind.CUSTOMER_NOT_TOLD.value})
"""The findings that come from the outbox: a look at a tenant neither opens nor ends them."""


def judge_channels(
    waiting: Sequence[Message], last_results: Sequence[Message], channels: Collection[str], now: datetime
) -> Iterator[Finding]:
    """Yield a finding for each channel that took nothing for an hour, or whose last message was given up."""
    for name in channels:
        mine = [each for each in waiting if each.audience is Audience.CHANNEL and each.recipient == name]
        late = [each for each in mine if is_failing(each, now)]
        lost = [
            each
            for each in last_results
            if each.audience is Audience.CHANNEL and each.recipient == name and each.outcome is Outcome.GIVEN_UP
        ]
        if worst := [*late, *lost]:
            yield Finding(FindingKind.CHANNEL_FAILING, None, {"channel": name, "error": worst[0].error})


def judge_customers(
    waiting: Sequence[Message],
    last_results: Sequence[Message],
    open_now: Collection[tuple[str, str]],
    now: datetime,
    *,
    has_mail: bool,
) -> Mapping[str, Finding]:
    """Return a finding for each tenant, by its id, whose contact could not be told of what still holds.

    ``open_now`` are the findings that are open, by `about` and `occurrence`.
    """
    found: dict[str, Finding] = {}
    mine = [each for each in waiting if each.audience is Audience.CUSTOMER and each.error is not None]
    lost = [
        each
        for each in last_results
        if each.audience is Audience.CUSTOMER
        and each.outcome is Outcome.GIVEN_UP
        and (each.about, each.occurrence) in open_now
    ]
    for each in (*mine, *lost):
        if not has_mail:
            found[each.tenant_id] = _not_told(NO_MAIL_SERVER, None)
        elif each.outcome is Outcome.GIVEN_UP or is_failing(each, now):
            found[each.tenant_id] = _not_told(NOT_SENT, each.error)
    return found


def is_failing(message: Message, now: datetime) -> bool:
    """Tell whether a message waits since an hour because it was not taken."""
    return message.error is not None and now - message.created_at >= FAILING_AFTER


def _not_told(reason: str, error: str | None) -> Finding:
    return Finding(FindingKind.CUSTOMER_NOT_TOLD, None, {"reason": reason, "error": error})
