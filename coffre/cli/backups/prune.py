"""prune: removes the backups that a plan's `keep` no longer asks for, from SMILÉO's side."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.backups.arguments import leave_out_outsiders
from coffre.cli.context import choose_tenants, open_checkout, open_records, turn_of
from coffre.cli.tenants.provisioning import Every, OfShard, Tenants
from coffre.errors import ExpectedError, RefusedError, UsageError
from coffre.spec.values.sizes import format_bytes

if TYPE_CHECKING:
    from coffre.operations.retention.values import MachinePrune, Manner
    from coffre.records.facts.retention import Agreement
    from coffre.spec.loader import Checkout
    from coffre.tenant.opening import OpenTenant

FAILED = 1
NAMED = 20


def register(app: typer.Typer) -> None:
    app.command("prune")(prune)


def prune(
    context: typer.Context,
    tenants: Tenants = None,
    machine: Annotated[
        str | None, typer.Option(metavar="NAME", help="One machine (default: all).", show_default=False)
    ] = None,
    every: Every = False,
    shard: OfShard = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed. Changes nothing.")] = False,
    agree: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT",
            help="Agree to something: dates, amount, aside or loss (needs --reason).",
            show_default=False,
        ),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Who agreed to it, and why.", show_default=False)
    ] = None,
    wait: Annotated[int, typer.Option(min=0, max=1440, metavar="MINUTES", help="How long to wait for a backup.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="A list of results, one a machine.")] = False,
) -> None:
    """Remove the backups that `keep` no longer asks for, and the data that no backup needs.

    It follows the tenant as it was last applied. Removed data stays as earlier versions for undelete_days. Meanwhile
    the machine's gate is closed; a running backup is waited for. Run it daily: it may be killed, the next run goes on.

    A person can agree to what it refuses. dates: snapshots with a false date stay for ever, and the others are pruned.
    amount: more than 20 % of the days lose their last backup. aside: the data of snapshots that are set aside goes.
    loss: what earlier runs removed is deleted at once.
    """
    from coffre.operations.retention.refusing import check_manner
    from coffre.operations.retention.values import Manner

    checkout = open_checkout(context)
    names = choose_tenants(tenants, every, checkout.tenants, shard)
    if machine is not None and len(names) != 1:
        raise UsageError("--machine is for one tenant", "Name one tenant.")
    names = leave_out_outsiders(checkout, names, machine, is_all=every)
    agreements = frozenset(_read_agreement(each) for each in agree or [])
    check_manner(agreements, reason or "")
    manner = Manner(output.progress_of, dry_run, agreements, reason or "", wait * 60.0)
    failed: list[str] = []
    done: list[MachinePrune] = []
    for name in names:
        with turn_of(name, failed, alone=len(names) == 1):
            for each in _prune_tenant(checkout, name, machine, manner, failed, is_alone=not every):
                done.append(each)
                if not as_json:
                    _show(name, each)
    if as_json:
        output.result_json(done)
    if failed or not all(each.is_well for each in done):
        raise typer.Exit(FAILED)


def _read_agreement(text: str) -> "Agreement":
    from coffre.records.facts.retention import Agreement

    try:
        return Agreement(text)
    except ValueError:
        raise UsageError(
            f"--agree {text} is unknown", f"Write one of {', '.join(each.value for each in Agreement)}."
        ) from None


def _prune_tenant(
    checkout: "Checkout", slug: str, machine: str | None, manner: "Manner", failed: list[str], *, is_alone: bool
) -> "Iterator[MachinePrune]":
    """Prune the machines of a tenant; one that fails does not keep the others from it.

    Of many tenants, those of which nothing may be removed are named, and are no failure.
    """
    from coffre.operations.retention.prune import prune as prune_machine
    from coffre.operations.retention.refusing import NotPrunableError, list_machines_to_prune, refuse_unprunable
    from coffre.tenant.presence import refuse_unapplied

    with ExitStack() as resources:
        try:
            opened = resources.enter_context(_lock_applied(checkout, slug))
            refuse_unprunable(opened.tenant, opened.log)
        except NotPrunableError as problem:
            if is_alone:
                raise
            output.warning(problem.message)
            return
        refuse_unapplied(opened.tenant, opened.buckets, opened.log, [])
        names = list_machines_to_prune(
            opened.tenant, machine, lambda: opened.buckets.existing().among(opened.tenant.machines)
        )
        for name in names:
            try:
                yield prune_machine(opened, name, manner)
            except NotPrunableError as problem:
                if machine is not None:
                    raise
                output.warning(problem.message)
            except ExpectedError as problem:
                if len(names) == 1:
                    raise
                output.expected_error(problem)
                failed.append(f"{slug}/{name}")


@contextmanager
def _lock_applied(checkout: "Checkout", slug: str) -> "Iterator[OpenTenant]":
    """Take the tenant's lock and open it as it was last applied: a `keep` that nobody applied removes nothing."""
    from coffre.operations.retention.refusing import refuse_unprunable
    from coffre.records.database.location import exist_records
    from coffre.spec.loader import reload_tenant
    from coffre.supervision.applied import AppliedReader
    from coffre.tenant.locking import tenant_locked
    from coffre.tenant.lookup import find_tenant
    from coffre.tenant.opening import open_tenants
    from coffre.tenant.runs import recorded_run

    in_folder = find_tenant(checkout, slug)
    never = RefusedError(f"{slug}: it is not known how it was last applied", f"Run `coffre apply {slug}` first.")
    if not exist_records(checkout.settings.records, checkout.root):
        raise never
    with tenant_locked(checkout, slug, "prune"):
        with open_records(checkout) as records:
            house = AppliedReader(checkout.root).read(records)
        applied = house.tenants.get(slug)
        if house.checkout is None or applied is None or applied.tenant.id != in_folder.id:
            raise never
        if applied.tenant.plans != in_folder.plans:
            output.warning(f"{slug}: the plans in its file are not applied yet; those of the last apply count")
        with open_tenants(house.checkout, output.warning) as opener:
            opened = opener.open(slug)
            # A hold counts from the moment it is in the file.
            refuse_unprunable(reload_tenant(checkout, slug).tenants[slug], opened.log)
            with recorded_run(opened, "prune"):
                yield opened


def _show(slug: str, done: "MachinePrune") -> None:
    from coffre.cli.words.supervision.findings import describe
    from coffre.operations.retention.values import PruneOutcome

    going, total = len(done.going), len(done.going) + done.kept
    match done.outcome:
        case PruneOutcome.NOTHING_TO_DO:
            output.result(f"{done.machine}: nothing to remove; {done.kept} snapshots stay")
        case PruneOutcome.REFUSED:
            output.result(f"{done.machine}: NOT pruned; all {total} snapshots stay")
        case PruneOutcome.PLANNED:
            output.result(f"{done.machine}: would remove {going} of {total} snapshots{_what(done)}")
            _show_going(done)
        case PruneOutcome.PRUNED:
            output.result(f"{done.machine}: removed {going} of {total} snapshots{_freed(done)}")
    for finding in done.findings:
        output.result(f"  {describe(finding)}")
    if done.problem:
        output.result(
            f"  the check afterwards failed: {done.problem}; `coffre undelete {slug} --machine {done.machine} --at "
            "TIME` brings back the state before"
        )


def _what(done: "MachinePrune") -> str:
    if done.planned is None:
        return ""
    planned = done.planned
    return (
        f": {format_bytes(planned.deleted_bytes + planned.dropped_bytes)} would become earlier versions, "
        f"{format_bytes(planned.written_bytes)} would be written again"
    )


def _show_going(done: "MachinePrune") -> None:
    for each in done.going[:NAMED]:
        output.result(f"  {each.id[:8]} of {each.arrived_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
    if len(done.going) > NAMED:
        output.result(f"  and {len(done.going) - NAMED} more")


def _freed(done: "MachinePrune") -> str:
    if done.current_bytes_after is None or done.noncurrent_bytes_after is None:
        return ""
    smaller = done.current_bytes_before - done.current_bytes_after
    freed = f"; {format_bytes(done.freed_bytes)} of earlier versions were deleted" if done.freed_bytes else ""
    return (
        f"; its backups take {format_bytes(done.current_bytes_after)} ({_difference(smaller)}), earlier versions "
        f"{format_bytes(done.noncurrent_bytes_after)}{freed}"
    )


def _difference(smaller: int) -> str:
    return f"{format_bytes(smaller)} less" if smaller >= 0 else f"{format_bytes(-smaller)} more"
