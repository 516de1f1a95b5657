"""apply: escrow, storage, repositories, orders, agents, and the record of each, in this order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from coffre.agents.kinds import with_orders
from coffre.findings import Finding
from coffre.operations.access.gate import GateState, settle_gate
from coffre.operations.access.suspension import settle_suspension, shut_out_early
from coffre.operations.acknowledge.replaced_machine import give_away
from coffre.operations.holds.settle import settle_hold
from coffre.orders.control import Orders, refuse_foreign_orders, write_orders
from coffre.orders.publishing import publish_programs
from coffre.provisioning.changes import ResourceChange
from coffre.provisioning.engine.stack import TenantStack, declare
from coffre.provisioning.exact import ExactPlan, make_exact, refuse_unless_same
from coffre.provisioning.plan import FULLY, Intent, plan_service, refuse_what_rules_forbid
from coffre.provisioning.rotation.rotate import KeyOutcome, TenantRotation
from coffre.provisioning.steps import commitments, retirement
from coffre.provisioning.steps.agents import MachineOutcome, MachineState, deploy, leave
from coffre.provisioning.steps.out_of_hours import record_out_of_hours
from coffre.provisioning.steps.repositories import initialise_repositories, look_at_repositories
from coffre.provisioning.steps.secrets import Secrets, check_escrow, current_keys, ensure_secrets
from coffre.records.facts.agents import Install
from coffre.records.facts.contract import Commissioned
from coffre.spec.loader import Repository
from coffre.tenant.access import find_reason
from coffre.tenant.runs import lock_recorded
from coffre.tenant.service import Service
from coffre.workspace.clock import utc_now

OnProgress = Callable[[str], None]
Clock = Callable[[], datetime]


@dataclass(frozen=True)
class TenantOutcome:
    """What an apply did. ``commissioned_at`` is set once the service was delivered, by this apply or an earlier one."""

    tenant: str
    storage: tuple[ResourceChange, ...]
    machines: tuple[MachineOutcome, ...]
    commissioned_at: datetime | None
    commissioned_now: bool
    gate: GateState
    warnings: tuple[str, ...] = ()
    losses: tuple[Finding, ...] = ()
    rotated: tuple[KeyOutcome, ...] = ()

    @property
    def is_complete(self) -> bool:
        return all(machine.is_complete for machine in self.machines) and all(key.is_done for key in self.rotated)

    @property
    def pending_machines(self) -> list[str]:
        return [machine.machine for machine in self.machines if not machine.is_complete]


def apply_tenant(
    repository: Repository,
    slug: str,
    *,
    on_progress: OnProgress,
    intent: Intent = FULLY,
    planned: ExactPlan | None = None,
    clock: Clock = utc_now,
) -> TenantOutcome:
    """Carry one tenant's file out. May run twice, also after a kill: each step looks first and does what is missing.

    With ``planned``, a plan that was made with the same intent, that is done and nothing else, or RefusedError.
    Machines that are refused leave the others to be carried out.
    """
    with lock_recorded(repository, slug, "apply", on_progress) as service:
        if planned is not None:
            refuse_unless_same(planned, make_exact(service, plan_service(service, intent)))
        owned_buckets = refuse_what_rules_forbid(service)
        names = service.tenant.active_machines()
        if not intent.replaces_orders:
            ordered = (*with_orders(names), *retirement.list_ordered(service))
            refuse_foreign_orders(service, owned_buckets.among(ordered))
        losses = look_at_repositories(service, intent.renewal, owned_buckets)
        give_away(service.tenant, service.log, service.memory, intent.replacement)
        warnings = [
            *record_out_of_hours(service.log, service.repository.settings.working_hours, clock()),
            *filter(None, [check_escrow(service)]),
        ]
        secrets = ensure_secrets(service, on_progress)
        shut_out_early(service.tenant, service.buckets, owned_buckets)
        publish_programs(service.tenant, service.storage, warnings.append)
        to_remove = retirement.list_to_remove(service, secrets.control)
        retirement.order_removal(service, secrets.control, owned_buckets, replaces_foreign=intent.replaces_orders)
        stack = TenantStack(service.repository, service, secrets.control)
        declaration = declare(service, current_keys(service.tenant, secrets.control))
        if planned is None:
            changes = stack.up(declaration, on_progress, takes_unequal=intent.takes_unequal)
        else:
            changes = stack.up_exactly(
                declaration, planned.plan.storage, on_progress, takes_unequal=intent.takes_unequal
            )
        secrets = retirement.settle_keys(service, secrets, on_progress)
        settle_hold(service.tenant, service.buckets)
        settle_suspension(service.tenant, service.buckets)
        rotation = TenantRotation(service, secrets.control, on_progress)
        rotation.resume()
        # With the keys that it had to replace once more.
        secrets = Secrets(rotation.control, secrets.data)
        refused = initialise_repositories(service, intent.renewal, on_progress)
        orders = {
            name: write_orders(service, name, replaces_foreign=intent.replaces_orders) for name in with_orders(names)
        }
        gate = settle_gate(service)
        commitments.record_changes(service.log, service.tenant)
        machines: tuple[MachineOutcome, ...] = tuple(_list_refused(refused))
        if not intent.storage_only:
            # A retired machine's successor may have its host: its agent comes after the other has gone.
            retired = retirement.remove_agents(service, to_remove, on_progress)
            fit = [name for name in names if name not in refused]
            agents = _settle_agents(service, rotation, secrets, {name: orders.get(name) for name in fit}, on_progress)
            machines = (*agents, *_list_refused(refused), *retired)
        rotated = rotation.settle(rotation.all_keys(), machines)
        commissioned_at, commissioned_now = _commission(service)
        return TenantOutcome(
            slug,
            tuple(changes),
            machines,
            commissioned_at,
            commissioned_now,
            gate,
            tuple(warnings),
            losses,
            tuple(rotated),
        )


def _settle_agents(
    service: Service,
    rotation: TenantRotation,
    secrets: Secrets,
    orders: Mapping[str, Orders | None],
    on_progress: OnProgress,
) -> tuple[MachineOutcome, ...]:
    """Deploy the agents of machines in service.

    While these are shut out that could not be tried, and what stands there harms nobody: only those are deployed that a
    rotation waits for, since orders and reports stay open to them.
    """
    reason = find_reason(service.tenant)
    if reason is None:
        return deploy(service, secrets, orders, on_progress, only=orders)
    moved = {outcome.machine: outcome for outcome in rotation.move_agents(rotation.all_keys())}
    return tuple(moved.get(left.machine, left) for left in leave(service, reason) if left.machine in orders)


def _list_refused(refused: Mapping[str, str]) -> list[MachineOutcome]:
    return [MachineOutcome(name, MachineState.REFUSED, why) for name, why in refused.items()]


def _commission(service: Service) -> tuple[datetime | None, bool]:
    """Record, once, that the service was delivered: storage up and every machine installed (contract, article 1c)."""
    recorded = service.log.last(Commissioned)
    if recorded is not None:
        return recorded.at, False
    machines = tuple(service.tenant.active_machines())
    if not all(service.log.has(Install, name) for name in machines):
        return None, False
    return service.log.append(Commissioned(machines)).at, True
