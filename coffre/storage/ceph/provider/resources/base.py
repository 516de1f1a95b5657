"""What every resource on RGW has in common."""

from coffre.storage.ceph.provider.platform import RgwPlatform
from coffre.storage.provider.resource import Resource


class RgwResource(Resource[RgwPlatform]):
    """A resource of one RGW; ``written`` is the input that names the user or bucket whose record RGW rewrites."""
