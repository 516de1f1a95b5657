"""verify: check that all packs of a repository are still what the machine uploaded."""

from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.backups.arguments import FAILED, PASSED_OVER, leave_out_outsiders
from coffre.cli.context import choose_tenants, open_checkout, turn_of
from coffre.cli.tenants.provisioning import Every, OfShard, Tenants
from coffre.errors import ExpectedError, UsageError
from coffre.spec.values.sizes import format_bytes

if TYPE_CHECKING:
    from coffre.operations.verify import RepositoryVerification
    from coffre.spec.loader import Checkout

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
    tenants: Tenants = None,
    machine: Annotated[
        str | None, typer.Option(metavar="NAME", help="One machine (default: all).", show_default=False)
    ] = None,
    every: Every = False,
    shard: OfShard = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list of results, one a machine.")] = False,
) -> None:
    """Check that repositories are complete and unchanged.

    Each run compares the index with the bucket and reads a share of the packs in turn. Run it daily: all packs are then
    read within `verify.period_days` of platform.yaml. The next run continues an interrupted one. When something is
    damaged, the command names it and ends with 1; `coffre undelete` brings earlier versions back.
    """
    checkout = open_checkout(context)
    names = choose_tenants(tenants, every, checkout.tenants, shard)
    if machine is not None and len(names) != 1:
        raise UsageError("--machine is for one tenant", "Name one tenant.")
    names = leave_out_outsiders(checkout, names, machine, is_all=every)
    done: list[RepositoryVerification] = []
    failed: list[str] = []
    for name in names:
        with turn_of(name, failed, alone=len(names) == 1):
            done += _verify_tenant(checkout, name, machine, failed, is_one_of_all=every, as_json=as_json)
    if as_json:
        output.result_json(done)
    if failed or not all(each.is_sound for each in done):
        raise typer.Exit(FAILED)


def _verify_tenant(
    checkout: "Checkout", slug: str, machine: str | None, failed: list[str], *, is_one_of_all: bool, as_json: bool
) -> "list[RepositoryVerification]":
    """Verify the machines of a tenant; one that fails does not keep the others from it."""
    from coffre.operations import verify as operation
    from coffre.orders.publishing import publish_programs
    from coffre.tenant.opening import open_tenant
    from coffre.tenant.presence import find_passed_over, refuse_unapplied
    from coffre.tenant.runs import recorded_run

    done = []
    with ExitStack() as resources:
        opened = resources.enter_context(open_tenant(checkout, slug, output.warning))
        if is_one_of_all and (why := find_passed_over(opened.tenant, opened.log)) is not None:
            output.progress_of(slug, f"not verified: {PASSED_OVER[why.value]}")
            return []
        resources.enter_context(recorded_run(opened, "verify"))
        names = [machine] if machine else operation.list_machines_to_verify(opened.tenant, opened.buckets)
        refuse_unapplied(opened.tenant, opened.buckets, opened.log, [])
        publish_programs(opened.tenant, opened.storage, output.warning, proves=True)
        for name in names:
            try:
                verified = operation.verify(opened, name, partial(output.progress_of, name))
            except ExpectedError as problem:
                output.expected_error(problem)
                failed.append(f"{slug}/{name}")
                continue
            done.append(verified)
            if not as_json:
                _show(slug, f"{slug}/{name}" if is_one_of_all else name, verified)
    return done


def _show(tenant: str, name: str, done: "RepositoryVerification") -> None:
    verdict = "sound" if done.is_sound else "DAMAGED"
    far = "all are read now" if done.position == 1.0 else f"{done.position:.0%} of the round is done"
    output.result(
        f"{name}: {verdict}; {done.read_packs} packs read ({format_bytes(done.read_bytes)}), {far} "
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
