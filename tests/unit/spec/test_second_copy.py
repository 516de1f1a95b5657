"""`storage.copy` of a tenant file, and the tenant as the platform of its copy has it."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from coffre.agents.kinds import with_bucket
from coffre.spec.loader import load_checkout
from coffre.spec.tenant import CopiedTenant, Tenant
from tests.builders import AWS_PLATFORM, PLATFORM, machine_with, tenant_file, tenant_with

COPY = "aws-paris"
HOLD = {"reference": "TJ-1", "since": "2026-11-20", "kind": "block_access"}
RETIRED = {"on": "2026-11-01", "keep_until": "2099-12-31"}


def storage_with(**copied: Any) -> dict[str, Any]:
    return {"platform": "lab", "quota": "10 GiB", "undelete_days": 30, "copy": {"platform": COPY, **copied}}


def copy_of(tenant: Tenant) -> CopiedTenant:
    copied = tenant.copied()
    assert copied is not None
    return copied


def test_a_file_names_the_platform_of_its_copy_and_a_bandwidth(tmp_path: Path) -> None:
    (tmp_path / "tenants").mkdir()
    platforms = {**PLATFORM["platforms"], COPY: deepcopy(AWS_PLATFORM["platforms"]["lab"])}
    (tmp_path / "platform.yaml").write_text(yaml.safe_dump({**PLATFORM, "platforms": platforms}, allow_unicode=True))
    text = tenant_file(storage=storage_with(bandwidth_per_second="5 Mo"), machines={"compta-01": machine_with()})
    (tmp_path / "tenants" / "martin.yaml").write_text(text)
    wanted = load_checkout(tmp_path).tenants["martin"].storage.second_copy
    assert wanted is not None
    assert (wanted.platform, wanted.bandwidth_bytes) == (COPY, 5_000_000)


@pytest.mark.parametrize(("written", "count"), [("20 MiB", 20 << 20), ("64 KiB", 64 << 10), ("1 Go", 10**9)])
def test_a_bandwidth_is_a_size_per_second(written: str, count: int) -> None:
    wanted = tenant_with(storage=storage_with(bandwidth_per_second=written)).storage.second_copy
    assert wanted is not None
    assert wanted.bandwidth_bytes == count


def test_without_a_bandwidth_a_run_reads_twenty_mebibytes_per_second() -> None:
    wanted = tenant_with(storage=storage_with()).storage.second_copy
    assert wanted is not None
    assert wanted.bandwidth_bytes == 20 << 20


def test_a_tenant_without_a_copy_has_none_anywhere() -> None:
    tenant = tenant_with()
    assert (tenant.copied(), tenant.is_copy, tenant.copied_to) == (None, False, None)


def test_the_copy_is_the_same_tenant_on_another_platform() -> None:
    tenant = tenant_with(storage=storage_with(), hold=HOLD)
    copied = copy_of(tenant)
    assert (tenant.is_copy, tenant.copied_to, copied.is_copy, copied.copied_to) == (False, None, True, COPY)
    assert (copied.storage.platform, copied.storage.second_copy, copied.copied()) == (COPY, None, None)
    assert (copied.storage.quota_bytes, copied.storage.undelete_days) == (10 << 30, 30)
    for name in set(Tenant.model_fields) - {"storage"}:
        assert getattr(copied, name) == getattr(tenant, name), name
    assert tenant.storage.platform == "lab", "the original stays as it is"


def test_a_confidential_hold_that_counts_for_the_tenant_counts_for_its_copy() -> None:
    held = tenant_with(storage=storage_with()).model_copy(update={"hold": tenant_with(hold=HOLD).hold})
    assert copy_of(held).hold == held.hold is not None


def test_no_machine_is_active_in_a_copy_and_each_has_its_bucket() -> None:
    machines = {
        "compta-01": machine_with(),
        "vieux-pc": machine_with(retired=RETIRED),
        "autre-01": machine_with(agent="acronis"),
    }
    copied = copy_of(tenant_with(storage=storage_with(), machines=machines))
    assert copied.active_machines() == {}
    assert list(with_bucket(copied.machines)) == ["compta-01", "vieux-pc"]
