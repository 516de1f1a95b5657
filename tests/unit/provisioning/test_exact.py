"""What makes a saved plan another one."""

from dataclasses import replace
from pathlib import Path

import pytest

from coffre.errors import InvalidFileError, RefusedError
from coffre.provisioning.changes import PropertyChange, ResourceChange, refuse_other_changes
from coffre.provisioning.exact import ExactPlan, list_differences, load_plans, refuse_unless_same, save_plans
from coffre.provisioning.plan import TenantPlan
from coffre.provisioning.terms.found import MachinePlan
from coffre.secrets.rotations import OWNER, PendingRotation, machine_key

WALL = ResourceChange("update", "UserQuota", "wall", (PropertyChange("max_bytes", "1", "2"),), "aa")
KEY = ResourceChange("create", "AccessKey", "owner-key", (), "bb")
PLAN = ExactPlan(
    TenantPlan("martin", (), (WALL, KEY), (MachinePlan("compta-01", "update", ("plan.paths",), "cc"),), {}),
    "0123",
    "f1",
    "f2",
)


def with_storage(*changes: ResourceChange) -> ExactPlan:
    return replace(PLAN, plan=replace(PLAN.plan, storage=changes))


def test_the_same_plan_has_no_difference() -> None:
    assert list_differences(PLAN, PLAN) == []
    refuse_unless_same(PLAN, PLAN)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (replace(PLAN, commit="4567"), "the commit"),
        (replace(PLAN, tenant_file_sha256="x"), "the tenant file"),
        (replace(PLAN, platform_file_sha256="x"), "platform.yaml"),
        (with_storage(KEY), "UserQuota wall"),
        (with_storage(WALL, KEY, replace(WALL, name="other")), "UserQuota other"),
        (with_storage(replace(WALL, operation="replace"), KEY), "UserQuota wall"),
        (with_storage(replace(WALL, inputs_sha256="x"), KEY), "UserQuota wall"),
        (replace(PLAN, plan=replace(PLAN.plan, machines=())), "agent on compta-01"),
        (
            replace(PLAN, plan=replace(PLAN.plan, machines=(replace(PLAN.plan.machines[0], inputs_sha256="x"),))),
            "agent on compta-01",
        ),
        (replace(PLAN, plan=replace(PLAN.plan, secrets_to_mint=("compta-01",))), "secrets to mint"),
    ],
)
def test_each_difference_is_named_and_refused(other: ExactPlan, said: str) -> None:
    with pytest.raises(RefusedError) as refused:
        refuse_unless_same(PLAN, other)
    assert said in refused.value.message


def test_a_key_minted_since_the_plan_is_no_difference_but_another_operation_is() -> None:
    minted = replace(KEY, inputs_sha256="minted")
    refuse_other_changes("martin", [WALL, KEY], [WALL, minted])
    with pytest.raises(RefusedError):
        refuse_other_changes("martin", [WALL, KEY], [WALL, replace(KEY, operation="delete")])


def test_plans_come_back_as_they_were_saved_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.plan"
    save_plans(path, [PLAN])
    assert load_plans(path) == (PLAN,)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "[]", '{"version": 1, "tenants": []}', '{"version": 2, "tenants": [{}]}'])
def test_rubbish_is_no_plan(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.plan").write_text(text)
    with pytest.raises(InvalidFileError):
        load_plans(tmp_path / "a.plan")


def test_a_plan_with_rotations_reads_back_the_same_and_another_key_is_a_difference(tmp_path: Path) -> None:
    compta = machine_key("compta-01")
    rotations = (PendingRotation(OWNER.secret, None, is_cut=False), PendingRotation(compta.secret, "compta-01", True))
    rotating = replace(PLAN, plan=replace(PLAN.plan, rotations=rotations))
    save_plans(tmp_path / "plan.json", [rotating])
    assert load_plans(tmp_path / "plan.json") == (rotating,)
    assert list_differences(rotating, rotating) == []
    assert list_differences(rotating, replace(PLAN, plan=replace(PLAN.plan, rotations=rotations[:1]))) == ["rotations"]
