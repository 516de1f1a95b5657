"""apply: escrow, storage, repositories, orders, agents, and the record of each, in this order."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from coffre.operations.control import write_orders
from coffre.operations.gate import settle_gate
from coffre.operations.repositories import open_repository
from coffre.operations.runs import recorded_run
from coffre.operations.service import Service, open_service
from coffre.provisioning import commitments, rules
from coffre.provisioning.agents import MachineOutcome, deploy
from coffre.provisioning.engine import ResourceChange
from coffre.provisioning.keys import check_escrow, current_keys, ensure_secrets
from coffre.provisioning.lock import tenant_lock
from coffre.provisioning.plan import refuse_what_rules_forbid
from coffre.provisioning.stack import open_engine, tenant_program
from coffre.records.events import EventKind
from coffre.spec import naming
from coffre.spec.loader import Repository

OnProgress = Callable[[str], None]


@dataclass(frozen=True)
class TenantOutcome:
    """What an apply did. ``commissioned_at`` is set once the service was delivered, by this apply or an earlier one."""

    tenant: str
    storage: tuple[ResourceChange, ...]
    machines: tuple[MachineOutcome, ...]
    commissioned_at: datetime | None
    commissioned_now: bool
    gate_closed: bool
    warnings: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        return all(machine.is_complete for machine in self.machines)

    @property
    def pending_machines(self) -> list[str]:
        return [machine.machine for machine in self.machines if not machine.is_complete]


def apply_tenant(repository: Repository, slug: str, *, storage_only: bool, on_progress: OnProgress) -> TenantOutcome:
    """Carry one tenant's file out. May run twice, also after a kill: each step looks first and does what is missing."""
    with (
        open_service(repository, slug, on_progress) as service,
        tenant_lock(repository.root, slug),
        recorded_run(service, "apply"),
    ):
        refuse_what_rules_forbid(service)
        warning = check_escrow(service)
        secrets = ensure_secrets(service, on_progress)
        engine = open_engine(repository, service, secrets.control)
        changes = engine.up(tenant_program(service, current_keys(service.tenant, secrets.control)), on_progress)
        _initialise_repositories(service, on_progress)
        orders = {name: write_orders(service, name) for name in service.tenant.machines}
        gate = settle_gate(service)
        commitments.record_changes(service)
        machines = () if storage_only else deploy(service, secrets, orders, on_progress)
        commissioned_at, commissioned_now = _commission(service)
        return TenantOutcome(
            slug,
            tuple(changes),
            machines,
            commissioned_at,
            commissioned_now,
            gate.is_closed,
            (warning,) if warning else (),
        )


def _initialise_repositories(service: Service, on_progress: OnProgress) -> None:
    """Make the restic repository of each bucket that has none; the machines themselves may not."""
    for name in service.tenant.machines:
        bucket = service.owner_bucket(name)
        if bucket.exists(f"{naming.RESTIC_PREFIX}config"):
            continue
        rules.refuse_headless_repository(service.tenant.slug, name, (facts.key for facts in bucket.list_objects("")))
        on_progress(f"initialising the repository of {name}")
        open_repository(service, name, "initialise the repository").init()


def _commission(service: Service) -> tuple[datetime | None, bool]:
    """Record, once, that the service was delivered: storage up and every machine installed (contract, article 1c)."""
    tenant_id = service.tenant.id
    recorded = service.records.find_last(tenant_id, EventKind.COMMISSIONED)
    if recorded is not None:
        return recorded.at, False
    if any(service.records.find_last(tenant_id, EventKind.INSTALL, name) is None for name in service.tenant.machines):
        return None, False
    return service.record(EventKind.COMMISSIONED, machines=list(service.tenant.machines)).at, True
