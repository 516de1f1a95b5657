"""The prices of platform.yaml: price lists by their first day, in EUR a month.

A charge on leaving has no key here and cannot get one (`coffre.spec.problems.exit_charges`).
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from coffre.spec.machine import MachineKind
from coffre.spec.tenant import Option
from coffre.spec.values.fields import Day, FileModel, Size
from coffre.spec.values.money import Amount


class VolumeBasis(StrEnum):
    """The volume that is priced. The contract says both: article 8 reserves one, article 10 prices the stored one."""

    RESERVED = "reserved"
    STORED = "stored"


class VolumeStep(FileModel):
    """The price of a volume that is larger than the step before, and no larger than this one."""

    up_to_bytes: Annotated[Size, Field(alias="up_to", description="The largest volume at this price, like 500 GiB")]
    month_eur: Annotated[Amount, Field(alias="month", description='The price a month, EUR in quotes, like "29.00"')]


class VolumePart(FileModel):
    """The price of each begun part of a volume."""

    each_bytes: Annotated[Size, Field(alias="each", description="The size of a part, like 1 TiB; a begun one counts")]
    month_eur: Annotated[
        Amount, Field(alias="month", description='The price of a part a month, EUR in quotes, like "45.00"')
    ]


class PriceList(FileModel):
    """The prices from one day until the next list begins."""

    since: Annotated[Day, Field(description="The first day of these prices, like 2026-01-01")]
    machines_eur: Annotated[
        dict[MachineKind, Amount],
        Field(
            alias="machines",
            description='The price of one licence a month, by kind, like {workstation: "4.90", server: "14.90"}',
            json_schema_extra={"required": [kind.value for kind in MachineKind]},
        ),
    ]
    volume: Annotated[
        list[VolumeStep],
        Field(min_length=1, description="The steps of the volume, smallest first: the smallest that holds it counts"),
    ]
    volume_beyond: Annotated[
        VolumePart | None,
        Field(description='For more than the last step, like {each: 1 TiB, month: "45.00"}; without it there is none'),
    ] = None
    second_copy: Annotated[
        VolumePart | None,
        Field(description='For each begun part of a second copy, like {each: 100 GiB, month: "4.00"}; without it none'),
    ] = None
    options_eur: dict[Option, Amount] = Field(
        alias="options",
        default_factory=dict,
        description='The price of an option a month; one without price is not sold, one for nothing is "0"',
    )
    out_of_hours_hour_eur: Annotated[
        Amount | None,
        Field(alias="out_of_hours_hour", description="The price of an hour of work outside working_hours (article 6)"),
    ] = None


class Prices(FileModel):
    """The provider's prices, and the volume that they are for."""

    volume: Annotated[
        VolumeBasis, Field(description="The priced volume: reserved (the quota) or stored (the bytes in storage)")
    ] = VolumeBasis.RESERVED
    lists: Annotated[
        list[PriceList], Field(min_length=1, description="The price lists, oldest first, each with a day of its own")
    ]
