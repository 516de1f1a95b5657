"""A tenant's machine, reached over SSH with its recorded host key."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coffre.agents.driver import SiteNode
from coffre.agents.home import AgentOwner
from coffre.agents.kinds import driver_of
from coffre.agents.reach.ssh import SshMachine
from coffre.errors import RefusedError, UsageError
from coffre.spec.files import repository_file
from coffre.spec.loader import Checkout
from coffre.spec.sites import SshNode
from coffre.spec.storage_platform import Platform
from coffre.spec.tenant import PullConnection, SshConnection, Tenant
from coffre.tenant.lookup import find_machine, find_tenant


def known_hosts_file(root: Path, slug: str) -> Path:
    """Return the file of a tenant's recorded SSH host keys: public, in git, reviewed like any other change."""
    return repository_file(root, f"known_hosts/{slug}")


def find_site(checkout: Checkout, name: str) -> SiteNode:
    """Return the node of a site of platform.yaml; UsageError when it has no such site."""
    node = checkout.settings.sites.get(name)
    if node is None:
        known = ", ".join(checkout.settings.sites) or "none"
        raise UsageError(f"there is no site {name} in platform.yaml", f"Its sites are: {known}.")
    # No slug has a dot.
    known_hosts = known_hosts_file(checkout.root, f"{name}.site")
    ssh_config = node.ssh_config if isinstance(node, SshNode) else None
    return SiteNode(name, node, known_hosts, repository_file(checkout.root, ssh_config) if ssh_config else None)


def find_ssh_node(checkout: Checkout, name: str) -> tuple[SiteNode, SshConnection]:
    """Return the node of a site with its SSH connection; RefusedError when it is reached in another way."""
    site = find_site(checkout, name)
    if not isinstance(site.node, SshNode):
        raise RefusedError(
            f"the node of site {name} is not reached by SSH (`via: {site.node.via}`)",
            "Its command knows the node in its own way. For a machine of the site: run `ssh-keyscan` on the node, and "
            "add the lines to the tenant's file under known_hosts/ (docs/sites.md).",
        )
    return site, site.node.connection


@contextmanager
def open_node(checkout: Checkout, name: str) -> Iterator[SshMachine]:
    """Open the node of a site, as its own login."""
    site, connection = find_ssh_node(checkout, name)
    trust = f"coffre trust --site {name}"
    with SshMachine(connection, ssh_config=site.ssh_config, known_hosts=site.known_hosts, trust=trust) as node:
        yield node


def find_ssh_config(checkout: Checkout, platform: Platform) -> Path | None:
    """Return the platform's ssh_config if it has one."""
    return repository_file(checkout.root, platform.ssh_config) if platform.ssh_config else None


def find_connection(checkout: Checkout, slug: str, name: str) -> tuple[SshConnection, Path | None]:
    """Return the SSH connection of a machine that this computer reaches, and the platform's ssh_config if any."""
    connection, ssh_config = find_ssh(checkout, slug, name)
    if connection.site is not None:
        raise RefusedError(
            f"{slug}/{name} is reached only by the node of site {connection.site}",
            "Do it from that node, or on the machine itself; what needs no connection to it works from here "
            "(docs/sites.md).",
        )
    return connection, ssh_config


def find_ssh(checkout: Checkout, slug: str, name: str) -> tuple[SshConnection, Path | None]:
    """Return the SSH connection of a machine, whoever reaches it, and the platform's ssh_config if it has one."""
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
    return connection, find_ssh_config(checkout, checkout.settings.platforms[tenant.storage.platform])


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
