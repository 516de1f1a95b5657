"""How an agent ended, by what the machine, the installer and the records say."""

from datetime import UTC, datetime

import pytest

from coffre.agents.applied import Applied
from coffre.agents.driver import DeployResult
from coffre.offboarding.lifecycle.dismantling import followed_removal, judge_agent
from coffre.offboarding.lifecycle.evidence import AgentOutcome


def result(*, ok: bool, changed: bool = False) -> DeployResult:
    return DeployResult("martin", "compta-01", ok, changed, unreachable=not ok, message="" if ok else "no answer")


@pytest.mark.parametrize(
    ("answer", "removed_itself", "was_installed", "outcome"),
    [
        (result(ok=True, changed=True), False, True, AgentOutcome.REMOVED),
        (result(ok=True, changed=False), False, True, AgentOutcome.REMOVED),
        (result(ok=True, changed=True), False, False, AgentOutcome.REMOVED),
        (result(ok=True, changed=False), False, False, AgentOutcome.NEVER_INSTALLED),
        (result(ok=False), True, True, AgentOutcome.REMOVED_ITSELF),
        (result(ok=False), False, True, AgentOutcome.UNREACHED),
        (result(ok=False), False, False, AgentOutcome.NEVER_INSTALLED),
        (None, True, True, AgentOutcome.REMOVED_ITSELF),
        (None, False, True, AgentOutcome.UNREACHED),
    ],
)
def test_an_agent_is_gone_only_by_somebody_s_word(
    answer: DeployResult | None, removed_itself: bool, was_installed: bool, outcome: AgentOutcome
) -> None:
    assert judge_agent(answer, removed_itself=removed_itself, was_installed=was_installed) is outcome


def applied(generation: int, *, removed: bool) -> Applied:
    return Applied(
        version=1,
        tenant_id="k7f3q9wz2m",
        machine="compta-01",
        at=datetime(2027, 3, 1, tzinfo=UTC),
        generation_applied=generation,
        access_key_id="AKIA",
        signing_public_key="x",
        removed=removed,
    )


def test_a_machine_s_word_counts_for_the_orders_that_remove_it_and_none_before() -> None:
    assert followed_removal(applied(5, removed=True), 5)
    assert followed_removal(applied(5, removed=True), None)
    assert not followed_removal(applied(4, removed=True), 5)
    assert not followed_removal(applied(5, removed=False), 5)
    assert not followed_removal(None, 5)
