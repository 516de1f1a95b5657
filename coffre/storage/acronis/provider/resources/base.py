"""What every resource at the vendor's has in common."""

from typing import Final

from coffre.acronis.identifiers import TenantUuid
from coffre.storage.acronis.provider import names
from coffre.storage.acronis.provider.account import Account
from coffre.storage.provider.fields import Field
from coffre.storage.provider.resource import Resource

OF_CUSTOMER: Final = Field(
    names.external_id,
    "The external id of the customer, as its Customer has it; the customer must exist.",
    replaces=True,
)


class AcronisResource(Resource[Account]):
    """A resource of one customer; ``written`` is the input with the customer's external id."""

    def _tenant(self, external_id: str) -> TenantUuid:
        return self._platform.uuid_of(external_id)
