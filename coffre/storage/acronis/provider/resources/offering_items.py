"""Resource OfferingItems: the customer's licences, and its quota on one storage of the vendor's catalogue."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any, ClassVar, Final

from coffre.acronis.errors import AcronisError, GoneError
from coffre.acronis.identifiers import InfraUuid, TenantUuid
from coffre.acronis.values.offering import ItemChange, OfferingItem
from coffre.errors import RefusedError
from coffre.storage.acronis.provider import items, names
from coffre.storage.acronis.provider.account import incomplete
from coffre.storage.acronis.provider.items import Offered
from coffre.storage.acronis.provider.resources.base import OF_CUSTOMER, AcronisResource
from coffre.storage.acronis.provider.use import read_figures
from coffre.storage.provider import inputs
from coffre.storage.provider.fields import Field, InputChange, Inputs, Output, Shape

DEFAULT_EDITION: Final = "pck_per_workload"
_NAMED: Final = 10
_REFUSALS: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT)
"""How the vendor says that a write may not be, as far as is documented."""


class OfferingItems(AcronisResource):
    """What a customer may use: one edition, licences by kind, one storage with its quota; all limits are hard.

    What is not named is switched off; items that somebody locked stay as they are. A write has what differs only, and
    all of it at once. Switching off what is used, or lowering below the use, is refused with the figures, by the
    vendor's own check too. What the partner does not have is refused before anything is written. Another edition or
    storage replaces it, which is refused in the same way: to move backups is not a change of licences.

    The customer has to have the Service. A limit that is not hard shows as -1.
    """

    word = "offering items of customer"
    written = "customer"
    fields: ClassVar[Mapping[str, Field]] = {
        "customer": OF_CUSTOMER,
        "edition": Field(
            names.one_of(items.PREFIXES),
            f"The edition: {', '.join(f'`{each}`' for each in items.PREFIXES)}.",
            default=DEFAULT_EDITION,
            replaces=True,
        ),
        "storage": Field(
            names.line,
            "The storage for backups, by name or UUID: one of those that the partner can give of this edition.",
            replaces=True,
        ),
        "licences": Field(
            names.licences,
            "How many of each kind may be protected, by the item's name without the edition's prefix: `workstations`, "
            "`servers`, `vms` and what else the partner has. At least 1 each.",
            Shape.COUNTS,
            by_entry=True,
            normalise=dict,
        ),
        "quota_bytes": Field(
            inputs.whole_number(1), "The most that backups may take on the storage, in bytes.", Shape.BYTES
        ),
    }
    outputs: ClassVar[Mapping[str, Output]] = {
        "storage_uuid": Output("The UUID of the storage."),
        "storage_name": Output("The name of the storage."),
    }

    @classmethod
    def identify(cls, values: Mapping[str, Any]) -> str:
        return str(values["customer"])

    @classmethod
    def diff(cls, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[InputChange]:
        """Compare; a storage is the same by name and UUID, and one that is gone is put back in place."""
        spellings = [old.get(name) for name in cls.outputs if old.get(name)]
        if new.get("storage") in spellings:
            old = {**old, "storage": new["storage"]}
        return [replace(each, replaces=each.replaces and bool(old.get(each.path))) for each in super().diff(old, new)]

    def find(self, resource_id: str) -> Inputs | None:
        return self.read(resource_id, {})

    def read(self, resource_id: str, known: Mapping[str, Any]) -> Inputs | None:
        tenant = self._platform.find_uuid(resource_id)
        if tenant is None:
            return None
        try:
            held = self._platform.client.offering.read(tenant)
        except GoneError:
            return None
        live = items.show(resource_id, held, self._platform.protection, known)
        if live is None:
            return None
        live |= self._describe_storage(live["storage"])
        if known.get("storage") in (live["storage_uuid"], live["storage_name"]) and live["storage"]:
            live["storage"] = known["storage"]
        return live

    def make(self, wanted: Inputs) -> None:
        self.change(wanted)

    def change(self, wanted: Inputs) -> None:
        storage = self._choose(wanted)
        self._write(wanted["customer"], items.wanted_items(wanted, self._platform.protection, storage))

    def remove(self, state: Inputs) -> None:
        tenant = self._platform.find_uuid(state["customer"])
        if tenant is not None and self._platform.client.tenants.find(tenant) is not None:
            self._write(state["customer"], [])

    def produce(self, wanted: Inputs) -> Inputs:
        live = self.read(wanted["customer"], wanted)
        return {name: "" if live is None else live[name] for name in self.outputs}

    def _choose(self, wanted: Inputs) -> InfraUuid:
        """Return the storage that the inputs name, after the partner turned out to have all that they ask for."""
        edition, parent, offering = wanted["edition"], self._platform.partner, self._platform.client.offering
        # What the customer has already it keeps, also when new customers are not given it any more.
        has = [each for each in offering.read(self._tenant(wanted["customer"])) if each.is_on]
        offered = Offered(self._platform.protection, edition, [*has, *offering.list_for_child(parent)])
        missing = offered.missing(wanted["licences"])
        if not offered.storages:
            missing.append(offered.storage_name)
        if missing:
            raise RefusedError(
                f"partner {parent} cannot give of edition {edition}: {', '.join(missing)}",
                "nothing was changed; ask the distributor for them, a tenant has what its parent has only",
            )
        known = self._name_storages()
        chosen = [each for each in offered.storages if wanted["storage"] in (known.get(each), str(each))]
        if len(chosen) != 1:
            there = ", ".join(f"{known.get(each, '')} ({each})" for each in offered.storages[:_NAMED])
            there += f" and {len(offered.storages) - _NAMED} more" if len(offered.storages) > _NAMED else ""
            how = "several storages have" if chosen else "no storage has"
            raise RefusedError(
                f"{how} the name or UUID {wanted['storage']}; partner {parent} can give {there}",
                "nothing was changed; name one of them, by its UUID where two have one name",
            )
        return chosen[0]

    def _write(self, external_id: str, wanted: Sequence[ItemChange]) -> None:
        client, tenant = self._platform.client, self._tenant(external_id)
        what = f"offering items of customer {external_id}"

        def decide(held: Sequence[OfferingItem]) -> list[ItemChange]:
            written = items.changes(held, wanted, self._platform.protection)
            if written:
                self._refuse_taking(what, tenant, held, written)
            return written

        try:
            now = client.offering.update(tenant, decide).value
        except AcronisError as error:
            if error.status not in _REFUSALS:
                raise
            figures = ", ".join(read_figures(client, tenant).figures) or "nothing"
            raise RefusedError(f"{error.message}; in use by the vendor's figures: {figures}", error.hint) from error
        left = items.changes(now, wanted, self._platform.protection)
        if left:
            raise incomplete(", ".join(sorted(each.name for each in left)), what)

    def _refuse_taking(
        self, what: str, tenant: TenantUuid, held: Sequence[OfferingItem], written: Sequence[ItemChange]
    ) -> None:
        taken = items.taken_from_use(held, written, read_figures(self._platform.client, tenant))
        if taken:
            raise RefusedError(
                f"{what}: {'; '.join(taken)}",
                "nothing was changed; free what is in use first, or write a number that is not below it",
            )

    def _describe_storage(self, storage: str) -> Inputs:
        names_by_uuid = {str(uuid): name for uuid, name in self._name_storages().items()} if storage else {}
        return {"storage_uuid": storage, "storage_name": names_by_uuid.get(storage, "")}

    def _name_storages(self) -> dict[InfraUuid, str]:
        return {each.id: each.name for each in self._platform.client.tenants.list_infra(self._platform.partner)}
