"""What of a tenant is left after its erasure is said in words where the command ends."""

from pathlib import Path
from typing import NoReturn

import pytest
from typer.testing import CliRunner

from coffre.cli.main import app
from coffre.errors import RefusedError
from coffre.offboarding.erase.checks import ChecksFailedError, ContentsSeen, ErasureCheck, ErasureLook, Left
from tests.unit.cli.test_errors import copy_repository

FAILED = (
    ErasureCheck(ErasureLook.CONTENTS, "martin-compta-01", False, ContentsSeen(versions=2, markers=1, uploads=0)),
    ErasureCheck(ErasureLook.STACK, "martin", False, Left(names=("martin.json",))),
)


def end_with_failed_checks(*_: object) -> NoReturn:
    raise ChecksFailedError("martin is not empty after its erasure", "Run the same command again.", FAILED)


def test_a_command_that_ends_over_checks_says_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_repository(tmp_path)
    monkeypatch.setattr("coffre.offboarding.lifecycle.procedure.offboard", end_with_failed_checks)
    done = CliRunner().invoke(app, ["--root", str(tmp_path), "offboard", "boulangerie-martin", "--yes"])
    assert isinstance(done.exception, RefusedError)
    assert done.exception.message == (
        "martin is not empty after its erasure: contents of bucket martin-compta-01: 2 versions, 1 delete markers, "
        "0 unfinished uploads; stack of martin: Pulumi's folders have martin.json"
    )
    assert done.exception.hint == "Run the same command again."
