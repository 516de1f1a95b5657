"""plan and apply: show and make the changes that a tenant file requires."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import asking, output
from coffre.cli.context import choose_tenants, open_checkout, turn_of
from coffre.cli.service.gate import show_filling
from coffre.cli.tenants.reviewed import apply_merged
from coffre.cli.tenants.together import Terms, apply_together, choose_parallel
from coffre.cli.tenants.unchanged import Compared, show_compared, sort_tenants
from coffre.cli.words.machines import describe_outcome
from coffre.cli.words.plan import show_plan
from coffre.cli.words.rotation import describe_rotation
from coffre.errors import UsageError

if TYPE_CHECKING:
    from coffre.observation.judge.uplink import Uploads
    from coffre.provisioning.apply import TenantOutcome
    from coffre.provisioning.changes import ResourceChange
    from coffre.provisioning.drift.values import Drift, Unseen
    from coffre.provisioning.exact import ExactPlan
    from coffre.provisioning.plan import TenantPlan
    from coffre.provisioning.terms.context import Intent
    from coffre.spec.loader import Checkout

Tenants = Annotated[list[str] | None, typer.Argument(metavar="TENANT", help="Tenants, by file name.")]
Every = Annotated[bool, typer.Option("--all", help="Every tenant of tenants/.")]
OfShard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="K/N",
        help="With --all: part K of N, for N computers. A tenant's id decides its part.",
        show_default=False,
    ),
]

CHANGES_PENDING = 6
_PAST = {"create": "created", "adopt": "adopted", "update": "updated", "replace": "replaced", "delete": "deleted"}


def register(app: typer.Typer) -> None:
    app.command("plan")(plan)
    app.command("apply")(apply)


def plan(
    context: typer.Context,
    tenants: Tenants = None,
    every: Every = False,
    shard: OfShard = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list of plans, one a tenant.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 6 when something would change.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Save it for `apply --plan`.", show_default=False)
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="With --all: look at everything also of unchanged tenants.")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Only compare files with the last applies; ask no platform.")
    ] = False,
    connect: Annotated[
        bool,
        typer.Option(
            "--connect",
            help="Ask the machines as well what a deployment would change on them, for example a masked timer; not "
            "with --out.",
        ),
    ] = False,
) -> None:
    """Show what apply would change. Creates no key and changes nothing.

    With --all, a tenant whose file, platform settings and programs are those of its last complete apply gets a quick
    look only: at its owner, wall and buckets on the platform.
    """
    from coffre.provisioning.exact import plan_exactly, save_plans
    from coffre.provisioning.plan import refuse_orphans

    checkout = open_checkout(context)
    refuse_orphans(checkout)
    if offline and (full or out is not None):
        raise UsageError("--offline makes no whole plan", "Leave out --offline, or --full and --out.")
    names = choose_tenants(tenants, every, checkout.tenants, shard)
    if connect and (offline or out is not None):
        raise UsageError("--connect asks machines", "Leave it out, or --offline and --out: no saved plan has it.")
    is_quick = not connect and (offline or (every and not full and out is None))
    compared = sort_tenants(checkout, names, is_offline=offline) if is_quick else Compared(names)
    plans, exact = [], []
    on_machines: dict[str, Sequence[Drift | Unseen]] = {}
    first_backups: dict[str, Uploads] = {}
    failed = list(compared.failed)
    for name in compared.to_plan:
        with turn_of(name, failed, alone=len(names) == 1):
            exact.append(plan_exactly(checkout, name, output.warning))
            on_machines[name] = _ask(checkout, name) if connect else ()
            plans.append(exact[-1].plan)
            first_backups[name] = _foresee(checkout, name)
            if not as_json:
                show_plan(plans[-1], on_machines[name], first_backups[name])
    needed = {planned.tenant for planned in plans if planned.is_needed or _has_drift(on_machines[planned.tenant])}
    is_needed = compared.has_changed or bool(needed)
    if is_needed:
        _warn_of_hours(checkout)
    _tell_empty(names, shard)
    if as_json:
        whole = [
            {
                **asdict(planned),
                "is_needed": planned.tenant in needed,
                "first_backups": first_backups[planned.tenant],
                **({"on_machines": on_machines[planned.tenant]} if connect else {}),
            }
            for planned in plans
        ]
        output.result_json([*whole, *compared.as_values()])
    else:
        show_compared(compared)
    if failed or _is_any_unseen(plans):
        raise typer.Exit(1)
    if out is not None:
        save_plans(out, exact)
    if exit_code and is_needed:
        raise typer.Exit(CHANGES_PENDING)


def apply(
    context: typer.Context,
    tenants: Tenants = None,
    every: Every = False,
    shard: OfShard = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    parallel: Annotated[
        int | None,
        typer.Option(
            "--parallel",
            metavar="N",
            help="Tenants at a time, with --yes or --plan (default: by the free cores and memory).",
            show_default=False,
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="After a run that was not completed: apply also the tenants that were.")
    ] = False,
    storage_only: Annotated[bool, typer.Option("--storage-only", help="Do not change the agents.")] = False,
    plan_file: Annotated[
        Path | None,
        typer.Option(
            "--plan",
            metavar="FILE",
            help="Carry out the plan that `plan --out` saved, or refuse; does not ask.",
            show_default=False,
        ),
    ] = None,
    reviewed: Annotated[
        str | None,
        typer.Option(
            "--reviewed",
            metavar="BEFORE..AFTER",
            help="Carry out the plans that `review --save-plans` saved for the tenant files that were merged between "
            "these commits, or refuse; does not ask.",
            show_default=False,
        ),
    ] = None,
    adopt: Annotated[
        bool,
        typer.Option(
            "--adopt",
            help="After a lost Pulumi state: adopt existing resources that differ from the file, and change them.",
        ),
    ] = False,
    replace_orders: Annotated[
        bool,
        typer.Option(
            "--replace-orders",
            help="Overwrite orders not signed by this tenant's keys, or old orders that were put back; the old object "
            "stays as a previous version.",
        ),
    ] = False,
    new_repository: Annotated[
        list[str] | None,
        typer.Option(
            "--new-repository",
            metavar="MACHINE",
            help="Give up the backups of a machine whose repository is lost, and create a new one; may be repeated.",
            show_default=False,
        ),
    ] = None,
    platform_lost: Annotated[
        bool,
        typer.Option(
            "--platform-lost",
            help="The platform was lost (contract, article 15): --new-repository for every machine without repository.",
        ),
    ] = False,
    replace_machine: Annotated[
        list[str] | None,
        typer.Option(
            "--replace-machine",
            metavar="MACHINE",
            help="The deployed machine replaces the one whose backups were accepted before; may be repeated.",
            show_default=False,
        ),
    ] = None,
    reason: Annotated[
        str,
        typer.Option(
            "--reason",
            metavar="TEXT",
            help="The reason to give up backups or to replace a machine; recorded.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Apply the tenant files: first the storage, then the agents.

    The command refuses a machine whose repository held backups and is gone, and applies the others. When another
    machine answers at the address of a machine (new hardware, or a copy), the command names it; its backups are not
    accepted.
    """
    from coffre.operations.acknowledge.replaced_machine import Replacement
    from coffre.provisioning.plan import refuse_orphans
    from coffre.provisioning.terms.context import Intent, Renewal
    from coffre.workspace.clock import utc_now
    from coffre.workspace.many.progress import open_progress

    checkout = open_checkout(context)
    refuse_orphans(checkout)
    renewal = Renewal(frozenset(new_repository or ()), platform_lost, reason)
    replacement = Replacement(tuple(replace_machine or ()), reason)
    intent = Intent(storage_only, adopt, replace_orders, renewal, replacement)
    has_others = bool(tenants or every or shard or intent.has_options)
    if reviewed is not None:
        if has_others or plan_file is not None or parallel is not None:
            raise UsageError(
                "--reviewed cannot be combined with tenants or options", "The range of commits names them."
            )
        apply_merged(checkout, reviewed, _show_outcome)
        return
    saved = _read_plan(plan_file, has_others=has_others) if plan_file is not None else {}
    names = list(saved) or choose_tenants(tenants, every, checkout.tenants, shard)
    is_asked = not yes and not saved
    if is_asked and parallel is not None:
        raise UsageError("--parallel needs --yes", "Without --yes each tenant's plan is shown and asked for in turn.")
    terms = Terms(checkout, intent)
    at_a_time = choose_parallel(parallel, terms, names)
    if len(names) > 1 and not is_asked:
        scope = repr(("apply", shard if every else sorted(names), intent, sorted(saved.items())))
        progress = open_progress(checkout.root, scope, utc_now(), anew=again)
        failed = apply_together(terms, {name: saved.get(name) for name in names}, at_a_time, progress, _show_outcome)
    else:
        failed = _apply_in_turn(checkout, names, intent, saved, is_asked=is_asked)
    _tell_empty(names, shard)
    if len(names) > 1:
        output.result(
            f"{len(names) - len(failed)} of {len(names)} tenants applied"
            + (f"; not: {', '.join(failed)}" if failed else "")
        )
    if failed:
        raise typer.Exit(1)


def _tell_empty(names: "Sequence[str]", shard: str | None) -> None:
    if not names:
        output.progress("there is no tenant" if shard is None else f"no tenant is in part {shard}")


def _apply_in_turn(
    checkout: "Checkout", names: "Sequence[str]", intent: "Intent", saved: "Mapping[str, ExactPlan]", *, is_asked: bool
) -> list[str]:
    """Apply one tenant after the other, each as its plan shows it; returns those that are not complete."""
    from coffre.provisioning.apply import apply_tenant
    from coffre.provisioning.exact import plan_exactly

    failed: list[str] = []
    for name in names:
        with turn_of(name, failed, alone=len(names) == 1):
            planned = saved.get(name)
            if is_asked:
                planned = plan_exactly(checkout, name, output.warning, intent)
                show_plan(planned.plan)
                _warn_of_hours(checkout)
                asking.confirm(f"Apply {name}?")
            outcome = apply_tenant(
                checkout, name, on_progress=partial(output.progress_of, name), intent=intent, planned=planned
            )
            _show_outcome(outcome)
            if not outcome.is_complete:
                failed.append(name)
    return failed


def _foresee(checkout: "Checkout", name: str) -> "Uploads":
    """Return how long the first backups of a tenant take."""
    from coffre.supervision.lines import read_uploads
    from coffre.tenant.past import open_existing_records

    with open_existing_records(checkout, output.warning) as records:
        return read_uploads(records, checkout.tenants[name])


def _ask(checkout: "Checkout", name: str) -> "Sequence[Drift | Unseen]":
    from coffre.provisioning.drift.fleet import ask_agents

    return ask_agents(checkout, name, output.warning, partial(output.progress_of, name))


def _has_drift(found: "Sequence[Drift | Unseen]") -> bool:
    from coffre.provisioning.drift.values import Drift

    return any(isinstance(each, Drift) and each.is_undone_by_apply for each in found)


def _read_plan(path: Path, *, has_others: bool) -> "dict[str, ExactPlan]":
    """Read a saved plan by tenant; the plan itself names its tenants and its options."""
    from coffre.provisioning.exact import load_plans

    if has_others:
        raise UsageError("--plan cannot be combined with tenants or options", "The plan itself contains them.")
    return {each.plan.tenant: each for each in load_plans(path)}


def _warn_of_hours(checkout: "Checkout") -> None:
    """Show what an apply would print if it started now."""
    from coffre.provisioning.steps.out_of_hours import hours_warnings
    from coffre.workspace.clock import utc_now

    for text in hours_warnings(checkout.settings.working_hours, utc_now()):
        output.warning(text)


def _count(changes: "Sequence[ResourceChange]") -> str:
    counts = Counter(change.operation for change in changes)
    return ", ".join(f"{count} {_PAST[operation]}" for operation, count in counts.items()) or "no change"


def _is_any_unseen(plans: "Sequence[TenantPlan]") -> bool:
    """Tell whether a part of a tenant's space was not compared: such a plan is not saved, and nobody calls it fine."""
    return any(planned.unseen for planned in plans)


def _show_unseen(outcome: "TenantOutcome") -> None:
    for part in outcome.unseen:
        output.result(f"  part on {part.platform}: NOT settled: {part.error}. {part.hint}".rstrip())


def _show_outcome(outcome: "TenantOutcome") -> None:
    from coffre.cli.words.supervision.findings import describe

    output.result(f"{outcome.tenant}: storage: {_count(outcome.storage)}")
    for machine in outcome.machines:
        output.result(f"  {describe_outcome(machine)}")
    for key in outcome.rotated:
        output.result(f"  {describe_rotation(key)}")
    for loss in outcome.losses:
        output.result(f"  ! {describe(loss)}")
    if (copied := outcome.second_copy) is not None:
        done = f"NOT settled: {copied.problem}" if copied.problem else _count(copied.changes)
        output.result(f"  second copy on {copied.platform}: {done}")
        for key in copied.rotated:
            output.result(f"  {describe_rotation(key)}")
    _show_unseen(outcome)
    if outcome.commissioned_now:
        output.result(
            f"  commissioned at {outcome.commissioned_at:%Y-%m-%d %H:%M} UTC: billing starts (contract, article 1c)"
        )
    elif outcome.commissioned_at is None:
        waiting = ", ".join(outcome.pending_machines) or "the agents (--storage-only)"
        output.result(f"  not commissioned yet: waiting for {waiting}")
    for text in outcome.warnings:
        output.warning(text)
    if outcome.gate.is_closed:
        output.warning(f"the gate of {outcome.tenant} is closed: its sold quota is reached")
    show_filling(outcome.tenant, outcome.gate)
