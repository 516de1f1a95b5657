"""What apply would change: the looks of all its steps; creates, writes and changes nothing."""

from dataclasses import dataclass

from coffre.provisioning import rules
from coffre.provisioning.changes import ResourceChange
from coffre.provisioning.engine.stack import state_folder
from coffre.provisioning.notes import note
from coffre.provisioning.sequence import STEPS
from coffre.provisioning.steps.keys import opens_buckets
from coffre.provisioning.terms.context import FULLY, Intent, make_context
from coffre.provisioning.terms.found import (
    AccessSwitch,
    Change,
    CopyPlan,
    Found,
    MachinePlan,
    SecretToMint,
    UnseenPart,
    pick,
)
from coffre.provisioning.terms.notes import Note
from coffre.secrets.rotations import PendingRotation
from coffre.spec.loader import Checkout
from coffre.spec.options import option_status
from coffre.tenant.opening import OpenTenant


@dataclass(frozen=True)
class TenantPlan:
    """What apply would change for one tenant, by kind and in the order of the steps.

    ``secrets_to_mint`` names the owners of the keys to create; ``notes`` is the current state that needs no change.
    ``unseen`` are the parts of the space that did not answer: what would change there is unknown.
    """

    tenant: str
    secrets_to_mint: tuple[str, ...]
    storage: tuple[ResourceChange, ...]
    machines: tuple[MachinePlan, ...]
    options: dict[str, str]
    rotations: tuple[PendingRotation, ...] = ()
    access: tuple[AccessSwitch, ...] = ()
    steps: tuple[Change, ...] = ()
    notes: tuple[Note, ...] = ()
    second_copy: CopyPlan | None = None
    unseen: tuple[UnseenPart, ...] = ()

    @property
    def is_needed(self) -> bool:
        changes = self.secrets_to_mint or self.storage or self.rotations or self.access or self.steps
        of_copy = self.second_copy is not None and self.second_copy.is_needed
        return bool(changes or of_copy or any(plan.action != "none" for plan in self.machines))


def refuse_orphans(checkout: Checkout) -> None:
    """Refuse (RefusedError) when a stack exists whose tenant file is gone."""
    rules.refuse_orphan_stacks(state_folder(checkout).list_stacks(), checkout.tenants)


def plan_tenant(opened: OpenTenant, intent: Intent = FULLY) -> TenantPlan:
    """Return what apply would change for an open tenant, compared with live facts.

    Without a key of the owner on the platform, what the buckets have is not compared, and a note says so. A part of the
    space that does not answer is not compared either.
    """
    at = make_context(opened, intent, _say_nothing)
    is_open = opens_buckets(at)
    steps = [step for step in STEPS if at.sees_own or step.goes_beside]
    found: list[Found] = [change for step in steps if is_open or not step.reads_buckets for change in step.look(at)]
    unseen = (*at.unseen, *pick(found, UnseenPart))
    silent = {name for each in unseen for name in each.machines}
    return TenantPlan(
        tenant=opened.tenant.slug,
        secrets_to_mint=tuple(each.subject for each in pick(found, SecretToMint)),
        storage=pick(found, ResourceChange),
        machines=tuple(each for each in pick(found, MachinePlan) if each.machine not in silent),
        options=option_status(opened.tenant.options),
        rotations=pick(found, PendingRotation),
        access=pick(found, AccessSwitch),
        steps=pick(found, Change),
        notes=note(at, is_open=is_open),
        second_copy=next(iter(pick(found, CopyPlan)), None),
        unseen=unseen,
    )


def _say_nothing(_: str) -> None:
    """A look reports no progress."""
