"""A machine's own statement against its plan, and what a look at it says."""

from datetime import UTC, datetime
from typing import Any

import pytest

from coffre.agents.applied import Applied
from coffre.agents.driver import AgentDrift, AgentLook, AgentPart
from coffre.provisioning.drift.machines import judge_look
from coffre.provisioning.drift.reports import judge_statement
from coffre.provisioning.drift.values import Drift, DriftKind, Unseen, UnseenKind
from coffre.records.facts.agents import Install
from coffre.secrets import minting, rotations
from coffre.secrets.bundles import ControlBundle
from coffre.secrets.minting import public_key_of

NAME = "compta-01"
CONTROL = ControlBundle(
    tenant_id="k7f3q9wz2m",
    owner_key=minting.new_access_key(),
    machine_keys={NAME: minting.new_access_key()},
    stack_passphrase=minting.new_passphrase(),
    signing_key=minting.new_signing_key(),
)
INSTALLED = Install(generation=4, agent_version="1.2.0")


def said(**changes: Any) -> Applied:
    plain = {
        "version": 1,
        "tenant_id": "k7f3q9wz2m",
        "machine": NAME,
        "at": datetime(2026, 11, 23, tzinfo=UTC),
        "generation_applied": 4,
        "access_key_id": CONTROL.machine_keys[NAME].access_key_id,
        "signing_public_key": public_key_of(CONTROL.signing_key),
        "agent_version": "1.2.0",
    }
    return Applied.model_validate({**plain, **changes})


def judged(statement: Applied, control: ControlBundle = CONTROL) -> list[Drift]:
    return list(judge_statement(NAME, statement, control, INSTALLED, due=4))


def test_a_machine_that_says_what_it_should_has_no_drift() -> None:
    assert judged(said()) == []
    assert judged(said(generation_applied=9)) == []  # it fetched a renewal by itself


@pytest.mark.parametrize(
    ("changes", "drift"),
    [
        ({"generation_applied": 3}, Drift(DriftKind.ORDERS_NOT_TAKEN, NAME, "", 4, 3)),
        ({"agent_version": "1.1.0"}, Drift(DriftKind.AGENT_VERSION, NAME, "", "1.2.0", "1.1.0")),
        (
            {"access_key_id": "OLD"},
            Drift(DriftKind.AGENT_KEY, NAME, "", CONTROL.machine_keys[NAME].access_key_id, "OLD"),
        ),
        ({"signing_public_key": "QQ=="}, Drift(DriftKind.AGENT_SIGNER, NAME)),
    ],
)
def test_each_other_word_is_drift(changes: dict[str, Any], drift: Drift) -> None:
    assert judged(said(**changes)) == [drift]


def test_during_a_rotation_both_keys_are_right() -> None:
    begun = rotations.begin(CONTROL, [rotations.machine_key(NAME)])
    assert judged(said(), begun) == []
    assert judged(said(access_key_id=begun.machine_keys[NAME].access_key_id), begun) == []


def test_a_look_is_drift_or_unknown_and_never_both_silent() -> None:
    sound = AgentLook("martin", NAME, True)
    assert list(judge_look(sound)) == []
    off = AgentLook("martin", NAME, True, drift=(AgentDrift(AgentPart.SCHEDULE_OFF, "timer: start"),))
    assert list(judge_look(off)) == [Drift(DriftKind.SCHEDULE_OFF, NAME, "timer: start")]
    away, deaf = AgentLook("martin", NAME, False, True, "no answer"), AgentLook("martin", NAME, False, False, "broken")
    assert list(judge_look(away)) == [Unseen(UnseenKind.MACHINE, NAME, "no answer")]
    assert list(judge_look(deaf)) == [Unseen(UnseenKind.AGENT, NAME, "broken")]


@pytest.mark.parametrize("part", AgentPart)
def test_every_part_of_an_agent_is_a_kind_of_drift(part: AgentPart) -> None:
    assert list(judge_look(AgentLook("martin", NAME, True, drift=(AgentDrift(part),))))
