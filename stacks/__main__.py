"""The program of a manual `pulumi preview` or `pulumi stack`: read only.

It has no secrets and creates none: it takes the keys from the state. It refuses to run in an update.
"""

from pathlib import Path

import pulumi

from coffre.agents.kinds import with_bucket
from coffre.spec import naming
from coffre.spec.loader import Checkout, load_checkout
from coffre.spec.parts import parts_of
from coffre.spec.tenant import Tenant
from coffre.storage.kinds import driver_of
from coffre.storage.platform import placeholder_keys


def declare_stack() -> None:
    """Declare the selected stack, from its tenant file."""
    if not pulumi.runtime.is_dry_run():
        raise pulumi.RunError("this program only previews; `coffre apply` is what changes a tenant")
    checkout = load_checkout(Path(pulumi.get_root_directory()))
    tenant = find_tenant(checkout, pulumi.get_stack())
    platform = checkout.settings.platforms[tenant.storage.platform]
    declared = driver_of(platform).declare(
        tenant, platform, checkout.root, placeholder_keys(tenant, with_bucket(tenant.machines))
    )
    declared.program_without_keys()


def find_tenant(checkout: Checkout, stack: str) -> Tenant:
    """Return the tenant of a stack as the platform of that has it: its own one, that of a part, or of its copy."""
    slug = naming.slug_of_stack(stack)
    tenant = checkout.tenants.get(slug)
    if tenant is None:
        raise pulumi.RunError(f"tenants/{slug}.yaml does not exist")
    homes = [*parts_of(tenant, checkout.settings.platforms), *filter(None, [tenant.copied()])]
    for home in homes:
        if naming.stack_name(home) == stack:
            return home
    what = "part on another platform" if naming.is_part_stack(stack) else "copy"
    raise pulumi.RunError(f"tenants/{slug}.yaml names no {what}")


declare_stack()
