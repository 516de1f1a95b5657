"""What is written of the provider for others: its page, and the example program without Coffre."""

import ast
import runpy
import sys
from pathlib import Path
from typing import Any

import pulumi
import pytest

from coffre.storage.ceph.provider.dispatch import RESOURCES
from coffre.storage.ceph.provider.scope import TenantScope
from coffre.storage.s3 import policy
from tests.unit.storage.ceph.provider import provider_page

EXAMPLE = Path(__file__).resolve().parents[5] / "examples" / "rgw-provider"
CONFIG = {"owner": "shop", "bucket": "shop-files", "access_key_id": "SHOP1", "secret_access_key": "s" * 20}


class Secret(str):
    """What the program asked for as a secret."""


class Settings:
    """The settings of the example's stack."""

    def require(self, name: str) -> str:
        return CONFIG[name]

    def require_secret(self, name: str) -> Secret:
        return Secret(CONFIG[name])

    def get_int(self, name: str) -> int | None:
        return None


class Declared(pulumi.Resource):
    """A resource as the program declares it, and told to nobody."""

    def __init__(self, token: str, name: str, inputs: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        self.token, self.name, self.inputs, self.opts = token, name, inputs, opts


@pytest.fixture
def declared(monkeypatch):
    """Run the example without Pulumi and return what it declares, by name."""
    found: dict[str, Declared] = {}

    def declare(token: str, name: str, inputs: dict[str, Any], opts: pulumi.ResourceOptions) -> Declared:
        assert all(after in found.values() for after in opts.depends_on)
        return found.setdefault(name, Declared(token, name, inputs, opts))

    monkeypatch.setattr(pulumi, "Config", Settings)
    monkeypatch.setattr(pulumi, "CustomResource", declare)
    monkeypatch.setattr(pulumi, "export", lambda name, value: None)
    runpy.run_path(str(EXAMPLE / "__main__.py"))
    return found


def test_the_page_is_what_the_field_tables_make():
    page = provider_page.PAGE.read_text(encoding="utf-8")
    assert page == provider_page.with_tables(page)
    assert all(f"### `{token}`" in page for token in RESOURCES)


def test_the_example_uses_pulumi_and_nothing_of_coffre():
    tree = ast.parse((EXAMPLE / "__main__.py").read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} - sys.stdlib_module_names == {"pulumi"}


def test_the_example_declares_each_kind_with_inputs_that_the_provider_takes(declared):
    assert {resource.token for resource in declared.values()} == set(RESOURCES)
    scope = TenantScope(CONFIG["owner"])
    for name, resource in declared.items():
        kind = RESOURCES[resource.token]
        inputs, failures = kind.check(resource.inputs)
        assert failures == [], name
        scope.refuse_foreign(kind, inputs)
        assert [field for field in kind.fields if isinstance(inputs[field], Secret)] == [
            field for field in kind.fields if kind.fields[field].secret
        ]


def test_the_policy_of_the_example_names_users_that_it_makes_and_leaves_the_owner_in(declared):
    statements = declared["policy"].inputs["statements"]
    first = {each.name: each.inputs["uid"] for each in declared["policy"].opts.depends_on if "uid" in each.inputs}
    assert policy.list_uids(statements) == list(first.values()) == [f"{CONFIG['owner']}.reader"]
    policy.refuse_lockout(policy.document(statements), CONFIG["owner"])
