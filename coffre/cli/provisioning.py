"""plan and apply: from a tenant file to a running service."""

from collections import Counter
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import choose_tenants, go_on_after, open_repository
from coffre.errors import ExpectedError

if TYPE_CHECKING:
    from coffre.provisioning.apply import TenantOutcome
    from coffre.provisioning.plan import TenantPlan

Tenants = Annotated[list[str] | None, typer.Argument(metavar="TENANT", help="Tenants, by file name.")]
Every = Annotated[bool, typer.Option("--all", help="Every tenant of tenants/.")]

CHANGES_PENDING = 6
_SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-", "install": "+"}
_PAST = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted"}


def register(app: typer.Typer) -> None:
    app.command("plan")(plan)
    app.command("apply")(apply)


def plan(
    context: typer.Context,
    tenants: Tenants = None,
    every: Every = False,
    as_json: Annotated[bool, typer.Option("--json", help="A list of plans, one a tenant.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 6 when something would change.")] = False,
) -> None:
    """Show what apply would change. Mints no key and touches nothing."""
    from coffre.provisioning.plan import plan_tenant, refuse_orphans

    repository = open_repository(context)
    refuse_orphans(repository)
    names = choose_tenants(tenants, every, list(repository.tenants))
    plans, worst = [], 0
    for name in names:
        try:
            planned = plan_tenant(repository, name, output.warning)
        except ExpectedError as problem:
            go_on_after(name, problem, alone=len(names) == 1)
            worst = 1
            continue
        plans.append(planned)
        if not as_json:
            _show_plan(planned)
    if as_json:
        output.result_json([{**asdict(planned), "is_needed": planned.is_needed} for planned in plans])
    if worst:
        raise typer.Exit(worst)
    if exit_code and any(planned.is_needed for planned in plans):
        raise typer.Exit(CHANGES_PENDING)


def apply(
    context: typer.Context,
    tenants: Tenants = None,
    every: Every = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    storage_only: Annotated[bool, typer.Option("--storage-only", help="Leave the agents alone.")] = False,
) -> None:
    """Carry the tenant files out: storage, then agents."""
    from coffre.provisioning.apply import apply_tenant
    from coffre.provisioning.plan import plan_tenant, refuse_orphans

    repository = open_repository(context)
    refuse_orphans(repository)
    names = choose_tenants(tenants, every, list(repository.tenants))
    failed = []
    for name in names:
        try:
            if not yes:
                _show_plan(plan_tenant(repository, name, output.warning))
                typer.confirm(f"Apply {name}?", abort=True, err=True)
            outcome = apply_tenant(
                repository,
                name,
                storage_only=storage_only,
                on_progress=partial(output.progress_of, name),
            )
        except ExpectedError as problem:
            go_on_after(name, problem, alone=len(names) == 1)
            failed.append(name)
            continue
        _show_outcome(outcome)
        if not outcome.is_complete:
            failed.append(name)
    if len(names) > 1:
        output.result(
            f"{len(names) - len(failed)} of {len(names)} tenants applied"
            + (f"; not: {', '.join(failed)}" if failed else "")
        )
    if failed:
        raise typer.Exit(1)


def _show_plan(planned: "TenantPlan") -> None:
    if not planned.is_needed:
        output.result(f"{planned.tenant}: nothing to change")
    else:
        output.result(f"{planned.tenant}:")
    if planned.secrets_to_mint:
        output.result(f"  keys and passwords to be minted for: {', '.join(planned.secrets_to_mint)}")
    for change in planned.storage:
        output.result(f"  {_SIGNS[change.operation]} {change.kind} {change.name}")
        for item in change.properties:
            values = f": {item.old} → {item.new}" if item.old is not None else ""
            output.result(f"      {item.path}{values}")
    for machine in planned.machines:
        if machine.action != "none":
            reasons = f": {', '.join(machine.differences)}" if machine.differences else ""
            output.result(f"  {_SIGNS[machine.action]} agent on {machine.machine}{reasons}")
    for option, how in planned.options.items():
        if how == "manual":
            output.result(f"  ! option {option}: manual, Coffre does not carry it out yet")


def _show_outcome(outcome: "TenantOutcome") -> None:
    changes = Counter(change.operation for change in outcome.storage)
    counted = ", ".join(f"{count} {_PAST[operation]}" for operation, count in changes.items())
    output.result(f"{outcome.tenant}: storage: {counted or 'no change'}")
    for machine in outcome.machines:
        output.result(
            f"  {machine.machine}: {machine.state.value}" + (f": {machine.message}" if machine.message else "")
        )
    if outcome.commissioned_now:
        output.result(
            f"  commissioned at {outcome.commissioned_at:%Y-%m-%d %H:%M} UTC: billing starts (contract, article 1c)"
        )
    elif outcome.commissioned_at is None:
        waiting = ", ".join(outcome.pending_machines) or "the agents (--storage-only)"
        output.result(f"  not commissioned yet: waiting for {waiting}")
    for text in outcome.warnings:
        output.warning(text)
    if outcome.gate_closed:
        output.warning(f"the gate of {outcome.tenant} is closed: its sold quota is reached")
