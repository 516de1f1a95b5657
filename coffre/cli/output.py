"""The only module that prints: results on standard output, everything else on standard error."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

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
    """Set the colours for the whole command; they are used only on a terminal.

    Environment variables do not change this: one that forces colours would also cut tables to a terminal's width.
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
    console.print(visible(text), style=style, markup=False, emoji=False)


def result(text: str = "") -> None:
    """Print a line of the command's result."""
    _print(_result, text)


def result_bytes(content: bytes) -> None:
    """Print the command's result byte for byte: for a document whose hash is known."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content)


def result_json(value: object) -> None:
    """Print the command's result as JSON."""
    sys.stdout.write(visible_json(json.dumps(value, indent=2, ensure_ascii=False, default=_plain)) + "\n")


def _plain(value: object) -> object:
    """Turn a result into JSON values: dataclasses into objects, times into ISO 8601 in UTC, amounts into text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"a result cannot hold {type(value).__name__}")


_TRAILING = re.compile("(?: |\x1b\\[[0-9;]*m)+$")
"""The blanks at the end of a line, with the colour codes between them."""


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """Print rows under their columns; the columns named in ``right`` are aligned to the right."""
    shown = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        shown.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    for row in rows:
        shown.add_row(*(Text(visible(cell)) for cell in row))
    # Without a terminal the width has no limit: a cut cell would make a log wrong.
    is_terminal = _result.is_terminal
    console = Console(
        highlight=False, no_color=_result.no_color, force_terminal=is_terminal, width=None if is_terminal else 240
    )
    with console.capture() as captured:
        console.print(shown)
    for line in captured.get().splitlines():
        # Cells are padded to their column's width; the last one of a row does not need it.
        console.file.write(_TRAILING.sub(lambda found: found[0].replace(" ", ""), line) + "\n")


def progress(text: str) -> None:
    """Say what is being done."""
    _print(_other, text, "dim")


def progress_of(name: str, text: str) -> None:
    """Say what is being done to one tenant or machine."""
    progress(f"{name}: {text}")


def warning(text: str) -> None:
    """Warn the operator; the command continues."""
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
    """Show the progress of long work: a bar on a terminal, else a line every ten per cent; takes a fraction, 0 to 1."""
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
