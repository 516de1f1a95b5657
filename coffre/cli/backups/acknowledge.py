"""acknowledge: accept the loss of data in a machine's storage or paths, with a reason."""

from typing import Annotated

import typer

from coffre.cli import asking, output
from coffre.cli.backups.arguments import TenantArgument
from coffre.cli.context import open_checkout


def register(app: typer.Typer) -> None:
    app.command("acknowledge")(acknowledge)


def acknowledge(
    context: typer.Context,
    tenant: TenantArgument,
    machine: Annotated[str, typer.Option(metavar="NAME", help="The machine whose storage or paths lost something.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why it may be gone; recorded.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Accept a loss that `coffre status` reports for a machine: it is no longer reported; later losses still are.

    First run `coffre undelete`: it restores what the bucket still keeps. Accept only what it cannot restore. The
    command also accepts paths of the plan that gave no data or almost none in the last backup: new orders tell the
    machine that this is correct, and it compares its next backups with it. The reason is recorded.
    """
    from coffre.cli.words.supervision.findings import describe
    from coffre.operations.acknowledge.acknowledge import acknowledge as let_go
    from coffre.tenant.runs import lock_recorded

    checkout = open_checkout(context)
    if not yes:
        asking.confirm(f"Accept the losses in the storage and the paths of {machine}?")
    with lock_recorded(checkout, tenant, "acknowledge", output.warning) as opened:
        done = let_go(opened, machine, reason)
    for loss in done.losses:
        output.result(f"accepted: {describe(loss)}")
    for path in done.paths:
        output.result(f"accepted: {path.path} ({path.state}): {path.files} files are correct")
    if done.generation is not None:
        output.result(f"{machine}: orders {done.generation} apply this at its next backup")
    output.result(f"{machine}: {done.snapshots} snapshots are no longer expected")
