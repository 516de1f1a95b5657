"""Finds a tenant of the git checkout and a machine of its file, for a command that names them."""

from datetime import date
from zoneinfo import ZoneInfo

from coffre.errors import UsageError
from coffre.spec.loader import Checkout
from coffre.spec.tenant import Machine, Tenant
from coffre.workspace.clock import utc_now


def local_today(tenant: Tenant) -> date:
    """Return today's date in a tenant's time zone."""
    return utc_now().astimezone(ZoneInfo(tenant.timezone)).date()


def find_tenant(checkout: Checkout, slug: str) -> Tenant:
    """Return a tenant of the repository; UsageError lists the existing ones."""
    tenant = checkout.tenants.get(slug)
    if tenant is None:
        raise UsageError(f"there is no tenant {slug!r}", f"tenants/ has: {', '.join(checkout.tenants) or 'none yet'}.")
    return tenant


def find_machine(tenant: Tenant, name: str) -> Machine:
    """Return a machine of a tenant file; UsageError lists the existing ones."""
    machine = tenant.machines.get(name)
    if machine is None:
        raise UsageError(f"{tenant.slug} has no machine {name!r}", f"It has: {', '.join(tenant.machines)}.")
    return machine
