"""Tenants, the services bound to them, their pricing and storages."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from coffre.acronis.data_center import ACCOUNT, path
from coffre.acronis.errors import AmbiguousError, ConflictError, GoneError
from coffre.acronis.exchange import absurd
from coffre.acronis.identifiers import ApplicationUuid, ClientId, Identifier, InfraUuid, LocationUuid, TenantUuid
from coffre.acronis.session import Session
from coffre.acronis.values.tenants import (
    Application,
    ApplicationType,
    ClientInfo,
    Infra,
    Location,
    NewTenant,
    Pricing,
    PricingMode,
    Tenant,
    TenantChange,
)
from coffre.acronis.writing import Made, Written, change, create_once, remove
from coffre.errors import RefusedError

_Named = TypeVar("_Named", Infra, Location)

BATCH = 100
"""The largest number of UUIDs in one call."""


class Tenants:
    """The calls about tenants."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def read_client(self) -> ClientInfo:
        """Return what the service knows of the API client itself; its tenant is the top of what it can reach."""
        client, doing = self._session.access.client_id, "read the API client"
        value = self._session.read(doing, path(ACCOUNT, "clients", ClientId.text(client)))
        return self._session.part(doing, ClientInfo, value)

    def read(self, tenant: TenantUuid, *, also_deleted: bool = False) -> Tenant:
        """Return a tenant; GoneError when it is not there, or deleted."""
        doing = f"read tenant {tenant}"
        query = {"allow_deleted": True} if also_deleted else {}
        return self._session.part(doing, Tenant, self._session.read(doing, _of(tenant), query))

    def find(self, tenant: TenantUuid) -> Tenant | None:
        """Return a tenant, None when it is not there."""
        try:
            return self.read(tenant)
        except GoneError:
            return None

    def list_children(self, parent: TenantUuid, *, also_deleted: bool = False) -> Iterator[Tenant]:
        """Yield the tenants directly below one."""
        doing = f"list the tenants below {parent}"
        query = {
            "parent_id": TenantUuid.text(parent),
            "lod": "full",
            "allow_deleted": True if also_deleted else None,
        }
        yield from self._session.parts(doing, Tenant, self._session.pages(doing, path(ACCOUNT, "tenants"), query))

    def list_some(self, tenants: Sequence[TenantUuid]) -> Iterator[Tenant]:
        """Yield the tenants of these that are there."""
        doing = "read several tenants"
        for start in range(0, len(tenants), BATCH):
            uuids = ",".join(TenantUuid.text(each) for each in tenants[start : start + BATCH])
            value = self._session.read(doing, path(ACCOUNT, "tenants"), {"uuids": uuids, "lod": "full"})
            yield from self._session.parts(doing, Tenant, self._session.items_of(doing, value))

    def list_child_ids(self, parent: TenantUuid) -> list[TenantUuid]:
        """Return the UUIDs of the tenants directly below one."""
        doing = f"list the tenants below {parent}"
        value = self._session.read(doing, path(ACCOUNT, "tenants", TenantUuid.text(parent), "children"))
        return read_ids(self._session, doing, TenantUuid, value)

    def find_by_customer_id(self, parent: TenantUuid, customer_id: str) -> Tenant | None:
        """Return the live tenant below a parent with our own name for it; None without one.

        AmbiguousError when there are two: the service does not keep them apart.
        """
        found = {
            each.id: each for each in self.list_children(parent) if each.customer_id == customer_id and each.is_live
        }
        if len(found) > 1:
            raise AmbiguousError(
                f"{len(found)} tenants below {parent} have the external id {customer_id}: "
                + ", ".join(sorted(str(each) for each in found)),
                "Decide in the vendor's portal which one is the customer's, and take the external id from the other.",
            )
        return next(iter(found.values()), None)

    def ensure(self, new: NewTenant) -> Made[Tenant]:
        """Return the tenant of this parent and external id, created if it is not there."""
        doing = f"create the tenant {new.customer_id}"

        def create() -> Tenant:
            value = self._session.create(doing, path(ACCOUNT, "tenants"), new.body())
            return self._session.part(doing, Tenant, value)

        return create_once(lambda: self.find_by_customer_id(new.parent_id, new.customer_id), create)

    def update(self, tenant: TenantUuid, decide: Callable[[Tenant], TenantChange | None]) -> Written[Tenant]:
        """Write what ``decide`` wants of the tenant as it is, nothing for None or what is so already."""

        def differing(held: Tenant) -> TenantChange | None:
            wanted = decide(held)
            return None if wanted is None else wanted.of(held)

        def write(held: Tenant, wanted: TenantChange) -> Tenant:
            doing = f"change tenant {tenant}"
            value = self._session.set(doing, "PUT", _of(tenant), body={"version": held.version, **wanted.body()})
            return self.read(tenant) if value is None else self._session.part(doing, Tenant, value)

        return change(lambda: self.read(tenant), differing, write)

    def enable(self, tenant: TenantUuid) -> Written[Tenant]:
        """End the suspension of a tenant."""
        return self.update(tenant, lambda _: TenantChange(enabled=True))

    def disable(self, tenant: TenantUuid) -> Written[Tenant]:
        """Suspend a tenant: its data stays, and it is billed still."""
        return self.update(tenant, lambda _: TenantChange(enabled=False))

    def delete_tenant(self, tenant: TenantUuid, confirm: Callable[[Tenant], None] | None = None) -> bool:
        """Delete a disabled tenant with everything below it, backups included; False when it was gone already.

        RefusedError while it is enabled. ``confirm`` gets the tenant as it is right before each attempt, and raises
        when it is not the one that was meant. Nothing undoes it.
        """

        def refuse_enabled(held: Tenant) -> int | None:
            if confirm is not None and held.is_live:
                confirm(held)
            if held.enabled:
                raise RefusedError(
                    f"tenant {tenant} is still enabled at Acronis", "Disable it first: data is deleted with it."
                )
            return held.version if held.is_live else None

        def write(held: Tenant, version: int) -> Tenant:
            self._session.set(f"delete tenant {tenant}", "DELETE", _of(tenant), {"version": version})
            return held

        return remove(lambda: change(lambda: self.read(tenant), refuse_enabled, write))

    def read_pricing(self, tenant: TenantUuid) -> Pricing:
        """Return whether a tenant is billed."""
        doing = f"read the pricing of tenant {tenant}"
        return self._session.part(doing, Pricing, self._session.read(doing, _of(tenant, "pricing")))

    def end_trial(self, tenant: TenantUuid) -> Written[Pricing]:
        """Take a tenant out of trial, in which every new one begins. There is no way back."""

        def write(held: Pricing, mode: str) -> Pricing:
            doing = f"end the trial of tenant {tenant}"
            self._session.set(doing, "PUT", _of(tenant, "pricing"), body={"version": held.version, "mode": mode})
            return self.read_pricing(tenant)

        return change(
            lambda: self.read_pricing(tenant),
            lambda held: None if held.mode is PricingMode.PRODUCTION else PricingMode.PRODUCTION.sent(),
            write,
        )

    def list_applications(self) -> list[Application]:
        """Return all services of the vendor."""
        doing = "list the services"
        value = self._session.read(doing, path(ACCOUNT, "applications"))
        return list(self._session.parts(doing, Application, self._session.items_of(doing, value)))

    def find_protection(self) -> Application:
        """Return the service Cyber Protection."""
        found = [each for each in self.list_applications() if each.type is ApplicationType.BACKUP]
        if len(found) != 1:
            raise absurd("list the services", self._session.url, f"it has {len(found)} services of type backup")
        return found[0]

    def list_bound(self, tenant: TenantUuid) -> list[ApplicationUuid]:
        """Return the services that a tenant has."""
        doing = f"list the services of tenant {tenant}"
        return read_ids(self._session, doing, ApplicationUuid, self._session.read(doing, _of(tenant, "applications")))

    def bind(self, application: ApplicationUuid, tenant: TenantUuid) -> bool:
        """Give a tenant a service; False when it had it already."""
        if application in self.list_bound(tenant):
            return False
        try:
            self._session.set(f"give tenant {tenant} a service", "POST", _binding(application, tenant))
        except ConflictError:
            if application not in self.list_bound(tenant):
                raise
        return True

    def unbind(self, application: Application, tenant: TenantUuid) -> bool:
        """Take a service from a tenant; False when it did not have it. RefusedError for the platform itself."""
        if application.type is ApplicationType.PLATFORM:
            raise RefusedError("the service of type platform is never taken from a tenant", "Name another service.")
        doing = f"take a service from tenant {tenant}"
        return remove(lambda: self._session.set(doing, "DELETE", _binding(application.id, tenant)))

    def list_infra(self, tenant: TenantUuid) -> list[Infra]:
        """Return the storages that a tenant can use, with their names."""
        return self._list_named(f"list the storages of tenant {tenant}", tenant, "infra", Infra, InfraUuid)

    def list_locations(self, tenant: TenantUuid) -> list[Location]:
        """Return the places of the storages that a tenant can use."""
        return self._list_named(f"list the locations of tenant {tenant}", tenant, "locations", Location, LocationUuid)

    def _list_named(
        self, doing: str, tenant: TenantUuid, what: str, kind: type[_Named], identifier: type[Identifier]
    ) -> list[_Named]:
        """Return what a tenant's list names: it gives whole things, or UUIDs to read them by."""
        items = self._session.items_of(doing, self._session.read(doing, _of(tenant, what)))
        named = read_ids(self._session, doing, identifier, {"items": [each for each in items if isinstance(each, str)]})
        found = list(self._session.parts(doing, kind, [each for each in items if not isinstance(each, str)]))
        for start in range(0, len(named), BATCH):
            uuids = ",".join(str(each) for each in named[start : start + BATCH])
            value = self._session.read(doing, path(ACCOUNT, what), {"uuids": uuids})
            found += self._session.parts(doing, kind, self._session.items_of(doing, value))
        return found


def read_ids(session: Session, doing: str, kind: type[Any], value: Any) -> list[Any]:
    """Return the items of an answer as identifiers of one kind."""
    try:
        return [kind(each) for each in session.items_of(doing, value)]
    except ValueError as error:
        raise absurd(doing, session.url, str(error)) from None


def _of(tenant: TenantUuid, *parts: str) -> str:
    return path(ACCOUNT, "tenants", TenantUuid.text(tenant), *parts)


def _binding(application: ApplicationUuid, tenant: TenantUuid) -> str:
    parts = ("applications", ApplicationUuid.text(application), "bindings", "tenants", TenantUuid.text(tenant))
    return path(ACCOUNT, *parts)
