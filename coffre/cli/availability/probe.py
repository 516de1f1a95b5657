"""probe: writes, reads back and deletes an object on every platform, as a machine would; once or every minute."""

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout, open_records
from coffre.cli.stopping import stopping
from coffre.cli.times import parse_every
from coffre.cli.unexpected import note_unexpected
from coffre.errors import ExpectedError

if TYPE_CHECKING:
    from coffre.supervision.availability.prober import Prober, ProbeRound

FAILED = 1


def register(app: typer.Typer) -> None:
    app.command("probe")(probe)


def probe(
    context: typer.Context,
    every: Annotated[
        str | None,
        typer.Option("--every", metavar="TIME", help="Go on, so often, like 1m; SIGTERM or Ctrl-C ends it."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Each round as one JSON value.")] = False,
) -> None:
    """Probe every platform through its public endpoint, and record whether it serves.

    A probe writes an object over TLS, reads it back, compares it, and deletes it, with a user and a bucket of its own.
    It probes the platforms of the newest apply. It ends with 1 when one failed or could not be probed; with --every it
    goes on. `coffre sla` shows what follows, `coffre supervise` opens findings of it.
    """
    from coffre.supervision.availability.prober import Prober
    from coffre.tenant.locking import probing_locked
    from coffre.workspace.clock import utc_now

    interval = None if every is None else parse_every(every, "1m", "2m")
    checkout = open_checkout(context)
    with (
        probing_locked(checkout),
        open_records(checkout) as records,
        stopping() as stop,
    ):
        prober = Prober(checkout.root, records, _tell, utc_now)
        result = prober.run()
        _show(result, as_json=as_json)
        if interval is not None:
            _go_on(prober, result, interval, stop, as_json=as_json)
        elif not (result.is_whole and all(each.is_up for each in result.results.values())):
            raise typer.Exit(FAILED)


def _go_on(prober: "Prober", first: "ProbeRound", interval: timedelta, stop: threading.Event, *, as_json: bool) -> None:
    """Probe until a signal comes; only what differs from the round before is printed."""
    from coffre.workspace.clock import utc_now

    before, due = first, first.at + interval
    while not stop.wait(max(0.0, (due - utc_now()).total_seconds())):
        result = prober.run()
        if as_json or _in_short(result) != _in_short(before):
            _show(result, as_json=as_json)
        before, due = result, max(result.at + interval, utc_now())
    output.progress("stopped after a whole round")


def _in_short(result: "ProbeRound") -> object:
    return {name: each.failed for name, each in result.results.items()}, set(result.unprobed), result.waiting > 0


def _show(result: "ProbeRound", *, as_json: bool) -> None:
    from coffre.cli.words.supervision.availability import describe_fault

    if as_json:
        output.result_json(result)
        return
    at = f"{result.at:%Y-%m-%d %H:%M:%S} UTC"
    for name, each in sorted(result.results.items()):
        said = "serves" if each.failed is None else f"FAILED, {describe_fault(*each.failed)}"
        output.result(f"{at}: {name} {said} ({each.duration_ms} ms)")
    for name, problem in sorted(result.unprobed.items()):
        output.result(f"{at}: {name} was not probed, so nobody knows: {problem}")
    if not result.results and not result.unprobed:
        output.result(f"{at}: no platform to probe: none is known by an apply, or its kind is not probed")
    if result.waiting:
        output.result(f"{at}: {result.waiting} probes wait for the records")


def _tell(name: str, problem: Exception) -> None:
    if isinstance(problem, ExpectedError):
        output.expected_error(problem)
    else:
        output.error(note_unexpected(problem, name))
