"""Customers as a kind of storage has owners: which customer a user's name means, and what the vendor says of it."""

from collections.abc import Collection, Sequence
from typing import Final

from coffre.acronis.client import AcronisClient
from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.names import NAMESPACE, external_id_of
from coffre.acronis.values.offering import OfferingItem
from coffre.acronis.values.tenants import Tenant
from coffre.acronis.values.usages import Usage
from coffre.spec import naming
from coffre.storage.acronis.layout import LICENCES
from coffre.storage.acronis.provider.account import Account
from coffre.storage.acronis.provider.items import PREFIXES, STORAGE
from coffre.storage.values import LicenceFigures, OwnerFacts

STORAGE_ITEMS: Final = frozenset(prefix + STORAGE for prefix in PREFIXES.values())
"""The items of the storage for backups, whose use is what the quota counts."""
_NAME_CHARACTERS: Final = 29
"""What the name of a user has room for before the id."""


class Customers:
    """The customers of one partner, by the names that Coffre gives owners; safe to use from many threads."""

    def __init__(self, client: AcronisClient, partner: TenantUuid) -> None:
        self.client, self.partner = client, partner
        self._account = Account(client, partner)

    def find(self, uid: str) -> Tenant | None:
        """Return the live customer of an owner's name; None without one, and for a machine or a second copy.

        The id in the name decides; the vendor keeps no slug. AmbiguousError when two customers have it.
        """
        external_id = find_external_id(uid)
        if external_id is None:
            return None
        uuid = self._account.find_uuid(external_id)
        known = None if uuid is None else self.client.tenants.find(uuid)
        if known is not None and known.is_live and known.customer_id == external_id:
            return known
        return self.find_anew(external_id)

    def find_anew(self, external_id: str) -> Tenant | None:
        """Return the live customer with an external id, from the list of all."""
        return self._account.find_customer(external_id)

    def list_all(self) -> dict[str, Tenant]:
        """Return every live customer with an external id of Coffre's, by owner's name; see `name_of`."""
        found = {}
        for each in self.client.tenants.list_children(self.partner):
            tenant_id = find_tenant_id(each)
            if tenant_id is not None and each.is_live:
                found[name_of(each, tenant_id)] = each
        return found


def find_external_id(uid: str) -> str | None:
    """Return the external id of an owner's name; None for any other name. Pure."""
    tenant_id = naming.tenant_id_of(uid)
    is_own = naming.owner_of(uid) == uid and tenant_id is not None and uid.endswith(f"-{tenant_id}")
    return external_id_of(tenant_id) if is_own and tenant_id is not None else None


def find_tenant_id(customer: Tenant) -> str | None:
    """Return the id of the tenant that a customer is; None when it is not Coffre's. Pure."""
    namespace, _, tenant_id = (customer.customer_id or "").partition(":")
    is_ours = namespace == NAMESPACE and naming.tenant_id_of(f"any-{tenant_id}") == tenant_id
    return tenant_id if is_ours else None


def name_of(customer: Tenant, tenant_id: str) -> str:
    """Return a name for the owner that a customer is: its readable part comes from the customer's own name. Pure."""
    plain = "".join(each if each.isascii() and each.isalnum() else "-" for each in customer.name.lower())
    readable = "-".join(part for part in plain.split("-") if part)[:_NAME_CHARACTERS].strip("-")
    return f"{readable if len(readable) > 2 else 'customer'}-{tenant_id}"


def describe_owner(uid: str, customer: Tenant, items: Sequence[OfferingItem], usages: Sequence[Usage]) -> OwnerFacts:
    """Return what an owner has: its quota if that is hard, and the use of its storage by the vendor's late figures."""
    used = [each.absolute_value for each in usages if each.name in STORAGE_ITEMS]
    return OwnerFacts(
        uid=uid,
        wall_bytes=find_wall(items),
        used_bytes=sum(used),
        suspended=not customer.enabled,
        buckets=(),
        display_name=customer.name,
        is_use_known=bool(used),
        licences={kind.value: _find_licences(base, items, usages) for kind, base in LICENCES.items()},
    )


def _find_licences(base: str, items: Sequence[OfferingItem], usages: Sequence[Usage]) -> LicenceFigures:
    """Return the figures of one kind of licence: an item that is off grants none, one without a hard quota any."""
    names = {prefix + base for prefix in PREFIXES.values()}
    granted = [each for each in items if each.is_on and each.name in names]
    ceilings = [None if each.quota is None else each.quota.ceiling for each in granted]
    known = [each for each in ceilings if each is not None]
    used = [each.absolute_value for each in usages if each.name in names]
    return LicenceFigures(sum(known) if len(known) == len(ceilings) else None, sum(used) if used else None)


def find_wall(items: Collection[OfferingItem]) -> int | None:
    """Return where the vendor stops backups, in bytes; None when it does not, or when there is no storage. Pure."""
    storages = [each for each in items if each.is_on and each.name in STORAGE_ITEMS]
    ceilings = [None if each.quota is None else each.quota.ceiling for each in storages]
    known = [each for each in ceilings if each is not None]
    return sum(known) if known and len(known) == len(ceilings) else None
