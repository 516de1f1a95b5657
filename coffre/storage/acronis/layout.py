"""What a customer has at the vendor's, as plain values, which the Pulumi program and the provider share. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

NAMESPACE = "coffre"
"""What our external ids begin with, so that they are told from those of others."""


@dataclass(frozen=True)
class UserLayout:
    """A user: ``roles`` are places by role, `customer` or `personal`; ``activation_mails`` how many are asked for."""

    login: str
    email: str
    firstname: str
    lastname: str
    roles: Mapping[str, str]
    activation_mails: int = 0


@dataclass(frozen=True)
class CustomerLayout:
    """A customer: ``partner`` is the UUID of the tenant above it, ``storage`` the name or UUID of the vendor's one.

    ``licences`` are numbers by offering item without the prefix of the edition.
    """

    partner: str
    external_id: str
    name: str
    contact: Mapping[str, str]
    language: str
    edition: str
    storage: str
    licences: Mapping[str, int]
    quota_bytes: int
    users: tuple[UserLayout, ...]
    enabled: bool = True


def external_id_of(tenant_id: str) -> str:
    """Return the external id of a tenant of Coffre's."""
    return f"{NAMESPACE}:{tenant_id}"


def agent_owner(tenant_id: str, email: str) -> UserLayout:
    """Return the user to whom a customer's agents belong: nobody logs in with it."""
    return UserLayout(f"{NAMESPACE}.{tenant_id}.agents", email, "Agents", tenant_id, {"backup_user": "personal"})


def administrator(tenant_id: str, email: str, firstname: str, lastname: str, activation_mails: int = 1) -> UserLayout:
    """Return the customer's own administrator, who configures, supervises and restores in the vendor's portal."""
    login = f"{NAMESPACE}.{tenant_id}.admin"
    return UserLayout(login, email, firstname, lastname, {"company_admin": "customer"}, activation_mails)
