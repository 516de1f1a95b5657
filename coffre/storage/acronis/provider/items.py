"""A customer's offering items as licences and a quota: what is shown of them, and what is to be written. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from coffre.acronis.identifiers import ApplicationUuid, InfraUuid
from coffre.acronis.values.offering import ItemChange, ItemType, OfferingItem, differing, hard_limit
from coffre.storage.acronis.provider.use import Use
from coffre.storage.provider.fields import Inputs

PREFIXES: Final[Mapping[str, str]] = {
    "pck_per_workload": "pw_base_",
    "pck_per_gigabyte": "pg_base_",
    "bundled": "bndl_",
}
"""The editions of today, and what the names of their items begin with."""

STORAGE: Final = "storage"
NO_HARD_LIMIT: Final = -1
"""How a quota is shown that is none, only warns, or allows an excess."""


@dataclass(frozen=True)
class Offered:
    """What a customer can have of one edition: the items, and the storages behind the one for backups."""

    application: ApplicationUuid
    edition: str
    items: Sequence[OfferingItem]

    @property
    def storage_name(self) -> str:
        """The item of the storage for backups."""
        return PREFIXES[self.edition] + STORAGE

    @property
    def storages(self) -> list[InfraUuid]:
        """The storages that can be chosen from."""
        found = [each.infra_id for each in self._named(self.storage_name) if each.infra_id is not None]
        return list(dict.fromkeys(found))

    def missing(self, licences: Mapping[str, int]) -> list[str]:
        """Return the items of these licences that the partner does not have, or not as a number of things."""
        names = [PREFIXES[self.edition] + base for base in licences]
        return [name for name in names if not any(each.type is ItemType.COUNT for each in self._named(name))]

    def _named(self, name: str) -> Iterator[OfferingItem]:
        for each in self.items:
            if (each.application_id, each.name, each.edition) == (self.application, name, self.edition):
                yield each


def wanted_items(wanted: Inputs, application: ApplicationUuid, storage: InfraUuid) -> list[ItemChange]:
    """Return the items that the inputs come to: each on, with a hard quota."""
    prefix = PREFIXES[wanted["edition"]]
    licences = [
        ItemChange(application_id=application, name=prefix + base, limit=hard_limit(count))
        for base, count in wanted["licences"].items()
    ]
    quota = hard_limit(wanted["quota_bytes"])
    return [
        *licences,
        ItemChange(application_id=application, name=prefix + STORAGE, infra_id=storage, limit=quota),
    ]


def changes(
    held: Sequence[OfferingItem], wanted: Sequence[ItemChange], application: ApplicationUuid
) -> list[ItemChange]:
    """Return what differs from the wanted items, and the end of every other one of the service; none that is locked."""
    kept = {each.key for each in wanted}
    ends = [
        ItemChange(application_id=each.application_id, name=each.name, infra_id=each.infra_id, is_on=False)
        for each in on_of(held, application)
        if each.key not in kept and not each.locked
    ]
    return differing(held, [*wanted, *ends])


def on_of(held: Sequence[OfferingItem], application: ApplicationUuid) -> list[OfferingItem]:
    """Return the items of a service that are on."""
    return [each for each in held if each.is_on and each.application_id == application]


def taken_from_use(held: Sequence[OfferingItem], written: Sequence[ItemChange], use: Use) -> list[str]:
    """Say what would go below its use: an item switched off that is used, or a quota lowered below the use."""
    limits = {each.key: None if each.quota is None else each.quota.ceiling for each in held if each.is_on}
    units = {each.key: " bytes" if each.measurement_unit == "bytes" else "" for each in held}
    found = []
    for each in written:
        used, unit = use.of(each.key), units.get(each.key, "")
        if not used:
            continue
        if not each.is_on:
            found.append(f"{each.name} has {used}{unit} in use and is to be switched off")
        elif _lowers(limits.get(each.key), each) and each.limit is not None and used > (each.limit.value or 0):
            found.append(f"{each.name} has {used}{unit} in use and is to be {each.limit.value}{unit}")
    return found


def _lowers(limit: int | None, written: ItemChange) -> bool:
    return written.limit is not None and (limit is None or (written.limit.value or 0) < limit)


def show(
    external_id: str, held: Sequence[OfferingItem], application: ApplicationUuid, known: Mapping[str, Any]
) -> Inputs | None:
    """Return the items that are on in the form of the inputs; None without any.

    An item that belongs to no licence shows under its whole name. A locked one that ``known`` does not name is left
    out: it is another's to decide. When nothing is known, as on an import, all are shown.
    """
    on = [each for each in on_of(held, application) if not each.locked or _is_named(each, known)]
    if not on:
        return None
    editions = sorted({each.edition for each in on if each.edition})
    edition = "+".join(editions)
    storages = [each for each in on if _base(each) == STORAGE and each.edition == edition]
    others = [each for each in on if each not in storages]
    return {
        "customer": external_id,
        "edition": edition,
        "storage": "+".join(sorted(str(each.infra_id) for each in storages)),
        "licences": {_base(each) if each.edition == edition else each.name: _limit(each) for each in others},
        "quota_bytes": _limit(storages[0]) if len(storages) == 1 else NO_HARD_LIMIT,
    }


def _is_named(item: OfferingItem, known: Mapping[str, Any]) -> bool:
    return not known or (item.edition == known["edition"] and _base(item) in (*known["licences"], STORAGE))


def _base(item: OfferingItem) -> str:
    """Return an item's name without the prefix of its edition; the whole name of any other."""
    prefix = PREFIXES.get(item.edition or "")
    return item.name.removeprefix(prefix) if prefix else item.name


def _limit(item: OfferingItem) -> int:
    quota = item.quota
    if quota is None or quota.value is None or quota.overage != 0:
        return NO_HARD_LIMIT
    return quota.value
