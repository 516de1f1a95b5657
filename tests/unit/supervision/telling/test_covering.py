"""Of several messages about one quota each recipient hears the strongest, and no end that no longer holds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from coffre.findings import Finding, FindingKind
from coffre.records.kept_findings import KeptFinding
from coffre.records.messages import Audience, Message, Told
from coffre.spec.platform import Takes
from coffre.supervision.findings.life import Settled, Subject, settle
from coffre.supervision.telling.covering import Choice, choose, list_quota_places
from coffre.supervision.telling.planning import Addressees, plan_messages, write_place
from tests.builders import tenant_with

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TENANT = tenant_with()
SIZES = {"used_bytes": 9, "quota_bytes": 10}
FIRST = Finding(FindingKind.QUOTA_NEAR, None, {**SIZES, "percent": 80})
NEAR = Finding(FindingKind.QUOTA_NEAR, None, {**SIZES, "percent": 90})
REACHED = Finding(FindingKind.QUOTA_REACHED, None, SIZES)
FOREIGN = Finding(FindingKind.FOREIGN_KEYS, "compta-01", {"key": "x", "count": 1})


def opened(*findings: Finding) -> list[KeptFinding]:
    return list(settle(Subject(TENANT.id, TENANT.slug), [], findings, lambda _: True, NOON).opened)


def message(finding: Finding, *, to_customer: bool = True, wait: timedelta = timedelta(0)) -> Message:
    """Return the message of a begin to the customer or to the channel, which waits so long."""
    addressees = Addressees({"ops": Takes.ALL})
    wanted = Audience.CUSTOMER if to_customer else Audience.CHANNEL
    planned = plan_messages(Settled(opened(finding)), TENANT, addressees, NOON)
    [found] = [each for each in planned if each.audience is wanted]
    return replace(found, not_before=NOON + wait)


@pytest.mark.parametrize("to_customer", [True, False])
@pytest.mark.parametrize("waits", [True, False])
def test_the_stronger_goes_out_and_the_weaker_does_not_follow_it(to_customer: bool, waits: bool) -> None:
    near = message(NEAR, to_customer=to_customer, wait=HOUR if waits else timedelta(0))
    reached = message(REACHED, to_customer=to_customer)
    holds = opened(NEAR, REACHED)
    first = choose([near, reached], [], holds, NOON)
    assert first == Choice([near, reached] if to_customer else [reached]), "a letter names both, a channel gets one"
    assert choose([near], [reached], holds, NOON + HOUR) == Choice(covered=[near])


@pytest.mark.parametrize("to_customer", [True, False])
def test_the_weaker_that_is_due_says_the_stronger_that_would_wait(to_customer: bool) -> None:
    near, reached = message(NEAR, to_customer=to_customer), message(REACHED, to_customer=to_customer, wait=HOUR)
    choice = choose([near, reached], [], opened(NEAR, REACHED), NOON)
    assert choice == Choice([near, reached] if to_customer else [reached])


def test_a_channel_that_did_not_take_the_stronger_has_its_pause() -> None:
    near = message(NEAR, to_customer=False)
    failed = replace(message(REACHED, to_customer=False, wait=HOUR), error="HTTP 503")
    assert choose([near, failed], [], opened(NEAR, REACHED), NOON) == Choice()


def test_what_is_held_off_alone_goes_on_waiting() -> None:
    near, reached = message(NEAR, wait=HOUR), message(REACHED, wait=HOUR)
    assert choose([near, reached], [], opened(NEAR, REACHED), NOON) == Choice()


def test_the_digest_does_not_repeat_what_was_told_as_stronger() -> None:
    first, near = message(FIRST, to_customer=False), message(NEAR, to_customer=False)
    assert choose([first], [near], opened(FIRST, NEAR), NOON) == Choice(covered=[first])
    assert choose([first], [near], opened(FIRST), NOON) == Choice([first]), "the stronger is over"


def test_each_recipient_and_each_tenant_is_a_matter_of_its_own() -> None:
    near, reached = message(NEAR, to_customer=False), message(REACHED, to_customer=False)
    elsewhere = replace(near, recipient="night")
    other = replace(near, tenant_id="another")
    foreign = message(FOREIGN, to_customer=False)
    waiting = [elsewhere, other, foreign, message(NEAR)]
    choice = choose(waiting, [reached], opened(NEAR, REACHED), NOON)
    assert (choice.covered, choice.outdated) == ([], [])
    assert {each.recipient for each in choice.due} == {"night", "ops", ""}
    assert len(choice.due) == 4


def test_a_customer_hears_no_end_of_what_has_begun_again() -> None:
    near_end, reached_end = (replace(message(each), told=Told.END) for each in (NEAR, REACHED))
    assert choose([near_end, reached_end], [], opened(NEAR), NOON) == Choice([reached_end], outdated=[near_end])
    assert choose([near_end, reached_end], [], [], NOON) == Choice([near_end, reached_end])
    channel_end = replace(message(NEAR, to_customer=False), told=Told.END)
    assert choose([channel_end], [], opened(NEAR), NOON) == Choice([channel_end]), "a channel hears all in its order"


def test_the_records_are_asked_only_about_tenants_of_whose_quota_a_message_waits() -> None:
    holds = opened(NEAR, REACHED, FOREIGN)
    assert list_quota_places([message(FOREIGN, to_customer=False)], holds) == []
    assert list_quota_places([message(NEAR)], holds) == [write_place(each.place) for each in holds[:2]]
