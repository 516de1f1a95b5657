"""A kind of platform for tests that creates the access keys and has no wall: its stack has neither keys nor quota."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pulumi

from coffre.agents.kinds import with_bucket
from coffre.spec import naming
from coffre.spec.storage_platform import Platform
from coffre.spec.tenant import Tenant
from coffre.storage.checking import PlatformFinding
from coffre.storage.platform import (
    PLACEHOLDER,
    Capabilities,
    KeyOrigin,
    MediaKeeper,
    OnProgress,
    PlatformStatement,
    QuotaScope,
    RecordedResource,
    SecretOf,
    Survey,
    TenantKeys,
)
from coffre.storage.s3 import lifecycle
from coffre.storage.survey import ResourceDrift
from coffre.storage.values import TENANT_ID_TAG
from tests.doubles.storage import MemoryPlatform


class GivenKeysDriver:
    """The kind of that platform; implements PlatformDriver."""

    capabilities = Capabilities(
        QuotaScope.NONE, KeyOrigin.GIVEN, None, has_object_lock=False, has_policies=False, has_marks=False
    )

    def __init__(self, platform: MemoryPlatform) -> None:
        self._platform = platform

    def open_survey(self, platform: Platform, root: Path) -> Survey:
        raise AssertionError("nobody looks for drift here")

    def open_probe(self, *_of: object) -> None:
        return None

    def load(self) -> None:
        raise AssertionError("nobody applies many tenants here")

    def describe(self, platform: Platform) -> PlatformStatement:
        return PlatformStatement(MediaKeeper.AMAZON)

    def connect(self, platform: Platform, root: Path) -> MemoryPlatform:
        return self._platform

    def declare(self, tenant: Tenant, platform: Platform, root: Path, keys: TenantKeys) -> "GivenKeysDeclaration":
        assert {keys.owner, *keys.machines.values()} <= {PLACEHOLDER, None}, "a key of the platform is in no stack"
        return GivenKeysDeclaration(tenant, frozenset(name for name, key in keys.machines.items() if key is not None))

    def estimate(self, tenant: Tenant, platform: Platform, verify_days: int) -> None:
        """Return no estimate: nobody bills by use."""

    def check(
        self, platform: Platform, root: Path, tenants: Sequence[Tenant], now: datetime, on_progress: OnProgress
    ) -> list[PlatformFinding]:
        return []


@dataclass(frozen=True)
class GivenKeysDeclaration:
    """A tenant's users and buckets, for InMemoryStack; implements Declaration. ``users`` are machines with a user."""

    tenant: Tenant
    users: frozenset[str]
    digest: str = ""

    def program(self) -> None:
        owner = naming.owner_uid(self.tenant)
        made = _declare("User", owner, {"uid": owner})
        for machine in with_bucket(self.tenant.machines):
            name = naming.bucket_name(self.tenant.slug, self.tenant.id, machine, is_copy=self.tenant.is_copy)
            if machine in self.users:
                uid = naming.machine_uid(self.tenant, machine)
                made = _declare("User", uid, {"uid": uid}, made)
            bucket = {"name": name, "owner": owner, "tags": {TENANT_ID_TAG: self.tenant.id}}
            made = _declare("Bucket", name, bucket, made)
            made = _declare("BucketPolicy", f"{name}-policy", {"bucket": name, "has_user": machine in self.users}, made)
            if self.tenant.hold is None:
                rules = lifecycle.rules(self.tenant.storage.undelete_days)
                made = _declare("BucketLifecycle", f"{name}-lifecycle", {"bucket": name, "rules": rules}, made)

    def program_without_keys(self) -> None:
        self.program()

    def find_drift(self, resources: Sequence[RecordedResource], secret_of: SecretOf) -> Sequence[ResourceDrift]:
        raise AssertionError("the stack in memory compares by itself")

    def is_recorded(self, resources: Sequence[RecordedResource], secret_of: SecretOf) -> None:
        return None

    def prepare(self) -> None:
        """Nothing to prepare."""

    def served(self, address: Path, *, takes_unequal: bool) -> AbstractContextManager[None]:
        return nullcontext()


def _declare(
    kind: str, name: str, inputs: Mapping[str, object], after: pulumi.Resource | None = None
) -> pulumi.Resource:
    """Declare a resource that is made after another one: Pulumi makes independent ones in any order."""
    options = pulumi.ResourceOptions(depends_on=[] if after is None else [after])
    return pulumi.CustomResource(f"given:index:{kind}", name, dict(inputs), options)
