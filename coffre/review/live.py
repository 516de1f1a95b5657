"""The current use of a tenant: what its buckets hold and which machines have their agent."""

from coffre.errors import ExpectedError
from coffre.provisioning.steps.retirement import has_agent
from coffre.review.guards import LiveUse, Unseen
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
    """Return what a tenant uses now, by listings of its buckets; raises RemoteError when its platform is away."""
    machines = opened.buckets.existing().among(opened.tenant.machines)
    return LiveUse(
        used_bytes=sum(opened.buckets.open(name).current_bytes() for name in machines),
        reserve_bytes=reserve_bytes(opened.tenant.storage.quota_bytes, opened.platform),
        deployed=tuple(name for name in opened.tenant.machines if has_agent(opened.log, name)),
    )
