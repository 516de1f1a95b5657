"""The Pulumi program under Pulumi's own mocks: which resources, in which order, and nothing secret in clear."""

import ast
import runpy
from functools import partial
from pathlib import Path
from typing import Any

import pulumi
import pytest

from coffre.storage.ceph.layout import tenant_storage
from coffre.storage.platform import TenantKeys
from coffre.storage.values import AccessKey
from tests.builders import tenant_with
from tests.pulumi_mocks import Recorder, Resource, run_program

REPOSITORY = Path(__file__).resolve().parents[3]


def declare(lab_platform: Any, keys: TenantKeys | None = None) -> list[Resource]:
    from stacks.ceph import CephTenantStorage

    recorder = Recorder()
    tenant = tenant_with()
    keys = keys or TenantKeys(AccessKey("OWNER", "s1"), {name: AccessKey(name, "s2") for name in tenant.machines})
    run_program(recorder, lambda: CephTenantStorage(tenant_storage(tenant, lab_platform, keys)))
    return recorder.resources


@pytest.fixture
def lab_platform() -> Any:
    from coffre.spec.loader import load_checkout

    return load_checkout(REPOSITORY).settings.platforms["lab"]


def test_a_tenant_of_two_machines_is_these_resources(lab_platform: Any) -> None:
    kinds = sorted(resource.typ.rsplit(":", 1)[-1] for resource in declare(lab_platform))
    assert kinds == sorted(
        ["CephTenantStorage", "UserQuota"]
        + ["User", "AccessKey"] * 3
        + ["Bucket", "BucketPolicy", "BucketLifecycle", "PublicAccessBlock"] * 2
    )


def test_machines_may_own_no_bucket(lab_platform: Any) -> None:
    users = {r.inputs["uid"]: r.inputs for r in declare(lab_platform) if r.typ == "rgw:index:User"}
    assert users["martin-k7f3q9wz2m.compta-01"]["max_buckets"] == -1
    assert users["martin-k7f3q9wz2m"]["max_buckets"] > 0


def test_the_program_sees_storage_agents_kinds_and_spec_only() -> None:
    for path in (REPOSITORY / "stacks").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                if name.startswith("coffre"):
                    assert name.startswith(("coffre.storage", "coffre.spec", "coffre.agents.kinds")), (
                        f"{path.name} imports {name}"
                    )


@pytest.mark.parametrize(("is_preview", "expected"), [(True, None), (False, "only previews")])
def test_the_program_of_a_persons_preview_refuses_to_be_part_of_an_update(
    is_preview: bool, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()
    monkeypatch.setattr(pulumi, "get_root_directory", lambda: str(REPOSITORY))

    def program() -> None:
        runpy.run_module("stacks", run_name="__main__")

    run = partial(run_program, recorder, program, stack="boulangerie-martin", preview=is_preview)

    if expected is not None:
        with pytest.raises(pulumi.RunError, match=expected):
            run()
        assert recorder.resources == []
        return
    run()
    assert "boulangerie-martin-k7f3q9wz2m.compta-01" in [resource.name for resource in recorder.resources]
