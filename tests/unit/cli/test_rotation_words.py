"""How the rotation of keys is shown."""

import json

import pytest

from coffre.cli import output
from coffre.cli.words.rotation import describe_choice, describe_cut_off, describe_rotation
from coffre.provisioning.rotation.rotate import KeyChoice, list_cut_off
from coffre.provisioning.rotation.rules import PendingCause, PendingReason
from coffre.provisioning.rotation.tenant_rotation import KeyOutcome
from coffre.secrets.rotations import OWNER, SIGNING, machine_key
from tests.builders import machine_with, tenant_with

COMPTA = machine_key("compta-01")
UNREPORTED = PendingReason(PendingCause.NO_REPORT_WITH_NEW_KEY, ("compta-01",))
UNTAKEN = PendingReason(PendingCause.SIGNING_KEY_NOT_TAKEN, ("compta-01", "caisse-01"))
BUSY = PendingReason(PendingCause.BACKUP_UNDER_WAY, ("compta-01",))
SILENT = {"compta-01": "it did not answer"}


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (KeyChoice(), "every key"),
        (KeyChoice(machine="compta-01"), "the key of compta-01"),
        (
            KeyChoice("compta-01", owner=True, signing=True),
            "the key of compta-01 and the owner's key and the signing key",
        ),
    ],
)
def test_what_is_to_be_replaced_is_named(choice: KeyChoice, words: str) -> None:
    assert describe_choice(choice) == words


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (KeyOutcome(OWNER.secret, None, True, True), "the owner's key: replaced; the platform refuses the old key"),
        (
            KeyOutcome(OWNER.secret, None, True, True, platform="aws-paris"),
            "the owner's key on aws-paris: replaced; the platform refuses the old key",
        ),
        (
            KeyOutcome(OWNER.secret, None, False, False, None, {"aws-paris": "no answer"}, "aws-paris"),
            "the owner's key on aws-paris: pending; the old key is still valid: aws-paris: no answer",
        ),
        (
            KeyOutcome(COMPTA.secret, "compta-01", False, False, UNREPORTED, SILENT),
            "the key of compta-01: pending; the old key is still valid: "
            "compta-01 has not reported with the new one yet; it did not answer",
        ),
        (
            KeyOutcome(COMPTA.secret, "compta-01", False, True, UNREPORTED),
            "the key of compta-01: pending; the old key is revoked and compta-01 cannot back up until then: "
            "compta-01 has not reported with the new one yet",
        ),
        (
            KeyOutcome(COMPTA.secret, "compta-01", False, False, BUSY),
            "the key of compta-01: pending; the old key is still valid: "
            "a backup is under way, perhaps still with the old one",
        ),
        (
            KeyOutcome(SIGNING.secret, None, False, True, UNTAKEN, SILENT),
            "the signing key: pending; the old key is revoked and machines without the new key take no orders until "
            "then: not taken yet by compta-01, caisse-01; compta-01: it did not answer",
        ),
    ],
)
def test_each_outcome_is_one_line(outcome: KeyOutcome, words: str) -> None:
    assert describe_rotation(outcome) == words


def test_machines_that_must_enrol_again_are_named_before_their_keys_are_revoked() -> None:
    machines = {name: machine_with(connection={"via": "pull"}) for name in ("portable-01", "portable-02")}
    tenant = tenant_with(machines=machines | {"compta-01": machine_with()})
    for choice, names in (
        (KeyChoice(), ["portable-01", "portable-02"]),
        (KeyChoice(signing=True), ["portable-01", "portable-02"]),
        (KeyChoice(machine="portable-02"), ["portable-02"]),
        (KeyChoice(machine="compta-01"), []),
        (KeyChoice(owner=True), []),
    ):
        assert list_cut_off(tenant, choice) == names
    words = describe_cut_off("martin", ["portable-01", "portable-02"])
    assert "nobody can reach portable-01, portable-02" in words
    assert "`coffre enrol martin portable-01 --output FOLDER`" in words


@pytest.mark.parametrize("cause", PendingCause)
def test_every_cause_has_its_words(cause: PendingCause) -> None:
    words = describe_rotation(KeyOutcome(SIGNING.secret, None, False, False, PendingReason(cause, ("compta-01",))))
    assert not words.endswith(": ")
    assert "{" not in words


def test_json_has_the_key_and_what_it_waits_for_as_values(capsys: pytest.CaptureFixture[str]) -> None:
    output.result_json([KeyOutcome(COMPTA.secret, "compta-01", False, False, UNREPORTED, SILENT)])
    assert json.loads(capsys.readouterr().out) == [
        {
            "secret": {"kind": "machine_key", "subject": "compta-01", "generation": "current"},
            "machine": "compta-01",
            "is_done": False,
            "is_cut": False,
            "waits_for": {"cause": "no_report_with_new_key", "machines": ["compta-01"]},
            "machine_messages": {"compta-01": "it did not answer"},
            "platform": None,
        }
    ]
