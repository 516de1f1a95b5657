"""Resource Service: the customer has the vendor's service Cyber Protection."""

from collections.abc import Mapping
from typing import Any, ClassVar

from coffre.acronis.errors import GoneError
from coffre.acronis.values.tenants import ApplicationType
from coffre.errors import RefusedError
from coffre.storage.acronis.provider.resources.base import OF_CUSTOMER, AcronisResource
from coffre.storage.acronis.provider.use import refuse_used
from coffre.storage.provider import inputs
from coffre.storage.provider.fields import Field, Inputs

_WHY_BACKUP = "it is the one service that is sold"


class Service(AcronisResource):
    """The binding of the vendor's service of the type `backup`, Cyber Protection, to a customer.

    The service is found by its type. Deleting is refused while offering items of it are on, or anything is used.
    """

    word = "service of customer"
    written = "customer"
    fields: ClassVar[Mapping[str, Field]] = {
        "customer": OF_CUSTOMER,
        "type": Field(
            inputs.exactly(ApplicationType.BACKUP.value, _WHY_BACKUP),
            "`backup`, and nothing else.",
            default=ApplicationType.BACKUP.value,
        ),
    }

    @classmethod
    def identify(cls, values: Mapping[str, Any]) -> str:
        return str(values["customer"])

    def find(self, resource_id: str) -> Inputs | None:
        tenant = self._platform.find_uuid(resource_id)
        try:
            if tenant is None or self._platform.protection not in self._platform.client.tenants.list_bound(tenant):
                return None
        except GoneError:
            return None
        return {"customer": resource_id, "type": ApplicationType.BACKUP.value}

    def make(self, wanted: Inputs) -> None:
        self._platform.client.tenants.bind(self._platform.protection, self._tenant(wanted["customer"]))

    def change(self, wanted: Inputs) -> None:
        self.make(wanted)

    def remove(self, state: Inputs) -> None:
        if self.find(state["customer"]) is None:
            return
        client, tenant = self._platform.client, self._tenant(state["customer"])
        what = f"the service of customer {state['customer']}"
        on = {
            each.name
            for each in client.offering.read(tenant)
            if each.is_on and each.application_id == self._platform.protection and not each.locked
        }
        if on:
            raise RefusedError(
                f"{what} has offering items that are on: {', '.join(sorted(on))}",
                "nothing was changed; take its OfferingItems away first",
            )
        refuse_used(client, tenant, what)
        service = next(each for each in client.tenants.list_applications() if each.id == self._platform.protection)
        client.tenants.unbind(service, tenant)
