"""How the rotation of keys is shown."""

import json

import pytest

from coffre.cli import output
from coffre.cli.words.rotation import describe_choice, describe_rotation
from coffre.provisioning.rotation.rotate import Choice, KeyOutcome
from coffre.secrets.rotations import OWNER, SIGNING, machine_key

COMPTA = machine_key("compta-01")


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice(), "every key"),
        (Choice(machine="compta-01"), "the key of compta-01"),
        (Choice("compta-01", owner=True, signing=True), "the key of compta-01 and the owner's key and the signing key"),
    ],
)
def test_what_is_to_be_replaced_is_named(choice: Choice, words: str) -> None:
    assert describe_choice(choice) == words


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (KeyOutcome(OWNER.secret, None, True, True), "the owner's key: replaced; the platform refuses the old key"),
        (
            KeyOutcome(COMPTA.secret, "compta-01", False, False, "it did not answer"),
            "the key of compta-01: pending; the old key is still valid: it did not answer",
        ),
        (
            KeyOutcome(COMPTA.secret, "compta-01", False, True, "it did not answer"),
            "the key of compta-01: pending; the old key is revoked and compta-01 cannot back up until then: "
            "it did not answer",
        ),
        (
            KeyOutcome(SIGNING.secret, None, False, True, "not taken yet by compta-01"),
            "the signing key: pending; the old key is revoked and machines without the new key take no orders until "
            "then: "
            "not taken yet by compta-01",
        ),
    ],
)
def test_each_outcome_is_one_line(outcome: KeyOutcome, words: str) -> None:
    assert describe_rotation(outcome) == words


def test_json_has_the_key_as_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    output.result_json([KeyOutcome(COMPTA.secret, "compta-01", is_done=True, is_cut=True)])
    assert json.loads(capsys.readouterr().out) == [
        {
            "secret": {"kind": "machine_key", "subject": "compta-01", "generation": "current"},
            "machine": "compta-01",
            "is_done": True,
            "is_cut": True,
            "message": "",
        }
    ]
