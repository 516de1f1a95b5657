"""sla: the availability of platforms in a year, and the decisions about what does not count."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout, open_records
from coffre.cli.times import Begins, Ends, in_zone
from coffre.errors import UsageError
from coffre.records.facts.availability import ExclusionCause

if TYPE_CHECKING:
    from coffre.records.facts.availability import ChangeWindowDeclared
    from coffre.spec.loader import Checkout
    from coffre.supervision.availability.known import KnownPlatform
    from coffre.supervision.judge.availability import Availability, Month

commands = typer.Typer(invoke_without_command=True, help="The availability of platforms: 99.7 % a year (article 15).")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="sla")


@commands.callback()
def sla(
    context: typer.Context,
    platform: Annotated[
        list[str] | None, typer.Option("--platform", metavar="NAME", help="The platform (default: all); repeatable.")
    ] = None,
    tenant: Annotated[
        str | None,
        typer.Option(metavar="TENANT", help="For this tenant: its platforms, without changes that it asked for."),
    ] = None,
    year: Annotated[int | None, typer.Option(min=2000, max=2199, help="The year (default: this one).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list, one entry a platform.")] = False,
) -> None:
    """Show the availability of each platform in a year: the budget of 99.7 %, what is used and left, by month.

    A time that nobody probed is unknown: neither up nor down. It asks the records only. The service of a vendor's
    agent has its editor's own service level, which is no part of the 99.7 %: nothing is measured there.
    """
    if context.invoked_subcommand is not None:
        return
    from coffre.workspace.clock import utc_now

    checkout, now = open_checkout(context), utc_now()
    zone = checkout.settings.working_hours.timezone
    judged = _judge_all(checkout, platform, tenant, year or now.astimezone(ZoneInfo(zone)).year, now)
    if as_json:
        output.result_json(
            [_as_json(known, found, is_editors=_is_editors(checkout, known.name)) for known, found in judged]
        )
        return
    for known, found in judged:
        if _is_editors(checkout, known.name):
            output.result(
                f"{known.name}, {found.year}: its service level is its editor's own, and no part of the 99.7 %"
            )
        else:
            _show(known, found, zone)


@commands.command("exclude")
def exclude(
    context: typer.Context,
    platform: Annotated[str, typer.Argument(metavar="PLATFORM", help="The platform, as platform.yaml names it.")],
    begins: Begins,
    ends: Ends,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, and what proves it; it is recorded.")],
    cause: Annotated[ExclusionCause, typer.Option(help="Why it does not count.")] = ExclusionCause.FORCE_MAJEURE,
    revoke: Annotated[bool, typer.Option("--revoke", help="The decision about this time was a mistake.")] = False,
) -> None:
    """Record the decision that a past time does not count: force majeure, a third party, or the customer (article 15).

    Times are local, of working_hours' time zone.
    """
    from coffre.records.actor import read_author
    from coffre.supervision.availability import words
    from coffre.workspace.clock import utc_now

    checkout = open_checkout(context)
    zone = checkout.settings.working_hours.timezone
    _refuse_unknown([platform], checkout)
    time = words.PastTime(platform, in_zone(begins, zone), in_zone(ends, zone))
    author, now = read_author(checkout.root), utc_now()
    with open_records(checkout) as records:
        if revoke:
            words.revoke(records, time, reason, author, now)
        else:
            words.exclude(records, time, cause, reason, author, now)
    said = "counts again" if revoke else "does not count"
    output.result(f"{platform}: the time from {begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} {said}")


def _judge_all(
    checkout: "Checkout", names: list[str] | None, slug: str | None, year: int, now: datetime
) -> list[tuple["KnownPlatform", "Availability"]]:
    from coffre.supervision.availability.known import list_change_windows, read_platforms
    from coffre.tenant.lookup import find_tenant

    zone = checkout.settings.working_hours.timezone
    changes: Sequence[ChangeWindowDeclared] = ()
    with open_records(checkout) as records:
        known = read_platforms(records, year, zone)
        if slug is not None:
            tenant = find_tenant(checkout, slug)
            names = names or list(dict.fromkeys([tenant.storage.platform, *tenant.storage.parts]))
            changes = list_change_windows(records, tenant.id)
    _refuse_unknown(names or [], checkout, list(known.by_name))
    chosen = dict.fromkeys(names or checkout.settings.platforms)
    return [(known.get(name), known.get(name).judge(year, zone, now, changes)) for name in chosen]


def _is_editors(checkout: "Checkout", name: str) -> bool:
    """Tell whether a platform is the service of a vendor's agent, whose level the contract leaves to the editor."""
    from coffre.storage.kinds import driver_of

    platform = checkout.settings.platforms.get(name)
    return platform is not None and not driver_of(platform).capabilities.has_buckets


def _refuse_unknown(names: Sequence[str], checkout: "Checkout", more: Sequence[str] = ()) -> None:
    known = list(dict.fromkeys([*checkout.settings.platforms, *more]))
    for name in names:
        if name not in known:
            raise UsageError(f"there is no platform {name!r}", f"platform.yaml has: {', '.join(known)}.")


def _show(known: "KnownPlatform", found: "Availability", zone: str) -> None:
    from coffre.cli.words.supervision.availability import describe_fault, format_duration

    until = found.until.astimezone(ZoneInfo(zone))
    output.result(f"{known.name}, {found.year} until {until:%Y-%m-%d %H:%M} ({zone})")
    if found.percent is None:
        output.result("  nobody has probed it: its availability is unknown (`coffre probe`)")
        return
    used, budget = format_duration(found.used_seconds), format_duration(found.budget_seconds)
    output.result(f"  available:   {_percent(found.percent)} % of the time that was probed")
    output.result(f"  budget:      {budget}; used {used}, left {format_duration(found.left_seconds)}")
    output.result(f"  not counted: {format_duration(found.excused_seconds)}")
    output.result(f"  unknown:     {format_duration(found.unprobed_seconds)} that nobody probed")
    rows = [
        [f"{found.year}-{each.number:02}", *map(format_duration, _figures(each))]
        for each in found.months
        if any(_figures(each))
    ]
    if rows:
        output.table(("month", "used", "not counted", "unknown"), rows, right=("used", "not counted", "unknown"))
    for outage in found.outages:
        begin, end = (at.astimezone(ZoneInfo(zone)) for at in (outage.begins_at, outage.ends_at))
        last = "it goes on" if outage.is_going_on else f"{end:%Y-%m-%d %H:%M:%S}"
        counted = format_duration(outage.counted_seconds)
        why = describe_fault(outage.step, outage.fault)
        output.result(f"  outage: {begin:%Y-%m-%d %H:%M:%S} to {last}, {counted} of it count ({why})")


def _figures(month: "Month") -> tuple[int, int, int]:
    return month.used_seconds, month.excused_seconds, month.unprobed_seconds


def _percent(value: float) -> str:
    """Write a share that is not whole never as 100: nobody rounds an outage away."""
    text = f"{value:.3f}"
    return "99.999" if text == "100.000" and value < 100 else text


def _as_json(known: "KnownPlatform", found: "Availability", *, is_editors: bool) -> object:
    return {
        "platform": known.name,
        "is_editors": is_editors,
        **vars(found),
        "left_seconds": found.left_seconds,
        "percent": found.percent,
        "maintenances": [{**vars(each), "is_beforehand": each.is_beforehand} for each in known.maintenances],
        "exclusions": list(known.exclusions),
    }
