"""Users, and what they may do. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict

from coffre.acronis.identifiers import TenantUuid, UserUuid
from coffre.acronis.unverified.account import LOGIN_CHARACTERS
from coffre.acronis.values.answers import Answered, Line, OptionalLine, Version, Word
from coffre.acronis.values.tenants import Contact, ContactDetails

_NEW = "00000000-0000-0000-0000-000000000000"
_LOGIN = re.compile(LOGIN_CHARACTERS.value)


class Role(Word):
    """What a user may do. BACKUP_USER is given on the user's personal tenant, the others on a tenant."""

    PARTNER_ADMIN = "partner_admin"
    COMPANY_ADMIN = "company_admin"
    UNIT_ADMIN = "unit_admin"
    PROTECTION_ADMIN = "protection_admin"
    CYBER_ADMIN = "cyber_admin"
    PROTECTION_READONLY_ADMIN = "protection_ro_admin"
    READONLY_ADMIN = "readonly_admin"
    ACCOUNTS_ADMIN = "accounts_admin"
    SECURITY_ANALYST = "security_analyst"
    BACKUP_USER = "backup_user"
    UNKNOWN = "unknown"


class User(Answered):
    """A user: a person of the portal, or the owner of a customer's agents."""

    id: UserUuid
    version: Version
    tenant_id: TenantUuid
    login: Line
    contact: Contact | None = None
    activated: bool = False
    """Whether a password was set: people do that by their mail, at any time."""
    enabled: bool = True
    personal_tenant_id: TenantUuid | None = None
    """Agents that a user registers belong to it."""
    language: OptionalLine = None


def _check_login(value: str) -> str:
    if _LOGIN.fullmatch(value) is None:
        raise ValueError("a login has ASCII letters, digits and . _ - + @ only")
    return value


class NewUser(BaseModel):
    """A user to create; it can do nothing before it has a role."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant_id: TenantUuid
    login: Annotated[str, AfterValidator(_check_login)]
    contact: ContactDetails
    language: str | None = None

    def body(self) -> dict[str, Any]:
        """Return it as the service takes it."""
        return {
            "tenant_id": str(self.tenant_id),
            "login": self.login,
            "contact": self.contact.body(),
            **({} if self.language is None else {"language": self.language}),
        }


@dataclass(frozen=True)
class Grant:
    """A role on a tenant; for Role.BACKUP_USER on the user's personal one."""

    tenant: TenantUuid
    role: Role


class AccessPolicy(Answered):
    """A role that a user has."""

    tenant_id: TenantUuid
    role_id: Role
    trustee_id: UserUuid | None = None
    version: Version = 0

    @property
    def grant(self) -> Grant:
        """What it gives."""
        return Grant(self.tenant_id, self.role_id)


def merge_policies(
    held: Sequence[Mapping[str, Any]], user: UserUuid, add: Sequence[Grant] = (), remove: Sequence[Grant] = ()
) -> list[dict[str, Any]] | None:
    """Return the whole set to write: what is held, unread fields included, without ``remove``, and with ``add``.

    None when it is held so already. The service replaces the whole set by what it is sent: an item that is left out is
    taken from the user, so every item that is not in ``remove`` is kept as it came.
    """
    removed = {(str(each.tenant), each.role.sent()) for each in remove if each not in add}
    kept = [dict(each) for each in held if _place_of(each) not in removed]
    places = {_place_of(each) for each in kept}
    new = [each for each in dict.fromkeys(add) if (str(each.tenant), each.role.sent()) not in places]
    if not new and len(kept) == len(held):
        return None
    return [*kept, *(_new_policy(user, each) for each in new)]


def _place_of(item: Mapping[str, Any]) -> tuple[str, str]:
    return str(item.get("tenant_id")).lower(), str(item.get("role_id"))


def _new_policy(user: UserUuid, grant: Grant) -> dict[str, Any]:
    return {
        "id": _NEW,
        "issuer_id": _NEW,
        "trustee_type": "user",
        "trustee_id": UserUuid.text(user),
        "tenant_id": TenantUuid.text(grant.tenant),
        "role_id": grant.role.sent(),
        "version": 0,
    }
