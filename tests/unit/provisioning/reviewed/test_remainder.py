"""What an interrupted apply may still do."""

from dataclasses import replace
from typing import Any

import pytest

from coffre.errors import RefusedError
from coffre.provisioning.changes import ResourceChange
from coffre.provisioning.exact import ExactPlan
from coffre.provisioning.reviewed.remainder import list_beyond, refuse_beyond
from coffre.provisioning.terms.found import OWNER, AccessSwitch, Change, ChangeKind, CopyPlan, MachinePlan
from coffre.provisioning.terms.notes import NoteKind, TenantNote
from tests.unit.provisioning.reviewed.examples import PLAN, exact

BUCKET = ResourceChange("create", "Bucket", "martin-compta-01", (), "aa")
WALL = ResourceChange("update", "UserQuota", "wall", (), "bb")
KEY = ResourceChange("create", "AccessKey", "owner", (), "cc")
INSTALL = MachinePlan("compta-01", "install", (), "dd")
REPOSITORIES = Change(ChangeKind.MAKE_REPOSITORY, ("compta-01", "caisse-01"))
PLANNED = exact(
    plan=replace(
        PLAN,
        secrets_to_mint=("caisse-01", "compta-01"),
        storage=(BUCKET, WALL, KEY),
        machines=(INSTALL, MachinePlan("caisse-01", "remove", (), "ee")),
        access=(AccessSwitch(("compta-01", "caisse-01"), "suspended"),),
        steps=(REPOSITORIES, Change(ChangeKind.WALL, (), 1, 2)),
        second_copy=CopyPlan("aws-paris", (BUCKET,)),
    )
)


def now(**parts: Any) -> ExactPlan:
    return exact(plan=replace(PLAN, **parts), stacks={"martin": "moved"}, commit="other")


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"secrets_to_mint": ("compta-01",)},
        {"storage": (WALL,)},
        {"storage": (replace(BUCKET, operation="adopt"),)},
        {"storage": (replace(BUCKET, operation="update"), replace(KEY, inputs_sha256="minted"))},
        {"machines": (replace(INSTALL, action="update"),)},
        {"machines": (MachinePlan("other", "none", ()),)},
        {"access": (AccessSwitch(("caisse-01",), "suspended"),)},
        {"steps": (replace(REPOSITORIES, machines=("caisse-01",)), Change(ChangeKind.CLOSE_GATE, ("compta-01",)))},
        {"second_copy": CopyPlan("aws-paris", (replace(BUCKET, operation="adopt"),))},
    ],
)
def test_the_rest_of_a_plan_may_be_done(parts: dict[str, Any]) -> None:
    assert list_beyond(PLANNED, now(**parts)) == []
    refuse_beyond(PLANNED, now(**parts))


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"secrets_to_mint": ("other",)}, "secrets to create for other"),
        ({"storage": (replace(BUCKET, operation="delete"),)}, "Bucket martin-compta-01"),
        ({"storage": (replace(BUCKET, inputs_sha256="x"),)}, "Bucket martin-compta-01"),
        ({"storage": (replace(WALL, operation="replace"),)}, "UserQuota wall"),
        ({"storage": (replace(WALL, name="other"),)}, "UserQuota other"),
        ({"machines": (replace(INSTALL, inputs_sha256="x"),)}, "agent on compta-01"),
        ({"machines": (replace(INSTALL, action="remove"),)}, "agent on compta-01"),
        ({"machines": (replace(INSTALL, machine="caisse-01", inputs_sha256="ee"),)}, "agent on caisse-01"),
        ({"machines": (replace(INSTALL, machine="other"),)}, "agent on other"),
        ({"access": (AccessSwitch(("compta-01",), None),)}, "access of compta-01"),
        ({"steps": (replace(REPOSITORIES, machines=("other",)),)}, "make repository"),
        ({"steps": (Change(ChangeKind.WALL, (), 1, 3),)}, "wall"),
        ({"steps": (Change(ChangeKind.DELETE_KEYS, ("compta-01",)),)}, "delete keys"),
        ({"second_copy": CopyPlan("aws-paris", (replace(BUCKET, name="x"),))}, "the second copy's Bucket x"),
    ],
)
def test_anything_more_is_refused(parts: dict[str, Any], said: str) -> None:
    assert list_beyond(PLANNED, now(**parts)) == [said]
    with pytest.raises(RefusedError, match="more than its rest would change"):
        refuse_beyond(PLANNED, now(**parts))


def test_the_agents_of_a_new_tenant_have_a_key_that_the_interrupted_apply_made() -> None:
    new = replace(PLANNED, plan=replace(PLANNED.plan, secrets_to_mint=(OWNER,)))
    assert list_beyond(new, now(machines=(replace(INSTALL, inputs_sha256="x"),))) == []
    assert list_beyond(new, now(machines=(replace(INSTALL, action="remove"),))) == ["agent on compta-01"]


def test_other_files_are_another_change_and_no_look_is_no_plan() -> None:
    other = replace(now(), tenant_file_sha256="x", platform_file_sha256="y")
    assert list_beyond(PLANNED, other) == ["the tenant file", "platform.yaml"]
    with pytest.raises(RefusedError, match="no plan is exact"):
        refuse_beyond(PLANNED, now(notes=(TenantNote(NoteKind.BUCKETS_UNREAD),)))
