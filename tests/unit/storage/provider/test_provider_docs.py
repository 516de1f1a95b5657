"""What is written of the providers for others: their page, and the example programs without Coffre."""

import ast
import sys

import pytest

from coffre.acronis.identifiers import TenantUuid
from coffre.storage.acronis.provider.scope import CustomerScope
from coffre.storage.ceph.provider.scope import TenantScope
from coffre.storage.s3 import policy
from tests.unit.storage.provider import provider_page
from tests.unit.storage.provider.examples import EXAMPLES, Secret, run_example
from tests.unit.storage.provider.lawful import ACRONIS, PARTNER, RGW

CONFIG = {
    "rgw": {"owner": "shop", "bucket": "shop-files", "access_key_id": "SHOP1", "secret_access_key": "s" * 20},
    "acronis": {
        "partner": PARTNER,
        "customer": "try:shop",
        "name": "Example shop",
        "email": "shop@example.com",
        "storage": "Partner cloud",
    },
}
SCOPES = {"rgw": TenantScope("shop"), "acronis": CustomerScope(TenantUuid(PARTNER), "try:shop")}
PACKAGES = pytest.mark.parametrize("package", [RGW, ACRONIS], ids=lambda package: package.name)


def test_the_page_is_what_the_field_tables_make():
    page = provider_page.PAGE.read_text(encoding="utf-8")
    assert page == provider_page.with_tables(page)
    assert all(f"# `{token}`" in page for package in (RGW, ACRONIS) for token in package.resources)


@PACKAGES
def test_an_example_uses_pulumi_and_nothing_of_coffre(package):
    program = EXAMPLES / f"{package.name}-provider" / "__main__.py"
    tree = ast.parse(program.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} - sys.stdlib_module_names == {"pulumi"}


@PACKAGES
def test_an_example_declares_each_kind_with_inputs_that_the_provider_takes(package, monkeypatch):
    declared = run_example(f"{package.name}-provider", CONFIG[package.name], monkeypatch)
    assert {resource.token for resource in declared.values()} == set(package.resources)
    for name, resource in declared.items():
        kind = package.resources[resource.token]
        inputs, failures = kind.check(resource.inputs)
        assert failures == [], name
        SCOPES[package.name].refuse_foreign(kind, inputs)
        assert [field for field in kind.fields if isinstance(inputs[field], Secret)] == [
            field for field in kind.fields if kind.fields[field].secret
        ]


def test_the_policy_of_the_example_names_users_that_it_makes_and_leaves_the_owner_in(monkeypatch):
    declared = run_example("rgw-provider", CONFIG["rgw"], monkeypatch)
    statements = declared["policy"].inputs["statements"]
    first = {each.name: each.inputs["uid"] for each in declared["policy"].opts.depends_on if "uid" in each.inputs}
    assert policy.list_uids(statements) == list(first.values()) == ["shop.reader"]
    policy.refuse_lockout(policy.document(statements), "shop")
