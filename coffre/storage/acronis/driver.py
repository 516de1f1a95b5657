"""Acronis Cyber Protect Cloud as a kind of platform: implements the PlatformDriver."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from coffre.acronis.access import read_access
from coffre.acronis.data_center import read_data_center
from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.patience import Patience
from coffre.acronis.unverified.machines import USAGE_LAG
from coffre.acronis.values.users import Role
from coffre.spec import naming
from coffre.spec.storage_platform import AcronisPlatform, Platform
from coffre.spec.tenant import Tenant
from coffre.storage.acronis.connect import open_session
from coffre.storage.acronis.layout import tenant_layout
from coffre.storage.checking import PlatformFinding
from coffre.storage.platform import (
    Capabilities,
    HostingCompany,
    KeyOrigin,
    MediaKeeper,
    OnProgress,
    OwnRights,
    PlatformStatement,
    QuotaScope,
    TenantKeys,
)
from coffre.storage.values import AccessKey

if TYPE_CHECKING:
    from coffre.storage.acronis.declaration import AcronisDeclaration
    from coffre.storage.acronis.storage import AcronisStorage
    from coffre.storage.acronis.survey import AcronisSurvey

CAPABILITIES = Capabilities(
    hard_quota=QuotaScope.OWNER,
    keys=KeyOrigin.NONE,
    bucket_limit=0,
    has_object_lock=False,
    has_policies=False,
    has_marks=False,
    has_buckets=False,
    counts_use=True,
    wall_is_quota=True,
    suspends_owner=True,
    figure_age_hours=int(USAGE_LAG.value.total_seconds() // 3600),
)


LOOK = Patience(total_seconds=40.0)
"""How long a look at many tenants waits for one answer: with the last attempt it ends before the look at a tenant."""


class AcronisDriver:
    """Uses the account API for customers, and our own Pulumi provider for what they have."""

    capabilities = CAPABILITIES

    def load(self) -> None:
        import stacks.acronis  # noqa: F401

    def describe(self, platform: Platform) -> PlatformStatement:
        """Return the company that runs the service.

        It keeps the media where `hosting.operator` names it; else the partner hosts the storage, and its operator does.
        """
        own = _own(platform)
        is_vendors = own.hosting.operator == own.vendor.name
        return PlatformStatement(
            MediaKeeper.VENDOR if is_vendors else MediaKeeper.OPERATOR,
            account=own.partner,
            region=read_data_center(own.url).host,
            host=HostingCompany(own.vendor.name, own.vendor.country),
            portal=own.url,
            vendor_texts="acronis",
        )

    def holds_store(self, platform: Platform, root: Path, address: str, key: AccessKey) -> bool:  # noqa: ARG002
        """Return False: no S3 store can lie there."""
        return False

    def connect(self, platform: Platform, root: Path) -> "AcronisStorage":
        from coffre.storage.acronis.storage import AcronisStorage

        own = _own(platform)
        return AcronisStorage(open_session(read_access(own, root)), TenantUuid(own.partner))

    def open_survey(self, platform: Platform, root: Path) -> "AcronisSurvey":
        from coffre.storage.acronis.survey import AcronisSurvey

        own = _own(platform)
        return AcronisSurvey(open_session(read_access(own, root), LOOK), TenantUuid(own.partner))

    def open_probe(self, *_of: object) -> None:
        """Return None: the vendor answers for its service, and a page of its portal tells nothing of its storage."""

    def declare(self, tenant: Tenant, platform: Platform, root: Path, keys: TenantKeys) -> "AcronisDeclaration":  # noqa: ARG002
        from coffre.storage.acronis.declaration import AcronisDeclaration

        own = _own(platform)
        return AcronisDeclaration(naming.owner_uid(tenant), tenant_layout(tenant, own), own, root)

    def own_rights(self, platform: Platform) -> OwnRights:  # noqa: ARG002 - the same on each
        """Return the role of whoever makes the API client in the partner's own tenant: the client has that one."""
        return OwnRights(capabilities=(Role.PARTNER_ADMIN.value,))

    def estimate(self, *_of: object) -> None:
        """Return None: what the vendor bills stands in the distributor's price list."""

    def check(
        self, platform: Platform, root: Path, tenants: Sequence[Tenant], now: datetime, on_progress: OnProgress
    ) -> list[PlatformFinding]:
        from coffre.storage.acronis.checks import check_platform

        return check_platform(_own(platform), root, tenants, now, on_progress)


def _own(platform: Platform) -> AcronisPlatform:
    assert isinstance(platform, AcronisPlatform)  # noqa: S101 - its kind chose this driver
    return platform
