"""Nothing is deleted because text disappeared, and nothing is minted over what was lost."""

from dataclasses import replace
from datetime import date

import pytest

from coffre.errors import RefusedError
from coffre.provisioning.rules import (
    RepositoryRemains,
    judge_escrow,
    refuse_changed_agents,
    refuse_lost_repository,
    refuse_lost_secrets,
    refuse_orphan_stacks,
    refuse_terms_ahead,
    refuse_unsupported,
    refuse_vanished_machines,
)
from coffre.spec import naming
from coffre.spec.naming import bucket_name
from coffre.tenant.estate.buckets import ExistingBuckets
from tests.builders import machine_with, tenant_with
from tests.vendor_tenants import vendors_tenant

TENANT = tenant_with()
COMPTA, CAISSE = (bucket_name(TENANT.slug, TENANT.id, name) for name in ("compta-01", "caisse-01"))


def test_a_stack_without_its_file_is_refused_with_the_way_back() -> None:
    refuse_orphan_stacks(["martin"], {"martin": TENANT})
    with pytest.raises(RefusedError, match=r"tenants/durand\.yaml is gone but its storage still exists") as refused:
        refuse_orphan_stacks(["martin", "durand"], {"martin": TENANT})
    assert "status: leaving" in refused.value.hint


def test_the_stack_of_a_copy_belongs_to_the_file_of_its_tenant() -> None:
    refuse_orphan_stacks(["martin", "martin_copy"], {"martin": TENANT})
    with pytest.raises(RefusedError, match=r"tenants/durand\.yaml is gone") as refused:
        refuse_orphan_stacks(["durand", "durand_copy"], {"martin": TENANT})
    assert "also:" not in refused.value.message


def test_the_buckets_of_a_copy_are_expected_there_and_no_others() -> None:
    storage = {"platform": "lab", "quota": "10 GiB", "copy": {"platform": "there"}}
    copied = tenant_with(storage=storage).copied()
    assert copied is not None
    there = [bucket_name(copied.slug, copied.id, name, is_copy=True) for name in copied.machines]
    refuse_vanished_machines(copied, there, [])
    with pytest.raises(RefusedError, match="belongs to this tenant, but no machine of the file has it"):
        refuse_vanished_machines(copied, [COMPTA], [])
    refuse_lost_secrets(copied, there, [])  # no machine of a copy has a password of its own
    with pytest.raises(RefusedError, match="its secret bundles are not on this computer"):
        refuse_lost_secrets(copied, there, None)


def test_a_machine_gone_from_the_file_is_refused_while_its_bucket_exists() -> None:
    refuse_vanished_machines(TENANT, [COMPTA, CAISSE], ["compta-01", "caisse-01"])
    smaller = tenant_with(machines={"compta-01": machine_with()})
    with pytest.raises(RefusedError, match="machine caisse-01 is no longer in the file") as refused:
        refuse_vanished_machines(smaller, [COMPTA, CAISSE], ["compta-01", "caisse-01"])
    assert "retired:" in refused.value.hint


def test_a_bucket_that_no_machine_explains_is_refused() -> None:
    with pytest.raises(RefusedError, match="bucket unknown belongs to this tenant"):
        refuse_vanished_machines(TENANT, [COMPTA, "unknown"], ["compta-01"])


def test_no_password_is_minted_for_a_repository_whose_password_is_lost() -> None:
    refuse_lost_secrets(TENANT, None, None)
    refuse_lost_secrets(TENANT, [COMPTA], ["compta-01"])
    with pytest.raises(RefusedError, match="its secret bundles are not on this computer"):
        refuse_lost_secrets(TENANT, [COMPTA], None)
    with pytest.raises(RefusedError, match="martin/caisse-01 has a bucket, but its repository password"):
        refuse_lost_secrets(TENANT, [COMPTA, CAISSE], ["compta-01"])


@pytest.mark.parametrize(
    ("remains", "renews", "said"),
    [
        (RepositoryRemains(has_config=False, has_keys=False, has_backups=False, known_snapshots=0), False, None),
        # An initialisation that was cut off.
        (RepositoryRemains(has_config=False, has_keys=True, has_backups=False, known_snapshots=0), False, None),
        (
            RepositoryRemains(has_config=False, has_keys=False, has_backups=False, known_snapshots=3),
            False,
            "held 3 snapshots",
        ),
        (RepositoryRemains(has_config=False, has_keys=False, has_backups=False, known_snapshots=3), True, None),
        (
            RepositoryRemains(has_config=False, has_keys=True, has_backups=True, known_snapshots=0),
            True,
            "bucket has backups",
        ),
        (
            RepositoryRemains(has_config=True, has_keys=False, has_backups=False, known_snapshots=0),
            True,
            "has no keys any more",
        ),
    ],
)
def test_no_repository_is_made_where_one_was(remains: RepositoryRemains, renews: bool, said: str | None) -> None:
    if said is None:
        return refuse_lost_repository("martin", "compta-01", remains, renews=renews)
    with pytest.raises(RefusedError, match=said) as caught:
        refuse_lost_repository("martin", "compta-01", remains, renews=renews)
    assert "coffre undelete martin --machine compta-01" in caught.value.hint
    return None


def test_an_escrow_beside_the_secrets_is_for_the_lab_only() -> None:
    assert judge_escrow(is_apart=True, is_lab=False) == ""
    assert "same disk" in judge_escrow(is_apart=False, is_lab=True)
    with pytest.raises(RefusedError, match="same file system"):
        judge_escrow(is_apart=False, is_lab=False)


def test_terms_are_not_accepted_in_advance() -> None:
    refuse_terms_ahead(TENANT, date(2026, 11, 2))
    refuse_terms_ahead(vendors_tenant(), date(2026, 11, 3))
    with pytest.raises(RefusedError, match=r"terms_accepted_on is 2026-11-03, and today is 2026-11-02"):
        refuse_terms_ahead(vendors_tenant(), date(2026, 11, 2))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"os": "windows"}, "`via: ssh` with `os: windows`"),
        ({"os": "windows", "agent": "acronis"}, "`via: ssh` with `os: windows`"),
    ],
)
def test_what_is_not_carried_out_yet_is_refused_by_name(changes: dict[str, object], said: str) -> None:
    refuse_unsupported(TENANT)
    plans = {
        "office": {
            "paths": {"linux": ["/home"], "windows": ["C:\\Users"]},
            "schedule": ["daily 19:00"],
            "keep": {"daily": 3},
        }
    }
    tenant = tenant_with(plans=plans, machines={"compta-01": machine_with(**changes)})
    with pytest.raises(RefusedError, match=r"machine compta-01: .* is not supported yet") as refused:
        refuse_unsupported(tenant)
    assert said in refused.value.message


@pytest.mark.parametrize(
    ("system", "connection"),
    [
        ("windows", {"via": "winrm", "host": "pc.martin.example", "user": "admin", "credential": "pc"}),
        ("macos", {"via": "ssh", "host": "mac.martin.example", "user": "root"}),
    ],
)
def test_windows_by_winrm_and_macs_by_ssh_are_carried_out(system: str, connection: dict[str, str]) -> None:
    paths = {"linux": ["/home"], "windows": ["C:\\Users"], "macos": ["/Users"]}
    plans = {"office": {"paths": paths, "schedule": ["daily 19:00"], "keep": {"daily": 3}}}
    machines = {"compta-01": machine_with(os=system, connection=connection)}
    refuse_unsupported(tenant_with(plans=plans, machines=machines))


def test_a_machine_with_a_bucket_keeps_its_agent_until_it_can_be_moved() -> None:
    tenant = tenant_with(machines={"compta-01": machine_with(agent="acronis")})
    existing = ExistingBuckets(tenant.slug, tenant.id, frozenset())
    refuse_changed_agents(tenant, existing)
    standing = frozenset({naming.bucket_name(tenant.slug, tenant.id, "compta-01")})
    refuse_changed_agents(TENANT, replace(existing, names=standing))
    with pytest.raises(
        RefusedError, match="compta-01 has backups in its bucket, but `agent: acronis` stores none there"
    ):
        refuse_changed_agents(tenant, replace(existing, names=standing))
