"""drill: restore a sample with SMILÉO's key and compare it."""

import secrets
from functools import partial
from typing import Annotated

import typer

from coffre.cli import output
from coffre.cli.backups.arguments import FAILED, FromCopy, MachineOption, TenantArgument
from coffre.cli.context import open_checkout
from coffre.errors import ExpectedError
from coffre.spec.values.sizes import format_bytes


def register(app: typer.Typer) -> None:
    app.command("drill")(drill)


def drill(
    context: typer.Context,
    tenant: TenantArgument,
    machine: MachineOption = None,
    seed: Annotated[int | None, typer.Option(help="Repeat the sample of an earlier drill.", show_default=False)] = None,
    from_copy: FromCopy = False,
    as_json: Annotated[bool, typer.Option("--json", help="A list of results, one a machine.")] = False,
) -> None:
    """Restore a sample with SMILÉO's key and compare it with what the machine reported.

    The sample comes from the newest backup on record. When the storage has lost that backup or any other, the drill
    fails.
    """
    from coffre.agents.kinds import with_repository
    from coffre.cli.words.supervision.findings import describe
    from coffre.operations.drill.drill import drill as run_drill
    from coffre.operations.drill.drill import drill_copy
    from coffre.tenant.access import refuse_while_blocked
    from coffre.tenant.presence import refuse_unapplied
    from coffre.tenant.runs import open_recorded
    from coffre.tenant.second_copy import get_copied

    chosen_seed = secrets.randbelow(10**9) if seed is None else seed
    drills, names = [], [machine] if machine else []
    failed: list[ExpectedError] = []
    with open_recorded(open_checkout(context), tenant, "drill", output.warning) as opened:
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
        verdict = "passed" if done.is_passed else "FAILED"
        output.result(
            f"{done.machine}: drill {verdict}, seed {done.seed}, snapshot {done.snapshot_id[:8]}: "
            f"{done.compared_by_hash} files compared by hash, {done.compared_by_size} by size, "
            f"{format_bytes(done.read_bytes)} read"
        )
        for finding in done.problems:
            output.result(f"  {finding}")
        for loss in (*done.gaps, *done.losses, *done.others):
            output.result(f"  ! {describe(loss)}")
    if len(drills) < len(names) or not all(done.is_passed for done in drills):
        raise typer.Exit(FAILED)
