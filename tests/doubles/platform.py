"""A kind of platform for tests: in memory, saved in a file between commands, its resources by a small Pulumi provider.

In platform.yaml it uses the name `kind: ceph`, the only kind that files may name.
"""

import atexit
import hashlib
import json
import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
import pulumi.provider.experimental.provider as protocol
from pulumi.provider.experimental.property_value import PropertyValue

from coffre.spec import naming
from coffre.spec.quota import wall_bytes
from coffre.spec.storage_platform import Platform
from coffre.spec.tenant import Tenant
from coffre.storage.checking import PlatformFinding
from coffre.storage.platform import (
    Capabilities,
    KeyOrigin,
    OnProgress,
    OwnRights,
    PlatformStatement,
    QuotaScope,
    RecordedResource,
    SecretOf,
    Survey,
    TenantKeys,
)
from coffre.storage.serving import served
from coffre.storage.survey import Part, ResourceDrift
from coffre.storage.values import AccessKey
from tests.doubles.storage import MemoryPlatform

USER, BUCKET = "memory:index:User", "memory:index:Bucket"


@cache
def open_platform(file: Path) -> MemoryPlatform:
    """Return the platform as the last command left it; its state is saved at the end of this command."""
    platform: MemoryPlatform = pickle.loads(file.read_bytes()) if file.exists() else MemoryPlatform()  # noqa: S301
    platform.now = datetime.now(UTC)
    atexit.register(lambda: file.write_bytes(pickle.dumps(platform)))
    return platform


class MemoryDriver:
    """The kind of that platform; implements PlatformDriver."""

    capabilities = Capabilities(QuotaScope.OWNER, KeyOrigin.CHOSEN, None, has_object_lock=False, has_policies=False)

    def __init__(self, file: Path) -> None:
        self._file = file

    def connect(self, platform: Platform, root: Path) -> MemoryPlatform:
        return open_platform(self._file)

    def declare(self, tenant: Tenant, platform: Platform, root: Path, keys: TenantKeys) -> "MemoryDeclaration":
        owner = naming.owner_uid(tenant)
        wall = wall_bytes(tenant.storage.quota_bytes, platform)
        users = {owner: _user(owner, keys.owner, wall)}
        buckets = {}
        for machine, key in keys.machines.items():
            if key is not None:
                uid = naming.machine_uid(tenant, machine)
                users[uid] = _user(uid, key, None)
            name = naming.bucket_name(tenant.slug, tenant.id, machine)
            buckets[name] = {
                "name": name,
                "owner": owner,
                "tenant_id": tenant.id,
                "undelete_days": None if tenant.hold is not None else tenant.storage.undelete_days,
            }
        return MemoryDeclaration(open_platform(self._file), users, buckets)

    def open_survey(self, platform: Platform, root: Path) -> Survey:
        raise AssertionError("nobody looks for drift here")

    def open_probe(self, *_of: object) -> None:
        return None

    def load(self) -> None:
        raise AssertionError("nobody applies many tenants here")

    def describe(self, platform: Platform) -> PlatformStatement:
        return PlatformStatement()

    def own_rights(self, platform: Platform) -> OwnRights:
        return OwnRights()

    def estimate(self, *_of: object) -> None:
        return None

    def check(
        self, platform: Platform, root: Path, tenants: Sequence[Tenant], now: datetime, on_progress: OnProgress
    ) -> list[PlatformFinding]:
        return []


def _user(uid: str, key: AccessKey, wall: int | None) -> dict[str, Any]:
    return {"uid": uid, "key_id": key.access_key_id, "secret": key.secret_access_key, "wall_bytes": wall}


@dataclass(frozen=True)
class MemoryDeclaration:
    """A tenant's users and buckets; implements Declaration."""

    platform: MemoryPlatform
    users: Mapping[str, Mapping[str, Any]]
    buckets: Mapping[str, Mapping[str, Any]]

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps([self.users, self.buckets], sort_keys=True).encode()).hexdigest()

    def program(self) -> None:
        for uid, user in self.users.items():
            pulumi.CustomResource(USER, uid, {**user, "secret": pulumi.Output.secret(user["secret"])})
        for name, bucket in self.buckets.items():
            pulumi.CustomResource(BUCKET, name, dict(bucket))

    def program_without_keys(self) -> None:
        raise NotImplementedError("nobody looks at this platform with a plain Pulumi")

    def find_drift(self, resources: Sequence[RecordedResource], secret_of: SecretOf) -> Sequence[ResourceDrift]:
        return [ResourceDrift(Part.OTHER, each.name) for each in resources if not self._is_there(each)]

    def beside(self, resources: Sequence[RecordedResource]) -> "MemoryDeclaration":
        return self

    def plugin_terms(self, environment: Mapping[str, str]) -> None:
        return None

    def is_recorded(self, resources: Sequence[RecordedResource], secret_of: SecretOf) -> None:
        return None

    def prepare(self) -> None:
        """Nothing to prepare."""

    @contextmanager
    def served(self, address: Path, *, takes_unequal: bool) -> Iterator["MemoryProvider"]:
        provider = MemoryProvider(self.platform)
        with served(provider, address):
            yield provider

    def _is_there(self, resource: RecordedResource) -> bool:
        if resource.token == USER:
            return resource.resource_id in self.platform.list_users(resource.resource_id)
        return resource.token != BUCKET or self.platform.find_bucket(resource.resource_id) is not None


class MemoryProvider(protocol.Provider):
    """Creates users and buckets; implements Provider."""

    package = "memory"

    def __init__(self, platform: MemoryPlatform) -> None:
        self.adopted: set[str] = set()
        self._platform = platform

    async def get_schema(self, request: protocol.GetSchemaRequest) -> protocol.GetSchemaResponse:
        return protocol.GetSchemaResponse(json.dumps({"name": self.package, "version": "1.0.0"}))

    async def check_config(self, request: protocol.CheckRequest) -> protocol.CheckResponse:
        return protocol.CheckResponse(inputs=request.new_inputs)

    async def check(self, request: protocol.CheckRequest) -> protocol.CheckResponse:
        return protocol.CheckResponse(inputs=request.new_inputs)

    async def diff(self, request: protocol.DiffRequest) -> protocol.DiffResponse:
        old, new = _plain(request.old_state), _plain(request.new_inputs)
        changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
        details = {name: protocol.PropertyDiff(protocol.PropertyDiffKind.UPDATE, input_diff=False) for name in changed}
        return protocol.DiffResponse(changes=bool(changed), diffs=changed, detailed_diff=details)

    async def create(self, request: protocol.CreateRequest) -> protocol.CreateResponse:
        values = _plain(request.properties)
        name = str(values.get("uid") or values["name"])
        if not request.preview:
            self._put(values)
        return protocol.CreateResponse(name, dict(request.properties))

    async def read(self, request: protocol.ReadRequest) -> protocol.ReadResponse:
        return protocol.ReadResponse(request.resource_id, dict(request.properties), dict(request.inputs))

    async def update(self, request: protocol.UpdateRequest) -> protocol.UpdateResponse:
        if not request.preview:
            self._put(_plain(request.news))
        return protocol.UpdateResponse(dict(request.news))

    async def delete(self, request: protocol.DeleteRequest) -> None:
        self._platform.delete_user(request.resource_id)

    def _put(self, values: Mapping[str, Any]) -> None:
        if "uid" in values:
            wall, uid = values.get("wall_bytes"), values["uid"]
            if uid not in self._platform.list_users(uid):
                self._platform.make_user(uid, AccessKey(values["key_id"], values["secret"]))
            self._platform.set_wall(uid, None if wall is None else int(wall))
        elif self._platform.find_bucket(values["name"]) is None:
            self._platform.make_bucket(
                values["name"], values["owner"], values["tenant_id"], int(values["undelete_days"])
            )


def _plain(values: Mapping[str, PropertyValue]) -> dict[str, Any]:
    return {name: value.value for name, value in values.items() if value.value is not None}
