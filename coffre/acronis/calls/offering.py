"""Offering items: what a tenant may use, and how much of it."""

from collections.abc import Callable, Sequence
from typing import Any

from coffre.acronis.data_center import ACCOUNT, path
from coffre.acronis.exchange import absurd
from coffre.acronis.identifiers import InvalidIdentifierError, TenantUuid
from coffre.acronis.session import Session
from coffre.acronis.unverified.account import ITEMS_NAME_TENANTS
from coffre.acronis.values.offering import ALL_EDITIONS, ItemChange, OfferingItem, differing
from coffre.acronis.values.tenants import TenantKind
from coffre.acronis.writing import Written, change
from coffre.errors import RefusedError


class Offering:
    """The calls about offering items."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list_for_child(self, parent: TenantUuid, kind: TenantKind = TenantKind.CUSTOMER) -> list[OfferingItem]:
        """Return what a parent can give a tenant of this kind, of all editions and storages."""
        doing = f"list what tenant {parent} can give"
        where = path(ACCOUNT, "tenants", TenantUuid.text(parent), "offering_items", "available_for_child")
        value = self._session.read(doing, where, {"kind": kind.sent(), "edition": ALL_EDITIONS})
        return list(self._session.parts(doing, OfferingItem, self._session.items_of(doing, value)))

    def read(self, tenant: TenantUuid) -> list[OfferingItem]:
        """Return the items of a tenant, of all editions."""
        doing = f"list the offering items of tenant {tenant}"
        value = self._session.read(doing, _of(tenant), {"edition": ALL_EDITIONS})
        return list(self._session.parts(doing, OfferingItem, self._session.items_of(doing, value)))

    def read_below(self, root: TenantUuid) -> dict[TenantUuid, list[OfferingItem]]:
        """Return the items of every tenant below one, and of itself, of all editions, with few calls."""
        doing, found = f"list the offering items below {root}", dict[TenantUuid, list[OfferingItem]]()
        query = {"subtree_root_tenant_id": TenantUuid.text(root), "edition": ALL_EDITIONS}
        for entry in self._session.pages(doing, path(ACCOUNT, "tenants", "offering_items"), query):
            tenant, items = self._of_tenant(doing, entry)
            found.setdefault(tenant, []).extend(self._session.parts(doing, OfferingItem, items))
        return found

    def _of_tenant(self, doing: str, entry: Any) -> tuple[TenantUuid, list[Any]]:
        tenant_key, items_key = ITEMS_NAME_TENANTS.value
        named, items = (entry.get(tenant_key), entry.get(items_key)) if isinstance(entry, dict) else (None, None)
        try:
            if isinstance(named, str) and isinstance(items, list):
                return TenantUuid(named), items
        except InvalidIdentifierError:
            pass
        raise absurd(doing, self._session.url, "an entry is no tenant with its items")

    def update(
        self, tenant: TenantUuid, decide: Callable[[Sequence[OfferingItem]], Sequence[ItemChange]]
    ) -> Written[list[OfferingItem]]:
        """Write what ``decide`` wants of the items as they are; items that it does not name keep their state.

        An item with use on it is not switched off: the service refuses that. RefusedError for a locked item.
        """

        def wanted_of(held: list[OfferingItem]) -> list[ItemChange] | None:
            wanted = differing(held, decide(held))
            locked = {each.key for each in held if each.locked}
            if any(each.key in locked for each in wanted):
                names = ", ".join(sorted({each.name for each in wanted if each.key in locked}))
                raise RefusedError(
                    f"these offering items of tenant {tenant} are locked: {names}",
                    "Whoever locked them in the vendor's portal has to unlock them.",
                )
            return wanted or None

        def write(held: list[OfferingItem], wanted: list[ItemChange]) -> list[OfferingItem]:
            by_key = {each.key: each for each in held}
            body = {"offering_items": [each.body(by_key.get(each.key)) for each in wanted], "check_usage": True}
            self._session.set(f"change the offering items of tenant {tenant}", "PUT", _of(tenant), body=body)
            return self.read(tenant)

        return change(lambda: self.read(tenant), wanted_of, write)


def _of(tenant: TenantUuid) -> str:
    return path(ACCOUNT, "tenants", TenantUuid.text(tenant), "offering_items")
