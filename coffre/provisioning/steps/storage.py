"""A tenant's storage on its platform: users, keys, the wall, buckets and their policies, by its stack."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from coffre.outside.environment import temporary_folder
from coffre.provisioning.changes import ResourceChange
from coffre.provisioning.engine.stack import TenantStack, declare, state_folder
from coffre.provisioning.steps.keys import opens_buckets
from coffre.provisioning.steps.secrets import declared_keys
from coffre.provisioning.terms.context import Context
from coffre.provisioning.terms.done import Escrowed, KeysRevoked, Provisioned
from coffre.provisioning.terms.found import Change, ChangeKind
from coffre.spec import naming
from coffre.spec.quota import beyond_sold_bytes, wall_bytes


def look(at: Context) -> list[ResourceChange | Change]:
    """Return each change of each resource, and the change of the wall."""
    opened, tenant = at.opened, at.tenant
    if not opened.capabilities.gives_keys and not opens_buckets(at):
        return [*_look_at_wall(at)]  # what the owner's buckets have is read with its own key
    control = opened.secrets.find_control()
    declaration = declare(opened.tenant, opened.checkout, opened.platform, declared_keys(opened, control))
    if control is not None and naming.stack_name(tenant) in state_folder(opened.checkout).list_stacks():
        stack = TenantStack(opened.checkout, naming.stack_name(tenant), control)
        return [*stack.preview(declaration, takes_unequal=at.intent.takes_unequal), *_look_at_wall(at)]
    with tempfile.TemporaryDirectory(prefix="coffre-plan-", dir=temporary_folder()) as folder:
        stack = TenantStack(opened.checkout, naming.stack_name(tenant), None, scratch=Path(folder))
        return [*stack.preview(declaration), *_look_at_wall(at)]


def do(at: Context, escrowed: Escrowed, revoked: KeysRevoked, planned: Sequence[ResourceChange] | None) -> Provisioned:
    """Change the platform as the file wants: with ``planned`` exactly by these changes, or RefusedError.

    The chosen keys are in escrow. Retired machines have their last orders: their keys are deleted now.
    """
    opened, takes_unequal = at.opened, at.intent.takes_unequal
    stack = TenantStack(opened.checkout, naming.stack_name(at.tenant), escrowed.control)
    declaration = declare(opened.tenant, opened.checkout, opened.platform, declared_keys(opened, escrowed.control))
    if planned is None:
        changes = stack.up(declaration, at.on_progress, takes_unequal=takes_unequal)
    else:
        changes = stack.up_exactly(declaration, planned, at.on_progress, takes_unequal=takes_unequal)
    return Provisioned(tuple(changes))


def _look_at_wall(at: Context) -> list[Change]:
    opened = at.opened
    if not opened.capabilities.has_wall:
        return []
    owner = opened.storage.find_owner(opened.buckets.owner_uid, exact=False)
    before = owner.wall_bytes if owner is not None else None
    quota_bytes = at.tenant.storage.quota_bytes
    after = wall_bytes(quota_bytes, opened.platform)
    if before == after:
        return []
    return [Change(ChangeKind.WALL, (), before, after, beyond_sold_bytes(quota_bytes, opened.platform))]
