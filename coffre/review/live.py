"""The current use of a tenant: what its platforms hold of it, and which machines have their agent."""

from coffre.errors import ExpectedError, RemoteError
from coffre.provisioning.steps.retirement import has_agent
from coffre.review.guards import LiveUse, PartUse, Unseen
from coffre.secrets.store import OnNotice
from coffre.spec.loader import Checkout
from coffre.spec.quota import reserve_bytes
from coffre.spec.tenant import Tenant
from coffre.tenant.opening import OpenTenant, open_tenant


def find_use(checkout: Checkout, on_notice: OnNotice, tenant: Tenant) -> LiveUse | Unseen:
    """Return what a tenant of a checkout uses now; what cannot be seen is part of a review, not its end."""
    try:
        with open_tenant(checkout, tenant.slug, on_notice) as opened:
            return look_at_use(opened)
    except ExpectedError as problem:
        return Unseen(problem.message)


def look_at_use(opened: OpenTenant) -> LiveUse:
    """Return what a tenant uses now, on each of its platforms.

    Raises RemoteError when a platform is away, or gives no figure of use: nothing is taken for unused.
    """
    parts = {part.tenant.storage.platform: _look_at_part(part) for part in opened.parts}
    return LiveUse(
        used_bytes=sum(each.used_bytes for each in parts.values()),
        reserve_bytes=sum(each.reserve_bytes for each in parts.values()),
        deployed=tuple(name for name in opened.tenant.machines if has_agent(opened.log, name)),
        parts=parts,
    )


def _look_at_part(part: OpenTenant) -> PartUse:
    reserved_bytes = reserve_bytes(part.tenant.storage.quota_bytes, part.platform)
    if part.capabilities.counts_use:
        return PartUse(_read_use(part), reserved_bytes)
    machines = part.buckets.existing().among(part.tenant.machines)
    return PartUse(sum(part.buckets.open(name).current_bytes() for name in machines), reserved_bytes)


def _read_use(part: OpenTenant) -> int:
    """Return the use that a platform counts itself, of an owner that may not be there yet."""
    owner = part.storage.find_owner(part.buckets.owner_uid)
    if owner is None:
        return 0
    if owner.known_use_bytes is None:
        raise RemoteError(
            f"{part.tenant.storage.platform} tells no use of {part.tenant.slug}", "Run the same command again later."
        )
    return owner.known_use_bytes
