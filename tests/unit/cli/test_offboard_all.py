"""`coffre offboard --all`: every tenant that is leaving has its turn, and none is erased."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from coffre.cli.main import app
from coffre.errors import RefusedError, UsageError
from coffre.offboarding.lifecycle.procedure import Manner
from tests.builders import tenant_file

ROOT = Path(__file__).resolve().parents[3]
LEAVING = {
    "notice_on": "2026-11-02",
    "ends_on": "2026-12-31",
    "requested_by": "Claire Martin",
    "approved_by": "paul@smileo.example",
    "choice": "erase",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "platform.yaml").write_bytes((ROOT / "platform.yaml").read_bytes())
    (tmp_path / "tenants").mkdir()
    for number, slug in enumerate(("alpha", "beta", "gamma", "stays")):
        more: dict[str, Any] = {} if slug == "stays" else {"status": "leaving", "leaving": LEAVING}
        text = tenant_file(id=f"k{number}a2b3c4d5", machines={}, **more)
        (tmp_path / "tenants" / f"{slug}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def offboard(root: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["--root", str(root), "offboard", *options])


def test_each_that_is_leaving_has_its_turn_and_none_is_erased(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def run(_checkout: object, slug: str, _day: object, manner: Manner) -> object:
        seen.append(slug)
        if slug == "alpha":
            raise RefusedError("the disk is not there")
        if slug == "beta":
            manner.confirm("Erase every backup of beta, for ever?")
            raise AssertionError("it was erased")
        return SimpleNamespace(tenant=slug, stage=None, done=(), documents=(), waiting=None, is_late=False)

    monkeypatch.setattr("coffre.offboarding.lifecycle.procedure.offboard", run)
    done = offboard(root, "--all")
    assert seen == ["alpha", "beta", "gamma"]
    assert done.exit_code == 1
    assert "1 of 3 departures" in done.stdout
    assert "alpha: the disk is not there" in done.stderr
    assert "beta: its data may be erased today" in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--all", "--yes"),
        ("--all", "alpha"),
        ("--all", "--plan"),
        ("--all", "--verify"),
        ("--all", "--machine", "m"),
        (),
    ],
    ids=str,
)
def test_no_other_option_goes_with_it_and_no_tenant_is_not_all(root: Path, options: tuple[str, ...]) -> None:
    assert isinstance(offboard(root, *options).exception, UsageError)
