"""Maps a kind of platform to its driver. No other module outside a kind's own package knows it."""

from collections.abc import Callable
from pathlib import Path

from coffre.spec.storage_platform import Platform, PlatformKind
from coffre.storage.driver import Storage
from coffre.storage.platform import PlatformDriver


def _ceph() -> PlatformDriver:
    from coffre.storage.ceph.driver import CephDriver

    return CephDriver()


def _aws() -> PlatformDriver:
    from coffre.storage.aws.driver import AwsDriver

    return AwsDriver()


def _acronis() -> PlatformDriver:
    from coffre.storage.acronis.driver import AcronisDriver

    return AcronisDriver()


DRIVERS: dict[str, Callable[[], PlatformDriver]] = {
    PlatformKind.CEPH: _ceph,
    PlatformKind.AWS: _aws,
    PlatformKind.ACRONIS: _acronis,
}
"""Loads the driver of each kind; its libraries are only imported then."""


def driver_of(platform: Platform) -> PlatformDriver:
    """Return the driver of a platform's kind."""
    return DRIVERS[platform.kind]()


def connect(platform: Platform, root: Path) -> Storage:
    """Return a platform's storage, without a request to it. ExpectedError for unreadable settings."""
    return driver_of(platform).connect(platform, root)
