"""undelete: bring a machine's repository back to its state at a given time."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import asking, output
from coffre.cli.backups.arguments import TenantArgument
from coffre.cli.context import open_checkout
from coffre.errors import ExpectedError
from coffre.spec.values.sizes import format_bytes

if TYPE_CHECKING:
    from coffre.operations.restore.versions import UndeletePlan

NAMED = 20
"""How many keys of each sort are shown."""


def register(app: typer.Typer) -> None:
    app.command("undelete")(undelete)


def undelete(
    context: typer.Context,
    tenant: TenantArgument,
    machine: Annotated[str, typer.Option(metavar="NAME", help="The machine whose repository it is.")],
    at: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="The time, like 2026-11-23T14:05 (the tenant's time zone) or 2026-11-23T13:05:00Z.",
        ),
    ],
    exact: Annotated[
        bool,
        typer.Option("--exact", help="Also hide snapshots and indexes written after TIME, even sound ones."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Bring a machine's repository back to its state at TIME: restore deleted and overwritten objects.

    The command first shows what it will do. It deletes nothing: current objects stay as earlier versions for
    undelete_days. Sound backups made after TIME stay; reports and orders do not change. If a key of the machine was
    stolen, revoke it first with `coffre rotate --now`. The command ends with `restic check`.
    """
    from coffre.operations.restore import undelete as operation
    from coffre.operations.restore.versions import read_moment, refuse_too_old
    from coffre.tenant.lookup import find_tenant
    from coffre.tenant.runs import lock_tenant, recorded_run
    from coffre.tenant.vendors import refuse_outsider

    now = datetime.now(UTC)
    checkout = open_checkout(context)
    refuse_outsider(find_tenant(checkout, tenant), machine)
    with lock_tenant(checkout, tenant, output.warning, command="undelete") as opened:
        moment = read_moment(at, opened.tenant.timezone, now)
        refuse_too_old(opened.tenant, moment, now)
        plan = operation.look(opened.tenant, opened.buckets, opened.log, machine, moment, is_exact=exact)
        _show_undelete(machine, plan)
        if plan.is_needed and not yes:
            asking.confirm(f"Bring {machine} back to that time?")
        with recorded_run(opened, "undelete"):
            if plan.is_needed:
                with output.percentage(f"bringing {machine} back") as show:
                    operation.undelete(opened.tenant, opened.buckets, opened.log, opened.memory, machine, plan, show)
                output.result(f"{machine}: brought back")
            output.progress_of(machine, "restic check")
            problem = operation.check(opened, machine)
            if problem is not None:
                raise ExpectedError(
                    f"{machine}: restic check: {problem.message}",
                    "Choose a time closer to the damage, or add --exact if restic reports later files.",
                )
    output.result(f"{machine}: restic check: no errors were found")


def _show_undelete(machine: str, plan: "UndeletePlan") -> None:
    from coffre.operations.restore.versions import count_by_part

    counted = ", ".join(f"{count} {part.value}" for part, count in count_by_part(plan.comebacks).items())
    output.result(
        f"{machine} at {_moment_exact(plan.at)}: "
        + (
            f"{len(plan.comebacks)} objects come back ({counted}), {format_bytes(plan.copied_bytes)}"
            if plan.comebacks
            else "no object needs to come back"
        )
    )
    if plan.undone_from is not None and plan.undone_to is not None:
        output.result(f"  undone: changes from {_moment_exact(plan.undone_from)} to {_moment_exact(plan.undone_to)}")
    for key in plan.hidden[:NAMED]:
        output.result(f"  hidden (an earlier version stays): {key}")
    if len(plan.hidden) > NAMED:
        output.result(f"  and {len(plan.hidden) - NAMED} more are hidden")
    if plan.later:
        output.result(f"  written later, unchanged: {len(plan.later)} objects")
    if plan.lost:
        output.result(f"  lost (deleted, no version left): {len(plan.lost)} objects")
        for key in plan.lost[:NAMED]:
            output.result(f"    {key}")
    if plan.foreign.count:
        output.result(
            f"  ignored: {plan.foreign.count} keys that neither restic nor Coffre writes, like {plan.foreign.first}"
        )


def _moment_exact(moment: datetime) -> str:
    # Shows fractions of a second: two versions of an object may have the same second.
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}".rstrip("0").rstrip(".") + " UTC"
