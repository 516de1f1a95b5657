"""The program of a person's plain `pulumi preview`: which tenant, and on which of its platforms, a stack is."""

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from coffre.spec.loader import load_checkout
from coffre.spec.storage_platform import PlatformKind
from coffre.spec.tenant import Tenant
from coffre.storage import kinds
from coffre.storage.platform import PLACEHOLDER, TenantKeys
from tests.doubles.two_homes import CAISSE, COMPTA, HERE, THERE, WITHOUT_COPY, TwoHomes, open_two_homes
from tests.doubles.workshop import open_mixed_workshop


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TwoHomes:
    return open_two_homes(tmp_path, monkeypatch)


def preview(homes: TwoHomes, stack: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Tenant, TenantKeys]:
    declared: list[tuple[Tenant, TenantKeys]] = []

    def declare(tenant: Tenant, platform: Any, root: Path, keys: TenantKeys) -> Any:
        assert platform == homes.checkout.settings.platforms[tenant.storage.platform]
        declared.append((tenant, keys))
        return SimpleNamespace(program_without_keys=lambda: None)

    for kind in PlatformKind:
        monkeypatch.setitem(kinds.DRIVERS, kind, lambda: SimpleNamespace(declare=declare))
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    monkeypatch.setattr(pulumi, "get_root_directory", lambda: str(homes.root))
    monkeypatch.setattr(pulumi, "get_stack", lambda: stack)
    runpy.run_module("stacks.__main__")
    [found] = declared
    return found


def test_the_stack_of_a_tenant_is_its_own_storage(homes: TwoHomes, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant, keys = preview(homes, "martin", monkeypatch)
    assert (tenant.is_copy, tenant.storage.platform) == (False, HERE)
    assert keys == TenantKeys(PLACEHOLDER, {COMPTA: PLACEHOLDER, CAISSE: PLACEHOLDER})


def test_the_stack_of_a_copy_is_its_storage_without_machines(homes: TwoHomes, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant, keys = preview(homes, "martin_copy", monkeypatch)
    assert (tenant.is_copy, tenant.storage.platform) == (True, THERE)
    assert keys == TenantKeys(PLACEHOLDER, {COMPTA: None, CAISSE: None})


@pytest.mark.parametrize(("stack", "platform", "quota_gib"), [("martin", "lab", 6), ("martin_part", "vendor", 4)])
def test_the_stack_of_a_part_is_its_share_of_the_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: str, platform: str, quota_gib: int
) -> None:
    root = open_mixed_workshop(tmp_path, monkeypatch).root
    mixed: Any = SimpleNamespace(root=root, checkout=load_checkout(root))
    tenant, _ = preview(mixed, stack, monkeypatch)
    assert (tenant.storage.platform, tenant.storage.quota_bytes) == (platform, quota_gib << 30)


@pytest.mark.parametrize(
    ("stack", "said"),
    [
        ("durand", "tenants/durand.yaml does not exist"),
        ("durand_copy", "tenants/durand.yaml does not exist"),
        ("martin_copy", "tenants/martin.yaml names no copy"),
        ("martin_part", "tenants/martin.yaml names no part on another platform"),
    ],
)
def test_a_stack_without_its_text_is_refused(
    homes: TwoHomes, monkeypatch: pytest.MonkeyPatch, stack: str, said: str
) -> None:
    homes.write_file(WITHOUT_COPY)
    with pytest.raises(pulumi.RunError, match=said):
        preview(homes, stack, monkeypatch)
