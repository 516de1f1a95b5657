"""Checks the price lists of platform.yaml: a price for every kind of machine, days and steps that ascend."""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from coffre.spec.machine import MachineKind
from coffre.spec.parsing.lookup import Data, block, find_day
from coffre.spec.problems.problems import FileProblem, Loc
from coffre.spec.values.fields import VALUE
from coffre.spec.values.money import AmountError, parse_amount
from coffre.spec.values.sizes import SizeError, parse_size

_Read = TypeVar("_Read")


def check_prices(data: Data) -> Iterator[FileProblem]:
    """Return the findings over several fields of the prices of platform.yaml."""
    lists = block(data, "prices").get("lists")
    days: set[date] = set()
    for place, entry in enumerate(lists if isinstance(lists, list) else []):
        if isinstance(entry, dict):
            loc: Loc = ("prices", "lists", place)
            yield from _check_since(loc, find_day(entry, "since"), days)
            yield from _check_machines(loc, entry)
            yield from _check_steps(loc, entry)


def _check_since(loc: Loc, day: date | None, days: set[date]) -> Iterator[FileProblem]:
    """Check a list's first day against those of the lists before it, and add it to them."""
    if day is None:
        return
    latest = max(days, default=None)
    if day in days:
        yield FileProblem((*loc, "since"), f"{VALUE} is the first day of two price lists", "one list counts on a day")
    elif latest is not None and day < latest:
        hint = "list prices oldest first"
        yield FileProblem((*loc, "since"), f"{VALUE} is before the list that precedes it ({latest})", hint)
    days.add(day)


def _check_machines(loc: Loc, entry: Data) -> Iterator[FileProblem]:
    machines = entry.get("machines")
    for kind in MachineKind:
        if isinstance(machines, dict) and kind.value not in machines:
            hint = f'add {kind.value}: "…", with "0" if it costs nothing'
            yield FileProblem((*loc, "machines", kind.value), "is missing", hint, at_key=True)


def _check_steps(loc: Loc, entry: Data) -> Iterator[FileProblem]:
    steps = entry.get("volume")
    largest, dearest = 0, Decimal(0)
    for place, step in enumerate(steps if isinstance(steps, list) else []):
        if not isinstance(step, dict):
            continue
        up_to, month = _read(parse_size, step.get("up_to")), _read(parse_amount, step.get("month"))
        if up_to is not None and up_to <= largest:
            hint = "list the steps smallest first, each with a size of its own"
            yield FileProblem((*loc, "volume", place, "up_to"), f"{VALUE} is no more than the step before", hint)
        if month is not None and month < dearest:
            message = f"{VALUE} is less than the price of a smaller volume ({dearest} EUR)"
            yield FileProblem((*loc, "volume", place, "month"), message, "check the prices of both steps")
        largest, dearest = max(largest, up_to or 0), max(dearest, month or Decimal(0))


def _read(parse: Callable[[str], _Read], value: Any) -> _Read | None:
    """Return what a text says; None when it is no such text, which is reported elsewhere."""
    try:
        return parse(value) if isinstance(value, str) else None
    except (AmountError, SizeError):
        return None
