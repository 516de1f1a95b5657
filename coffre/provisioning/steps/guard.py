"""The checks before any change: rules, foreign or older orders, and losses of the buckets."""

from datetime import datetime

from coffre.agents.kinds import with_orders
from coffre.operations.acknowledge.replaced_machine import give_away
from coffre.orders.control import refuse_foreign_orders
from coffre.provisioning.steps import retirement
from coffre.provisioning.steps.out_of_hours import record_out_of_hours
from coffre.provisioning.steps.repositories import look_at_losses
from coffre.provisioning.steps.secrets import check_escrow
from coffre.provisioning.terms.context import Context
from coffre.provisioning.terms.done import Guarded


def do(at: Context, now: datetime) -> Guarded:
    """Refuse what must not continue, remember what buckets contain, and record the decision on replaced machines."""
    service, intent = at.service, at.intent
    if not intent.replaces_orders:
        ordered = (*with_orders(at.tenant.active_machines()), *retirement.list_ordered(service))
        refuse_foreign_orders(service, at.existing.among(ordered))
    losses = look_at_losses(at)
    give_away(service.tenant, service.log, service.memory, intent.replacement)
    hours = record_out_of_hours(service.log, service.repository.settings.working_hours, now)
    escrow = check_escrow(service)
    return Guarded(losses, (*hours, *([escrow] if escrow else [])))
