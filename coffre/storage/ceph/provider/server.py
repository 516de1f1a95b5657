"""The console script `pulumi-resource-rgw`."""

from coffre.storage.ceph.provider.shell import RgwProvider
from coffre.storage.provider.server import run


def main() -> None:
    """Serve until Pulumi ends the provider."""
    run(RgwProvider)
