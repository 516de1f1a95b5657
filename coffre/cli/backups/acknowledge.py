"""acknowledge: what a machine's storage or paths lost is let go, with a reason."""

from typing import Annotated

import typer

from coffre.cli import asking, output
from coffre.cli.backups.arguments import Tenant
from coffre.cli.context import open_repository


def register(app: typer.Typer) -> None:
    app.command("acknowledge")(acknowledge)


def acknowledge(
    context: typer.Context,
    tenant: Tenant,
    machine: Annotated[str, typer.Option(metavar="NAME", help="The machine whose storage or paths lost something.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why it may be gone; recorded.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Let go what a machine's storage lost and `coffre status` names: it alarms no more, what goes later does.

    What the bucket keeps comes back with `coffre undelete`; this is for what does not. So with paths of the plan that
    gave nothing or nearly nothing in the last backup: the machine's orders say that this is right, and it compares its
    next ones with that. Recorded, with the reason.
    """
    from coffre.cli.words.findings import describe
    from coffre.operations.acknowledge.acknowledge import acknowledge as let_go
    from coffre.tenant.runs import lock_recorded

    repository = open_repository(context)
    if not yes:
        asking.confirm(f"Let go what the storage or the paths of {machine} lost?")
    with lock_recorded(repository, tenant, "acknowledge", output.warning) as service:
        done = let_go(service, machine, reason)
    for loss in done.losses:
        output.result(f"let go: {describe(loss)}")
    for path in done.paths:
        output.result(f"accepted: {path.path} ({path.state}): {path.files} files are right")
    if done.generation is not None:
        output.result(f"{machine}: orders {done.generation} say so at its next backup")
    output.result(f"{machine}: {done.snapshots} snapshots are expected no more")
