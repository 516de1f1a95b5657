"""The current use of a tenant: what its buckets hold and which machines have their agent."""

from coffre.provisioning.steps.retirement import has_agent
from coffre.review.guards import LiveUse
from coffre.spec.quota import reserve_bytes
from coffre.tenant.opening import OpenTenant


def look_at_use(opened: OpenTenant) -> LiveUse:
    """Return what a tenant uses now, by listings of its buckets; raises RemoteError when its platform is away."""
    machines = opened.buckets.existing().among(opened.tenant.machines)
    return LiveUse(
        used_bytes=sum(opened.buckets.open(name).current_bytes() for name in machines),
        reserve_bytes=reserve_bytes(opened.tenant.storage.quota_bytes, opened.platform),
        deployed=tuple(name for name in opened.tenant.machines if has_agent(opened.log, name)),
    )
