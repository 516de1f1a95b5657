"""What makes a plan one that destroys."""

from dataclasses import replace
from typing import Any

import pytest

from coffre.provisioning.changes import ResourceChange
from coffre.provisioning.plan import TenantPlan
from coffre.provisioning.reviewed.destruction import Destruction, find_destruction
from coffre.provisioning.terms.found import AccessSwitch, Change, ChangeKind, CopyPlan, MachinePlan
from coffre.provisioning.terms.notes import NoteKind, TenantNote
from tests.unit.provisioning.reviewed.examples import PLAN

STEPS_THAT_DESTROY = {
    ChangeKind.EXPIRE_SOONER: Destruction.EARLIER_VERSIONS,
    ChangeKind.EXPIRE_AGAIN: Destruction.EARLIER_VERSIONS,
    ChangeKind.BEGIN_ANEW: Destruction.HISTORY,
    ChangeKind.DELETE_KEYS: Destruction.RESOURCES,
    ChangeKind.REPLACE_KEYS: Destruction.RESOURCES,
}


def resource(operation: str) -> ResourceChange:
    return ResourceChange(operation, "Bucket", "martin-compta-01")


@pytest.mark.parametrize("operation", ["create", "adopt", "update", "replace", "delete"])
def test_a_resource_that_goes_destroys_on_either_platform(operation: str) -> None:
    expected = (Destruction.RESOURCES,) if operation in ("replace", "delete") else ()
    assert find_destruction(replace(PLAN, storage=(resource(operation),)), is_weaker=False) == expected
    copied = CopyPlan("aws-paris", (resource(operation),))
    assert find_destruction(replace(PLAN, second_copy=copied), is_weaker=False) == expected


@pytest.mark.parametrize("kind", list(ChangeKind))
def test_each_step_either_destroys_or_does_not(kind: ChangeKind) -> None:
    expected = (STEPS_THAT_DESTROY[kind],) if kind in STEPS_THAT_DESTROY else ()
    assert find_destruction(replace(PLAN, steps=(Change(kind, ("compta-01",)),)), is_weaker=False) == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({}, ()),
        ({"machines": (MachinePlan("compta-01", "remove", ()),)}, (Destruction.MACHINES,)),
        ({"machines": tuple(MachinePlan("m", action, ()) for action in ("install", "update", "none"))}, ()),
        ({"access": (AccessSwitch(("compta-01",), "suspended"),)}, (Destruction.SERVICE,)),
        ({"access": (AccessSwitch(("compta-01",), None),)}, ()),
        ({"notes": (TenantNote(NoteKind.LEAVING),)}, (Destruction.LEAVING,)),
        ({"notes": (TenantNote(NoteKind.SUSPENDED),)}, ()),
    ],
)
def test_machines_access_and_departures(parts: dict[str, Any], expected: tuple[Destruction, ...]) -> None:
    plan: TenantPlan = replace(PLAN, **parts)
    assert find_destruction(plan, is_weaker=False) == expected
    assert find_destruction(plan, is_weaker=True) == (*expected, Destruction.PROTECTION)
