"""What a customer has at the vendor's, as plain values, which the Pulumi program and the provider share. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from coffre.acronis.names import NAMESPACE, agents_login, external_id_of
from coffre.errors import RefusedError
from coffre.spec.access import find_reason
from coffre.spec.storage_platform import AcronisPlatform
from coffre.spec.tenant import MachineKind, Tenant

LICENCES: Final[Mapping[MachineKind, str]] = {MachineKind.WORKSTATION: "workstations", MachineKind.SERVER: "servers"}
"""The offering item of each kind of licence, without the prefix of the edition."""


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


def agent_owner(tenant_id: str, email: str) -> UserLayout:
    """Return the user to whom a customer's agents belong: nobody logs in with it."""
    return UserLayout(agents_login(tenant_id), email, "Agents", tenant_id, {"backup_user": "personal"})


def administrator(tenant_id: str, email: str, firstname: str, lastname: str, activation_mails: int = 1) -> UserLayout:
    """Return the customer's own administrator, who configures, supervises and restores in the vendor's portal."""
    login = f"{NAMESPACE}.{tenant_id}.admin"
    return UserLayout(login, email, firstname, lastname, {"company_admin": "customer"}, activation_mails)


def tenant_layout(tenant: Tenant, platform: AcronisPlatform) -> CustomerLayout:
    """Return what a tenant's file comes to: its licences, its quota, and two users.

    Nobody works in the customer of a tenant that is suspended, or under a hold that blocks access: it is disabled.
    RefusedError for a second copy, and for a tenant without a licence: the vendor has neither.
    """
    if tenant.is_copy:
        raise RefusedError(
            f"{tenant.slug}: Acronis keeps what its own agents back up, and no second copy of anything else",
            "Name a platform with buckets for the copy.",
        )
    licences = {LICENCES[kind]: count for kind, count in tenant.licences.items() if count}
    if not licences:
        raise RefusedError(
            f"{tenant.slug} has no licence, so there is nothing to give it at Acronis",
            "Write the licences that were sold: `licences: {workstation: 12, server: 1}`.",
        )
    firstname, lastname = _split_name(tenant.contact.name)
    return CustomerLayout(
        partner=platform.partner,
        external_id=external_id_of(tenant.id),
        name=_one_spaced(tenant.name),
        contact={
            "email": tenant.contact.email,
            "firstname": firstname,
            "lastname": lastname,
            "phone": _one_spaced(tenant.contact.phone),
        },
        language=platform.language,
        edition=platform.edition.value,
        storage=platform.storage,
        licences=licences,
        quota_bytes=tenant.storage.quota_bytes,
        users=(
            agent_owner(tenant.id, platform.agents_email),
            administrator(tenant.id, tenant.contact.email, firstname, lastname),
        ),
        enabled=find_reason(tenant) is None,
    )


def _split_name(name: str) -> tuple[str, str]:
    """Return a person's first and last name, both the same where there is one word: the vendor wants both."""
    first, _, last = _one_spaced(name).partition(" ")
    return first, last or first


def _one_spaced(text: str) -> str:
    """Return a text as it comes back from the vendor's lists: with single spaces."""
    return " ".join(text.split())
