"""Settings that protect less than before are seen in the files that were applied."""

from typing import Any

import pytest

from coffre.spec.tenant import Tenant
from coffre.supervision.judge.attacks.weakening import list_weakened
from tests.builders import machine_with, tenant_with

COMPTA = "compta-01"
PLAN = {
    "paths": ["/home", "/srv"],
    "exclude": ["*.iso", "!/home/keep.iso"],
    "schedule": ["Mon..Fri 12:30", "daily 19:00"],
    "keep": {"daily": 30, "weekly": 12},
}


def tenant(storage: dict[str, Any] | None = None, machine: dict[str, Any] | None = None, **plan: Any) -> Tenant:
    place = {"platform": "lab", "quota": "10 GiB", "undelete_days": 30, **(storage or {})}
    plans = {"office": {**PLAN, **plan}, "short": {**PLAN, "keep": {"daily": 7}}}
    return tenant_with(storage=place, plans=plans, machines={COMPTA: machine_with(**(machine or {}))})


@pytest.mark.parametrize(
    ("after", "weakened"),
    [
        (tenant(), []),
        (tenant(keep={"daily": 7, "weekly": 12}), ["plan.keep"]),
        (tenant(keep={"daily": 90}), []),
        (tenant(keep={"daily": 30, "weekly": 12, "yearly": 3}), []),
        (tenant(keep={"daily": 30}), ["plan.keep"]),
        (tenant(paths=["/home"]), ["plan.paths"]),
        (tenant(paths=["/home", "/srv", "/opt"]), []),
        (tenant(exclude=["*.iso", "!/home/keep.iso", "*.pst"]), ["plan.exclude"]),
        (tenant(exclude=["*.iso"]), ["plan.exclude"]),
        (tenant(exclude=[]), ["plan.exclude"]),
        (tenant(schedule=["Mon 12:30"]), ["plan.schedule"]),
        (tenant(baits=False), ["plan.baits"]),
        (tenant({"undelete_days": 7}), ["storage.undelete_days"]),
        (tenant(machine={"plan": "short"}), ["plan.keep"]),
        (tenant(machine={"retired": {"on": "2026-11-01", "keep_until": "2027-03-31"}}), []),
    ],
)
def test_what_protects_less_is_named(after: Tenant, weakened: list[str]) -> None:
    assert list_weakened(tenant(), after, COMPTA) == weakened


def test_a_second_copy_that_goes_is_named_and_one_that_comes_is_not() -> None:
    with_copy = tenant({"copy": {"platform": "there"}})
    assert list_weakened(with_copy, tenant(), COMPTA) == ["storage.copy"]
    assert list_weakened(tenant(), with_copy, COMPTA) == []
