"""What a verification tries: every access key of a bundle, and what the platform's answer to each says."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from coffre.agents.repository import RepositoryError
from coffre.agents.restic.repository.process import ResticError
from coffre.errors import RemoteError
from coffre.offboarding.erase.checks import ErasureLook, KeyAnswer, KeyTried, RestoreAnswer, RestoreTried
from coffre.offboarding.erase.verifying import _check_restore, list_access_keys, try_access_keys
from coffre.offboarding.lifecycle.evidence import BucketCount, ErasureBegan
from coffre.secrets import minting
from coffre.secrets.bundles import ControlBundle
from coffre.secrets.identifiers import Generation, SecretId, SecretKind
from coffre.storage.values import AccessKey, BucketGoneError, Endpoint, PlatformAwayError

CONTROL = ControlBundle(
    tenant_id="k7f3q9wz2m",
    owner_key=minting.new_access_key(),
    old_owner_key=minting.new_access_key(),
    machine_keys={"compta-01": minting.new_access_key()},
    old_machine_keys={"compta-01": minting.new_access_key()},
    stack_passphrase=minting.new_passphrase(),
    signing_key=minting.new_signing_key(),
)


@dataclass
class Gate:
    """A platform that gives one answer to every key."""

    answer: bool | RemoteError

    def accepts_key(self, bucket: str, key: AccessKey) -> bool:
        if isinstance(self.answer, RemoteError):
            raise self.answer
        return self.answer


def test_every_access_key_of_a_bundle_is_tried_under_its_holder() -> None:
    found = list(list_access_keys(CONTROL))
    assert [(holder, key.access_key_id) for holder, key in found] == [
        (SecretId(SecretKind.OWNER_KEY), CONTROL.owner_key.access_key_id),
        (SecretId(SecretKind.MACHINE_KEY, "compta-01"), CONTROL.machine_keys["compta-01"].access_key_id),
        (
            SecretId(SecretKind.MACHINE_KEY, "compta-01", Generation.OLD),
            CONTROL.old_machine_keys["compta-01"].access_key_id,
        ),
        (SecretId(SecretKind.OWNER_KEY, generation=Generation.OLD), CONTROL.old_owner_key.access_key_id),  # type: ignore[union-attr]
    ]


@pytest.mark.parametrize(
    ("answer", "tried"),
    [
        (False, KeyTried(answer=KeyAnswer.UNKNOWN)),
        (True, KeyTried(answer=KeyAnswer.ACCEPTED)),
        (BucketGoneError("no such bucket"), KeyTried(answer=KeyAnswer.NO_BUCKET)),
        (RemoteError("RGW said UserSuspended"), KeyTried(answer=KeyAnswer.REFUSED, said="RGW said UserSuspended")),
    ],
)
def test_a_key_passes_only_when_the_platform_does_not_know_it(answer: Any, tried: KeyTried) -> None:
    checks = list(try_access_keys(Gate(answer), "a-bucket", CONTROL))  # type: ignore[arg-type]
    assert [(check.look, check.passed, check.seen) for check in checks] == [
        (ErasureLook.KEY, answer is False, tried)
    ] * 4


def test_a_platform_that_is_away_answers_for_no_key() -> None:
    with pytest.raises(PlatformAwayError):
        list(try_access_keys(Gate(PlatformAwayError("no answer")), "a-bucket", CONTROL))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("problem", "answer"),
    [
        (RepositoryError("the vault is closed to this key", was_refused=True), RestoreAnswer.REFUSED),
        (ResticError("restic failed: Stat: Access Denied.", "", 1), RestoreAnswer.REFUSED),
        (ResticError("restic failed: Stat: no such host", "", 1), RestoreAnswer.FAILED),
        (None, RestoreAnswer.OPENED),
    ],
)
def test_a_restore_passes_only_when_the_platform_refuses_its_key(
    problem: RepositoryError | None, answer: RestoreAnswer
) -> None:
    def snapshots(deadline_seconds: float) -> list[object]:
        if problem is not None:
            raise problem
        return []

    opened: Any = SimpleNamespace(storage=SimpleNamespace(endpoint=Endpoint("https://s3.example")))
    formats: Any = SimpleNamespace(open=lambda storage: SimpleNamespace(snapshots=snapshots))
    began = ErasureBegan("compta-01", "bucket", "instance", "owner", "k7f3q9wz2m", BucketCount())
    check = _check_restore(opened.storage, formats, CONTROL.owner_key, began)
    assert isinstance(check.seen, RestoreTried)
    assert (check.seen.answer, check.passed) == (answer, answer is RestoreAnswer.REFUSED)
