"""drill: restore a sample with SMILÉO's key and compare it; of one tenant, or of all machines that are due."""

import secrets
import signal
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.backups.arguments import FAILED, FromCopy, MachineOption
from coffre.cli.context import explain, open_checkout, open_records
from coffre.cli.stopping import stopping
from coffre.cli.times import parse_within
from coffre.errors import ExpectedError, UsageError
from coffre.spec.values.sizes import format_bytes

if TYPE_CHECKING:
    from coffre.operations.drill.drill import Drill
    from coffre.operations.drill.due import DueMachine, DueResult, Skipped
    from coffre.spec.loader import Checkout
    from coffre.tenant.opening import TenantOpener

_LARGEST_SEED = 10**9


def register(app: typer.Typer) -> None:
    app.command("drill")(drill)


def drill(
    context: typer.Context,
    tenant: Annotated[
        str | None, typer.Argument(metavar="[TENANT]", help="The tenant, by file name.", show_default=False)
    ] = None,
    machine: MachineOption = None,
    seed: Annotated[int | None, typer.Option(help="Repeat the sample of an earlier drill.", show_default=False)] = None,
    from_copy: FromCopy = False,
    due: Annotated[
        bool, typer.Option("--due", help="All machines that are due, of all tenants with the option restore_tests.")
    ] = False,
    at_most: Annotated[
        int | None,
        typer.Option("--at-most", min=1, metavar="N", help="With --due: so many drills.", show_default=False),
    ] = None,
    within: Annotated[
        str, typer.Option("--within", metavar="TIME", help="With --due: begin none later than this.")
    ] = "4h",
    as_json: Annotated[bool, typer.Option("--json", help="A list of results, one a machine.")] = False,
) -> None:
    """Restore a sample with SMILÉO's key and compare it with what the machine reported.

    The sample comes from the newest backup on record. When the storage has lost that backup or any other, the drill
    fails.

    With --due it drills the machines whose last drill is older than the interval, as their tenants were last applied;
    run it every night. It may be killed: what was drilled is recorded, and the next run goes on.
    """
    if not due:
        if at_most is not None:
            raise UsageError("--at-most belongs to --due", "Leave it out, or give --due.")
        if tenant is None:
            raise UsageError("no tenant is named", "Name one, or give --due.")
        _drill_tenant(context, tenant, machine, seed, from_copy=from_copy, as_json=as_json)
        return
    if tenant is not None or machine is not None or seed is not None or from_copy:
        raise UsageError(
            "--due chooses the machines itself", "Leave out the tenant, --machine, --seed and --from-copy."
        )
    _drill_due(open_checkout(context), at_most, within, as_json=as_json)


def _drill_tenant(
    context: typer.Context, tenant: str, machine: str | None, seed: int | None, *, from_copy: bool, as_json: bool
) -> None:
    from coffre.agents.kinds import with_repository
    from coffre.operations.drill.drill import drill as run_drill
    from coffre.operations.drill.drill import drill_copy
    from coffre.tenant.access import refuse_while_blocked
    from coffre.tenant.lookup import find_tenant
    from coffre.tenant.presence import refuse_unapplied
    from coffre.tenant.runs import open_recorded
    from coffre.tenant.second_copy import get_copied
    from coffre.tenant.vendors import refuse_outsider

    checkout = open_checkout(context)
    refuse_outsider(find_tenant(checkout, tenant), machine)
    chosen_seed = secrets.randbelow(_LARGEST_SEED) if seed is None else seed
    drills: list[Drill] = []
    names = [machine] if machine else []
    failed: list[ExpectedError] = []
    with open_recorded(checkout, tenant, "drill", output.warning) as opened:
        refuse_while_blocked(opened.tenant)
        there = get_copied(opened) if from_copy else opened
        refuse_unapplied(there.tenant, there.buckets, there.log, [])
        run = partial(drill_copy, opened, there) if from_copy else partial(run_drill, opened)
        names = names or list(with_repository(opened.tenant.active_machines()))
        for name in names:
            try:
                drills.append(run(name, chosen_seed, partial(output.progress_of, name)))
            except ExpectedError as problem:
                failed.append(problem)
    for each in failed:
        output.expected_error(each)
    if as_json:
        output.result_json(drills)
    for done in [] if as_json else drills:
        _show(done.machine, done)
    if len(drills) < len(names) or not all(done.is_passed for done in drills):
        raise typer.Exit(FAILED)


def _show(name: str, done: "Drill") -> None:
    from coffre.cli.words.supervision.findings import describe

    verdict = "passed" if done.is_passed else "FAILED"
    output.result(
        f"{name}: drill {verdict}, seed {done.seed}, snapshot {done.snapshot_id[:8]}: "
        f"{done.compared_by_hash} files compared by hash, {done.compared_by_size} by size, "
        f"{format_bytes(done.read_bytes)} read"
    )
    for finding in done.problems:
        output.result(f"  {finding}")
    for loss in (*done.gaps, *done.losses, *done.others):
        output.result(f"  ! {describe(loss)}")


def _drill_due(checkout: "Checkout", at_most: int | None, within: str, *, as_json: bool) -> None:
    """Drill what is due, and print what became of each machine when it has ended."""
    from coffre.operations.drill.due import Bounds, DueOutcome, drill_due, list_due
    from coffre.records.actor import read_author
    from coffre.supervision.applied import AppliedReader
    from coffre.tenant.estate.log import TenantLog
    from coffre.tenant.locking import drilling_locked
    from coffre.tenant.opening import open_tenants
    from coffre.workspace.clock import utc_now

    until = utc_now() + parse_within(within)
    with drilling_locked(checkout), stopping([signal.SIGTERM]) as stop:
        with open_records(checkout) as records:
            house, author = AppliedReader(checkout.root).read(records), read_author(checkout.root)
            tenants = {slug: each.tenant for slug, each in house.tenants.items()}
            for unknown in house.unknown:
                output.warning(f"{unknown.slug}: it is not known how it was last applied, so it is not drilled")
            due = [] if house.checkout is None else list_due(
                tenants, house.checkout.settings.drills,
                lambda tenant: TenantLog.read(records, tenant.id, tenant.slug, author), utc_now(),
            )  # fmt: skip
        done: list[DueResult] = []
        with open_tenants(house.checkout or checkout, output.warning) as opener:
            run = partial(_drill_machine, checkout, opener)
            for each in drill_due(due, Bounds(at_most, until), run, utc_now, stop.is_set):
                done.append(each)
                _show_due(each, as_json=as_json)
    if as_json:
        output.result_json(done)
    count = {outcome: sum(each.outcome is outcome for each in done) for outcome in DueOutcome}
    left = len(due) - len(done)
    drilled = count[DueOutcome.PASSED] + count[DueOutcome.FAILED]
    output.progress(
        f"{drilled} drilled, {count[DueOutcome.FAILED]} failed; {count[DueOutcome.NOT_DRILLED]} could not be drilled, "
        f"{count[DueOutcome.SKIPPED]} skipped; {left} left for the next run"
        if due
        else "no drill is due"
    )
    if count[DueOutcome.FAILED] or count[DueOutcome.NOT_DRILLED]:
        raise typer.Exit(FAILED)


def _drill_machine(checkout: "Checkout", opener: "TenantOpener", due: "DueMachine") -> "Drill | Skipped | None":
    """Drill one machine that was due when the run began; it, or a hold in its file, may have changed since."""
    from coffre.operations.drill.drill import drill as run_drill
    from coffre.operations.drill.due import Skipped, find_due_machine
    from coffre.spec.access import HELD, find_reason
    from coffre.spec.loader import reload_tenant
    from coffre.tenant.runs import recorded_run
    from coffre.workspace.clock import utc_now

    name = f"{due.slug}/{due.machine}"
    try:
        opened = opener.open(due.slug)
        # A hold counts from the moment it is in the file.
        if due.slug in checkout.tenants and find_reason(reload_tenant(checkout, due.slug).tenants[due.slug]) == HELD:
            return Skipped.HELD
        settings = opened.checkout.settings.drills
        again = find_due_machine(opened.tenant, settings, opened.log, due.machine, utc_now())
        if again is None or again.skipped is not None:
            return None if again is None else again.skipped
        with recorded_run(opened, "drill --due"):
            seed = secrets.randbelow(_LARGEST_SEED)
            return run_drill(opened, due.machine, seed, partial(output.progress_of, name))
    except ExpectedError:
        raise
    except Exception as problem:
        raise ExpectedError("; ".join(line.strip() for line in explain(problem, name))) from problem


def _show_due(each: "DueResult", *, as_json: bool) -> None:
    name = f"{each.tenant}/{each.machine}"
    if each.skipped is not None:
        output.warning(f"{name}: due since {each.due_at:%Y-%m-%d}, and skipped: {_SKIPPED[each.skipped.value]}")
    elif each.problem:
        output.error(f"{name}: not drilled: {each.problem}")
        if each.hint:
            output.error(f"  {each.hint}")
    elif each.drill is not None and not as_json:
        _show(name, each.drill)


_SKIPPED = {
    "paused": "its backups are paused",
    "suspended": "its tenant is suspended",
    "hold": "a hold blocks every access",
    "busy": "it is being pruned; the next run drills it",
}
"""Why a machine is skipped; a test compares them with `Skipped`."""
