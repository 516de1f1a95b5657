"""What apply would change, without minting, writing or touching anything."""

import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from coffre.operations.control import Orders, plan_orders, read_orders
from coffre.operations.options import option_status
from coffre.operations.service import Service, open_service
from coffre.provisioning import rules
from coffre.provisioning.agents import Installed, find_installed, wanted_on
from coffre.provisioning.engine import ResourceChange, list_stacks
from coffre.provisioning.keys import current_keys, missing_secrets
from coffre.provisioning.stack import open_engine, state_backend, tenant_program
from coffre.secrets.store import OnNotice
from coffre.spec.loader import Repository


@dataclass(frozen=True)
class MachinePlan:
    """What apply would do to one machine: ``install``, ``update`` or ``none``, and why."""

    machine: str
    action: str
    differences: tuple[str, ...]


@dataclass(frozen=True)
class TenantPlan:
    """What apply would change for one tenant; ``secrets_to_mint`` names whose keys do not exist yet."""

    tenant: str
    secrets_to_mint: tuple[str, ...]
    storage: tuple[ResourceChange, ...]
    machines: tuple[MachinePlan, ...]
    options: dict[str, str]

    @property
    def is_needed(self) -> bool:
        return bool(self.secrets_to_mint or self.storage or any(plan.action != "none" for plan in self.machines))


def refuse_orphans(repository: Repository) -> None:
    """Refuse (RefusedError) when a stack exists whose tenant file is gone."""
    rules.refuse_orphan_stacks(list_stacks(state_backend(repository)), repository.tenants)


def refuse_what_rules_forbid(service: Service) -> Collection[str]:
    """Hold the file against live facts before anything is done; returns the buckets that the tenant's owner has."""
    rules.refuse_unsupported(service.tenant)
    owner = service.storage.find_owner(service.owner_uid)
    tenant = service.tenant
    control = service.secrets.find_control(tenant.slug, tenant.id)
    data = service.secrets.find_data(tenant.slug, tenant.id)
    passwords = data.repository_passwords if control is not None and data is not None else None
    rules.refuse_lost_secrets(tenant, owner.buckets if owner is not None else None, passwords)
    known_machines = control.machine_keys if control is not None else ()
    owned_buckets = owner.buckets if owner is not None else ()
    rules.refuse_vanished_machines(tenant, owned_buckets, known_machines)
    return owned_buckets


def plan_tenant(repository: Repository, slug: str, on_notice: OnNotice) -> TenantPlan:
    """Return what apply would change for one tenant, live facts looked at."""
    with open_service(repository, slug, on_notice) as service:
        owned_buckets = refuse_what_rules_forbid(service)
        tenant = service.tenant
        control = service.secrets.find_control(tenant.slug, tenant.id)
        data = service.secrets.find_data(tenant.slug, tenant.id)
        program = tenant_program(service, current_keys(tenant, control))
        if control is not None and slug in list_stacks(state_backend(repository)):
            storage = open_engine(repository, service, control).preview(program)
        else:
            with tempfile.TemporaryDirectory(prefix="coffre-plan-") as folder:
                storage = open_engine(repository, service, None, scratch=Path(folder)).preview(program)
        return TenantPlan(
            tenant=slug,
            secrets_to_mint=tuple(missing_secrets(tenant, control, data)),
            storage=tuple(storage),
            machines=tuple(_plan_machine(service, name, owned_buckets) for name in tenant.machines),
            options=option_status(tenant.options),
        )


def _plan_machine(service: Service, name: str, owned_buckets: Collection[str]) -> MachinePlan:
    installed = find_installed(service, name) if service.bucket_name(name) in owned_buckets else None
    if installed is None:
        return MachinePlan(name, "install", ())
    orders = plan_orders(service, name, read_orders(service, service.owner_bucket(name)))
    differences = _name_differences(orders, installed, wanted_on(orders))
    return MachinePlan(name, "update" if differences else "none", differences)


def _name_differences(orders: Orders, installed: Installed, wanted: Installed | None) -> tuple[str, ...]:
    if wanted is None:
        return ("orders lost",)
    differences = list(orders.differences)
    if not differences and wanted.generation != installed.generation:
        differences.append(f"orders {wanted.generation} not taken yet")
    if wanted.agent_sha256 != installed.agent_sha256:
        differences.append("agent program")
    return tuple(differences)
