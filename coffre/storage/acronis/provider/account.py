"""The access of the resources to the vendor: one partner's account, in which a customer is found by its external id."""

import threading
from collections import defaultdict
from functools import cached_property

from coffre.acronis.client import AcronisClient
from coffre.acronis.errors import GoneError
from coffre.acronis.identifiers import ApplicationUuid, TenantUuid
from coffre.acronis.values.tenants import Tenant
from coffre.errors import RemoteError


class Account:
    """What one partner's API client reaches, for the time of one provider process; safe to use from many threads."""

    def __init__(self, client: AcronisClient, partner: TenantUuid) -> None:
        self.client = client
        self.partner = partner
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        self._guard = threading.Lock()
        self._uuids: dict[str, TenantUuid] = {}

    def alone(self, name: str) -> threading.RLock:
        """Return the lock under which one customer is written: of two writers one would meet the other's version."""
        with self._guard:
            return self._locks[name]

    def find_customer(self, external_id: str) -> Tenant | None:
        """Return the live customer with an external id, None without one; AmbiguousError when there are two."""
        found = self.client.tenants.find_by_customer_id(self.partner, external_id)
        if found is None:
            self._uuids.pop(external_id, None)
        else:
            self._uuids[external_id] = found.id
        return found

    def find_uuid(self, external_id: str) -> TenantUuid | None:
        """Return a customer's UUID, None without a customer; looked up once, as it never changes."""
        known = self._uuids.get(external_id)
        if known is not None:
            return known
        found = self.find_customer(external_id)
        return None if found is None else found.id

    def uuid_of(self, external_id: str) -> TenantUuid:
        """Return a customer's UUID; GoneError without a customer."""
        found = self.find_uuid(external_id)
        if found is None:
            raise GoneError(
                f"customer {external_id} does not exist below partner {self.partner}",
                "let the resource depend on its Customer",
            )
        return found

    @cached_property
    def protection(self) -> ApplicationUuid:
        """The service Cyber Protection."""
        return self.client.tenants.find_protection().id


def incomplete(what: str, doing: str) -> RemoteError:
    """Return the error of a write that the vendor took, and that does not show when it is read again."""
    return RemoteError(
        f"{doing}: Acronis took the change, and {what} is not so",
        "Run the same command again; if it goes on, look in the vendor's portal.",
    )
