"""Amazon S3 as a kind of platform: implements the PlatformDriver."""

import os
from collections.abc import Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from coffre.errors import ExpectedError
from coffre.spec.storage_platform import AwsPlatform, Platform
from coffre.spec.tenant import Tenant
from coffre.storage.aws.layout import tenant_storage
from coffre.storage.aws.own_rights import own_policy
from coffre.storage.aws.prices import estimate
from coffre.storage.checking import PlatformFinding
from coffre.storage.costs import CostEstimate, NoPrices
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
    from coffre.storage.aws.declaration import AwsDeclaration
    from coffre.storage.aws.storage import AwsStorage
    from coffre.storage.aws.survey import AwsSurvey

CAPABILITIES = Capabilities(
    hard_quota=QuotaScope.NONE,
    keys=KeyOrigin.GIVEN,
    bucket_limit=10_000,  # of an account, unless AWS grants more
    has_object_lock=True,
    has_policies=True,
    has_marks=False,
)

AMAZON = HostingCompany("Amazon Web Services EMEA SARL", "LU")
"""The company with which European customers of AWS contract."""


class AwsDriver:
    """Uses IAM for users, S3 for buckets, and Pulumi's AWS provider for resources."""

    capabilities = CAPABILITIES

    def load(self) -> None:
        import coffre.storage.aws.declaration
        import coffre.storage.aws.storage  # noqa: F401
        from coffre.storage.s3 import client

        client.load()

    def describe(self, platform: Platform) -> PlatformStatement:
        own = _own(platform)
        return PlatformStatement(MediaKeeper.AMAZON, account=own.account, region=own.region, host=AMAZON)

    def holds_store(self, platform: Platform, root: Path, address: str, key: AccessKey) -> bool:
        from coffre.storage.aws.session import is_amazon, read_account

        own = _own(platform)
        return is_amazon(address, os.environ) and read_account(own, root, key) == own.account

    def connect(self, platform: Platform, root: Path) -> "AwsStorage":
        from coffre.storage.aws.connect import connect

        return connect(_own(platform), root)

    def open_survey(self, platform: Platform, root: Path) -> "AwsSurvey":
        from coffre.storage.aws.session import AwsSession
        from coffre.storage.aws.survey import AwsSurvey

        return AwsSurvey(AwsSession(_own(platform), root))

    def open_probe(self, *_of: object) -> None:
        """Return None: Amazon measures S3 itself, and each probe would be billed."""

    def declare(self, tenant: Tenant, platform: Platform, root: Path, keys: TenantKeys) -> "AwsDeclaration":
        from coffre.storage.aws.declaration import AwsDeclaration

        own = _own(platform)
        _refuse_without_sdk()
        return AwsDeclaration(tenant_storage(tenant, own, keys), own, root)

    def own_rights(self, platform: Platform) -> OwnRights:
        own = _own(platform)
        return OwnRights(own_policy(own.account, own.region))

    def estimate(self, tenant: Tenant, platform: Platform, verify_days: int) -> CostEstimate | NoPrices:
        return estimate(tenant, _own(platform).region, verify_days)

    def check(
        self, platform: Platform, root: Path, tenants: Sequence[Tenant], now: datetime, on_progress: OnProgress
    ) -> Sequence[PlatformFinding]:
        from coffre.storage.aws.checks.check import check_platform

        return check_platform(_own(platform), root, tenants, now, on_progress)


def _refuse_without_sdk() -> None:
    """Refuse to declare a stack where the resources of AWS are not installed: they are an extra of Coffre."""
    if find_spec("pulumi_aws") is None:
        raise ExpectedError(
            "Coffre is installed here without the resources of AWS (the Python package pulumi-aws)",
            "Install it with its extra: pip install 'coffre[aws]'.",
        )


def _own(platform: Platform) -> AwsPlatform:
    assert isinstance(platform, AwsPlatform)  # noqa: S101 - its kind chose this driver
    return platform
