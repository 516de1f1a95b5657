"""The rights of Coffre itself on AWS: the table names what the code calls, and the policy follows from it."""

import ast
import importlib.util
from functools import cache
from pathlib import Path

import botocore.session
import moto
import pytest
from botocore import xform_name

from coffre.storage.aws import own_rights
from coffre.storage.aws.names import AwsPrincipals, programs_bucket
from coffre.storage.aws.own_rights import MAX_POLICY_LENGTH, OPERATIONS, RESOURCES, Scope, list_actions, own_policy
from coffre.storage.aws.policy import OWNER_ACTIONS
from coffre.storage.s3 import policy
from tests.policy_evaluator import Decision, Request, evaluate

ROOT = Path(__file__).resolve().parents[4]
SERVICES = ("cloudwatch", "iam", "s3", "s3control", "service-quotas", "sts")
ACCOUNT, REGION = "123456789012", "eu-west-3"
COFFRE = f"arn:aws:iam::{ACCOUNT}:user/coffre-admin"


@cache
def operations_of_aws() -> frozenset[str]:
    session = botocore.session.get_session()
    models = [session.get_service_model(service) for service in SERVICES]
    return frozenset(xform_name(name) for model in models for name in model.operation_names)


def list_calls(source: str) -> set[str]:
    """Return the operations of AWS that a source calls: as a method, or by name, as paginators want it. Pure."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found & operations_of_aws()


def list_resources(source: str) -> set[str]:
    """Return the resources of pulumi_aws that a stack declares, like ``s3.Bucket``. Pure."""
    tree = ast.parse(source)
    aliases = {
        (each.asname or each.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for each in node.names
        if each.name == "pulumi_aws"
    }
    modules = {
        (each.asname or each.name): each.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "pulumi_aws"
        for each in node.names
    }
    found = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = node.func.value
        if isinstance(owner, ast.Attribute) and isinstance(owner.value, ast.Name) and owner.value.id in aliases:
            found.add(f"{owner.attr}.{node.func.attr}")
        elif isinstance(owner, ast.Name) and owner.id in modules:
            found.add(f"{modules[owner.id]}.{node.func.attr}")
    return {name for name in found if not name.endswith("Args")}


def test_calls_are_found_in_a_source():
    source = (
        "def f(self, client):\n  self._iam.create_user(UserName='x')\n  client.get_paginator('list_users')\n  f.other()"
    )
    assert list_calls(source) == {"create_user", "list_users"}


def test_resources_are_found_in_a_stack():
    source = (
        "import pulumi_aws as aws\nfrom pulumi_aws import iam\naws.s3.Bucket('x')\niam.User('y')\niam.Other.get('z')"
    )
    assert list_resources(source) == {"s3.Bucket", "iam.User"}
    assert list_resources("import pulumi_aws as aws\naws.s3.BucketVersioning('x', aws.s3.BucketVersioningArgs())") == {
        "s3.BucketVersioning"
    }


def list_sources(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / "coffre" / "storage" / folder).rglob("*.py") if path.stem != "own_rights")


SOURCES = [*list_sources("aws"), *list_sources("s3")]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_call_of_the_code_has_its_rights_in_the_table(path):
    assert list_calls(path.read_text()) - set(OPERATIONS) == set()


def test_the_table_has_nothing_that_the_code_does_not_call():
    called = {call for path in SOURCES for call in list_calls(path.read_text())}
    declared = {name for path in (ROOT / "stacks").glob("*.py") for name in list_resources(path.read_text())}
    assert set(OPERATIONS) - called == set()
    assert set(RESOURCES) - declared == set()


@pytest.mark.parametrize("path", sorted((ROOT / "stacks").glob("*.py")), ids=lambda path: path.stem)
def test_every_resource_of_a_stack_has_its_rights_in_the_table(path):
    assert list_resources(path.read_text()) - set(RESOURCES) == set()


def test_every_operation_of_the_table_is_one_of_aws():
    assert set(OPERATIONS) - operations_of_aws() == set()


def test_every_action_is_one_of_iams():
    """IAM's own actions are its operations; moto carries AWS's managed policies, which name those of the others."""
    policies = (Path(moto.__file__).parent / "iam" / "aws_managed_policies.py").read_text()
    iam = botocore.session.get_session().get_service_model("iam").operation_names
    known = {f"iam:{operation}" for operation in iam}
    actions = {action for scope in Scope for action in list_actions(scope)}
    assert [action for action in sorted(actions - known) if f'"{action}"' not in policies] == []


def test_every_resource_of_the_table_is_one_of_pulumis():
    package = importlib.util.find_spec("pulumi_aws")
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).parent
    for name in RESOURCES:
        module, resource = name.split(".")
        assert f"'{resource}'" in "".join(each.read_text() for each in (folder / module).glob("*.py")), name


def test_what_is_done_with_a_tenants_key_is_what_its_buckets_policy_allows():
    assert set(list_actions(Scope.TENANT)) - set(OWNER_ACTIONS) == set()


def test_the_policy_fits_into_one_managed_policy():
    assert len(policy.render(own_policy(ACCOUNT, "ap-southeast-99"))) <= MAX_POLICY_LENGTH


def test_nothing_is_allowed_by_a_pattern_of_actions_and_no_right_over_the_account_changes_anything():
    statements = policy.by_sid(own_policy(ACCOUNT, REGION))
    allowed = [action for each in statements.values() if each["Effect"] == "Allow" for action in each["Action"]]
    assert not [action for action in allowed if "*" in action]
    verbs = ("Get", "List")
    assert not [action for action in statements[Scope.ACCOUNT]["Action"] if not action.split(":")[1].startswith(verbs)]


def decide(action, resource, bucket_policy=None, account=ACCOUNT, region=REGION):
    request = Request(COFFRE, action, resource, account, region=region)
    return evaluate(request, bucket_policy or {}, [own_policy(ACCOUNT, REGION)])


OBJECT, PROGRAM = "arn:aws:s3:::acme-pc-0123456789/restic/config", f"arn:aws:s3:::{programs_bucket(ACCOUNT, REGION)}/x"


OBJECT_ACTIONS = ["s3:GetObject", "s3:GetObjectVersion", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject",
                  "s3:PutObjectRetention"]  # fmt: skip


@pytest.mark.parametrize("action", OBJECT_ACTIONS)
def test_coffre_itself_reads_and_deletes_no_object_of_a_customer_even_where_a_buckets_policy_lets_everybody(action):
    opened = policy.document({"Open": {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}})
    assert decide(action, OBJECT) is Decision.DENIED
    assert decide(action, OBJECT, opened) is Decision.DENIED


def test_coffre_itself_bypasses_no_lock():
    assert decide("s3:BypassGovernanceRetention", OBJECT) is Decision.NOT_ALLOWED


def test_coffre_itself_works_in_its_own_account_and_on_its_own_users_alone():
    bucket, user = OBJECT.split("/")[0], AwsPrincipals(ACCOUNT).arn("acme-k7f3q9wz2m.pc")
    assert decide("s3:PutBucketPolicy", bucket) is Decision.ALLOWED
    assert decide("s3:PutBucketPolicy", bucket, account="210987654321") is Decision.NOT_ALLOWED
    assert decide("iam:CreateAccessKey", user) is Decision.ALLOWED
    assert decide("iam:CreateAccessKey", COFFRE) is Decision.NOT_ALLOWED
    assert decide("iam:PutUserPolicy", f"arn:aws:iam::{ACCOUNT}:user/admin") is Decision.NOT_ALLOWED
    assert decide("iam:AttachUserPolicy", user) is Decision.NOT_ALLOWED
    assert decide("s3:PutObject", PROGRAM) is Decision.ALLOWED
    assert decide("s3:DeleteObject", PROGRAM) is Decision.NOT_ALLOWED


@pytest.mark.parametrize("action", ["s3:CreateBucket", "s3:PutBucketPolicy", "s3:DeleteBucket"])
def test_buckets_are_made_and_changed_in_the_platforms_region_alone(action):
    bucket = OBJECT.split("/")[0]
    assert decide(action, bucket) is Decision.ALLOWED
    assert decide(action, bucket, region="eu-central-1") is Decision.NOT_ALLOWED


def test_an_unknown_operation_is_told(monkeypatch: pytest.MonkeyPatch):
    shorter = {name: rights for name, rights in OPERATIONS.items() if name != "create_access_key"}
    monkeypatch.setattr(own_rights, "OPERATIONS", shorter)
    assert list_calls("c.create_access_key()") - set(own_rights.OPERATIONS) == {"create_access_key"}
    assert "iam:CreateAccessKey" not in list_actions(Scope.USERS)
