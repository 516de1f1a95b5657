"""Resource ActivationMail: the mail with which a user sets its password."""

from collections.abc import Mapping
from typing import Any, ClassVar

from coffre.acronis.errors import GoneError
from coffre.storage.acronis.provider import names
from coffre.storage.acronis.provider.resources.base import OF_CUSTOMER, AcronisResource
from coffre.storage.provider import inputs
from coffre.storage.provider.fields import Field, Inputs, Shape
from coffre.storage.provider.resource import Created


class ActivationMail(AcronisResource):
    """The vendor's mail to a user who has not set a password yet. It is sent once, when this is created.

    A higher `number` has it sent again. A user who has set a password gets none. The vendor does not say whether a mail
    went out: after an answer that was lost, or a state that was lost and not imported, it is sent once more. Deleting
    this changes nothing.
    """

    word = "activation mail of user"
    written = "customer"
    fields: ClassVar[Mapping[str, Field]] = {
        "customer": OF_CUSTOMER,
        "login": Field(names.login, "The login of the user, who must exist.", replaces=True),
        "number": Field(
            inputs.whole_number(1),
            "How many mails were asked for, this one included: a higher number asks for another.",
            Shape.WHOLE_NUMBER,
            default=1,
        ),
    }

    @classmethod
    def identify(cls, values: Mapping[str, Any]) -> str:
        return f"{values['customer']}/{values['login']}"

    def find(self, resource_id: str) -> Inputs | None:
        return self.read(resource_id, {})

    def read(self, resource_id: str, known: Mapping[str, Any]) -> Inputs | None:
        """Read whether the user is there; the number is known to the state alone."""
        external_id, _, login = resource_id.partition("/")
        tenant = self._platform.find_uuid(external_id)
        try:
            user = None if tenant is None else self._platform.client.users.find_by_login(tenant, login)
        except GoneError:
            return None
        number = known.get("number", self.fields["number"].default)
        return None if user is None else {"customer": external_id, "login": login, "number": number}

    def make(self, wanted: Inputs) -> None:
        tenant = self._tenant(wanted["customer"])
        user = self._platform.client.users.find_by_login(tenant, wanted["login"])
        if user is None:
            raise GoneError(
                f"customer {wanted['customer']} has no user {wanted['login']}", "let the mail depend on its User"
            )
        self._platform.client.users.send_activation_mail(user.id)

    def change(self, wanted: Inputs) -> None:
        self.make(wanted)

    def change_from(self, before: Mapping[str, Any], wanted: Inputs) -> None:
        if wanted["number"] > before.get("number", 0):
            self.make(wanted)

    def remove(self, state: Inputs) -> None:
        """Do nothing: a mail does not come back."""

    def _create(self, wanted: Inputs) -> Created:
        self.make(wanted)
        return Created(self.identify(wanted), was_there=False)
