"""Opens the vendor's API: one client for all areas, or for all of them within one customer."""

from collections.abc import Iterator
from contextlib import contextmanager

from coffre.acronis.access import Access
from coffre.acronis.calls.agents import Agents
from coffre.acronis.calls.downloads import Downloads
from coffre.acronis.calls.monitoring import Monitoring
from coffre.acronis.calls.offering import Offering
from coffre.acronis.calls.policies import Policies
from coffre.acronis.calls.registration import Registration
from coffre.acronis.calls.reports import Reports
from coffre.acronis.calls.tenants import Tenants
from coffre.acronis.calls.usages import Usages
from coffre.acronis.calls.users import Users
from coffre.acronis.data_center import ACCOUNT, path
from coffre.acronis.exchange import Exchange, absurd
from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.patience import Patience
from coffre.acronis.session import Session


class AcronisClient:
    """The calls of one API client, by area. Safe to use from many threads."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.tenants = Tenants(session)
        self.offering = Offering(session)
        self.users = Users(session)
        self.registration = Registration(session)
        self.agents = Agents(session)
        self.policies = Policies(session)
        self.monitoring = Monitoring(session)
        self.usages = Usages(session)
        self.reports = Reports(session)
        self.downloads = Downloads(session.access.data_center, session.access.ca_file)

    def within(self, customer: TenantUuid) -> "AcronisClient":
        """Return the calls as they act inside one customer; agents, machines, plans and alerts are then its own."""
        return AcronisClient(self._session.within(customer))

    def check_address(self) -> None:
        """Ask whether the address is a data center's, without credentials: AcronisError when it is not."""
        doing = "check the address of the data center"
        value = self._session.read_open(doing, path(ACCOUNT, ".well-known", "openid-configuration"))
        if not isinstance(value, dict):
            raise absurd(doing, self._session.url, "it does not describe how to log in")


@contextmanager
def open_acronis(access: Access, patience: Patience | None = None) -> Iterator[AcronisClient]:
    """Give the client of an access, and end its connections after the block. Nothing is asked before the first call."""
    exchange = Exchange(access.data_center.url, access.ca_file)
    try:
        yield AcronisClient(Session(exchange, access, patience))
    finally:
        exchange.close()
