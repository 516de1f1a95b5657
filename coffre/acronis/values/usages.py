"""What a tenant uses of its offering items. The figures lag by hours, and are not for bills. Pure."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from coffre.acronis.identifiers import InfraUuid, TenantNumber, TenantUuid
from coffre.acronis.values.answers import Answered, Count, Line, OptionalLine, OptionalMoment
from coffre.acronis.values.offering import ItemType, Quota


class UsedItem(Answered):
    """The offering item of a use."""

    status: int = Field(default=0, ge=0, le=1)
    quota: Quota | None = None


_Amount = Annotated[Count, BeforeValidator(lambda value: 0 if value is None else value)]


class Usage(Answered):
    """The use of one item: ``absolute_value`` is all of it now, ``value`` that of the time span."""

    name: Line
    usage_name: Line = ""
    edition: OptionalLine = None
    type: ItemType = ItemType.UNKNOWN
    measurement_unit: Line = ""
    infra_id: InfraUuid | None = None
    absolute_value: _Amount = 0
    value: _Amount = 0
    range_start: OptionalMoment = None
    offering_item: UsedItem | None = None
    tenant_id: TenantNumber | None = None
    tenant_uuid: TenantUuid | None = None
