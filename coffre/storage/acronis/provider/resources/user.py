"""Resource User: the owner of a customer's agents, or its administrator; roles are a resource apart."""

from collections.abc import Mapping
from typing import Any, ClassVar

from coffre.acronis.errors import GoneError
from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.values.tenants import ContactDetails
from coffre.acronis.values.users import NewUser, Role
from coffre.acronis.values.users import User as Held
from coffre.acronis.writing import Making
from coffre.storage.acronis.provider import names
from coffre.storage.acronis.provider.resources.base import OF_CUSTOMER, AcronisResource
from coffre.storage.acronis.provider.use import refuse_used
from coffre.storage.provider import inputs
from coffre.storage.provider.fields import Field, Inputs, Output, Shape

_CONTACT = ("email", "firstname", "lastname")


class User(AcronisResource):
    """A user of a customer, without roles: it can do nothing before an AccessPolicies gives it some.

    Another customer or login replaces it. A login is unique on the vendor's whole platform: one of another tenant is
    refused. Whether the user has set its password is its own affair, and waited for by nobody.

    Deleting is refused while machines may be registered by it: it has the role `backup_user`, and the customer uses
    anything.
    """

    word = "user"
    written = "customer"
    fields: ClassVar[Mapping[str, Field]] = {
        "customer": OF_CUSTOMER,
        "login": Field(
            names.login,
            "The login: ASCII letters, digits and `. _ - + @`, unique on the vendor's whole platform.",
            replaces=True,
        ),
        "email": Field(names.email, "Where the activation mail goes."),
        "firstname": Field(names.line, "The first name, one line."),
        "lastname": Field(names.line, "The last name, one line."),
        "language": Field(names.language, "The language in which the vendor writes to the user.", default="en"),
        "enabled": Field(inputs.switch, "Whether the user can log in.", Shape.SWITCH, default=True),
    }
    outputs: ClassVar[Mapping[str, Output]] = {
        "uuid": Output("The UUID that the vendor gave the user."),
        "personal_tenant": Output(
            "The UUID of the user's personal tenant, to which the agents belong that it registers."
        ),
    }

    @classmethod
    def identify(cls, values: Mapping[str, Any]) -> str:
        return f"{values['customer']}/{values['login']}"

    def find(self, resource_id: str) -> Inputs | None:
        external_id, _, login = resource_id.partition("/")
        user = self._find(external_id, login)
        return None if user is None else {"customer": external_id, **_show(user)}

    def make(self, wanted: Inputs) -> None:
        made = self._platform.client.users.ensure(
            NewUser(
                tenant_id=self._tenant(wanted["customer"]),
                login=wanted["login"],
                contact=ContactDetails(**{name: wanted[name] for name in _CONTACT}),
                language=wanted["language"],
            )
        )
        if made.making is Making.FOUND:  # somebody made it between our look and our call
            self._create(wanted)
        else:
            self._bring(made.value, wanted)

    def change(self, wanted: Inputs) -> None:
        user = self._find(wanted["customer"], wanted["login"])
        if user is None:
            raise GoneError(f"user {wanted['login']} of customer {wanted['customer']} is gone", "run a refresh")
        self._bring(user, wanted)

    def remove(self, state: Inputs) -> None:
        user = self._find(state["customer"], state["login"])
        if user is None:
            return
        client = self._platform.client
        if any(each.role_id is Role.BACKUP_USER for each in client.users.read_policies(user.id)):
            refuse_used(client, self._tenant(state["customer"]), f"user {user.login}, who can own agents,")
        client.users.delete(user.id)

    def produce(self, wanted: Inputs) -> Inputs:
        user = self._find(wanted["customer"], wanted["login"])
        return {name: "" if user is None else _show(user)[name] for name in self.outputs}

    def _bring(self, user: Held, wanted: Inputs) -> None:
        contact = ContactDetails(**{name: wanted[name] for name in _CONTACT})
        self._platform.client.users.update(
            user.id, contact=contact, language=wanted["language"], enabled=wanted["enabled"]
        )

    def _find(self, external_id: str, login: str) -> Held | None:
        tenant = self._platform.find_uuid(external_id)
        try:
            return None if tenant is None else self._platform.client.users.find_by_login(tenant, login)
        except GoneError:
            return None


def personal_tenant(user: Held) -> TenantUuid:
    """Return the personal tenant of a user; GoneError when the vendor does not name it."""
    if user.personal_tenant_id is None:
        raise GoneError(f"the vendor names no personal tenant of user {user.login}", "look in the vendor's portal")
    return user.personal_tenant_id


def _show(user: Held) -> Inputs:
    contact = {} if user.contact is None else user.contact.model_dump()
    return {
        "login": user.login,
        **{name: contact.get(name, "") for name in _CONTACT},
        "language": user.language or "",
        "enabled": user.enabled,
        "uuid": str(user.id),
        "personal_tenant": str(user.personal_tenant_id or ""),
    }
