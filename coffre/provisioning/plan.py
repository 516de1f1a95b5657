"""What apply would change, without minting, writing or touching anything."""

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from coffre.agents.desired import InvalidOrdersError
from coffre.agents.kinds import driver_of, with_bucket
from coffre.operations.acknowledge.replaced_machine import NO_REPLACEMENT, Replacement
from coffre.orders.control import Orders, plan_orders, read_orders
from coffre.outside.environment import temporary_folder
from coffre.provisioning import rules
from coffre.provisioning.changes import ResourceChange
from coffre.provisioning.engine.stack import TenantStack, declare, state_folder
from coffre.provisioning.steps.agents import (
    Installed,
    describe_way,
    digest_inputs,
    find_installed,
    find_way,
    lacks_only_renewal,
    wanted_on,
)
from coffre.provisioning.steps.foreseen import Step, foresee
from coffre.provisioning.steps.repositories import NO_RENEWAL, Renewal
from coffre.provisioning.steps.retirement import list_leaving, list_standing
from coffre.provisioning.steps.secrets import current_keys, missing_secrets
from coffre.provisioning.steps.states import StatesPlan, plan_states
from coffre.secrets.bundles import ControlBundle
from coffre.secrets.rotations import PendingRotation, pending_rotations
from coffre.spec.loader import Repository
from coffre.spec.options import option_status
from coffre.tenant.access import find_reason
from coffre.tenant.buckets import ExistingBuckets
from coffre.tenant.departure import find_stage, list_leaving_machines
from coffre.tenant.service import Service


@dataclass(frozen=True)
class Intent:
    """How an apply is asked for.

    With ``storage_only`` agents are left alone. With ``takes_unequal`` resources that exist without standing in the
    stack's state are taken and changed also when they are not equal: for a state that was lost. With
    ``replaces_orders`` new orders are written over such as this tenant's keys did not sign, or older ones put back.
    A machine whose repository is gone although snapshots of it were seen is refused, unless ``renewal`` names it. The
    machines that ``replacement`` names are other ones from now on: those that are deployed.
    """

    storage_only: bool = False
    takes_unequal: bool = False
    replaces_orders: bool = False
    renewal: Renewal = NO_RENEWAL
    replacement: Replacement = NO_REPLACEMENT

    @property
    def has_options(self) -> bool:
        word = self.renewal.is_asked or bool(self.replacement.machines)
        return word or self.storage_only or self.takes_unequal or self.replaces_orders


FULLY = Intent()


@dataclass(frozen=True)
class MachinePlan:
    """What apply would do to one machine: ``install``, ``update``, ``remove`` or ``none``, and why.

    ``inputs_sha256`` is of all that the machine is given but its secrets: programs, settings, orders.
    """

    machine: str
    action: str
    differences: tuple[str, ...]
    inputs_sha256: str = ""


@dataclass(frozen=True)
class TenantPlan:
    """What apply would change for one tenant; ``secrets_to_mint`` names whose keys do not exist yet."""

    tenant: str
    secrets_to_mint: tuple[str, ...]
    storage: tuple[ResourceChange, ...]
    machines: tuple[MachinePlan, ...]
    options: dict[str, str]
    rotations: tuple[PendingRotation, ...] = ()
    states: StatesPlan = field(default_factory=StatesPlan)
    steps: tuple[Step, ...] = ()

    @property
    def is_needed(self) -> bool:
        changes = self.secrets_to_mint or self.storage or self.rotations or self.states.changes or self.steps
        return bool(changes or any(plan.action != "none" for plan in self.machines))


def refuse_orphans(repository: Repository) -> None:
    """Refuse (RefusedError) when a stack exists whose tenant file is gone."""
    rules.refuse_orphan_stacks(state_folder(repository).list_stacks(), repository.tenants)


def refuse_what_rules_forbid(service: Service) -> ExistingBuckets:
    """Hold the file against live facts before anything is done; returns the buckets that the tenant's owner has."""
    rules.refuse_by_departure(service.tenant, find_stage(service.log), list_leaving_machines(service.log))
    rules.refuse_unsupported(service.tenant)
    owner = service.storage.find_owner(service.owner_uid)
    tenant = service.tenant
    control = service.secrets.find_control()
    data = service.secrets.find_data()
    passwords = data.repository_passwords if control is not None and data is not None else None
    rules.refuse_lost_secrets(tenant, owner.buckets if owner is not None else None, passwords)
    known_machines = {*(control.machine_keys if control is not None else ()), *(passwords or ())}
    owned = owner.buckets if owner is not None else ()
    rules.refuse_vanished_machines(tenant, owned, known_machines)
    return service.buckets.snapshot(owned)


def plan_service(service: Service, intent: Intent = FULLY) -> TenantPlan:
    """Return what apply would change for the tenant of an open service, live facts looked at."""
    owned_buckets = refuse_what_rules_forbid(service)
    tenant, repository = service.tenant, service.repository
    control = service.secrets.find_control()
    data = service.secrets.find_data()
    declaration = declare(service, current_keys(tenant, control))
    if control is not None and tenant.slug in state_folder(repository).list_stacks():
        storage = TenantStack(repository, service, control).preview(declaration, takes_unequal=intent.takes_unequal)
    else:
        with tempfile.TemporaryDirectory(prefix="coffre-plan-", dir=temporary_folder()) as folder:
            storage = TenantStack(repository, service, None, scratch=Path(folder)).preview(declaration)
    return TenantPlan(
        tenant=tenant.slug,
        secrets_to_mint=tuple(missing_secrets(tenant, control, data)),
        storage=tuple(storage),
        machines=() if intent.storage_only else _plan_machines(service, control, owned_buckets, intent),
        options=option_status(tenant.options),
        rotations=pending_rotations(control, with_bucket(tenant.active_machines())) if control is not None else (),
        states=plan_states(service, owned_buckets, list_standing(service, owned_buckets)),
        steps=foresee(service, owned_buckets, intent.renewal, deploys_agents=not intent.storage_only),
    )


def _plan_machines(
    service: Service, control: ControlBundle | None, owned_buckets: ExistingBuckets, intent: Intent
) -> tuple[MachinePlan, ...]:
    active, leaving = service.tenant.active_machines(), list_leaving(service, control)
    if find_reason(service.tenant) is not None:
        # Shut out: their agents are left as they are.
        plans = [MachinePlan(name, "none", ()) for name in active]
    else:
        plans = [_plan_machine(service, name, owned_buckets, intent) for name in active]
    return (*plans, *(MachinePlan(name, "remove", ("retired",)) for name in leaving))


def _plan_machine(service: Service, name: str, owned_buckets: ExistingBuckets, intent: Intent) -> MachinePlan:
    machine = service.machine(name)
    has_its_storage = owned_buckets.has(name) or not driver_of(machine).needs_bucket
    installed = find_installed(service.log, name) if has_its_storage else None
    inputs_sha256 = digest_inputs(service, name)
    if installed is None:
        return MachinePlan(name, "install", (), inputs_sha256)
    orders = None
    if driver_of(machine).takes_orders:
        try:
            standing = read_orders(service, name)
        except InvalidOrdersError:
            if not intent.replaces_orders:
                raise
            return MachinePlan(name, "update", ("orders that are not ours, or were put back",), inputs_sha256)
        orders = plan_orders(service.tenant, service.log, name, standing)
    differences = _name_differences(orders, installed, wanted_on(orders, machine))
    differences += _name_other_way(find_way(service.log, name), describe_way(service.machine(name).connection))
    return MachinePlan(name, "update" if differences else "none", differences, inputs_sha256)


def _name_other_way(recorded: str | None, wanted: str) -> tuple[str, ...]:
    """Name the change of a machine's connection: its agent, and its password, would go to another place."""
    return () if recorded in (None, wanted) else (f"connection {recorded} is now {wanted}",)


def _name_differences(orders: Orders | None, installed: Installed, wanted: Installed | None) -> tuple[str, ...]:
    if wanted is None:
        return ("orders lost",)
    due, differences = (orders.due, list(orders.differences)) if orders is not None else (0, [])
    is_renewal = lacks_only_renewal(installed, replace(wanted, agent_sha256=installed.agent_sha256), due)
    if not differences and wanted.generation != installed.generation and not is_renewal:
        differences.append(f"orders {wanted.generation} not delivered yet")
    if wanted.agent_sha256 != installed.agent_sha256:
        differences.append("agent program")
    return tuple(differences)
