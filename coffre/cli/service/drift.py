"""drift: how platforms and machines differ from the tenant files, without a change of anything."""

from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import choose_tenants, open_checkout
from coffre.cli.tenants.provisioning import Every, OfShard, Tenants
from coffre.cli.unexpected import note_unexpected
from coffre.errors import UsageError

if TYPE_CHECKING:
    from coffre.provisioning.drift.values import TenantDrift
    from coffre.spec.loader import Checkout

DRIFTED, UNSEEN = 6, 1


def register(app: typer.Typer) -> None:
    app.command("drift")(drift)


def drift(
    context: typer.Context,
    tenants: Tenants = None,
    every: Every = False,
    shard: OfShard = None,
    reports_only: Annotated[
        bool,
        typer.Option(
            "--reports-only",
            help="Do not connect to machines: their sealed reports count, which show no masked timer.",
        ),
    ] = False,
    adopt: Annotated[
        bool,
        typer.Option("--adopt", help="Show the change of each file that would accept what it can say; not written."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A list of tenants, with values.")] = False,
) -> None:
    """Show how platforms, stacks and machines differ from the tenant files. Changes nothing and takes no lock.

    It ends with 6 when anything differs. When nothing does, and something could not be looked at, it ends with 1.
    """
    from coffre.provisioning.drift.fleet import Listener, find_orphans, look_at_fleet

    checkout = open_checkout(context)
    names = choose_tenants(tenants, every, checkout.tenants, shard)
    unknown = [name for name in names if name not in checkout.tenants]
    if unknown:
        raise UsageError(f"there is no tenant {unknown[0]}", "The tenants are the files of tenants/.")
    output.progress(f"looking at {len(names)} tenants" if len(names) != 1 else f"looking at {names[0]}")
    found = {}
    listener = Listener(output.warning, output.progress, _tell)
    for done, seen in enumerate(look_at_fleet(checkout, names, listener, connects=not reports_only), start=1):
        found[seen.tenant] = seen
        if done % 100 == 0:
            output.progress(f"{done} of {len(names)} tenants looked at")
    in_order = [*(found[name] for name in names), *(find_orphans(checkout) if every else [])]
    if as_json:
        output.result_json([_as_json(each, checkout, adopts=adopt) for each in in_order])
    else:
        _show(in_order, checkout, adopts=adopt)
    if any(each.drift for each in in_order):
        raise typer.Exit(DRIFTED)
    if any(each.unseen for each in in_order):
        raise typer.Exit(UNSEEN)


def _tell(name: str, problem: Exception) -> None:
    output.error(note_unexpected(problem, name))


def _show(tenants: "list[TenantDrift]", checkout: "Checkout", *, adopts: bool) -> None:
    """Print the result: first in one line, then each tenant of which something is to be said."""
    from coffre.cli.words.drift import describe, describe_unseen, sum_up

    output.result(sum_up(tenants))
    for tenant in sorted(tenants, key=lambda each: not each.drift):
        if tenant.ended is not None:
            output.result(f"{tenant.tenant}: not looked at: its service has ended ({tenant.ended.value})")
        if not tenant.drift and not tenant.unseen:
            continue
        output.result(f"{tenant.tenant}:")
        for each in tenant.drift:
            by_hand = "" if each.is_undone_by_apply else " (apply does not undo this)"
            output.result(f"  {'~' if each.is_undone_by_apply else '!'} {describe(each)}{by_hand}")
        for unseen in tenant.unseen:
            output.result(f"  ? {describe_unseen(unseen)}")
        if any(each.is_undone_by_apply for each in tenant.drift):
            output.result(f"  `coffre apply {tenant.tenant}` undoes what is marked ~")
        if adopts:
            _show_adoption(tenant, checkout)


def _show_adoption(tenant: "TenantDrift", checkout: "Checkout") -> None:
    from coffre.cli.words.drift import describe
    from coffre.provisioning.drift.fleet import find_adoption

    adoption = find_adoption(checkout, tenant)
    if adoption is None:
        return
    if adoption.diff:
        output.result("  this change of the file would accept it (a change of the quota needs its order as well):")
        output.result(adoption.diff.rstrip("\n"))
    for each in adoption.rest:
        undone = "apply undoes it" if each.is_undone_by_apply else "it is undone by hand"
        output.result(f"  no file can say this: {describe(each)}; {undone}")


def _as_json(tenant: "TenantDrift", checkout: "Checkout", *, adopts: bool) -> object:
    from coffre.provisioning.drift.fleet import find_adoption

    shown = {
        **vars(tenant),
        "drift": [{**vars(each), "is_undone_by_apply": each.is_undone_by_apply} for each in tenant.drift],
    }
    if adopts:
        adoption = find_adoption(checkout, tenant)
        shown["adoption"] = None if adoption is None else adoption.diff
    return shown
