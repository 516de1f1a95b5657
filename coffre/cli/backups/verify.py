"""verify: check that all packs of a repository are still what the machine uploaded."""

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout
from coffre.errors import ExpectedError
from coffre.spec.values.sizes import format_bytes

if TYPE_CHECKING:
    from coffre.operations.verify import RepositoryVerification

FAILED = 1
_FAULTS = {
    "lost": "is in the index and not in the bucket",
    "altered": "does not match the hash in its name",
    "unreadable": "is listed, but the platform does not return it",
    "wrong_size": "does not have the size that the index gives",
}


def register(app: typer.Typer) -> None:
    app.command("verify")(verify)


def verify(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")],
    machine: Annotated[
        str | None, typer.Option(metavar="NAME", help="One machine (default: all).", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list of results, one a machine.")] = False,
) -> None:
    """Check that repositories are complete and unchanged.

    Each run compares the index with the bucket and reads a share of the packs in turn. Run it daily: all packs are then
    read within `verify.period_days` of platform.yaml. The next run continues an interrupted one. When something is
    damaged, the command names it and ends with 1; `coffre undelete` brings earlier versions back.
    """
    from coffre.operations import verify as operation
    from coffre.orders.publishing import publish_programs
    from coffre.tenant.presence import refuse_unapplied
    from coffre.tenant.runs import open_recorded

    done, failed = [], []
    with open_recorded(open_checkout(context), tenant, "verify", output.warning) as opened:
        names = [machine] if machine else operation.list_machines_to_verify(opened.tenant, opened.buckets)
        refuse_unapplied(opened.tenant, opened.buckets, opened.log, [])
        publish_programs(opened.tenant, opened.storage, output.warning, proves=True)
        for name in names:
            try:
                done.append(operation.verify(opened, name, partial(output.progress_of, name)))
            except ExpectedError as problem:
                failed.append(problem)
    for why in failed:
        output.expected_error(why)
    if as_json:
        output.result_json(done)
    for each in [] if as_json else done:
        _show(tenant, each)
    if len(done) < len(names) or not all(each.is_sound for each in done):
        raise typer.Exit(FAILED)


def _show(tenant: str, done: "RepositoryVerification") -> None:
    verdict = "sound" if done.is_sound else "DAMAGED"
    far = "all are read now" if done.position == 1.0 else f"{done.position:.0%} of the round is done"
    output.result(
        f"{done.machine}: {verdict}; {done.read_packs} packs read ({format_bytes(done.read_bytes)}), {far} "
        f"(begun {_day(done.round_started_at)}); the last full round ended {_day(done.last_full_round_at)}"
    )
    if done.is_cut_short:
        output.result("  its time limit ended the run early: run it more often, or raise `verify.run_limit`")
    if done.problem:
        output.result(f"  {done.problem}")
    for pack in done.damaged:
        output.result(f"  pack {pack.name} {_FAULTS[pack.fault]}")
    more = done.damaged_count - len(done.damaged)
    if more > 0:
        output.result(f"  and {more} packs more")
    if not done.is_sound:
        output.result(
            f"  to bring earlier versions back: `coffre undelete {tenant} --machine {done.machine} --at TIME`, with a "
            "time before the damage; then verify again. Ask the storage host what happened"
        )


def _day(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d}"
