"""Several tenants in one command: whatever ends one of them, the others have their turn."""

import pytest
import typer

from coffre.cli.context import turn_of
from coffre.errors import ExpectedError


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "problem", [ExpectedError("said", "do this"), ValueError("year 0"), OverflowError(), KeyError(1)]
)
def test_what_ends_one_tenant_is_told_and_the_next_is_on(problem, nowhere, capsys):
    failed: list[str] = []
    for name in ("martin", "durand"):
        with turn_of(name, failed, alone=False):
            if name == "martin":
                raise problem
    assert failed == ["martin"]
    said = capsys.readouterr().err
    assert said.startswith("martin: ")
    assert "Traceback" not in said


@pytest.mark.parametrize("problem", [ExpectedError("said"), ValueError("year 0")])
def test_of_one_tenant_alone_it_is_the_commands_own_end(problem):
    with pytest.raises(type(problem)), turn_of("martin", [], alone=True):
        raise problem


def test_whoever_says_no_ends_the_command():
    with pytest.raises(typer.Abort), turn_of("martin", [], alone=False):
        raise typer.Abort
