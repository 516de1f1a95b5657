"""One stand-in for the vendor's cloud for all tests here; each test has a customer of its own."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from coffre.acronis.identifiers import TenantUuid
from coffre.spec.storage_platform import AcronisPlatform
from coffre.storage.acronis.connect import open_session
from coffre.storage.acronis.storage import AcronisStorage
from tests.acronis.customers import QUICK, Desk, access_of
from tests.acronis.platforms import platform_of
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


@pytest.fixture
def platform(cloud: VendorCloud, tmp_path: Path) -> AcronisPlatform:
    """The platform of platform.yaml behind which the stand-in is."""
    return platform_of(cloud, tmp_path)


@pytest.fixture
def storage(platform: AcronisPlatform, cloud: VendorCloud) -> Iterator[AcronisStorage]:
    session = open_session(access_of(cloud), QUICK)
    with closing(AcronisStorage(session, TenantUuid(platform.partner))) as opened:
        yield opened
