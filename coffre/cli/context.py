"""What every command shares: where the repository is, and which of its tenants are meant."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from coffre.cli import output
from coffre.errors import ExpectedError, UsageError

if TYPE_CHECKING:
    from coffre.spec.loader import Repository


@dataclass(frozen=True)
class Globals:
    """The global options, as given."""

    root: Path | None
    verbose: bool

    def find_root(self) -> Path:
        """Return the folder that holds platform.yaml: the one given, or the nearest from here upwards."""
        start = (self.root or Path.cwd()).resolve()
        candidates = [start] if self.root is not None else [start, *start.parents]
        for folder in candidates:
            if (folder / "platform.yaml").is_file():
                return folder
        raise UsageError(
            f"no platform.yaml in {start}" + ("" if self.root else " or above"),
            "Run the command in the repository that holds platform.yaml and tenants/, or name it with --root DIR.",
        )


def get_globals(context: typer.Context) -> Globals:
    options = context.obj
    assert isinstance(options, Globals)  # noqa: S101 - set by the command group before any command runs
    return options


def open_repository(context: typer.Context) -> "Repository":
    """Read and check platform.yaml and every tenant file: no command starts from a file that says something wrong."""
    from coffre.spec.loader import load_repository

    return load_repository(get_globals(context).find_root())


def choose_tenants(names: list[str] | None, every: bool, known: list[str]) -> list[str]:
    """Return the tenants a command is about: those named, or all of them; naming none is an error, not "all"."""
    if every and names:
        raise UsageError("tenants are named and --all is given", "Leave out one of the two.")
    if every:
        return known
    if not names:
        raise UsageError("no tenant is named", "Name one or more tenants, or give --all.")
    return list(dict.fromkeys(names))


def go_on_after(name: str, problem: ExpectedError, *, alone: bool) -> None:
    """With one tenant an error is the command's own; with several it is named, and the next one has its turn."""
    if alone:
        raise problem
    output.error(f"{name}: {problem.message}")
    if problem.hint:
        output.error(f"  {problem.hint}")
