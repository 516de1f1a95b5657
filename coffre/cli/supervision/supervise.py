"""supervise: looks at every tenant as it was last applied, moves gates, and keeps findings; once or for ever."""

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout
from coffre.cli.stopping import stopping
from coffre.cli.unexpected import note_unexpected
from coffre.errors import ExpectedError, UsageError

if TYPE_CHECKING:
    from coffre.records.kept_findings import KeptFinding
    from coffre.supervision.rounds import PassResult, Supervisor

UNSEEN = 1
_UNITS = {"s": 1, "m": 60, "h": 3600}
_AT_LEAST, _AT_MOST = timedelta(seconds=5), timedelta(hours=1)
ONCE = timedelta(minutes=5)
"""A single pass judges as if the next one came after this time."""


def register(app: typer.Typer) -> None:
    app.command("supervise")(supervise)


def supervise(
    context: typer.Context,
    every: Annotated[
        str | None,
        typer.Option(
            "--every", metavar="TIME", help="Go on, with a pass so often, like 5m; SIGTERM or Ctrl-C ends it."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Each pass as one JSON value.")] = False,
) -> None:
    """Look at all tenants as they were last applied, close and open their gates, and keep what is wrong as findings.

    It acts on the inputs of the last apply, never on the files of this folder. It ends with 1 when a tenant could not
    be looked at; with --every it goes on.
    """
    from coffre.records.database.store import Records
    from coffre.supervision.rounds import Supervisor
    from coffre.tenant.locking import supervision_locked
    from coffre.workspace.clock import utc_now

    interval = ONCE if every is None else _parse(every)
    checkout = open_checkout(context)
    with (
        supervision_locked(checkout),
        Records.open(checkout.settings.records, checkout.root) as records,
        stopping() as stop,
    ):
        supervisor = Supervisor(
            checkout.root, records, output.warning, lambda name, problem: output.error(note_unexpected(problem, name)),
            utc_now, interval,
        )  # fmt: skip
        result = supervisor.run()
        _show(result, as_json=as_json)
        if every is None:
            if not result.is_whole:
                raise typer.Exit(UNSEEN)
            return
        _go_on(supervisor, result, interval, stop, as_json=as_json)


def _go_on(
    supervisor: "Supervisor", first: "PassResult", interval: timedelta, stop: threading.Event, *, as_json: bool
) -> None:
    """Make passes until a signal comes; in between, look again at the tenants that fill up fast."""
    from coffre.workspace.clock import utc_now

    due, soon = first.began_at + interval, dict(first.next_look_at)
    while True:
        first_due = min([due, *soon.values()])
        if stop.wait(max(0.0, (first_due - utc_now()).total_seconds())):
            output.progress("stopped after a whole pass")
            return
        now = utc_now()
        only = None if now >= due else [slug for slug, at in soon.items() if at <= now]
        try:
            result = supervisor.run(only)
        except ExpectedError as problem:
            # The records' server may be away for a while: supervision must be there when it comes back.
            output.expected_error(problem)
            due, soon = now + interval, {}
            continue
        if only is None:
            due = result.began_at + interval
        # One that could not be seen just now waits for the next pass: asking it again at once would not stop.
        waiting = {slug: at for slug, at in soon.items() if at > now}
        soon = {slug: at for slug, at in {**waiting, **result.next_look_at}.items() if at < due}
        if only is None or result.opened or result.closed:
            _show(result, as_json=as_json)


def _show(result: "PassResult", *, as_json: bool) -> None:
    if as_json:
        output.result_json(result)
        return
    seconds = (result.ended_at - result.began_at).total_seconds()
    unknown = f", {len(result.unseen)} unknown" if result.unseen else ""
    output.result(
        f"{result.began_at:%Y-%m-%d %H:%M:%S} UTC: looked at {result.seen} of {result.tenants} tenants in "
        f"{seconds:.1f} s{unknown}; findings: {len(result.opened)} new, {len(result.closed)} ended"
    )
    for slug, problem in result.unseen.items():
        output.result(f"  ? {slug}: {problem}")
    for mark, findings in (("!", result.opened), ("-", result.closed)):
        for each in findings:
            output.result(f"  {mark} {_describe(each)}")


def _describe(kept: "KeptFinding") -> str:
    from coffre.cli.words.findings import describe
    from coffre.supervision.findings.life import as_finding

    about = kept.slug or kept.place.platform
    return f"{about}: {describe(as_finding(kept))}"


def _parse(text: str) -> timedelta:
    count, unit = text[:-1], text[-1:]
    if not (count.isascii() and count.isdigit() and unit in _UNITS):
        raise UsageError(f"--every {text} is no time", "Write a number with s, m or h, like 5m.")
    found = timedelta(seconds=int(count[:6]) * _UNITS[unit])
    if not _AT_LEAST <= found <= _AT_MOST:
        raise UsageError(f"--every {text} is not between 5s and 1h", "The contract asks for supervision; 5m is usual.")
    return found
