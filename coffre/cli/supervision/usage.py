"""usage: what a tenant held at midnight, day by day, and the licences that were in use."""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout

if TYPE_CHECKING:
    from coffre.records.activity import Midnight
    from coffre.tenant.opening import OpenTenant


def register(app: typer.Typer) -> None:
    app.command("usage")(usage)


@dataclass(frozen=True)
class UsageDay:
    """A day as it is shown; the bytes are None when nobody measured at its midnight. Licences are counted by kind."""

    day: date
    current_bytes: int | None
    noncurrent_bytes: int | None
    stored_bytes: int | None
    licences: dict[str, int]


def usage(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")],
    month: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m"], metavar="MONTH", help="Like 2026-11 (default: this month).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The days, as a list; null is not measured.")] = False,
) -> None:
    """Show what a tenant held at 00:00 of each day, in the provider's time zone, and the licences in use then.

    The pass of `coffre supervise` that follows midnight measures it. A day without one is a gap: nothing is guessed.
    """
    from coffre.tenant.opening import open_tenant
    from coffre.workspace.clock import utc_now

    checkout = open_checkout(context)
    zone = ZoneInfo(checkout.settings.working_hours.timezone)
    today = utc_now().astimezone(zone).date()
    first = today.replace(day=1) if month is None else month.date()
    last = min(today, first.replace(day=calendar.monthrange(first.year, first.month)[1]))
    with open_tenant(checkout, tenant, output.warning) as opened:
        days = _list_days(opened, first, last, zone)
    if as_json:
        output.result_json(days)
        return
    output.table(("day", "current", "noncurrent", "all versions", "licences in use"), [_row(each) for each in days])


def _list_days(opened: "OpenTenant", first: date, last: date, zone: ZoneInfo) -> Sequence[UsageDay]:
    from coffre.tenant.licences import count_in_use, list_deployments

    records = opened.log.find_records()
    measured: dict[date, Midnight] = {}
    if records is not None:
        measured = {each.day: each for each in records.list_midnights(opened.tenant.id, first, last)}
    deployments = list_deployments(opened.log)
    found = []
    for turn in range((last - first).days + 1):
        day = first + timedelta(days=turn)
        licences = count_in_use(deployments, datetime(day.year, day.month, day.day, tzinfo=zone))
        each = measured.get(day)
        if each is None:
            found.append(UsageDay(day, None, None, None, dict(licences)))
        else:
            sizes = (each.current_bytes, each.noncurrent_bytes, each.stored_bytes)
            found.append(UsageDay(day, *sizes, dict(licences)))
    return found


def _row(each: UsageDay) -> tuple[str, ...]:
    from coffre.spec.values.sizes import format_bytes

    sizes = (each.current_bytes, each.noncurrent_bytes, each.stored_bytes)
    licences = ", ".join(f"{count} {kind}" for kind, count in each.licences.items()) or "none"
    return (f"{each.day}", *("not measured" if size is None else format_bytes(size) for size in sizes), licences)
