"""The orders of machines in service, and the programs that they name."""

from coffre.agents.kinds import with_orders
from coffre.orders.control import TenantOrders
from coffre.orders.publishing import publish_programs
from coffre.provisioning.terms.context import Context
from coffre.provisioning.terms.done import Guarded, Initialised, Ordered, Published


def publish(at: Context, guarded: Guarded) -> Published:
    """Publish the programs that orders name: orders never name one that cannot be downloaded."""
    warnings: list[str] = []
    publish_programs(at.tenant, at.opened.storage, warnings.append)
    return Published(tuple(warnings))


def do(at: Context, published: Published, initialised: Initialised) -> Ordered:
    """Write the orders of every machine in service as the file wants them."""
    names = with_orders(at.tenant.active_machines())
    replaces_foreign = at.intent.replaces_orders
    return Ordered({name: TenantOrders.of(at.opened).write(name, replaces_foreign=replaces_foreign) for name in names})
