"""A traceback is saved in the repository that the command was given, wherever it is run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from coffre.cli.unexpected import note_unexpected, remember_root
from coffre.workspace.paths import ERRORS_FOLDER


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (root := tmp_path / "customers").mkdir()
    (root / "platform.yaml").write_text("version: 1\n")
    (elsewhere := tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(elsewhere)
    yield root
    remember_root(None)


def test_from_another_folder(root: Path) -> None:
    remember_root(root)
    said = note_unexpected(KeyError("secret"), "martin")
    [saved] = (root / ERRORS_FOLDER).iterdir()
    assert f"martin: this should not happen (KeyError); the traceback is in {saved}" in said


def test_outside_any_repository_it_says_how_to_see_it(root: Path) -> None:
    assert "run it again with --verbose" in note_unexpected(KeyError("x"))
    assert not (root / ERRORS_FOLDER).exists()
