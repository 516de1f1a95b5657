"""Offering items: licences and quotas of a tenant, and the changes of them. Pure."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from coffre.acronis.identifiers import ApplicationUuid, InfraUuid
from coffre.acronis.values.answers import Answered, Count, Line, OptionalLine, Version, Word

ALL_EDITIONS = "*"
"""Without it the service lists a legacy edition only, and a tenant of today looks empty."""


class ItemType(Word):
    """What an item measures."""

    COUNT = "count"
    FEATURE = "feature"
    """It is on or off, and has no quota."""
    INFRA = "infra"
    """It belongs to one storage, which its ``infra_id`` names."""
    UNKNOWN = "unknown"


class Quota(Answered):
    """A limit: ``overage`` is what is allowed above ``value``.

    Both None: no limit. A value without an overage only warns. An overage of 0 is a hard limit at the value.
    """

    value: Count | None = None
    overage: Count | None = None
    version: Version = 0

    @property
    def is_hard(self) -> bool:
        """Whether the service stops at it."""
        return self.value is not None and self.overage is not None

    @property
    def ceiling(self) -> int | None:
        """Where the service stops; None when it does not."""
        return None if self.value is None or self.overage is None else self.value + self.overage


class Limit(BaseModel):
    """A quota to write."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: int | None = Field(default=None, ge=0)
    overage: int | None = Field(default=None, ge=0)

    def is_in(self, quota: Quota | None) -> bool:
        """Tell whether a quota is this one already."""
        held = quota or Quota()
        return (held.value, held.overage) == (self.value, self.overage)


def hard_limit(value: int) -> Limit:
    """Return the quota that stops at a value, in the unit of its item."""
    return Limit(value=value, overage=0)


class OfferingItem(Answered):
    """One thing that a tenant may use. ``(name, infra_id)`` is its identity."""

    application_id: ApplicationUuid
    name: Line
    edition: OptionalLine = None
    usage_name: Line = ""
    type: ItemType = ItemType.UNKNOWN
    measurement_unit: Line = ""
    infra_id: InfraUuid | None = None
    status: int = Field(default=0, ge=0, le=1)
    locked: bool = False
    quota: Quota | None = None

    @property
    def is_on(self) -> bool:
        """Whether the tenant has it."""
        return self.status == 1

    @property
    def key(self) -> tuple[str, InfraUuid | None]:
        """What identifies it within its tenant."""
        return self.name, self.infra_id


class ItemChange(BaseModel):
    """An item as it is to be: on with a quota (None leaves it), or off."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    application_id: ApplicationUuid
    name: str = Field(min_length=1, max_length=255)
    infra_id: InfraUuid | None = None
    is_on: bool = True
    limit: Limit | None = None

    @property
    def key(self) -> tuple[str, InfraUuid | None]:
        """What identifies it within its tenant."""
        return self.name, self.infra_id

    def changes(self, held: OfferingItem | None) -> bool:
        """Tell whether writing it would change what the tenant has."""
        if held is None:
            return self.is_on
        if held.is_on != self.is_on:
            return True
        return self.is_on and self.limit is not None and not self.limit.is_in(held.quota)

    def body(self, held: OfferingItem | None) -> dict[str, Any]:
        """Return it as the service takes it, with the version of the quota that is held. Off has no quota."""
        has_quota = self.is_on and self.limit is not None and not (held is not None and held.type is ItemType.FEATURE)
        version = held.quota.version if held is not None and held.quota is not None else 0
        return {
            "application_id": str(self.application_id),
            "name": self.name,
            "status": int(self.is_on),
            **({} if self.infra_id is None else {"infra_id": str(self.infra_id)}),
            **({"quota": {**self.limit.model_dump(), "version": version}} if has_quota and self.limit else {}),
        }


def differing(held: Sequence[OfferingItem], wanted: Sequence[ItemChange]) -> list[ItemChange]:
    """Return the wanted items that are not so already."""
    by_key = {each.key: each for each in held}
    return [each for each in wanted if each.changes(by_key.get(each.key))]
