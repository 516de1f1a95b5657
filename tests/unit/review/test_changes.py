"""Every difference between two versions of a tenant file is told once, and weaker protection is marked."""

from typing import Any

import pytest

from coffre.review.changes import ChangeKind, FileChange, compare
from coffre.spec.tenant import Tenant
from tests.builders import machine_with
from tests.unit.review.examples import (
    EXAMPLES,
    LEAVING,
    PLAN,
    RETIRED,
    Example,
    contract,
    machine,
    plan,
    ssh,
    storage,
    tenant,
)

TENANTS = [each for example in EXAMPLES for each in (example.before, example.after) if each is not None]
OFTEN_WEAKER = {
    ChangeKind.MACHINE_MOVED,
    ChangeKind.HOLD,
    ChangeKind.UNDELETE_DAYS,
    ChangeKind.SECOND_COPY,
    ChangeKind.OPTION,
    ChangeKind.MACHINE_RETIRED,
    ChangeKind.MACHINE_PLAN,
    ChangeKind.PATHS,
    ChangeKind.EXCLUDES,
    ChangeKind.SCHEDULE,
    ChangeKind.KEEP,
    ChangeKind.BAITS,
    ChangeKind.DRILLS,
}
ALWAYS_WEAKER = {ChangeKind.TENANT_GONE, ChangeKind.MACHINE_GONE, ChangeKind.MACHINE_RENAMED}


def only(before: Tenant, after: Tenant) -> FileChange:
    (found,) = compare(before, after)
    return found


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.kind.value)
def test_a_change_of_one_thing_is_one_change_of_its_kind(example: Example) -> None:
    found = compare(example.before, example.after)
    if example.kind is not ChangeKind.TENANT_ADDED:
        assert {each.kind for each in found} == {example.kind}
    assert (found[0].kind, found[0].subject) == (example.kind, example.subject)
    assert any(each.is_weaker for each in found) is example.is_weaker


def test_every_kind_has_its_example() -> None:
    assert {each.kind for each in EXAMPLES} == set(ChangeKind)
    weaker = {each.kind for each in EXAMPLES if each.is_weaker}
    assert weaker == OFTEN_WEAKER - {ChangeKind.MACHINE_PLAN} | ALWAYS_WEAKER
    assert {each.kind for each in EXAMPLES if not each.is_weaker} == set(ChangeKind) - ALWAYS_WEAKER


def test_a_version_differs_from_any_other_one_and_not_from_itself() -> None:
    """Whatever an engineer changes of a file is in the review: none of it passes unseen."""
    for one in TENANTS:
        assert compare(one, one.model_copy(deep=True)) == ()
        for other in (TENANTS[0], *TENANTS[::17]):
            assert (compare(one, other) == ()) is (one == other)


def test_no_file_on_either_side_is_no_change() -> None:
    assert compare(None, None) == ()


def test_a_new_tenant_brings_everything_that_it_sells_and_its_machines() -> None:
    after = tenant(options=["restore"], licences={"workstation": 2, "server": 0})
    assert compare(None, after) == (
        FileChange(ChangeKind.TENANT_ADDED, None, None, "Boulangerie Martin SARL"),
        FileChange(ChangeKind.QUOTA, None, None, 10 << 30),
        FileChange(ChangeKind.LICENCES, "workstation", None, 2),
        FileChange(ChangeKind.LICENCES, "server", None, 0),
        FileChange(ChangeKind.OPTION, None, None, "restore"),
        FileChange(ChangeKind.MACHINE_ADDED, "compta-01", None, "office"),
        FileChange(ChangeKind.MACHINE_ADDED, "caisse-01", None, "office"),
    )


def test_a_licence_count_of_zero_is_no_licence() -> None:
    assert compare(tenant(licences={"workstation": 2, "server": 0}), tenant(licences={"workstation": 2})) == ()


def test_values_are_in_the_unit_of_their_kind() -> None:
    assert only(tenant(), storage(quota="11 GiB")) == FileChange(ChangeKind.QUOTA, None, 10 << 30, 11 << 30)
    assert only(plan(), plan(paths=["/home", "/srv"])) == FileChange(
        ChangeKind.PATHS, "office", ("/etc",), ("/srv",), is_weaker=True
    )
    assert only(plan(), plan(keep={"daily": 30})) == FileChange(
        ChangeKind.KEEP, "office", ("daily: 30", "weekly: 12"), ("daily: 30",), is_weaker=True
    )
    assert only(tenant(), contract(amendments=[{"reference": "AV-1", "signed_on": "2027-02-01"}])) == FileChange(
        ChangeKind.AMENDMENT, None, None, "AV-1 (2027-02-01)"
    )
    assert only(machine(), machine(retired=RETIRED)) == FileChange(
        ChangeKind.MACHINE_RETIRED, "compta-01", None, "2027-03-31"
    )


def test_an_amendment_with_another_day_is_taken_out_and_added() -> None:
    """A day of signature that moves is no new order, and it is not hidden either."""
    was, now = ({"reference": "AV-1", "signed_on": day} for day in ("2027-02-01", "2027-01-01"))
    found = compare(contract(amendments=[was]), contract(amendments=[now]))
    assert {(each.before, each.after) for each in found} == {
        (None, "AV-1 (2027-01-01)"),
        ("AV-1 (2027-02-01)", None),
    }


@pytest.mark.parametrize(
    ("changes", "is_weaker"),
    [
        ({}, False),
        ({"paths": ["/home"]}, True),
        ({"paths": ["/home", "/etc", "/srv"]}, False),
        ({"exclude": ["*.iso", "*.doc"]}, True),
        ({"exclude": []}, False),
        ({"schedule": ["Mon 12:30"]}, True),
        ({"schedule": ["daily 12:30"]}, False),
        ({"keep": {"daily": 7, "weekly": 12}}, True),
        ({"keep": {"daily": 60, "weekly": 12}}, False),
    ],
)
def test_a_machine_with_a_weaker_plan_is_less_protected(changes: dict[str, Any], is_weaker: bool) -> None:
    """Otherwise a second plan would hide what the change of the first one shows."""
    plans = {"office": PLAN, "other": {**PLAN, **changes}}
    one = {"compta-01": machine_with()}
    other = {"compta-01": machine_with(plan="other")}
    before, after = (tenant(machines=each, plans=plans) for each in (one, other))
    assert only(before, after) == FileChange(ChangeKind.MACHINE_PLAN, "compta-01", "office", "other", is_weaker)
    arriving = [each for each in compare(tenant(machines=one), after) if each.kind is ChangeKind.MACHINE_PLAN]
    assert [each.is_weaker for each in arriving] == [is_weaker]


def test_a_connection_that_changes_shows_what_changes() -> None:
    """The same host with another account or port is not the same before and after."""
    before = machine(connection=ssh("h.example"))
    for changes in ({"user": "admin"}, {"port": 2222}, {"become": True}, {"credential": "spare"}):
        found = only(before, machine(connection=ssh("h.example", **changes)))
        assert found.kind is ChangeKind.MACHINE_CONNECTION
        assert found.before != found.after


def test_a_departure_that_changes_shows_each_field_that_does() -> None:
    """Another person who approves is seen, and not two times the same day."""
    leaving = tenant(leaving=LEAVING)
    other = tenant(leaving={**LEAVING, "approved_by": "clara@smileo.example"})
    assert only(leaving, other) == FileChange(
        ChangeKind.LEAVING, None, ("approved_by: boris@smileo.example",), ("approved_by: clara@smileo.example",)
    )
    begun = only(tenant(), leaving)
    assert begun.before is None
    assert isinstance(begun.after, tuple)
    assert {"ends_on: 2027-01-02", "choice: erase"} <= set(begun.after)


def test_of_machines_at_one_address_one_is_renamed_and_the_others_are_gone() -> None:
    shared = machine_with(connection=ssh("nat.example"))
    found = compare(
        tenant(machines={"one-01": shared, "two-01": shared, "kept-01": shared}),
        tenant(machines={"new-01": shared, "kept-01": shared}),
    )
    assert [(each.kind, each.subject) for each in found] == [
        (ChangeKind.MACHINE_RENAMED, "new-01"),
        (ChangeKind.MACHINE_GONE, "one-01"),
    ]


def test_machines_that_only_fetch_their_orders_are_never_at_one_address() -> None:
    pulling = machine_with(connection={"via": "pull"})
    found = compare(tenant(machines={"one-01": pulling}), tenant(machines={"two-01": pulling}))
    assert [each.kind for each in found] == [ChangeKind.MACHINE_ADDED, ChangeKind.MACHINE_GONE]
