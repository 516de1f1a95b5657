"""undelete: a machine's repository brought back to what it was at a moment."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import asking, output
from coffre.cli.backups.arguments import Tenant
from coffre.cli.context import open_repository
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
    tenant: Tenant,
    machine: Annotated[str, typer.Option(metavar="NAME", help="The machine whose repository it is.")],
    at: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="The moment, like 2026-11-23T14:05 (the tenant's time zone) or 2026-11-23T13:05:00Z.",
        ),
    ],
    exact: Annotated[
        bool,
        typer.Option("--exact", help="Also put snapshots and indexes written after TIME out of sight, sound ones too."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Bring a machine's repository back to what it was at a moment: deleted and overwritten objects come back.

    Shows first what it would do. Nothing is deleted: what is there now stays as an earlier version, for undelete_days.
    Backups made after TIME stay where they are sound; reports and orders are left alone. If a key of the machine was
    stolen, cut it first: `coffre rotate --now`. Ends with `restic check`.
    """
    from coffre.operations.restore import undelete as operation
    from coffre.operations.restore.versions import read_moment, refuse_too_old
    from coffre.tenant.runs import lock_service, recorded_run

    now = datetime.now(UTC)
    with lock_service(open_repository(context), tenant, output.warning) as service:
        moment = read_moment(at, service.tenant.timezone, now)
        refuse_too_old(service.tenant, moment, now)
        plan = operation.look(service, machine, moment, is_exact=exact)
        _show_undelete(machine, plan)
        if plan.is_needed and not yes:
            asking.confirm(f"Bring {machine} back to that moment?")
        with recorded_run(service, "undelete"):
            if plan.is_needed:
                with output.percentage(f"bringing {machine} back") as show:
                    operation.undelete(service, machine, plan, show)
                output.result(f"{machine}: brought back")
            output.progress_of(machine, "restic check")
            problem = operation.check(service, machine)
            if problem is not None:
                raise ExpectedError(
                    f"{machine}: restic check: {problem.message}",
                    "Choose a moment nearer to the damage, or add --exact if later files are what it complains of.",
                )
    output.result(f"{machine}: restic check: no errors were found")


def _show_undelete(machine: str, plan: "UndeletePlan") -> None:
    from coffre.operations.restore.versions import count_by_kind

    kinds = count_by_kind(comeback.key for comeback in plan.comebacks)
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    output.result(
        f"{machine} at {_moment_exact(plan.at)}: "
        + (
            f"{len(plan.comebacks)} objects come back ({counted}), {format_bytes(plan.copied_bytes)}"
            if plan.comebacks
            else "nothing has to come back"
        )
    )
    if plan.undone_from is not None and plan.undone_to is not None:
        output.result(
            f"  taken back: changes from {_moment_exact(plan.undone_from)} to {_moment_exact(plan.undone_to)}"
        )
    for key in plan.hidden[:NAMED]:
        output.result(f"  put out of sight (a version stays): {key}")
    if len(plan.hidden) > NAMED:
        output.result(f"  and {len(plan.hidden) - NAMED} more are put out of sight")
    if plan.later:
        output.result(f"  written later, left as they are: {len(plan.later)} objects")
    if plan.lost:
        output.result(f"  deleted, and no version is left to bring back: {len(plan.lost)} objects")
        for key in plan.lost[:NAMED]:
            output.result(f"    {key}")
    if plan.foreign.count:
        output.result(
            f"  passed over: {plan.foreign.count} keys that nothing of ours writes, {plan.foreign.first} among them"
        )


def _moment_exact(moment: datetime) -> str:
    # Fractions where there are any: two versions of an object may be of the same second.
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}".rstrip("0").rstrip(".") + " UTC"
