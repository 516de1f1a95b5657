"""What every step is given: the tenant in hand, how the apply is asked for, and what its owner has."""

from collections.abc import Callable
from dataclasses import dataclass, field

from coffre.operations.acknowledge.replaced_machine import NO_REPLACEMENT, Replacement
from coffre.provisioning import rules
from coffre.spec.tenant import Tenant
from coffre.tenant.departure import find_stage, list_leaving_machines
from coffre.tenant.estate.buckets import ExistingBuckets
from coffre.tenant.service import Service

OnProgress = Callable[[str], None]


@dataclass(frozen=True)
class Renewal:
    """The operator's word that the history of these machines is lost and a new repository begins, and why.

    ``is_platform_lost``: so for every machine whose repository is gone (contract, article 15).
    """

    machines: frozenset[str] = field(default_factory=frozenset)
    is_platform_lost: bool = False
    reason: str = ""

    @property
    def is_asked(self) -> bool:
        return bool(self.machines) or self.is_platform_lost

    def covers(self, machine: str) -> bool:
        return self.is_platform_lost or machine in self.machines


NO_RENEWAL = Renewal()


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
class Context:
    """A tenant's service, open, and the apply that is wanted; ``existing`` are the buckets that its owner has."""

    service: Service
    intent: Intent
    existing: ExistingBuckets
    on_progress: OnProgress

    @property
    def tenant(self) -> Tenant:
        return self.service.tenant


def make_context(service: Service, intent: Intent, on_progress: OnProgress) -> Context:
    """Refuse (RefusedError) what rules forbid by live facts, before anything else is looked at."""
    return Context(service, intent, refuse_what_rules_forbid(service), on_progress)


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
