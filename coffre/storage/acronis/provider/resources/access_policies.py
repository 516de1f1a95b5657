"""Resource AccessPolicies: the roles of a user. Roles that others gave it stay."""

from collections.abc import Mapping
from typing import Any, ClassVar

from coffre.acronis.errors import GoneError
from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.values.users import Grant, Role, User
from coffre.storage.acronis.provider import names
from coffre.storage.acronis.provider.resources.base import OF_CUSTOMER, AcronisResource
from coffre.storage.acronis.provider.resources.user import personal_tenant
from coffre.storage.acronis.provider.use import refuse_used
from coffre.storage.provider.fields import Field, Inputs, Shape


class AccessPolicies(AcronisResource):
    """Roles of a user, each in the customer or in the user's own personal tenant. The vendor holds one set for a user.

    A write reads the whole set, puts the roles in that are missing, takes those out that were declared before and are
    not any more, and leaves all others: so a creation refuses nothing. Of a refresh only the declared roles show.
    Taking `backup_user` away is refused while the customer uses anything: agents belong to the user by it.
    """

    word = "roles of user"
    written = "customer"
    fields: ClassVar[Mapping[str, Field]] = {
        "customer": OF_CUSTOMER,
        "login": Field(names.login, "The login of the user, who must exist.", replaces=True),
        "roles": Field(
            names.roles,
            "Where the user has each role: `backup_user` in `personal`, its personal tenant, all others in `customer`.",
            Shape.TEXTS,
            by_entry=True,
            normalise=dict,
        ),
    }

    @classmethod
    def identify(cls, values: Mapping[str, Any]) -> str:
        return f"{values['customer']}/{values['login']}"

    def find(self, resource_id: str) -> Inputs | None:
        external_id, _, login = resource_id.partition("/")
        try:
            tenant, user = self._open(external_id, login)
            held = [each.grant for each in self._platform.client.users.read_policies(user.id)]
        except GoneError:
            return None
        places = {tenant: names.CUSTOMER, user.personal_tenant_id: names.PERSONAL}
        roles = {
            each.role.value: places[each.tenant]
            for each in held
            if each.tenant in places and each.role is not Role.UNKNOWN
        }
        return {"customer": external_id, "login": login, "roles": roles} if roles else None

    def read(self, resource_id: str, known: Mapping[str, Any]) -> Inputs | None:
        live = self.find(resource_id)
        declared = known.get("roles")
        if live is None or not declared:
            return live
        roles = {role: place for role, place in live["roles"].items() if declared.get(role) == place}
        return {**live, "roles": roles} if roles else None

    def adopt(self, live: Inputs, wanted: Inputs) -> bool:
        if self.diff(live, wanted):
            self.change(wanted)
        return True

    def make(self, wanted: Inputs) -> None:
        self.change(wanted)

    def change(self, wanted: Inputs) -> None:
        self.change_from({}, wanted)

    def change_from(self, before: Mapping[str, Any], wanted: Inputs) -> None:
        self._write(wanted, wanted["roles"], before.get("roles", {}))

    def remove(self, state: Inputs) -> None:
        try:
            self._write(state, {}, state["roles"])
        except GoneError:
            return

    def _write(self, values: Mapping[str, Any], roles: Mapping[str, str], before: Mapping[str, str]) -> None:
        tenant, user = self._open(values["customer"], values["login"])
        taken = {role: place for role, place in before.items() if roles.get(role) != place}
        if Role.BACKUP_USER in taken:
            what = f"the role {Role.BACKUP_USER} of user {user.login}"
            refuse_used(self._platform.client, tenant, what)
        self._platform.client.users.grant(
            user.id, _grants(tenant, user, roles), remove_roles=_grants(tenant, user, taken)
        )

    def _open(self, external_id: str, login: str) -> tuple[TenantUuid, User]:
        tenant = self._tenant(external_id)
        user = self._platform.client.users.find_by_login(tenant, login)
        if user is None:
            raise GoneError(f"customer {external_id} has no user {login}", "let the resource depend on its User")
        return tenant, user


def _grants(tenant: TenantUuid, user: User, roles: Mapping[str, str]) -> list[Grant]:
    return [
        Grant(personal_tenant(user) if place == names.PERSONAL else tenant, Role(role)) for role, place in roles.items()
    ]
