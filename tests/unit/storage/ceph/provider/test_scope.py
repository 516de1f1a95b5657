"""Whom the provider works for: one tenant, and in an apply exactly what the Pulumi program declares."""

import asyncio
from typing import Any

import pulumi.provider.experimental.provider as protocol
import pytest
from pulumi.runtime.rpc import _special_sig_key

from coffre.errors import RefusedError
from coffre.storage.ceph import bucket_policy
from coffre.storage.ceph.api.admin import AdminBucket
from coffre.storage.ceph.layout import tenant_storage
from coffre.storage.ceph.provider.dispatch import RESOURCES
from coffre.storage.ceph.provider.resources.bucket_policy import BucketPolicy
from coffre.storage.ceph.provider.scope import TenantScope, scope_of
from coffre.storage.ceph.provider.shell import RgwProvider
from coffre.storage.platform import TenantKeys
from coffre.storage.provider.values import to_property
from coffre.storage.values import AccessKey
from tests.builders import tenant_with
from tests.unit.stacks.test_ceph import declare

OWNER = "martin-k7f3q9wz2m"
URN = "urn:pulumi:stack::project::rgw:index:{}::name"
KEY = {"access_key_id": "A" * 20, "secret_access_key": "s" * 40}


@pytest.mark.parametrize(
    ("uid", "is_its"),
    [
        (OWNER, True),
        (f"{OWNER}.compta-01", True),
        ("martin-k7f3q9wz2", False),
        (f"{OWNER}x", False),
        (f"{OWNER}.", False),
        (f"{OWNER}.compta-01.x", False),
        (f"{OWNER}.Compta", False),
        (f"{OWNER}.compta-01\n", False),
        (f"{OWNER}$x.compta-01", False),
        (f"x{OWNER}", False),
        ("", False),
    ],
)
def test_a_user_is_the_tenants_by_its_whole_name(uid: str, is_its: bool) -> None:
    assert TenantScope(OWNER).has_uid(uid) is is_its


@pytest.fixture
def lab_platform() -> Any:
    from coffre.spec.loader import load_checkout
    from tests.unit.stacks.test_ceph import REPOSITORY

    return load_checkout(REPOSITORY).settings.platforms["lab"]


def plain(value: Any) -> Any:
    """Return a value as the provider gets it: numbers, which the protocol sends as floats, whole; secrets unwrapped."""
    if isinstance(value, dict) and _special_sig_key in value:
        return value["value"]
    return int(value) if isinstance(value, float) else value


def test_what_is_declared_is_what_the_program_registers(lab_platform: Any) -> None:
    tenant = tenant_with()
    keys = TenantKeys(AccessKey("OWNER", "s1" * 8), {name: AccessKey(name, "s2" * 8) for name in tenant.machines})
    scope = scope_of(tenant_storage(tenant, lab_platform, keys))
    registered = [each for each in declare(lab_platform, keys) if each.typ in RESOURCES]
    for each in registered:
        kind = RESOURCES[each.typ]
        inputs, failures = kind.check({name: plain(value) for name, value in each.inputs.items()})
        assert not failures
        scope.refuse_undeclared(kind, inputs)
        scope.refuse_foreign(kind, inputs)
    assert scope.declared is not None
    assert len(registered) == sum(len(each) for each in scope.declared.values())


def test_a_policy_that_names_anybody_else_is_refused() -> None:
    scope = TenantScope(OWNER)
    statements = bucket_policy.statements("b-b", OWNER, f"{OWNER}.compta-01")
    scope.refuse_foreign(BucketPolicy, {"bucket": "b-b", "statements": statements})
    allow = {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::b-b"]}
    for principal in (
        "*",
        {"AWS": "*"},
        {"AWS": [bucket_policy.user_arn("other-z1z1z1z1z1")]},
        {"AWS": "arn:aws:iam:::root"},
    ):
        with pytest.raises(RefusedError, match="serves martin-k7f3q9wz2m alone"):
            scope.refuse_foreign(
                BucketPolicy, {"bucket": "b-b", "statements": statements | {"x": allow | {"Principal": principal}}}
            )


class Admin:
    """Answers that every bucket is another tenant's and every key another's; anything else is an error."""

    def find_bucket(self, name: str) -> AdminBucket:
        return AdminBucket(name, "other-z1z1z1z1z1", "i", "m", None, 0, 0)

    def find_user_of_key(self, access_key_id: str) -> Any:
        class User:
            uid = "other-z1z1z1z1z1"
            keys = (AccessKey(access_key_id, "their secret, not to be told"),)

        return User()


class Platform:
    admin = Admin()


def provider(declared: Any = None) -> RgwProvider:
    return RgwProvider({}, (Platform(), TenantScope(OWNER, declared)))


def properties(values: dict[str, Any]) -> dict[str, Any]:
    return {name: to_property(value) for name, value in values.items()}


FOREIGN = [
    ("User", {"uid": "other-z1z1z1z1z1", "display_name": "x", "max_buckets": -1}),
    ("AccessKey", {"uid": "other-z1z1z1z1z1", **KEY}),
    ("AccessKey", {"uid": f"{OWNER}x", **KEY}),
    ("UserQuota", {"uid": "other-z1z1z1z1z1", "max_bytes": 1}),
    ("Bucket", {"name": "b-b", "owner": "other-z1z1z1z1z1", "versioning": "Enabled", "tags": {}}),
    ("BucketPolicy", {"bucket": "b-b", "statements": {}}),
    ("BucketLifecycle", {"bucket": "b-b", "rules": {"all": {}}}),
    ("PublicAccessBlock", {"bucket": "b-b"}),
]


@pytest.mark.parametrize(("kind", "values"), FOREIGN)
def test_nothing_of_another_tenant_is_made_changed_deleted_or_read(kind: str, values: dict[str, Any]) -> None:
    served, urn, given = provider(), URN.format(kind), properties(values)
    resource_id = str(RESOURCES[f"rgw:index:{kind}"].identify(values))
    for call in (
        served.create(protocol.CreateRequest(urn, given, 0, preview=False)),
        served.update(protocol.UpdateRequest(urn, resource_id, given, given, 0, [], preview=False)),
        served.delete(protocol.DeleteRequest(urn, resource_id, given, 0)),
    ):
        with pytest.raises(RefusedError, match="serves martin-k7f3q9wz2m alone"):
            asyncio.run(call)
    if kind in ("AccessKey", "BucketPolicy", "BucketLifecycle", "PublicAccessBlock"):
        with pytest.raises(RefusedError, match="serves martin-k7f3q9wz2m alone"):
            asyncio.run(served.read(protocol.ReadRequest(urn, resource_id, {}, {})))


def test_a_key_that_nobody_declared_is_refused_for_the_tenants_own_owner(lab_platform: Any) -> None:
    keys = TenantKeys(AccessKey("OWNER", "s1" * 8), {})
    scope = scope_of(tenant_storage(tenant_with(machines={}), lab_platform, keys))
    served = provider(scope.declared)
    given = properties({"uid": OWNER, **KEY})
    with pytest.raises(RefusedError, match="what is declared"):
        asyncio.run(served.create(protocol.CreateRequest(URN.format("AccessKey"), given, 0, preview=False)))
    with pytest.raises(RefusedError, match="what is declared"):
        asyncio.run(served.check(protocol.CheckRequest(URN.format("AccessKey"), {}, given, None)))
