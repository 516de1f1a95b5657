"""Takes a found tenant over, once its file is there: its bundles in both places, and the state of its stack."""

from collections.abc import Callable
from dataclasses import dataclass

from coffre.provisioning.changes import ResourceChange
from coffre.provisioning.engine.stack import TenantStack, declare
from coffre.provisioning.steps.secrets import declared_keys, missing_secrets
from coffre.provisioning.terms.context import refuse_what_rules_forbid
from coffre.spec import naming
from coffre.spec.loader import Checkout
from coffre.tenant.opening import OpenTenant
from coffre.tenant.runs import lock_recorded


@dataclass(frozen=True)
class Adoption:
    """The result: the resources that are in the stack's state now, and the machines left to `coffre apply`.

    ``lacking`` have no key or password yet: the file names them, and the platform does not have them.
    """

    storage: tuple[ResourceChange, ...]
    lacking: tuple[str, ...]


def adopt_tenant(checkout: Checkout, slug: str, on_progress: Callable[[str], None]) -> Adoption:
    """Save the bundles in both places, and write the stack's state by adopting the equal resources; may run twice.

    No key is minted or replaced, and nothing that exists is changed: RemoteError names a resource that differs.
    """
    with lock_recorded(checkout, slug, "import", on_progress) as opened:
        refuse_what_rules_forbid(opened)
        control, data = opened.secrets.control(), opened.secrets.data()
        opened.secrets.save_data(data)
        for home in opened.homes:
            held = home.secrets.find_control()
            if held is not None:
                home.secrets.save_control(held)
        lacking = missing_secrets(opened.tenant, control, data, keys=opened.capabilities.keys)
        if lacking:
            return Adoption((), tuple(lacking))
        return Adoption(tuple(change for home in opened.homes for change in _adopt(home, on_progress)), ())


def _adopt(opened: OpenTenant, on_progress: Callable[[str], None]) -> list[ResourceChange]:
    control = opened.secrets.find_control()
    if control is None:  # a second copy that the file names and no platform has yet
        return []
    declaration = declare(opened.tenant, opened.checkout, opened.platform, declared_keys(opened, control))

    def tell(doing: str) -> None:
        # Pulumi calls it a creation until the provider has found the equal resource.
        on_progress(doing.replace("create ", "look at ", 1) if doing.startswith("create ") else doing)

    return TenantStack(opened.checkout, naming.stack_name(opened.tenant), control).up(declaration, tell)
