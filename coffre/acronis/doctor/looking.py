"""Asks a partner's account everything that can be asked without a change. Each answer is a value, a refusal too."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from coffre.acronis.calls.downloads import Installer, System
from coffre.acronis.client import AcronisClient
from coffre.acronis.errors import AcronisError
from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.values.agents import Agent, Resource, ResourceStatus
from coffre.acronis.values.monitoring import Activity, Alert
from coffre.acronis.values.offering import OfferingItem
from coffre.acronis.values.policies import Policy
from coffre.acronis.values.registration import RegistrationToken
from coffre.acronis.values.tenants import Application, ClientInfo, Infra, Tenant, TenantKind
from coffre.acronis.values.usages import Usage
from coffre.acronis.values.users import User

MOST = 200
"""How many entries of a list are looked at: enough to see its form."""

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class InCustomer:
    """What one customer shows; an error where the service refused."""

    customer: Tenant
    users: list[User] | AcronisError
    tokens: list[RegistrationToken] | AcronisError
    usages: list[Usage] | AcronisError
    usages_of_several: dict[TenantUuid, list[Usage]] | AcronisError
    items_of_several: dict[TenantUuid, list[OfferingItem]] | AcronisError
    agents: list[Agent] | AcronisError
    machines: list[Resource] | AcronisError
    states: list[ResourceStatus] | AcronisError
    plans: list[Policy] | AcronisError
    alerts: list[Alert] | AcronisError
    activities: list[Activity] | AcronisError


@dataclass(frozen=True)
class Seen:
    """What the account shows. None: it was not asked, as an earlier answer was a refusal."""

    url: str
    address: AcronisError | None
    client: ClientInfo | AcronisError | None = None
    own: Tenant | AcronisError | None = None
    below: list[Tenant] | AcronisError | None = None
    services: list[Application] | AcronisError | None = None
    offers: list[OfferingItem] | AcronisError | None = None
    storages: list[Infra] | AcronisError | None = None
    installer: Installer | AcronisError | None = None
    within: InCustomer | AcronisError | None = None


def look(client: AcronisClient, url: str, customer: TenantUuid | None = None) -> Seen:
    """Return what a partner's account shows. ``customer`` is looked into, else the first that is live."""
    address = _asked(client.check_address)
    if isinstance(address, AcronisError):
        return Seen(url, address)
    info = _asked(client.tenants.read_client)
    if isinstance(info, AcronisError):
        return Seen(url, None, info)
    own = info.tenant_id
    below = _asked(lambda: list(client.tenants.list_children(own)))
    return Seen(
        url,
        None,
        info,
        _asked(lambda: client.tenants.read(own)),
        below,
        _asked(client.tenants.list_applications),
        _asked(lambda: client.offering.list_for_child(own)),
        _asked(lambda: client.tenants.list_infra(own)),
        _asked(lambda: client.downloads.find_newest(System.LINUX)),
        _look_into(client, below, customer),
    )


def _look_into(
    client: AcronisClient, below: list[Tenant] | AcronisError, named: TenantUuid | None
) -> InCustomer | AcronisError | None:
    if named is not None:
        found = _asked(lambda: client.tenants.read(named))
        return found if isinstance(found, AcronisError) else _look_within(client, found)
    live = [] if isinstance(below, AcronisError) else [each for each in below if _is_to_look_into(each)]
    return _look_within(client, live[0]) if live else None


def _is_to_look_into(tenant: Tenant) -> bool:
    return tenant.kind is TenantKind.CUSTOMER and tenant.is_live and tenant.enabled


def _look_within(client: AcronisClient, customer: Tenant) -> InCustomer:
    calls, its = client.within(customer.id), customer.id
    return InCustomer(
        customer,
        _asked(lambda: list(islice(client.users.list_of_tenant(its), MOST))),
        _asked(lambda: client.registration.list_of_tenant(its)),
        _asked(lambda: client.usages.read(its)),
        _asked(lambda: client.usages.read_several([its])),
        _asked(lambda: client.offering.read_below(its)),
        _asked(lambda: list(islice(calls.agents.list_all(), MOST))),
        _asked(lambda: list(islice(calls.agents.list_machines(), MOST))),
        _asked(lambda: list(islice(calls.agents.list_statuses(), MOST))),
        _asked(lambda: list(islice(calls.policies.list_all(with_settings=True), MOST))),
        _asked(lambda: list(islice(calls.monitoring.list_alerts(), MOST))),
        _asked(lambda: list(islice(calls.monitoring.list_activities(), MOST))),
    )


def _asked(call: Callable[[], _Value]) -> _Value | AcronisError:
    try:
        return call()
    except AcronisError as error:
        return error
