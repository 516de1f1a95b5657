"""What restic makes of a copied repository ends no return by a machine's doing, and is told."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from coffre.agents.restic.repository.format import ResticFormat
from coffre.agents.restic.repository.process import ResticError
from coffre.agents.restic.repository.repository import ResticRepository
from coffre.errors import RemoteError
from coffre.offboarding.handover import files, repository


def check(monkeypatch: pytest.MonkeyPatch, code: int | None) -> tuple[bool, list[str]]:
    def fail(self: object) -> None:
        raise ResticError("it does not end well", "", code)

    monkeypatch.setattr(ResticRepository, "check", fail)
    said: list[str] = []
    job: Any = SimpleNamespace(machine="pc-1", bag=Path("/bag"), on_progress=said.append)
    return repository._check(job, ResticFormat(), SecretStr("x")), said


@pytest.mark.parametrize("code", [1, 2, -9, -11, None], ids=["errors", "panic", "out of memory", "crash", "no end"])
def test_content_that_restic_cannot_get_through_is_handed_back_as_not_whole(
    monkeypatch: pytest.MonkeyPatch, code: int | None
) -> None:
    is_whole, said = check(monkeypatch, code)
    assert not is_whole
    assert said[-1] == "pc-1: the copy equals the bucket, but is incomplete: it does not end well"


@pytest.mark.parametrize("code", [10, 11, 12, 126])
def test_a_look_that_could_not_be_made_ends_it(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    with pytest.raises(ResticError):
        check(monkeypatch, code)


@pytest.mark.parametrize("code", [1, 2, 3])
def test_a_return_as_files_says_what_helps_where_running_again_does_not(tmp_path: Path, code: int) -> None:
    job: Any = SimpleNamespace(machine="pc-1", bag=tmp_path)
    problem = files._without_names(job, ResticError("/home/claire/secret: damaged", "", code))
    assert isinstance(problem, RemoteError)
    assert "claire" not in problem.message + problem.hint
    assert "return the repository instead of files" in problem.hint
    assert "claire" in (tmp_path / files.PROBLEMS).read_text(encoding="utf-8")
