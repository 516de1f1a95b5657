"""supervise: looks at every tenant as it was last applied, moves gates, and keeps findings; once or for ever."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout, open_records
from coffre.cli.stopping import stopping
from coffre.cli.times import AT_LEAST, parse_every
from coffre.cli.unexpected import note_unexpected
from coffre.errors import ExpectedError

if TYPE_CHECKING:
    from coffre.records.kept_findings import KeptFinding
    from coffre.supervision.rounds import PassResult, Supervisor
    from coffre.supervision.telling.sending import Teller, Telling

UNSEEN = 1
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
    be looked at; with --every it goes on. After each pass it sends what is to be told (docs/notifications.md).
    """
    from coffre.cli.words.supervision.messages import write_note
    from coffre.supervision.rounds import Supervisor
    from coffre.supervision.telling.sending import Teller, find_addressees
    from coffre.tenant.locking import supervision_locked
    from coffre.workspace.clock import utc_now

    interval = ONCE if every is None else parse_every(every, "5m", "1h")
    checkout = open_checkout(context)
    with (
        supervision_locked(checkout),
        open_records(checkout) as records,
        stopping() as stop,
    ):

        def note(name: str, problem: Exception) -> None:
            output.error(note_unexpected(problem, name))

        supervisor = Supervisor(
            checkout.root, records, output.warning, note, utc_now, interval,
            lambda now: find_addressees(checkout, records, now),
        )  # fmt: skip
        teller = Teller(checkout, records, write_note, output.warning, note, utc_now)
        result = supervisor.run()
        telling = _tell(teller, is_whole_pass=True)
        _show(result, telling, as_json=as_json)
        if every is None:
            if not result.is_whole:
                raise typer.Exit(UNSEEN)
            return
        _go_on(supervisor, teller, _Due.after(result, telling, interval), interval, stop, as_json=as_json)


@dataclass
class _Due:
    """When what comes next is due: the next pass, a look at tenants that fill up fast, messages that wait."""

    next_pass: datetime
    looks: dict[str, datetime]
    messages: datetime | None

    @classmethod
    def after(cls, first: "PassResult", telling: "Telling", interval: timedelta) -> "_Due":
        return cls(first.began_at + interval, dict(first.next_look_at), telling.next_at)

    @property
    def first(self) -> datetime:
        return min([self.next_pass, *self.looks.values(), *([] if self.messages is None else [self.messages])])


def _go_on(
    supervisor: "Supervisor",
    teller: "Teller",
    due: _Due,
    interval: timedelta,
    stop: threading.Event,
    *,
    as_json: bool,
) -> None:
    """Make passes until a signal comes; in between, look again at tenants that fill up fast, and send what waits."""
    from coffre.workspace.clock import utc_now

    while not stop.wait(max(0.0, (due.first - utc_now()).total_seconds())):
        now = utc_now()
        only = None if now >= due.next_pass else [slug for slug, at in due.looks.items() if at <= now]
        try:
            result = None if only == [] else supervisor.run(only)
            telling = _tell(teller, is_whole_pass=only is None)
        except ExpectedError as problem:
            # The records' server may be away for a while: supervision must be there when it comes back.
            output.expected_error(problem)
            due = _Due(now + interval, {}, None)
            continue
        due.messages = telling.next_at and max(telling.next_at, now + AT_LEAST)
        if result is None:
            _show_telling(telling, as_json=as_json)
            continue
        if only is None:
            due.next_pass = result.began_at + interval
        # One that could not be seen just now waits for the next pass: asking it again at once would not stop.
        waiting = {slug: at for slug, at in due.looks.items() if at > now}
        due.looks = {slug: at for slug, at in {**waiting, **result.next_look_at}.items() if at < due.next_pass}
        if only is None or result.opened or result.closed:
            _show(result, telling, as_json=as_json)
    output.progress("stopped after a whole pass")


def _tell(teller: "Teller", *, is_whole_pass: bool) -> "Telling":
    """Send what is due; a whole pass that has ended is told to the dead man's switch as well."""
    telling = teller.tell()
    if is_whole_pass:
        teller.call_dead_man()
    return telling


def _show(result: "PassResult", telling: "Telling", *, as_json: bool) -> None:
    if as_json:
        output.result_json({**vars(result), "messages": telling})
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
    _show_telling(telling, as_json=False)


def _show_telling(telling: "Telling", *, as_json: bool) -> None:
    if as_json:
        return  # what became of each message stands in `coffre messages list --json`
    if telling.sent:
        output.result(f"  {telling.sent} message{'' if telling.sent == 1 else 's'} sent")
    for name, problem in telling.refused.items():
        output.result(f"  ? {name}: {problem}; tried again later")


def _describe(kept: "KeptFinding") -> str:
    from coffre.cli.words.supervision.findings import describe
    from coffre.supervision.findings.life import as_finding

    about = kept.slug or kept.place.platform
    return f"{about}: {describe(as_finding(kept))}"
