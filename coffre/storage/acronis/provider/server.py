"""The console script `pulumi-resource-acronis`."""

from coffre.storage.acronis.provider.shell import AcronisProvider
from coffre.storage.provider.server import run


def main() -> None:
    """Serve until Pulumi ends the provider."""
    run(AcronisProvider)
