"""A claim counts only from somebody who has the invitation; everything else is rubbish, and never an error."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffre.agents.enrolment.claims import SIZE_BYTES, read_claim, sort_claims
from coffre.agents.enrolment.invitation import Invitation, derive_secret, fingerprint, new_id
from coffre.agents.home import AgentOwner
from tests.doubles.pulled_machine import PulledMachine

SEED = bytes(range(32))
OWNER = AgentOwner("k7f3q9wz2m", "portable-01")
ID = "0a" * 16
SECRET = derive_secret(SEED, ID, OWNER)
LEA, THIEF = PulledMachine(), PulledMachine("kali", "ee" * 16)


def claim_of(machine: PulledMachine, secret: bytes = SECRET, owner: AgentOwner = OWNER, invitation: str = ID) -> bytes:
    return machine.claim(secret, invitation, owner.tenant_id, owner.machine)


def test_a_claim_says_which_machine_it_is() -> None:
    body = claim_of(LEA)
    assert len(body) == SIZE_BYTES
    claim = read_claim(body, SECRET, ID, OWNER)
    assert claim is not None
    assert (claim.public_key, claim.identity.host_name, claim.os) == (LEA.public_key, "portable-de-léa", "linux")
    assert claim.fingerprint == fingerprint(LEA.public_key)
    assert [len(group) for group in claim.fingerprint.split("-")] == [4, 4, 4, 4]


@pytest.mark.parametrize(
    "body",
    [
        claim_of(LEA, derive_secret(bytes(32), ID, OWNER)),
        claim_of(LEA, derive_secret(SEED, "0b" * 16, OWNER)),
        claim_of(LEA, owner=AgentOwner(OWNER.tenant_id, "portable-02")),
        claim_of(LEA, owner=AgentOwner("k1a2b3c4d5", OWNER.machine)),
        claim_of(LEA, invitation="0b" * 16),
        claim_of(LEA).replace(b'"mac": "', b'"mac": "0'),
        claim_of(LEA)[:200],
        b"",
        b" " * SIZE_BYTES,
        b"[1]",
        json.dumps({"claim": 5, "mac": []}).encode(),
        json.dumps({"claim": "é", "mac": "é"}).encode(),
    ],
)
def test_nobody_without_the_invitation_claims_anything(body: bytes) -> None:
    assert read_claim(body, SECRET, ID, OWNER) is None


@pytest.mark.parametrize("public_key", ["", "age1", "AGE-SECRET-KEY-1", "age1" + "a" * 57, "age1" + "a" * 59, "\n"])
def test_a_claim_with_no_key_is_none(public_key: str) -> None:
    machine = PulledMachine()
    machine.public_key = public_key
    assert read_claim(claim_of(machine), SECRET, ID, OWNER) is None


@given(st.binary(max_size=300))
def test_rubbish_is_never_an_error(body: bytes) -> None:
    assert read_claim(body, SECRET, ID, OWNER) is None


def test_the_first_machine_counts_the_others_are_named_and_repeats_are_its_own() -> None:
    read = [read_claim(claim_of(machine), SECRET, ID, OWNER) for machine in (LEA, LEA, THIEF, THIEF)]
    claims = sort_claims([None, *read, None])
    assert claims.first is not None
    assert claims.first.public_key == LEA.public_key
    assert [each.public_key for each in claims.others] == [THIEF.public_key]
    assert claims.rubbish == 2


def test_a_secret_is_of_one_invitation_of_one_machine() -> None:
    others = (
        derive_secret(SEED, ID, AgentOwner(OWNER.tenant_id, "portable-02")),
        derive_secret(SEED, ID, AgentOwner("k1a2b3c4d5", OWNER.machine)),
        derive_secret(SEED, "0b" * 16, OWNER),
        derive_secret(bytes(32), ID, OWNER),
    )
    assert len({SECRET, *others}) == 5
    assert new_id() != new_id()


def test_an_invitation_shows_no_secret() -> None:
    moment = datetime(2026, 11, 30, 12, tzinfo=UTC)
    invitation = Invitation(ID, OWNER, SECRET, b"k" * 32, moment, "https://x/?sig=1", {}, "https://y/?sig=2", 0, "PEM")
    assert "sig=" not in repr(invitation)
    assert repr(SECRET) not in repr(invitation)
    assert json.loads(invitation.render())["expires_at"] == "2026-11-30T12:00:00Z"
