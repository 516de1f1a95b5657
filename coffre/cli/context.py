"""What every command shares: the repository and the choice of tenants."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from coffre.cli import output
from coffre.cli.root import find_root
from coffre.cli.unexpected import explain_os_error, note_unexpected
from coffre.errors import ExpectedError, UsageError

if TYPE_CHECKING:
    from coffre.records.database.store import Records
    from coffre.spec.loader import Checkout
    from coffre.spec.tenant import Tenant


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


@contextmanager
def open_records(checkout: "Checkout") -> "Iterator[Records]":
    """Open the records of a repository for a command that is about no single tenant."""
    from coffre.records.database.store import Records

    with Records.open(checkout.settings.records, checkout.root) as records:
        yield records


def choose_tenants(
    names: list[str] | None, every: bool, known: Mapping[str, "Tenant"], shard: str | None = None
) -> list[str]:
    """Return the tenants of a command: the named ones, or all of them with --all; no name is an error, not "all".

    ``shard``, K/N, is one of N parts of all.
    """
    from coffre.tenant.shards import parse_shard

    if every and names:
        raise UsageError("tenants are named and --all is given", "Leave out one of the two.")
    if shard is not None:
        if not every:
            raise UsageError("--shard is a part of all tenants", "Give --all too, or leave out --shard.")
        part = parse_shard(shard)
        return [slug for slug, tenant in known.items() if part.has(tenant.id)]
    if every:
        return list(known)
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
        for line in explain(problem, name):
            output.error(line)
        failed.append(name)


def explain(problem: Exception, name: str) -> tuple[str, ...]:
    """Return the lines that say what ended one tenant of several; the traceback of an unexpected error is saved."""
    explained = explain_os_error(problem) if isinstance(problem, OSError) else problem
    if not isinstance(explained, ExpectedError):
        return (note_unexpected(problem, name),)
    return (f"{name}: {explained.message}", *([f"  {explained.hint}"] if explained.hint else []))
