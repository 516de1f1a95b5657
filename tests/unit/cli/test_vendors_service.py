"""Commands for a tenant with a vendor's agent: what has no meaning there says so, and what to do instead."""

import json
import os
from pathlib import Path

import pytest

from tests.builders import tenant_file
from tests.kept_tenants import write_checkout
from tests.prepared_command import Run, prepared_command
from tests.vendor_tenants import PLATFORMS, list_machines, mixed_fields, vendors_fields


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_checkout(tmp_path, PLATFORMS)
    machines = list_machines({"poste-01": "acronis", "poste-02": "acronis"}, "roux.example")
    whole = tenant_file(id="q2w3e4r5t6", **vendors_fields(machines=machines))
    (tmp_path / "tenants" / "martin.yaml").write_text(tenant_file(**mixed_fields()), encoding="utf-8")
    (tmp_path / "tenants" / "roux.yaml").write_text(whole, encoding="utf-8")
    return tmp_path


def run(root: Path, *arguments: str) -> Run:
    return prepared_command().run(arguments, cwd=root, environment=os.environ, seconds=60)


def test_the_service_level_of_a_vendor_is_its_own(root: Path) -> None:
    every = run(root, "sla", "--year", "2026").stdout
    assert "lab, 2026 until" in every
    assert "editor, 2026: its service level is its editor's own, and no part of the 99.7 %" in every
    mixed = json.loads(run(root, "sla", "--tenant", "martin", "--json").stdout)
    assert [(each["platform"], each["is_editors"]) for each in mixed] == [("lab", False), ("editor", True)]
    whole = json.loads(run(root, "sla", "--tenant", "roux", "--json").stdout)
    assert [each["platform"] for each in whole] == ["editor"]
