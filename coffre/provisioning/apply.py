"""apply: runs the steps of a tenant in their order. A step takes the results of earlier steps as values."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from coffre.findings import Finding
from coffre.operations.access.gate import GateState
from coffre.provisioning import inputs
from coffre.provisioning.changes import ResourceChange
from coffre.provisioning.exact import ExactPlan, make_exact, refuse_unless_same
from coffre.provisioning.inputs import AppliedFiles, Inputs
from coffre.provisioning.plan import TenantPlan, plan_tenant
from coffre.provisioning.rotation.tenant_rotation import KeyOutcome
from coffre.provisioning.steps import (
    access,
    commitments,
    deployment,
    guard,
    keys,
    orders,
    repositories,
    retirement,
    rotation,
    second_copy,
    secrets,
    storage,
    users,
)
from coffre.provisioning.steps.out_of_hours import record_out_of_hours
from coffre.provisioning.steps.second_copy import CopySettled
from coffre.provisioning.terms.context import FULLY, Context, Intent, make_context
from coffre.provisioning.terms.done import Escrowed, KeysRevoked, MachineOutcome
from coffre.provisioning.terms.found import UnseenPart
from coffre.records.facts.contract import Commissioned
from coffre.spec.loader import Checkout
from coffre.tenant.opening import OpenTenant
from coffre.tenant.runs import lock_recorded
from coffre.workspace.clock import utc_now

OnProgress = Callable[[str], None]
Clock = Callable[[], datetime]


@dataclass(frozen=True)
class TenantOutcome:
    """The result of an apply. ``commissioned_at`` is set after the delivery of the service, now or earlier.

    ``unseen`` are the parts of the space that did not answer: they are as they were.
    """

    tenant: str
    storage: tuple[ResourceChange, ...]
    machines: tuple[MachineOutcome, ...]
    commissioned_at: datetime | None
    commissioned_now: bool
    gate: GateState
    warnings: tuple[str, ...] = ()
    losses: tuple[Finding, ...] = ()
    rotated: tuple[KeyOutcome, ...] = ()
    second_copy: CopySettled | None = None
    unseen: tuple[UnseenPart, ...] = ()

    @property
    def is_complete(self) -> bool:
        if self.unseen:
            return False
        is_copied = self.second_copy is None or not self.second_copy.problem
        machines = all(machine.is_complete for machine in self.machines)
        return machines and is_copied and all(key.is_done for key in self.rotated)

    @property
    def pending_machines(self) -> list[str]:
        return [machine.machine for machine in self.machines if not machine.is_complete]


def apply_tenant(
    checkout: Checkout,
    slug: str,
    *,
    on_progress: OnProgress,
    intent: Intent = FULLY,
    planned: ExactPlan | None = None,
    clock: Clock = utc_now,
) -> TenantOutcome:
    """Apply one tenant's file. May run twice, also after a kill: each step looks first and does what is missing.

    With ``planned``, a plan made with the same intent, exactly its changes are made, or RefusedError. A refused machine
    does not stop the others.
    """
    with lock_recorded(checkout, slug, "apply", on_progress) as opened:
        if planned is not None:
            refuse_unless_same(planned, make_exact(opened, plan_tenant(opened, intent)))
        return carry_out(opened, intent, None if planned is None else planned.plan, on_progress, clock)


def carry_out(
    opened: OpenTenant, intent: Intent, planned: TenantPlan | None, on_progress: OnProgress, clock: Clock
) -> TenantOutcome:
    """Do all steps for an open tenant whose lock is held; with ``planned`` exactly its changes of resources."""
    at = make_context(opened, intent, on_progress)
    in_file = opened.checkout.tenants[opened.tenant.slug]
    digests, files = Inputs(opened.checkout).digest(in_file), AppliedFiles.of(opened.checkout, in_file)
    inputs.begin(opened.log, digests)
    if not at.sees_own:
        return _carry_out_beside(at, planned, clock())
    reopened = keys.reopen(at)
    guarded = guard.do(at, reopened, clock())
    escrowed = secrets.do(at, guarded)
    shut_out = access.shut_out(at, guarded, escrowed)
    published = orders.publish(at, guarded)
    removals = retirement.order_removals(at, escrowed, published, shut_out)
    revoked = retirement.revoke(at, escrowed, removals)
    provisioned = storage.do(at, escrowed, revoked, None if planned is None else planned.storage)
    at = replace(at, unseen=provisioned.unseen)
    forgotten = retirement.forget(at, escrowed, provisioned)
    keyed = keys.do(at, reopened, forgotten)
    enabled = users.do(at, keyed)
    admitted = access.do(at, enabled)
    resumed = rotation.resume(at, escrowed, keyed, admitted)
    initialised = repositories.do(at, resumed)
    ordered = orders.do(at, published, initialised)
    gate = access.settle_gates(at, ordered)
    recorded = commitments.do(at, gate)
    deployed = deployment.do(at, removals, resumed, initialised, ordered)
    rotated = rotation.end(at, resumed, deployed)
    delivery = commitments.deliver(at, recorded, deployed)
    copied = second_copy.do(at, None if planned is None else planned.second_copy)
    outcome = TenantOutcome(
        opened.tenant.slug,
        provisioned.changes,
        deployed.machines,
        delivery.at,
        delivery.is_new,
        gate,
        (*guarded.warnings, *published.warnings),
        guarded.losses,
        rotated,
        copied,
        at.unseen,
    )
    if outcome.is_complete:
        inputs.end(opened.log, digests, files, has_agents=not intent.storage_only)
    return outcome


def _carry_out_beside(at: Context, planned: TenantPlan | None, now: datetime) -> TenantOutcome:
    """Do what needs nothing of the tenant's own platform, which is away: its other parts, and their machines' agents.

    The apply is not complete, and what is sold is not recorded.
    """
    opened = at.opened
    warnings = record_out_of_hours(opened.log, opened.checkout.settings.working_hours, now)
    escrowed = Escrowed(opened.secrets.control(), opened.secrets.data())
    provisioned = storage.do(at, escrowed, KeysRevoked(), None if planned is None else planned.storage)
    at = replace(at, unseen=provisioned.unseen)
    deployed = deployment.do_beside(at, escrowed)
    delivered = opened.log.last(Commissioned)
    return TenantOutcome(
        opened.tenant.slug,
        provisioned.changes,
        deployed.machines,
        None if delivered is None else delivered.at,
        commissioned_now=False,
        gate=GateState(False, 0, opened.tenant.storage.quota_bytes),
        warnings=warnings,
        unseen=at.unseen,
    )
