"""status: show the current state of tenants, as a table or as JSON."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout, turn_of
from coffre.cli.words.machines import describe_retired
from coffre.spec.values.sizes import format_bytes, format_sold

if TYPE_CHECKING:
    from coffre.observation.machine import MachineStatus
    from coffre.observation.tenant import PartStatus, TenantObservation

FAILED = 1


def register(app: typer.Typer) -> None:
    app.command("status")(status)


def status(
    context: typer.Context,
    tenants: Annotated[list[str] | None, typer.Argument(metavar="TENANT", help="Tenants (default: all).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list of tenants.")] = False,
) -> None:
    """Show the current state, read from the platform and the buckets.

    The command leaves invalid or foreign data out, names it below the table and ends with 1.
    """
    from coffre.observation.tenant import observe
    from coffre.tenant.opening import open_tenant

    checkout = open_checkout(context)
    now = datetime.now(UTC)
    names = tenants or list(checkout.tenants)
    seen: list[TenantObservation] = []
    failed: list[str] = []
    without_wall: set[str] = set()
    for name in names:
        with (
            turn_of(name, failed, alone=len(names) == 1),
            open_tenant(checkout, name, output.warning) as opened,
        ):
            seen.append(observe(opened, now))
            if not opened.capabilities.has_wall:
                without_wall.add(name)
    if as_json:
        output.result_json(seen)
    for tenant in [] if as_json else seen:
        _show_status(tenant, now, has_wall=tenant.tenant not in without_wall)
    if failed or any(tenant.findings for tenant in seen):
        raise typer.Exit(FAILED)


def _show_status(tenant: "TenantObservation", now: datetime, *, has_wall: bool = True) -> None:
    from coffre.cli.words.supervision.findings import describe

    if tenant.departure == "closed":
        output.result(f"{tenant.tenant} (closed): its backups are erased, its storage and its licences are given back")
        for finding in tenant.findings:
            output.result(f"  ! {describe(finding)}")
        return
    used = "?" if tenant.used_bytes is None else format_bytes(tenant.used_bytes)
    licences = ", ".join(f"{count.used} of {count.granted} {kind}" for kind, count in tenant.licences.items())
    has_gate = not tenant.parts or any(not each.is_vendors for each in tenant.parts)
    gate = f"gate {tenant.gate or 'unknown'}" if has_gate else "no gate"
    output.result(
        f"{tenant.tenant} ({tenant.status}): {used} of {format_sold(tenant.quota_bytes)} used, "
        f"{gate}; licences: {licences}"
    )
    for part in tenant.parts:
        _show_part(part)
    if has_gate:
        _show_wall(tenant, has_wall=has_wall)
    _show_states(tenant)
    for option, how in tenant.options.items():
        if how == "manual":
            output.result(f"  option {option}: manual, not yet carried out by Coffre")
    output.table(
        [
            "  machine",
            "agent",
            "last result",
            "last success (reported)",
            "newest snapshot (in storage)",
            "snapshots",
            "stored",
            "all versions",
            "objects",
            "orders",
            "late",
        ],
        [_status_row(machine, now) for machine in tenant.machines],
        right=["snapshots", "stored", "all versions", "objects"],
    )
    for machine in tenant.machines:
        if machine.failed_generation is not None:
            output.result(
                f"  {machine.name} could not apply orders {machine.failed_generation} and continues with "
                f"{_or_unknown(machine.generation_applied)}: {machine.failed_generation_reason}"
            )
    _show_copy(tenant)
    for finding in tenant.findings:
        output.result(f"  ! {describe(finding)}")


def _show_wall(tenant: "TenantObservation", *, has_wall: bool) -> None:
    """Show what limits the buckets beside the gate."""
    from coffre.cli.words.plan import describe_overshoot

    if not has_wall:
        output.result(f"  {describe_overshoot(tenant.beyond_wall_bytes, tenant.gate_look_seconds)}")
    elif tenant.wall_bytes is not None:
        output.result(
            f"  wall at {format_bytes(tenant.wall_bytes)}, all versions counted; up to "
            f"{format_bytes(tenant.beyond_wall_bytes)} may exceed it until every gateway has counted; while backups "
            f"run, run `coffre gate` every {tenant.gate_look_seconds} s"
        )


def _show_part(part: "PartStatus") -> None:
    """Show a part of the space, with what a vendor says of it."""
    used = "use unknown" if part.used_bytes is None else f"{format_bytes(part.used_bytes)} used"
    line = f"  on {part.platform}: {used} of {format_sold(part.quota_bytes)}"
    if not part.is_vendors:
        output.result(line)
        return
    if part.used_bytes is None and part.stops_at_bytes is None:
        output.result(f"{line}: the vendor told nothing of it")
        return
    stops = (
        "it sets no hard quota" if part.stops_at_bytes is None else f"it stops at {format_sold(part.stops_at_bytes)}"
    )
    output.result(f"{line}, by the vendor's own figure, which may be {part.figure_age_hours} h old; {stops}")
    figures = [
        f"{_or_unknown(part.licences_used.get(kind))} of {_or_unknown(granted)} {kind}"
        for kind, granted in part.licences_granted.items()
        if granted != 0 or part.licences_used.get(kind)
    ]
    if figures:
        output.result(f"    licences at the vendor's (used of granted): {', '.join(figures)}")


def _show_copy(tenant: "TenantObservation") -> None:
    """Show the second copy of each machine, beside the original."""
    if tenant.second_copy is None:
        return
    for machine in tenant.second_copy.machines:
        since, whole = _moment(machine.missing_since), _moment(machine.last_complete_at)
        lacks = f", {machine.missing} missing (the oldest since {since})" if machine.missing else ""
        output.result(
            f"  second copy of {machine.name} on {tenant.second_copy.platform}: "
            f"snapshots: {_or_unknown(machine.snapshots)}{lacks}; last complete run: {whole}"
        )


def _show_states(tenant: "TenantObservation") -> None:
    """Show the declared state of a tenant, compared with the access that the platform gives its machines."""
    if tenant.departure is not None:
        output.result(f"  departure: {tenant.departure} (coffre offboard {tenant.tenant} --plan)")
    if tenant.hold is not None:
        from coffre.tenant.holds import name_reference

        state = {True: "in force", False: "NOT in force yet: run `coffre apply`", None: "?"}[tenant.hold.in_force]
        name = name_reference(tenant.hold.reference, is_confidential=tenant.hold.is_confidential)
        if tenant.hold.not_kept_on:
            state = (
                f"NOT enforced on {', '.join(tenant.hold.not_kept_on)}: what the customer's administrator deletes in "
                "the vendor's portal is gone; `kind: block_access` lets nobody in there"
            )
        output.result(f"  hold ({name}, since {tenant.hold.since}, {tenant.hold.kind}): {state}")
    if tenant.access not in (None, "open"):
        output.result(f"  machines' access to their repositories: {tenant.access}")
    elif tenant.status == "suspended" and tenant.access is not None:
        output.result("  machines' access to their repositories: still open; run `coffre apply`")
    for machine in tenant.machines:
        if machine.retired is not None:
            output.result(f"  {machine.name}: {describe_retired(machine.retired)}")


def _status_row(machine: "MachineStatus", now: datetime) -> list[str]:
    orders = f"{_or_unknown(machine.generation_applied)} of {_or_unknown(machine.generation_wanted)}"
    if machine.orders_seen_at is not None:
        orders += f", seen {_ago(now - machine.orders_seen_at)}"
    return [
        f"  {machine.name}",
        machine.agent,
        _or_unknown(machine.last_result),
        _moment(machine.last_success_at),
        _moment(machine.newest_snapshot_at) + (" (NOT the reported one)" if machine.witnesses_agree is False else ""),
        _or_unknown(machine.snapshots),
        "?" if machine.stored_bytes is None else format_bytes(machine.stored_bytes),
        "?" if machine.all_versions_bytes is None else format_bytes(machine.all_versions_bytes),
        _or_unknown(machine.all_versions_objects),
        orders,
        {True: "LATE", False: "no", None: "?"}[machine.overdue],
    ]


def _ago(age: timedelta) -> str:
    days, hours = age.days, age.seconds // 3600
    if days > 0:
        return "1 day ago" if days == 1 else f"{days} days ago"
    return "just now" if hours == 0 or days < 0 else f"{hours} h ago"


def _or_unknown(value: object) -> str:
    return "?" if value is None else str(value)


def _moment(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
