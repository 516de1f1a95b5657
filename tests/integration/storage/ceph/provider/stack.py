"""Stacks of the provider for RGW."""

from pathlib import Path

from coffre.storage.ceph.provider.environment import write_environment
from tests.integration.storage.stack import PackageStack
from tests.integration.storage.world import World


class RealStack(PackageStack):
    """A stack for one owner of the lab's RGW."""

    def __init__(self, folder: Path, world: World, name: str, owner: str, **environment: str) -> None:
        told = write_environment(world.endpoint, world.admin_key, owner)
        super().__init__(folder, name, "rgw", {**told, **environment})
