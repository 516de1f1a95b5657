"""gate: who may write backups now, and who is stopped since it fills the storage of all."""

from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_repository
from coffre.errors import UsageError
from coffre.spec.values.sizes import format_bytes

if TYPE_CHECKING:
    from coffre.operations.access.gate import GateState

FAILED, CLOSED = 1, 4


def register(app: typer.Typer) -> None:
    app.command("gate")(gate)


def gate(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")],
    let_go_on: Annotated[
        str | None,
        typer.Option(
            "--open",
            metavar="MACHINE",
            help="Let a machine that was stopped go on, until it has grown by another quarter of the room.",
            show_default=False,
        ),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why, with --open; it is recorded.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The state of the gate.")] = False,
) -> None:
    """Look at quota and wall, close and open the gates of a tenant's machines, and say why.

    At the sold quota all gates close. Well below the wall, which counts all versions, the machine that grows towards it
    other than by backups that count is stopped by itself, and the others go on; it is let in again when there is room.
    `coffre backup` and `coffre apply` do the same. Ends with 4 when a machine may not write, and with 1 when one has no
    storage whose gate could be moved: it is named, and the others' gates are.
    """
    from coffre.operations.access.gate import give_word, settle_gate
    from coffre.tenant.presence import find_unapplied
    from coffre.tenant.runs import lock_recorded

    if (let_go_on is None) != (not reason):
        raise UsageError("--open and --reason belong together", "Write why the machine may go on; it is recorded.")
    with lock_recorded(open_repository(context), tenant, "gate", output.warning) as service:
        unmoved = dict(find_unapplied(service.tenant, service.buckets, service.log, service.tenant.active_machines()))
        if let_go_on is not None and reason:
            give_word(service, let_go_on, reason)
        state = settle_gate(service, unmoved.setdefault)
    for why in unmoved.values():
        output.expected_error(why)
    if as_json:
        output.result_json(state)
    else:
        output.result(f"{tenant}: gate {'CLOSED' if state.is_closed else 'open'}: {state.explanation}")
        for store in state.stores:
            output.result(
                f"  {store.machine}: {format_bytes(store.stored_bytes)} stored in {store.objects} objects, all "
                f"versions counted; {format_bytes(store.repository_bytes)} of it is its repository now"
            )
    show_filling(tenant, state)
    if state.is_closed or state.filling.stopped:
        raise typer.Exit(CLOSED)
    if unmoved:
        raise typer.Exit(FAILED)


def show_filling(tenant: str, state: "GateState") -> None:
    """Warn of machines that are stopped, and of a wall that is reached, and by whom."""
    for machine in state.filling.stopped:
        output.warning(
            f"{machine} is stopped, the others go on: {state.explain_stop(machine)}. See what writes there with its "
            f"key, then `coffre gate {tenant}`; `--open {machine} --reason TEXT` lets it go on"
        )
    if state.filling.is_wall_reached:
        by = f", by {state.filling.wall_reached_by}" if state.filling.wall_reached_by else ""
        output.warning(
            f"the wall of {tenant} is reached{by}: no machine of it can write, reports neither. Earlier versions go "
            "`undelete_days` after they were replaced; until then a larger `reserve` in platform.yaml makes room"
        )
