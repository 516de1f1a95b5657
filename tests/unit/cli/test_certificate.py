"""certificate verify, through the command line: the exit code says whether a file can be relied on."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from coffre.cli.main import app
from coffre.offboarding.certificate.issue import issue
from coffre.offboarding.certificate.issued import Certificate
from coffre.workspace.paths import LAB_CERTIFICATE
from tests.unit.offboarding.departures import (
    ended_on,
    leaving_tenant,
    open_tenant,
    verify_and_clear,
    write_whole_departure,
)


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> tuple[Certificate, Path]:
    root = tmp_path_factory.mktemp("issued")
    with open_tenant(root, leaving_tenant(), is_embedded=True) as opened:
        journal = write_whole_departure(opened)
        verify_and_clear(opened, journal)
        return issue(opened, journal, ended_on(5)), root / LAB_CERTIFICATE


def verify(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["certificate", "verify", *arguments])
    return result.exit_code, result.output


def test_a_whole_file_of_a_known_key_ends_with_zero(issued: tuple[Certificate, Path]) -> None:
    for path in (issued[0].pdf, issued[0].json):
        code, said = verify(str(path), "--certificate", str(issued[1]))
        assert code == 0
        assert issued[0].number in said
        assert "SPECIMEN" in said


def test_a_changed_file_ends_with_one_and_states_nothing(issued: tuple[Certificate, Path], tmp_path: Path) -> None:
    changed = tmp_path / "changed.json"
    changed.write_text(issued[0].json.read_text(encoding="utf-8").replace("Martin", "Durand"), encoding="utf-8")
    code, said = verify(str(changed), "--certificate", str(issued[1]))
    assert code == 1
    assert "cannot be relied on" in said
    assert "certificate CE" not in said


def test_a_key_that_was_not_compared_ends_with_one(
    issued: tuple[Certificate, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = verify(str(issued[0].pdf))
    assert code == 1
    assert "--certificate" in said
