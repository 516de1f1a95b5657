"""One stand-in for the vendor's cloud for all tests here; each test has a customer of its own."""

from collections.abc import Iterator

import pytest

from tests.acronis.customers import Desk
from tests.acronis.running import VendorCloud, vendor_cloud


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


@pytest.fixture
def desk(cloud: VendorCloud) -> Iterator[Desk]:
    with Desk.open(cloud) as opened:
        yield opened
