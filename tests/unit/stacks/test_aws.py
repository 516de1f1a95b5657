"""The Pulumi program of AWS under Pulumi's own mocks: every resource of a tenant, its rights, and no secret."""

import json
from collections.abc import Collection
from typing import Any

import pulumi
import pytest

from coffre.spec.storage_platform import AwsPlatform
from coffre.storage.aws.layout import StorageLayout, tenant_storage
from coffre.storage.aws.live import Found
from coffre.storage.aws.names import MACHINE_POLICY, USER_PATH
from coffre.storage.aws.policy import OWNER_ACTIONS
from coffre.storage.platform import TenantKeys
from coffre.storage.s3 import policy
from coffre.storage.values import AccessKey
from tests.builders import tenant_with
from tests.pulumi_mocks import Recorder, Resource, run_program

ACCOUNT = "123456789012"
SECRETS = ("KeyIdThatNoResourceHas", "SecretThatNoResourceHas")
MACHINE_ACTIONS = {
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:GetBucketLocation",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
}
PROTECTIONS = (
    "BucketOwnershipControls",
    "BucketPolicy",
    "BucketPublicAccessBlock",
    "BucketServerSideEncryptionConfiguration",
    "BucketVersioning",
)


def storage_of(*, retired: Collection[str] = (), hold: bool = False) -> StorageLayout:
    platform = AwsPlatform.model_validate(
        {
            "kind": "aws",
            "account": ACCOUNT,
            "region": "eu-west-3",
            "hosting": {"operator": "Amazon Web Services EMEA SARL", "site": "Paris", "country": "FR"},
        }
    )
    placed = {"hold": {"reference": "Litige 2026/114", "since": "2026-11-20", "kind": "preserve"}}
    tenant = tenant_with(**(placed if hold else {}))
    key = AccessKey(*SECRETS)
    return tenant_storage(
        tenant, platform, TenantKeys(key, {name: None if name in retired else key for name in tenant.machines})
    )


def declare(storage: StorageLayout, found: Found | None = None) -> list[Resource]:
    from stacks.aws import AwsTenantStorage

    recorder = Recorder()
    run_program(recorder, lambda: AwsTenantStorage(storage, found or Found()))
    return recorder.resources


def of_kind(resources: Collection[Resource], kind: str) -> list[Resource]:
    return [each for each in resources if each.typ.rsplit(":", 1)[-1] == kind]


def statements(resources: Collection[Resource], kind: str) -> list[dict[str, Any]]:
    return [each for one in of_kind(resources, kind) for each in json.loads(one.inputs["policy"])["Statement"]]


CASES = pytest.mark.parametrize(
    ("retired", "hold"), [((), False), (("caisse-01",), False), ((), True)], ids=["both", "one retired", "hold"]
)


@CASES
def test_the_whole_graph(retired: Collection[str], hold: bool) -> None:
    kinds = sorted(each.typ.rsplit(":", 1)[-1] for each in declare(storage_of(retired=retired, hold=hold)))
    assert kinds == sorted(
        ["AwsTenantStorage", "aws", "User"]
        + ["User", "UserPolicy"] * (2 - len(retired))
        + ["Bucket", *PROTECTIONS] * 2
        + ["BucketLifecycleConfiguration"] * (0 if hold else 2)
    )


@CASES
def test_nobody_is_allowed_more_than_the_lists(retired: Collection[str], hold: bool) -> None:
    storage = storage_of(retired=retired, hold=hold)
    resources = declare(storage)
    arns = {f"arn:aws:iam::{ACCOUNT}:user{USER_PATH}{storage.owner}"}
    for statement in statements(resources, "BucketPolicy"):
        if statement["Effect"] == "Allow":
            assert set(statement["Principal"]["AWS"]) == arns
            assert set(statement["Action"]) <= set(OWNER_ACTIONS)
            assert "NotAction" not in statement
    for statement in statements(resources, "UserPolicy"):
        assert statement["Effect"] == "Allow"
        assert set(statement["Action"]) <= MACHINE_ACTIONS
        assert statement["Condition"] == {"StringEquals": {"s3:ResourceAccount": ACCOUNT}}
    assert "*" not in {action for each in statements(resources, "UserPolicy") for action in each["Action"]}


@CASES
def test_every_bucket_has_every_protection(retired: Collection[str], hold: bool) -> None:
    storage = storage_of(retired=retired, hold=hold)
    resources = declare(storage)
    buckets = sorted(machine.bucket for machine in storage.machines)
    for kind in PROTECTIONS:
        assert sorted(each.inputs["bucket"] for each in of_kind(resources, kind)) == buckets, kind
    for block in of_kind(resources, "BucketPublicAccessBlock"):
        assert [value for value in block.inputs.values() if isinstance(value, bool)] == [True] * 4
    for each in of_kind(resources, "BucketVersioning"):
        assert each.inputs["versioningConfiguration"]["status"] == "Enabled"
    for each in of_kind(resources, "BucketOwnershipControls"):
        assert each.inputs["rule"]["objectOwnership"] == "BucketOwnerEnforced"
    for each in of_kind(resources, "BucketServerSideEncryptionConfiguration"):
        assert "AES256" in json.dumps(each.inputs["rules"])
    for each in of_kind(resources, "Bucket"):
        assert each.inputs["forceDestroy"] is False


@CASES
def test_users_and_buckets_have_the_tenants_tags_and_users_their_path(retired: Collection[str], hold: bool) -> None:
    storage = storage_of(retired=retired, hold=hold)
    resources = declare(storage)
    for each in (*of_kind(resources, "Bucket"), *of_kind(resources, "User")):
        assert each.inputs["tags"] == storage.tags
    assert {each.inputs["path"] for each in of_kind(resources, "User")} == {USER_PATH}
    assert {each.inputs["name"] for each in of_kind(resources, "UserPolicy")} <= {MACHINE_POLICY}


@CASES
def test_no_secret_is_in_the_graph(retired: Collection[str], hold: bool) -> None:
    graph = [(each.typ, each.name, each.inputs) for each in declare(storage_of(retired=retired, hold=hold))]
    text = json.dumps(graph, default=str)
    assert not [secret for secret in SECRETS if secret in text]
    assert pulumi.runtime.rpc._special_secret_sig not in text
    assert "AccessKey" not in text


def test_the_provider_takes_one_account_and_skips_no_check() -> None:
    (provider,) = of_kind(declare(storage_of()), "aws")
    assert json.loads(provider.inputs["allowedAccountIds"]) == [ACCOUNT]
    assert provider.inputs["region"] == "eu-west-3"
    skips = {name for name, value in provider.inputs.items() if name.startswith("skip") and value != "false"}
    assert skips <= {"skipRegionValidation"}, "only what the SDK itself sets: the program does not know new regions"


def test_a_closed_gate_is_in_the_policy_that_pulumi_writes() -> None:
    storage = storage_of()
    machine = storage.machines[0]
    gate = {policy.GATE_SID: policy.gate_statement(machine.bucket, str(machine.user))}
    found = Found(switches={machine.bucket: gate})
    written = {
        each.inputs["bucket"]: each.inputs["policy"] for each in of_kind(declare(storage, found), "BucketPolicy")
    }
    assert policy.has_switch(json.loads(written[machine.bucket]), policy.GATE_SID)
    assert not any(
        policy.has_switch(json.loads(text), policy.GATE_SID) for name, text in written.items() if name != machine.bucket
    )
