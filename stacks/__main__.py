"""The program of a manual `pulumi preview` or `pulumi stack`: read only.

It has no secrets and creates none: it takes the keys from the state. It refuses to run in an update.
"""

from pathlib import Path

import pulumi

from coffre.agents.kinds import with_bucket
from coffre.spec.loader import load_checkout
from coffre.storage.kinds import driver_of
from coffre.storage.platform import placeholder_keys


def declare_stack() -> None:
    """Declare the selected stack, from its tenant file."""
    if not pulumi.runtime.is_dry_run():
        raise pulumi.RunError("this program only previews; `coffre apply` is what changes a tenant")
    checkout = load_checkout(Path(pulumi.get_root_directory()))
    tenant = checkout.tenants.get(pulumi.get_stack())
    if tenant is None:
        raise pulumi.RunError(f"tenants/{pulumi.get_stack()}.yaml does not exist")
    platform = checkout.settings.platforms[tenant.storage.platform]
    declared = driver_of(platform).declare(
        tenant, platform, checkout.root, placeholder_keys(with_bucket(tenant.machines))
    )
    declared.program_without_keys()


declare_stack()
