"""copy: bring the second copy of a tenant's backups up to date, or bring a lost repository back from it."""

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import asking, output
from coffre.cli.backups.arguments import FAILED, PASSED_OVER, MachineOption, leave_out_outsiders
from coffre.cli.context import choose_tenants, open_checkout, turn_of
from coffre.cli.tenants.provisioning import Every, OfShard, Tenants
from coffre.errors import ExpectedError, UsageError
from coffre.spec.values.sizes import format_bytes

if TYPE_CHECKING:
    from coffre.operations.copying.run import MachineCopy
    from coffre.spec.loader import Checkout


def register(app: typer.Typer) -> None:
    app.command("copy")(copy)


def copy(
    context: typer.Context,
    tenants: Tenants = None,
    machine: MachineOption = None,
    every: Every = False,
    shard: OfShard = None,
    back: Annotated[
        bool,
        typer.Option(
            "--back", help="Bring the repository of --machine back from the copy into its bucket, where it is lost."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --back.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A list of results, one a machine.")] = False,
) -> None:
    """Copy what is new in the repositories to the platform of `storage.copy`.

    Run it daily. Every object is compared with the hash in its name; a bad one is named and left out. The copy only
    grows: nothing in it is overwritten or deleted. The next run continues an interrupted one.
    """
    if back and machine is None:
        raise UsageError("--back needs --machine", "Name the machine whose repository is lost.")
    checkout = open_checkout(context)
    slugs = choose_tenants(tenants, every, checkout.tenants, shard)
    if every:
        slugs = [slug for slug in slugs if checkout.tenants[slug].second_platform is not None]
    if machine is not None and len(slugs) != 1:
        raise UsageError("--machine is for one tenant", "Name one tenant.")
    slugs = leave_out_outsiders(checkout, slugs, machine, is_all=every)
    if back and not yes:
        asking.confirm(f"Bring the repository of {slugs[0]}/{machine} back from its second copy?")
    done: list[MachineCopy] = []
    failed: list[str] = []
    for slug in slugs:
        with turn_of(slug, failed, alone=len(slugs) == 1):
            done += _copy_tenant(checkout, slug, machine, failed, is_back=back, is_one_of_all=every, as_json=as_json)
    if as_json:
        output.result_json(done)
    if failed or not all(each.is_sound for each in done):
        raise typer.Exit(FAILED)


def _copy_tenant(
    checkout: "Checkout",
    slug: str,
    machine: str | None,
    failed: list[str],
    *,
    is_back: bool,
    is_one_of_all: bool,
    as_json: bool,
) -> "list[MachineCopy]":
    """Copy the machines of a tenant; one that fails does not keep the others from it."""
    from coffre.operations.copying import run as operation
    from coffre.tenant.opening import open_tenant
    from coffre.tenant.presence import find_passed_over
    from coffre.tenant.runs import lock_recorded, recorded_run

    done = []
    carry_out = operation.bring_back if is_back else operation.copy_machine
    with ExitStack() as held:
        if is_back:
            opened = held.enter_context(lock_recorded(checkout, slug, "copy --back", output.warning))
        else:
            opened = held.enter_context(open_tenant(checkout, slug, output.warning))
            if is_one_of_all and (why := find_passed_over(opened.tenant, opened.log)) is not None:
                output.progress_of(slug, f"not copied: {PASSED_OVER[why.value]}")
                return []
            held.enter_context(recorded_run(opened, "copy"))
        copied = held.enter_context(operation.copying(opened))
        names, refused = operation.list_machines_to_copy(opened, copied, machine)
        for problem in refused:
            output.expected_error(problem)
            failed.append(slug)
        for name in names:
            try:
                copy_of = carry_out(opened, copied, name, partial(output.progress_of, name))
            except ExpectedError as problem:
                output.expected_error(problem)
                failed.append(f"{slug}/{name}")
                continue
            done.append(copy_of)
            if not as_json:
                _show(f"{slug}/{name}" if is_one_of_all else name, copy_of)
    return done


def _show(name: str, copied: "MachineCopy") -> None:
    from coffre.cli.words.supervision.findings import describe_copy_fault

    done = copied.done
    output.result(
        f"{name}: snapshots on {copied.platform}: {len(done.snapshots)}; objects copied now: "
        f"{done.copied_objects} ({format_bytes(done.copied_bytes)})"
    )
    if not done.is_complete:
        output.result("  NOT complete: the bucket has more snapshots than one run copies; run the same command again")
    for key, fault in done.faults.items():
        output.result(f"  {key} is left out: {describe_copy_fault(fault.value)}")
    if (more := done.fault_count - len(done.faults)) > 0:
        output.result(f"  and {more} objects more")
    if done.fault_count:
        output.result(
            "  snapshots that need such an object cannot be restored from the copy: `coffre verify` tells what is "
            "wrong with the originals"
        )
