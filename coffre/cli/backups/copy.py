"""copy: bring the second copy of a tenant's backups up to date, or bring a lost repository back from it."""

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import asking, output
from coffre.cli.backups.arguments import FAILED, MachineOption, TenantArgument
from coffre.cli.context import open_checkout
from coffre.errors import ExpectedError, UsageError
from coffre.spec.values.sizes import format_bytes

if TYPE_CHECKING:
    from coffre.operations.copying.run import MachineCopy


def register(app: typer.Typer) -> None:
    app.command("copy")(copy)


def copy(
    context: typer.Context,
    tenant: TenantArgument,
    machine: MachineOption = None,
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
    from coffre.operations.copying import run as operation
    from coffre.tenant.runs import lock_recorded, open_recorded

    checkout = open_checkout(context)
    if back and not yes:
        asking.confirm(f"Bring the repository of {tenant}/{machine} back from its second copy?")
    done: list[MachineCopy] = []
    failed: list[ExpectedError] = []
    carry_out = operation.bring_back if back else operation.copy_machine
    opening = lock_recorded if back else open_recorded
    with ExitStack() as held:
        opened = held.enter_context(opening(checkout, tenant, "copy --back" if back else "copy", output.warning))
        copied = held.enter_context(operation.copying(opened))
        names, refused = operation.list_machines_to_copy(opened, copied, machine)
        failed += refused
        for name in names:
            try:
                done.append(carry_out(opened, copied, name, partial(output.progress_of, name)))
            except ExpectedError as problem:
                failed.append(problem)
    for why in failed:
        output.expected_error(why)
    if as_json:
        output.result_json(done)
    for each in [] if as_json else done:
        _show(each)
    if failed or not all(each.is_sound for each in done):
        raise typer.Exit(FAILED)


def _show(copied: "MachineCopy") -> None:
    from coffre.cli.words.supervision.findings import describe_copy_fault

    done = copied.done
    output.result(
        f"{copied.machine}: snapshots on {copied.platform}: {len(done.snapshots)}; objects copied now: "
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
