"""Which driver a kind of platform has. The only module outside of a kind's own room that knows of it."""

from collections.abc import Callable
from pathlib import Path

from coffre.spec.platform import Platform, PlatformKind
from coffre.storage.driver import Storage
from coffre.storage.platform import PlatformDriver


def _ceph() -> PlatformDriver:
    from coffre.storage.ceph.driver import CephDriver

    return CephDriver()


DRIVERS: dict[str, Callable[[], PlatformDriver]] = {PlatformKind.CEPH: _ceph}
"""How to get the driver of each kind; its libraries are read then and not before."""


def driver_of(platform: Platform) -> PlatformDriver:
    """Return the driver of a platform's kind."""
    return DRIVERS[platform.kind]()


def connect(platform: Platform, root: Path) -> Storage:
    """Return a platform's storage; nothing is asked of it yet. ExpectedError for settings that cannot be read."""
    return driver_of(platform).connect(platform, root)
