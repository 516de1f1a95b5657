"""The checks before any change: rules, foreign or older orders, and losses of the buckets."""

from datetime import datetime

from coffre.agents.kinds import with_orders
from coffre.operations.acknowledge.replaced_machine import give_away
from coffre.orders.control import TenantOrders
from coffre.provisioning.steps import retirement
from coffre.provisioning.steps.out_of_hours import record_out_of_hours
from coffre.provisioning.steps.repositories import look_at_losses
from coffre.provisioning.steps.secrets import check_escrow
from coffre.provisioning.terms.context import Context
from coffre.provisioning.terms.done import Guarded, Reopened


def do(at: Context, reopened: Reopened, now: datetime) -> Guarded:
    """Refuse what must not continue, remember what buckets contain, and record the decision on replaced machines."""
    opened, intent = at.opened, at.intent
    if not intent.replaces_orders:
        ordered = (*with_orders(at.tenant.active_machines()), *retirement.list_ordered(opened.tenant, opened.secrets))
        TenantOrders.of(opened).refuse_foreign(at.existing.among(ordered))
    losses = look_at_losses(at)
    give_away(opened.tenant, opened.log, opened.memory, intent.replacement)
    hours = record_out_of_hours(opened.log, opened.checkout.settings.working_hours, now)
    escrow = check_escrow(opened.checkout, opened.embedded)
    return Guarded(losses, (*hours, *([escrow] if escrow else [])))
