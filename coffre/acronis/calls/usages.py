"""What tenants use."""

from collections.abc import Sequence
from typing import Any

from coffre.acronis.calls.tenants import BATCH
from coffre.acronis.data_center import ACCOUNT, path
from coffre.acronis.exchange import absurd
from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.session import Session
from coffre.acronis.values.usages import Usage


class Usages:
    """The calls about use."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def read(self, tenant: TenantUuid) -> list[Usage]:
        """Return the use of a tenant's items, of all editions. It lags: see `unverified.USAGE_LAG`."""
        doing = f"read the use of tenant {tenant}"
        where = path(ACCOUNT, "tenants", TenantUuid.text(tenant), "usages")
        value = self._session.read(doing, where)
        return list(self._session.parts(doing, Usage, self._session.items_of(doing, value)))

    def read_several(self, tenants: Sequence[TenantUuid]) -> dict[TenantUuid, list[Usage]]:
        """Return the use of several tenants. A tenant that the answer leaves out is left out."""
        doing, found = "read the use of several tenants", dict[TenantUuid, list[Usage]]()
        for start in range(0, len(tenants), BATCH):
            chosen = tenants[start : start + BATCH]
            query = {"tenants": ",".join(TenantUuid.text(each) for each in chosen)}
            value = self._session.read(doing, path(ACCOUNT, "tenants", "usages"), query)
            for tenant, usages in self._by_tenant(doing, value):
                if tenant in chosen:
                    found.setdefault(tenant, []).extend(usages)
        return found

    def _by_tenant(self, doing: str, value: Any) -> list[tuple[TenantUuid, list[Usage]]]:
        """Return the usages of an answer, whose items are usages with a tenant, or tenants with usages."""
        entries: list[tuple[TenantUuid, list[Usage]]] = []
        for item in self._session.items_of(doing, value):
            tenant, within = _tenant_of(item)
            if tenant is None:
                raise absurd(doing, self._session.url, "it does not name the tenant of a use")
            entries.append((tenant, list(self._session.parts(doing, Usage, within))))
        return entries


def _tenant_of(item: Any) -> tuple[TenantUuid | None, list[Any]]:
    if not isinstance(item, dict):
        return None, []
    within = item.get("usages", item.get("items"))
    named = (item.get("tenant_uuid"), item.get("tenant"), item.get("tenant_id"))
    for each in named:
        try:
            return TenantUuid(each), within if isinstance(within, list) else [item]  # type: ignore[arg-type]
        except ValueError:
            continue
    return None, []
