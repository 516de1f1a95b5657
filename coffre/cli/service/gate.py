"""gate: which machines may write backups now, and which are stopped because they fill the tenant's storage."""

from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout
from coffre.errors import RefusedError, UsageError
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
            help="Let a stopped machine write again until it has used another quarter of the free space.",
            show_default=False,
        ),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="With --open: the reason; recorded.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The state of the gate.")] = False,
) -> None:
    """Check quota and wall, open or close the gates of a tenant's machines, and show the reason.

    At the sold quota all gates close. The wall counts all versions. When a machine fills the storage with something
    other than accepted backups, the gate stops this machine alone, well below the wall; the others continue. The gate
    opens again when there is space. `coffre backup` and `coffre apply` do the same. Ends with 4 when a machine may not
    write. Ends with 1 when a machine has no storage and so no gate: the command names it and sets the other gates.
    """
    from coffre.operations.access.gate import give_word, settle_gate_of
    from coffre.tenant.presence import find_unapplied
    from coffre.tenant.runs import lock_recorded

    if (let_go_on is None) != (not reason):
        raise UsageError("--open and --reason belong together", "Write why the machine may continue; it is recorded.")
    with lock_recorded(open_checkout(context), tenant, "gate", output.warning) as opened:
        if opened.with_buckets is None:
            raise RefusedError(
                f"{tenant} has no gate: its platform has no buckets, and stops backups at the sold quota by itself",
                "`coffre status` shows what is used of it.",
            )
        unmoved = dict(find_unapplied(opened.tenant, opened.buckets, opened.log, opened.tenant.active_machines()))
        if let_go_on is not None and reason:
            give_word(opened.tenant, opened.buckets, opened.log, let_go_on, reason)
        state = settle_gate_of(opened, unmoved.setdefault)
    for why in unmoved.values():
        output.expected_error(why)
    if as_json:
        output.result_json(state)
    else:
        output.result(f"{tenant}: gate {'CLOSED' if state.is_closed else 'open'}: {state.explanation}")
        for store in state.stores:
            output.result(
                f"  {store.machine}: {format_bytes(store.stored_bytes)} stored in {store.objects} objects, all "
                f"versions counted; {format_bytes(store.repository_bytes)} of this is its current repository"
            )
    show_filling(tenant, state)
    if state.is_closed or state.filling.stopped:
        raise typer.Exit(CLOSED)
    if unmoved:
        raise typer.Exit(FAILED)


def show_filling(tenant: str, state: "GateState") -> None:
    """Warn of stopped machines, and of a reached wall with the machine that filled it."""
    for machine in state.filling.stopped:
        output.warning(
            f"{machine} is stopped, the others continue: {state.explain_stop(machine)}. Find out what writes with its "
            f"key, then run `coffre gate {tenant}`; `--open {machine} --reason TEXT` lets it continue"
        )
    if state.filling.is_wall_reached:
        by = f", by {state.filling.wall_reached_by}" if state.filling.wall_reached_by else ""
        output.warning(
            f"the wall of {tenant} is reached{by}: where the platform enforces it, its machines cannot write, not even "
            "reports. Earlier versions expire `undelete_days` after they are replaced; until then a larger "
            "`reserve` in platform.yaml makes space"
        )
