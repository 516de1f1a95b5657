"""A tenant's machine, reached over SSH with its recorded host key."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coffre.agents.driver import AgentOwner
from coffre.agents.kinds import driver_of
from coffre.agents.reach.ssh import SshMachine
from coffre.errors import RefusedError
from coffre.spec.files import repository_file
from coffre.spec.loader import Checkout
from coffre.spec.tenant import PullConnection, SshConnection, Tenant
from coffre.tenant.lookup import find_machine, find_tenant


def known_hosts_file(root: Path, slug: str) -> Path:
    """Return the file of a tenant's recorded SSH host keys: public, in git, reviewed like any other change."""
    return repository_file(root, f"known_hosts/{slug}")


def find_connection(checkout: Checkout, slug: str, name: str) -> tuple[SshConnection, Path | None]:
    """Return the SSH connection of a machine, and the platform's ssh_config if it has one."""
    tenant = find_tenant(checkout, slug)
    connection = find_machine(tenant, name).connection
    if isinstance(connection, PullConnection):
        raise RefusedError(
            f"nobody can reach {slug}/{name} from outside (`via: pull`)",
            "Do it on the machine itself, with whoever sits before it (docs/pulled-machines.md).",
        )
    if not isinstance(connection, SshConnection):
        raise RefusedError(
            f"{slug}/{name} is not reached by SSH (`via: {connection.via}`)",
            "Do it on the machine itself, with its administrator.",
        )
    ssh_config = checkout.settings.platforms[tenant.storage.platform].ssh_config
    return connection, repository_file(checkout.root, ssh_config) if ssh_config else None


def slugs_by_id(checkout: Checkout) -> dict[str, str]:
    """Return the slug of every tenant by its id: an agent knows only the id of its tenant."""
    return {tenant.id: slug for slug, tenant in checkout.tenants.items()}


@contextmanager
def open_machine(checkout: Checkout, tenant: Tenant, name: str) -> Iterator[SshMachine]:
    """Open a machine for the duration of an operation; RefusedError when the agent of another one is on it."""
    slug = tenant.slug
    connection, ssh_config = find_connection(checkout, slug, name)
    with SshMachine(
        connection,
        ssh_config=ssh_config,
        known_hosts=known_hosts_file(checkout.root, slug),
        trust=f"coffre trust {slug} {name}",
    ) as machine:
        wanted = AgentOwner(tenant.id, name)
        driver_of(find_machine(tenant, name)).refuse_another(machine, slug, wanted, slugs_by_id(checkout))
        yield machine
