"""The calls of a look at many customers: what is the same for all is asked once, or told of many by one call."""

import threading
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, TypeVar

from coffre.acronis.calls.offering import Offering
from coffre.acronis.calls.tenants import Tenants
from coffre.acronis.calls.users import Users
from coffre.acronis.client import AcronisClient
from coffre.acronis.errors import AcronisAwayError, AcronisError, CredentialRefusedError
from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.session import Session
from coffre.acronis.values.offering import OfferingItem
from coffre.acronis.values.tenants import Application, Infra, Tenant
from coffre.acronis.values.users import User

T = TypeVar("T")


class Memory:
    """Answers by question. Each is asked once, also when many threads want it; one that failed is asked again."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, Any] = {}
        self._asking: defaultdict[Hashable, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def once(self, question: Hashable, ask: Callable[[], T]) -> T:
        """Return the answer to a question, asked by ``ask`` the first time."""
        with self._guard:
            asking = self._asking[question]
        with asking:
            if question not in self._answers:
                self._answers[question] = ask()
            answer: T = self._answers[question]
            return answer


class RememberingClient(AcronisClient):
    """Asks each question of a look once; it serves that look alone, and changes nothing."""

    def __init__(self, session: Session, of_all: TenantUuid | None = None) -> None:
        """With ``of_all``, a partner, the items of all its customers are read at once; only those that are on."""
        super().__init__(session)
        memory = Memory()
        self.tenants = _Tenants(session, memory)
        self.offering = _Offering(session, memory, of_all)
        self.users = _Users(session, memory)


class _Tenants(Tenants):
    def __init__(self, session: Session, memory: Memory) -> None:
        super().__init__(session)
        self._memory = memory

    def list_children(self, parent: TenantUuid, *, also_deleted: bool = False) -> Iterator[Tenant]:
        ask = super().list_children
        question = ("children", parent, also_deleted)
        yield from self._memory.once(question, lambda: list(ask(parent, also_deleted=also_deleted)))

    def list_applications(self) -> list[Application]:
        return self._memory.once("applications", super().list_applications)

    def list_infra(self, tenant: TenantUuid) -> list[Infra]:
        ask = super().list_infra
        return self._memory.once(("infra", tenant), lambda: ask(tenant))


class _Offering(Offering):
    def __init__(self, session: Session, memory: Memory, partner: TenantUuid | None) -> None:
        super().__init__(session)
        self._memory, self._partner = memory, partner

    def read(self, tenant: TenantUuid) -> list[OfferingItem]:
        partner, ask = self._partner, super().read
        known = None if partner is None else self._memory.once("items", lambda: self._read_all(partner)).get(tenant)
        return self._memory.once(("items", tenant), lambda: ask(tenant)) if known is None else known

    def _read_all(self, partner: TenantUuid) -> Mapping[TenantUuid, list[OfferingItem]]:
        """Return the items of all customers that are on; none where the service does not answer as we read it."""
        try:
            found = self.read_below(partner)
            return {tenant: [each for each in items if each.is_on] for tenant, items in found.items()}
        except (AcronisAwayError, CredentialRefusedError):
            raise
        except AcronisError:
            return {}


class _Users(Users):
    def __init__(self, session: Session, memory: Memory) -> None:
        super().__init__(session)
        self._memory = memory

    def list_of_tenant(self, tenant: TenantUuid) -> Iterator[User]:
        ask = super().list_of_tenant
        yield from self._memory.once(("users", tenant), lambda: list(ask(tenant)))
