"""What every command shares: the repository and the choice of tenants."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from coffre.cli import output
from coffre.cli.root import find_root
from coffre.cli.unexpected import explain_os_error, tell_unexpected
from coffre.errors import ExpectedError, UsageError

if TYPE_CHECKING:
    from coffre.spec.loader import Checkout


@dataclass(frozen=True)
class Globals:
    """The global options, as given."""

    root: Path | None
    verbose: bool

    def find_root(self) -> Path:
        """Return the folder that holds platform.yaml: the given one, or the nearest one above the current folder."""
        return find_root(self.root)


def get_globals(context: typer.Context) -> Globals:
    options = context.obj
    assert isinstance(options, Globals)  # noqa: S101 - set by the command group before any command runs
    return options


def open_checkout(context: typer.Context) -> "Checkout":
    """Read and check platform.yaml and every tenant file; no command starts with an invalid file."""
    from coffre.spec.loader import load_checkout

    return load_checkout(get_globals(context).find_root())


def choose_tenants(names: list[str] | None, every: bool, known: list[str]) -> list[str]:
    """Return the tenants of a command: the named ones, or all of them with --all; no name is an error, not "all"."""
    if every and names:
        raise UsageError("tenants are named and --all is given", "Leave out one of the two.")
    if every:
        return known
    if not names:
        raise UsageError("no tenant is named", "Name one or more tenants, or give --all.")
    return list(dict.fromkeys(names))


@contextmanager
def turn_of(name: str, failed: list[str], *, alone: bool) -> Iterator[None]:
    """Process one tenant. With several, print its error, note it in ``failed`` and continue with the next one.

    This also covers unexpected errors: one tenant's data never stops the others.
    """
    try:
        yield
    except (typer.Abort, typer.Exit):
        raise
    except Exception as problem:
        if alone:
            raise
        explained = explain_os_error(problem) if isinstance(problem, OSError) else problem
        if isinstance(explained, ExpectedError):
            output.error(f"{name}: {explained.message}")
            if explained.hint:
                output.error(f"  {explained.hint}")
        else:
            tell_unexpected(problem, name)
        failed.append(name)
