"""Ceph RGW as a kind of platform: implements the PlatformDriver."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from coffre.spec.storage_platform import CephPlatform, Platform
from coffre.spec.tenant import Tenant
from coffre.storage.ceph.connect import connect, read_admin_key, read_endpoint
from coffre.storage.ceph.declaration import CephDeclaration
from coffre.storage.ceph.layout import tenant_storage
from coffre.storage.ceph.storage import CephStorage
from coffre.storage.checking import PlatformFinding
from coffre.storage.platform import (
    Capabilities,
    KeyOrigin,
    OnProgress,
    OwnRights,
    PlatformStatement,
    QuotaScope,
    TenantKeys,
)
from coffre.storage.values import AccessKey

if TYPE_CHECKING:
    from coffre.storage.ceph.probe import CephProbe
    from coffre.storage.ceph.survey import CephSurvey

CAPABILITIES = Capabilities(
    hard_quota=QuotaScope.OWNER,
    keys=KeyOrigin.CHOSEN,
    bucket_limit=None,
    has_object_lock=True,
    has_policies=True,
)


class CephDriver:
    """Uses the Admin Ops API for users, S3 for buckets, and our own Pulumi provider for resources."""

    capabilities = CAPABILITIES

    def load(self) -> None:
        import coffre.storage.ceph.provider.dispatch
        import coffre.storage.ceph.provider.shell
        import coffre.storage.serving  # noqa: F401
        import stacks.ceph  # noqa: F401
        from coffre.storage.s3 import client

        client.load()

    def describe(self, platform: Platform) -> PlatformStatement:  # noqa: ARG002 - platform.yaml's hosting says it all
        return PlatformStatement()

    def holds_store(self, platform: Platform, root: Path, address: str, key: AccessKey) -> bool:  # noqa: ARG002
        own = read_endpoint(_own(platform), root).url
        return urlsplit(own).netloc.lower() == urlsplit(address).netloc.lower()

    def connect(self, platform: Platform, root: Path) -> CephStorage:
        return connect(_own(platform), root)

    def open_survey(self, platform: Platform, root: Path) -> "CephSurvey":
        from coffre.storage.ceph.survey import CephSurvey

        own = _own(platform)
        return CephSurvey(read_endpoint(own, root), read_admin_key(own, root))

    def open_probe(self, platform: Platform, root: Path) -> "CephProbe":
        from coffre.storage.ceph.api.admin import AdminClient
        from coffre.storage.ceph.probe import CephProbe

        endpoint = read_endpoint(_own(platform), root)
        return CephProbe(endpoint, AdminClient(endpoint, read_admin_key(_own(platform), root)))

    def declare(self, tenant: Tenant, platform: Platform, root: Path, keys: TenantKeys) -> CephDeclaration:
        return CephDeclaration(tenant_storage(tenant, platform, keys), _own(platform), root)

    def own_rights(self, platform: Platform) -> OwnRights:  # noqa: ARG002 - the same on each
        from coffre.storage.ceph.checks.judge_cluster import NEEDED

        return OwnRights(capabilities=tuple(f"{kind}={right}" for kind, right in NEEDED.items()))

    def estimate(self, *_of: object) -> None:
        """Return None: nobody bills a cluster of one's own by use."""

    def check(
        self, platform: Platform, root: Path, tenants: Sequence[Tenant], now: datetime, on_progress: OnProgress
    ) -> list[PlatformFinding]:
        from coffre.storage.ceph.checks.check import check_platform

        return check_platform(_own(platform), root, tenants, now, on_progress)


def _own(platform: Platform) -> CephPlatform:
    assert isinstance(platform, CephPlatform)  # noqa: S101 - its kind chose this driver
    return platform
