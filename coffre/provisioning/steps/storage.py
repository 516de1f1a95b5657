"""A tenant's storage on its platforms: users, keys, the wall, buckets and their policies, by a stack on each."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from coffre.errors import RemoteError
from coffre.outside.environment import temporary_folder
from coffre.provisioning.changes import ResourceChange
from coffre.provisioning.engine.stack import TenantStack, declare, state_folder
from coffre.provisioning.steps.keys import opens_buckets
from coffre.provisioning.steps.secrets import declared_keys
from coffre.provisioning.terms.context import Context, ask_part
from coffre.provisioning.terms.done import Escrowed, KeysRevoked, Provisioned
from coffre.provisioning.terms.found import Change, ChangeKind, UnseenPart, pick
from coffre.secrets.bundles import ControlBundle
from coffre.spec import naming
from coffre.spec.quota import beyond_sold_bytes, wall_bytes
from coffre.tenant.opening import OpenTenant


def look(at: Context) -> list[ResourceChange | Change | UnseenPart]:
    """Return each change of each resource on each platform of the tenant, and the change of the wall.

    A part beside the own one whose platform goes silent meanwhile is returned as unseen.
    """
    opened = at.opened
    own, *others = opened.parts
    found: list[ResourceChange | Change | UnseenPart] = []
    # What the owner's buckets have is read with its own key.
    if at.sees_own and (opened.capabilities.gives_keys or opens_buckets(at)):
        found += _preview(at, own)
    for part in others:
        if at.sees(part):
            found += _unless_silent(at, part, partial(_preview, at, part))
    return [*found, *(_look_at_wall(own) if at.sees_own else ())]


def do(at: Context, escrowed: Escrowed, revoked: KeysRevoked, planned: Sequence[ResourceChange] | None) -> Provisioned:
    """Change the platforms as the file wants: with ``planned`` exactly by these changes, or RefusedError.

    The chosen keys are in escrow. Retired machines have their last orders: their keys are deleted now. Space that moves
    between parts is added before it is taken away: a run that is cut off never leaves less than what is sold.

    A part beside the own one that does not answer is left as it is, and is part of the result; where another part
    waits to be made smaller, that error is raised.
    """
    found: list[ResourceChange | UnseenPart] = []
    parts = [part for part in at.opened.parts if at.sees(part)]
    lowered = {part.tenant.storage.platform for part in parts if len(at.opened.parts) > 1 and _is_lowered(part)}
    for part in sorted(parts, key=lambda each: each.tenant.storage.platform in lowered):
        its_own = None if planned is None else [replace(each, platform="") for each in planned if _is_of(each, part)]
        update = partial(_update, at, part, escrowed.control, its_own)
        must_answer = not part.tenant.is_part or bool(lowered - {part.tenant.storage.platform})
        found += update() if must_answer else _unless_silent(at, part, update)
    return Provisioned(pick(found, ResourceChange), (*at.unseen, *pick(found, UnseenPart)))


def _unless_silent(
    at: Context, part: OpenTenant, work: Callable[[], list[ResourceChange]]
) -> Sequence[ResourceChange | UnseenPart]:
    """Return what the work on a part gives, or that its platform does not answer; any other error is raised."""
    try:
        return work()
    except RemoteError:
        silent = ask_part(at.opened, part)
        if silent is None:
            raise
        return [silent]


def _preview(at: Context, part: OpenTenant) -> list[ResourceChange]:
    control, name = part.secrets.find_control(), naming.stack_name(part.tenant)
    declaration = declare(part.tenant, part.checkout, part.platform, declared_keys(part, control))
    if control is not None and name in state_folder(part.checkout).list_stacks():
        stack = TenantStack(part.checkout, name, control)
        return _placed(part, stack.preview(declaration, takes_unequal=at.intent.takes_unequal))
    with tempfile.TemporaryDirectory(prefix="coffre-plan-", dir=temporary_folder()) as folder:
        return _placed(part, TenantStack(part.checkout, name, None, scratch=Path(folder)).preview(declaration))


def _update(
    at: Context, part: OpenTenant, control: ControlBundle, planned: Sequence[ResourceChange] | None
) -> list[ResourceChange]:
    stack = TenantStack(part.checkout, naming.stack_name(part.tenant), control)
    declaration = declare(part.tenant, part.checkout, part.platform, declared_keys(part, control))
    takes_unequal = at.intent.takes_unequal
    if planned is None:
        return _placed(part, stack.up(declaration, at.on_progress, takes_unequal=takes_unequal))
    return _placed(part, stack.up_exactly(declaration, planned, at.on_progress, takes_unequal=takes_unequal))


def _placed(part: OpenTenant, changes: Sequence[ResourceChange]) -> list[ResourceChange]:
    """Return changes of a part's stack; those beside the tenant's own platform name theirs."""
    return [replace(each, platform=_place_of(part)) for each in changes]


def _is_of(change: ResourceChange, part: OpenTenant) -> bool:
    return change.platform == _place_of(part)


def _place_of(part: OpenTenant) -> str:
    return part.tenant.storage.platform if part.tenant.is_part else ""


def _is_lowered(part: OpenTenant) -> bool:
    owner = part.storage.find_owner(part.buckets.owner_uid, exact=False)
    wall = None if owner is None else owner.wall_bytes
    return wall is not None and wall_bytes(part.tenant.storage.quota_bytes, part.platform) < wall


def _look_at_wall(part: OpenTenant) -> list[Change]:
    """Return the change of the wall, unless it is the quota itself: then its resource says it."""
    if not part.capabilities.has_wall or part.capabilities.wall_is_quota:
        return []
    owner = part.storage.find_owner(part.buckets.owner_uid, exact=False)
    before = owner.wall_bytes if owner is not None else None
    quota_bytes = part.tenant.storage.quota_bytes
    after = wall_bytes(quota_bytes, part.platform)
    if before == after:
        return []
    return [Change(ChangeKind.WALL, (), before, after, beyond_sold_bytes(quota_bytes, part.platform))]
