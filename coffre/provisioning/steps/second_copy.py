"""The second copy's storage: an owner and buckets on another platform, with a stack and keys of their own.

No machine has a user there: `coffre copy` writes to it with the owner's key. A platform of copies that is away stops
nothing of the tenant's own.
"""

from dataclasses import dataclass

from coffre.errors import ExpectedError, RefusedError, RemoteError
from coffre.operations.holds.settle import settle_expiry
from coffre.provisioning.changes import ResourceChange
from coffre.provisioning.rotation.tenant_rotation import KeyOutcome, TenantRotation
from coffre.provisioning.steps import keys, storage, users
from coffre.provisioning.steps.secrets import ensure_secrets
from coffre.provisioning.terms.context import Context, make_context
from coffre.provisioning.terms.done import Forgotten, KeysRevoked
from coffre.provisioning.terms.found import CopyPlan, pick
from coffre.storage.driver import Storage
from coffre.tenant.opening import OpenTenant
from coffre.tenant.second_copy import record_copy_platform


@dataclass(frozen=True)
class CopySettled:
    """The storage of the second copy is as the file wants, by these changes; or ``problem``, with what to do."""

    platform: str
    changes: tuple[ResourceChange, ...] = ()
    rotated: tuple[KeyOutcome, ...] = ()
    problem: str = ""


def look(at: Context) -> list[CopyPlan]:
    """Return the changes on the platform of the copy; without an answer of that platform, the reason."""
    copied = at.opened.second_copy
    if copied is None:
        return []
    platform = copied.tenant.storage.platform
    try:
        there = _go_there(at, copied)
        changes = pick(storage.look(there), ResourceChange)
        control = copied.secrets.find_control()
        needs_key = control is None or control.owner_key is None
        steps = () if needs_key else (*keys.look(there), *users.look(there))
        return [CopyPlan(platform, changes, needs_key, steps=steps)]
    except RemoteError as problem:
        return [CopyPlan(platform, unseen=problem.message)]


def do(at: Context, planned: CopyPlan | None) -> CopySettled | None:
    """Change the copy's platform as the file wants: with ``planned`` exactly by its changes. May run twice.

    An error is part of the result: everything else of the tenant is done already.
    """
    copied = at.opened.second_copy
    if copied is None:
        return None
    platform = copied.tenant.storage.platform
    try:
        there = _go_there(at, copied)
        reopened = keys.reopen(there)
        # From here on there may be something: only the departure may leave it out.
        record_copy_platform(at.opened.log, at.tenant, platform)
        keys_from = copied.capabilities.keys
        escrowed = ensure_secrets(copied.tenant, copied.secrets, copied.log, at.on_progress, keys=keys_from)
        changes = None if planned is None else planned.storage
        provisioned = storage.do(there, escrowed, KeysRevoked(), changes)
        keyed = keys.do(there, reopened, Forgotten(escrowed.control))
        users.do(there, keyed)
        settle_expiry(copied.tenant, copied.buckets)
        rotation = TenantRotation(copied, keyed.control, at.on_progress)
        rotation.resume()
        rotated = rotation.settle(rotation.all_keys())
    except ExpectedError as problem:
        return CopySettled(platform, problem=f"{problem.message}. {problem.hint}".strip())
    return CopySettled(platform, provisioned.changes, tuple(rotated))


def refuse_one_platform(tenant: str, original: Storage, copied: Storage) -> None:
    """Refuse (RefusedError) a copy on the same cluster or in the same region of an account, by the platforms' ids."""
    if set(original.list_platform_ids()) & set(copied.list_platform_ids()):
        raise RefusedError(
            f"{tenant}: the platforms of its storage and of its copy are the same one",
            "Name another platform in `copy:`: a copy beside the original is lost together with it.",
        )


def _go_there(at: Context, copied: OpenTenant) -> Context:
    refuse_one_platform(at.tenant.slug, at.opened.storage, copied.storage)
    return make_context(copied, at.intent, at.on_progress)
