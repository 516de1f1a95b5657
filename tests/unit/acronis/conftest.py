"""One stand-in for the vendor's cloud for all tests here; each has a customer of its own, or a folder."""

import itertools
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from coffre.acronis.access import Access
from coffre.acronis.client import AcronisClient, open_acronis
from coffre.acronis.data_center import read_data_center
from coffre.acronis.identifiers import ClientId, TenantUuid
from coffre.acronis.patience import Patience
from coffre.acronis.values.tenants import NewTenant, Tenant
from tests.acronis.running import VendorCloud, vendor_cloud

QUICK = Patience(attempts=4, connection_attempts=2, total_seconds=3.0, first_wait_seconds=0.01)
"""The bounds of a test: as many kinds of attempts as in service, in less time."""

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def running_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorCloud]:
    with vendor_cloud(tmp_path_factory.mktemp("acronis")) as cloud:
        yield cloud


@pytest.fixture
def cloud(running_cloud: VendorCloud) -> Iterator[VendorCloud]:
    """The service. Whatever a test asked of it and was answered is as the description says."""
    running_cloud.tell("forget_journal")
    yield running_cloud
    running_cloud.tell("clear_faults")
    running_cloud.assert_all_as_described()


def access_of(cloud: VendorCloud) -> Access:
    return Access(read_data_center(cloud.url), ClientId(cloud.client_id), SecretStr(cloud.client_secret), cloud.ca_file)


@pytest.fixture
def client(cloud: VendorCloud) -> Iterator[AcronisClient]:
    with open_acronis(access_of(cloud), QUICK) as opened:
        yield opened


@pytest.fixture
def partner(cloud: VendorCloud) -> TenantUuid:
    return TenantUuid(cloud.partner_id)


def new_customer(partner: TenantUuid, customer_id: str | None = None) -> NewTenant:
    number = next(_numbers)
    return NewTenant(name=f"Customer {number}", parent_id=partner, customer_id=customer_id or f"coffre:{number}")


@pytest.fixture
def customer(client: AcronisClient, partner: TenantUuid) -> Tenant:
    return client.tenants.ensure(new_customer(partner)).value
