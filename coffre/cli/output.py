"""The only module that prints: results to standard output, everything else to standard error."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime

from pydantic import BaseModel
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from coffre.errors import ExpectedError
from coffre.outside.text import visible, visible_json

_result = Console(highlight=False, soft_wrap=True)
_other = Console(stderr=True, highlight=False, soft_wrap=True)


def configure(*, no_color: bool) -> None:
    """Set the colours for the whole command; they are never used when the output is not a terminal.

    Only what it is counts, no variable that says so: one that forces colours would have tables cut for a terminal.
    """
    global _result, _other
    _result, _other = (
        Console(
            stderr=stream is sys.stderr,
            highlight=False,
            soft_wrap=True,
            force_terminal=stream.isatty(),
            no_color=no_color,
        )
        for stream in (sys.stdout, sys.stderr)
    )


def _print(console: Console, text: str, style: str | None = None) -> None:
    console.print(visible(text), style=style, markup=False)


def result(text: str = "") -> None:
    """Print a line of the command's result."""
    _print(_result, text)


def result_json(value: object) -> None:
    """Print the command's result for a machine to read."""
    sys.stdout.write(visible_json(json.dumps(value, indent=2, ensure_ascii=False, default=_plain)) + "\n")


def _plain(value: object) -> object:
    """Turn what results are made of into what JSON has: records into objects, moments into ISO 8601 in UTC."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no part of a result")


_TRAILING = re.compile("(?: |\x1b\\[[0-9;]*m)+$")
"""The blanks at the end of a line, with what switches colours between them."""


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """Print rows under their columns; the columns named in ``right`` hold numbers."""
    shown = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        shown.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    for row in rows:
        shown.add_row(*(Text(visible(cell)) for cell in row))
    # Without a terminal there is no width to keep to: a cut cell would be a lie in a log.
    is_terminal = _result.is_terminal
    console = Console(
        highlight=False, no_color=_result.no_color, force_terminal=is_terminal, width=None if is_terminal else 240
    )
    with console.capture() as captured:
        console.print(shown)
    for line in captured.get().splitlines():
        # Cells are filled up to their column's width, the last one of a row for nothing.
        console.file.write(_TRAILING.sub(lambda found: found[0].replace(" ", ""), line) + "\n")


def progress(text: str) -> None:
    """Say what is being done."""
    _print(_other, text, "dim")


def progress_of(name: str, text: str) -> None:
    """Say what is being done to one tenant or machine."""
    progress(f"{name}: {text}")


def warning(text: str) -> None:
    """Say what the operator should know although the command goes on."""
    _print(_other, f"warning: {text}", "yellow")


def error(text: str) -> None:
    """Say what went wrong, without ending the command."""
    _print(_other, text, "red")


def expected_error(problem: ExpectedError) -> None:
    """Say what went wrong and what to do about it."""
    _print(_other, f"error: {problem.message}", "red")
    if problem.hint:
        _print(_other, f"  {problem.hint}")


@contextmanager
def percentage(text: str) -> Iterator[Callable[[float], None]]:
    """Show how far long work is: a bar on a terminal, else a line each ten per cent; takes a fraction from 0 to 1."""
    if _other.is_terminal:
        with Progress(console=_other, transient=True) as bar:
            task = bar.add_task(text, total=1.0)
            yield lambda fraction: bar.update(task, completed=fraction)
        return
    shown = -1

    def show(fraction: float) -> None:
        nonlocal shown
        tenths = int(fraction * 10)
        if tenths > shown:
            shown = tenths
            progress(f"{text}: {tenths * 10} %")

    yield show
