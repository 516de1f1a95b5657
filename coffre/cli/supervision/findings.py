"""findings: what supervision has found and not yet seen end, and what a person says about it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout, open_records

if TYPE_CHECKING:
    from coffre.records.kept_findings import KeptFinding

OPEN = 6

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The number that `findings list` shows.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; it is recorded.")]

commands = typer.Typer(no_args_is_help=True, help="The findings of supervision, and what you say about one.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="findings")


@commands.command("list")
def list_findings(
    context: typer.Context,
    tenants: Annotated[list[str] | None, typer.Argument(metavar="TENANT", help="Tenants (default: all).")] = None,
    ended_since: Annotated[
        datetime | None,
        typer.Option("--ended-since", formats=["%Y-%m-%d"], metavar="DAY", help="Also those that ended since then."),
    ] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 6 when any is open.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A list of findings, with their standing.")] = False,
) -> None:
    """List the open findings, and when somebody last looked.

    A finding ends when a pass of `coffre supervise` sees that it is gone; nobody can end it otherwise.
    """
    from coffre.workspace.clock import utc_now

    since = None if ended_since is None else ended_since.replace(tzinfo=UTC)
    with open_records(open_checkout(context)) as records:
        found = [each for each in records.supervision.list_findings(since=since) if not tenants or each.slug in tenants]
        passes = records.supervision.list_passes(1)
    if as_json:
        output.result_json([_as_json(each) for each in found])
    else:
        now = utc_now()
        for each in found:
            output.result(_line(each, now))
        _say_when(passes[0].ended_at if passes else None, len([each for each in found if each.is_open]))
    if exit_code and any(each.is_open for each in found):
        raise typer.Exit(OPEN)


@commands.command("acknowledge")
def acknowledge(context: typer.Context, number: Number, reason: Reason) -> None:
    """Say that somebody takes care of a finding: nobody is told of it again."""
    from coffre.records.actor import read_author
    from coffre.supervision import saying
    from coffre.workspace.clock import utc_now

    checkout = open_checkout(context)
    with open_records(checkout) as records:
        saying.acknowledge(records, number, reason, read_author(checkout.root), utc_now())
    output.result(f"finding {number} is acknowledged; it stays open until a pass sees that it is gone")


@commands.command("silence")
def silence(
    context: typer.Context,
    number: Number,
    until: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d"], metavar="DAY", help="The first day on which it is told again (UTC)."),
    ],
    reason: Reason,
) -> None:
    """Say that nobody is told of a finding before a day."""
    from coffre.records.actor import read_author
    from coffre.supervision import saying
    from coffre.workspace.clock import utc_now

    checkout = open_checkout(context)
    with open_records(checkout) as records:
        saying.silence(records, number, until.replace(tzinfo=UTC), reason, read_author(checkout.root), utc_now())
    output.result(f"finding {number} is silent until {until:%Y-%m-%d}")


@commands.command("ticket")
def ticket(
    context: typer.Context,
    number: Number,
    ticket: Annotated[str, typer.Argument(metavar="TICKET", help="The number of the ticket.")],
) -> None:
    """Note the number of the ticket about a finding."""
    from coffre.records.actor import read_author
    from coffre.supervision import saying
    from coffre.workspace.clock import utc_now

    checkout = open_checkout(context)
    with open_records(checkout) as records:
        saying.give_ticket(records, number, ticket, read_author(checkout.root), utc_now())
    output.result(f"finding {number} has the ticket {ticket}")


def _line(kept: "KeptFinding", now: datetime) -> str:
    from coffre.cli.words.supervision.findings import describe
    from coffre.supervision.findings.life import as_finding
    from coffre.supervision.findings.standing import find_standing

    finding = as_finding(kept)
    standing = find_standing(finding)
    severity = "" if standing.severity is None else f", {standing.severity.value}"
    said = ", ".join(
        text
        for text, holds in (
            (f"ended {kept.closed_at:%Y-%m-%d %H:%M}" if kept.closed_at else "", not kept.is_open),
            (f"acknowledged by {kept.acknowledged_by}", kept.acknowledged_at is not None),
            ("silent", kept.is_open and kept.acknowledged_at is None and kept.is_silent(now)),
            (f"ticket {kept.ticket}", kept.ticket is not None),
        )
        if holds
    )
    about = kept.slug or kept.place.platform
    tail = f" [{said}]" if said else ""
    return (
        f"{kept.id:>5}  {kept.since:%Y-%m-%d %H:%M}  {about}: {describe(finding)} "
        f"({standing.attribution.value}{severity}){tail}"
    )


def _say_when(last: datetime | None, count: int) -> None:
    if last is None:
        output.result("no pass of supervision has ended yet: nothing is known; run `coffre supervise`")
        return
    many = "no finding is open" if count == 0 else f"{count} open"
    output.result(f"{many}; the last pass ended at {last:%Y-%m-%d %H:%M:%S} UTC")


def _as_json(kept: "KeptFinding") -> object:
    from coffre.supervision.findings.life import as_finding
    from coffre.supervision.findings.standing import find_standing

    standing = find_standing(as_finding(kept))
    place = {**vars(kept.place), "platform": kept.place.platform or None, "machine": kept.place.machine or None}
    return {
        **{name: value for name, value in vars(kept).items() if name != "place"},
        **place,
        "attributable_to": standing.attribution,
        "severity": standing.severity,
        "consequence": standing.consequence,
        "next_action": standing.action,
    }
