"""What forbids a change, each with the way out, and the case just beside it that passes."""

from collections.abc import Collection
from typing import Any

import pytest

from coffre.review.changes import compare
from coffre.review.guards import (
    Authorship,
    Guard,
    GuardKind,
    LiveUse,
    judge_file,
    judge_moves,
    judge_platform,
    judge_use,
)
from coffre.spec.tenant import Tenant
from tests.builders import machine_with
from tests.unit.review.examples import (
    CONTRACT,
    HOLD,
    LEAVING,
    RETIRED,
    SIGNED,
    machine,
    ssh,
    storage,
    tenant,
)

GIB = 1 << 30
ORDERED = {**CONTRACT, "amendments": [SIGNED]}
REORDERED = {**CONTRACT, "reference": "BC-2027-0001"}
NOBODY = Authorship()


def judge(before: Tenant | None, after: Tenant | None, authorship: Authorship = NOBODY) -> list[Guard]:
    return judge_file(before, after, compare(before, after), authorship)


def use(used: int, reserve: int = GIB, deployed: Collection[str] = ()) -> LiveUse:
    return LiveUse(used, reserve, deployed)


def judge_live(before: Tenant, after: Tenant, found: LiveUse) -> list[Guard]:
    return judge_use(after, compare(before, after), found)


SOLD: list[tuple[str, dict[str, Any]]] = [
    ("quota", {"storage": {"platform": "lab", "quota": "11 GiB"}}),
    ("quota", {"storage": {"platform": "lab", "quota": "9 GiB"}}),
    ("licences", {"licences": {"workstation": 3}}),
    ("licences", {"licences": {"workstation": 2, "server": 1}}),
    ("option", {"options": ["restore"]}),
]


@pytest.mark.parametrize(("kind", "changes"), SOLD)
def test_what_is_sold_changes_by_an_order(kind: str, changes: dict[str, Any]) -> None:
    lacking = [Guard(GuardKind.AMENDMENT_LACKING, None, {"changed": (kind,)})]
    assert judge(tenant(), tenant(**changes)) == lacking
    # An order that the base names already sold something else, and one taken away sells nothing.
    assert judge(tenant(contract=ORDERED), tenant(contract=ORDERED, **changes)) == lacking
    assert judge(tenant(contract=ORDERED), tenant(**changes)) == lacking
    moved = {**ORDERED, "amendments": [{**SIGNED, "signed_on": "2027-02-02"}]}
    assert judge(tenant(contract=ORDERED), tenant(contract=moved, **changes)) == lacking
    for order in (ORDERED, REORDERED):
        assert judge(tenant(), tenant(contract=order, **changes)) == []


def test_everything_sold_without_an_order_is_named_at_once() -> None:
    (guard,) = judge(tenant(), tenant(**{name: value for _, each in SOLD for name, value in each.items()}))
    assert guard.evidence == {"changed": ("licences", "option", "quota")}


def test_what_is_not_sold_needs_no_order() -> None:
    assert judge(tenant(), storage(undelete_days=7)) == []
    assert judge(tenant(licences={"workstation": 2, "server": 0}), tenant()) == []
    assert judge(None, tenant()) == []
    assert judge(None, None) == []


@pytest.mark.parametrize(("used", "is_refused"), [(8 * GIB, False), (8 * GIB + 1, True)])
def test_a_quota_is_not_lowered_below_use_and_reserve(used: int, is_refused: bool) -> None:
    evidence = {"used_bytes": used, "reserve_bytes": GIB, "quota_bytes": 9 * GIB}
    refused = [Guard(GuardKind.QUOTA_BELOW_USE, None, evidence)] if is_refused else []
    assert judge_live(tenant(), storage(quota="9 GiB"), use(used)) == refused


def test_a_larger_quota_is_never_refused_by_use() -> None:
    """A customer whose storage is full buys more: a part of what lacks is better than nothing."""
    assert judge_live(tenant(), storage(quota="11 GiB"), use(12 * GIB)) == []


def test_use_says_nothing_where_the_quota_stays() -> None:
    assert judge_live(tenant(), tenant(name="Martin et fils"), use(100 * GIB)) == []


def test_licences_are_not_lowered_below_deployed_machines() -> None:
    before, after = tenant(), tenant(licences={"workstation": 1})
    both = use(0, deployed=("compta-01", "caisse-01"))
    evidence = {"machines": ("compta-01", "caisse-01"), "granted": 1}
    assert judge_live(before, after, both) == [Guard(GuardKind.LICENCES_BELOW_DEPLOYED, "workstation", evidence)]
    assert judge_live(before, after, use(0, deployed=("compta-01",))) == []
    assert judge_live(before, tenant(), both) == []
    one = machine_with(connection=ssh("compta-01.martin.example"))
    other = machine_with(connection=ssh("caisse-01.martin.example"), retired=RETIRED)
    retiring = tenant(licences={"workstation": 1}, machines={"compta-01": one, "caisse-01": other})
    assert judge_live(before, retiring, both) == []


def test_licences_of_one_kind_do_not_serve_the_other_one() -> None:
    after = tenant(licences={"server": 2})
    (guard,) = judge_live(tenant(), after, use(0, deployed=("compta-01",)))
    assert (guard.subject, guard.evidence) == ("workstation", {"machines": ("compta-01",), "granted": 0})


FULL = [
    Guard(GuardKind.PLATFORM_FULL, None, {"platform": "lab", "sold_bytes": 12 * GIB, "sellable_bytes": 12 * GIB - 1})
]


def test_a_platform_sells_no_more_than_it_may() -> None:
    before, after = [tenant()], [tenant(), storage(quota="2 GiB")]
    assert judge_platform("lab", 12 * GIB - 1, before, after) == FULL
    assert judge_platform("lab", 12 * GIB, before, after) == []
    assert judge_platform("lab", None, before, after) == []
    assert judge_platform("other", 1, before, after) == []


def test_a_platform_that_is_too_full_may_sell_less() -> None:
    assert judge_platform("lab", 1, [tenant()], [tenant()]) == []
    assert judge_platform("lab", 1, [tenant()], [storage(quota="9 GiB")]) == []
    assert judge_platform("lab", 1, [tenant()], [storage(quota="11 GiB")]) != []


def test_a_second_copy_takes_as_much_on_its_platform() -> None:
    copied = storage(platform="other", quota="12 GiB", copy={"platform": "lab"})
    alone = storage(platform="other", quota="12 GiB")
    assert judge_platform("lab", 12 * GIB - 1, [alone], [copied]) == FULL
    assert judge_platform("other", 12 * GIB - 1, [alone], [copied]) == []
    assert judge_platform("lab", 12 * GIB - 1, [], [alone]) == []


def test_each_part_takes_its_own_place() -> None:
    parts = {"lab": {"quota": "8 GiB"}, "vendor": {"quota": "4 GiB", "licences": {"workstation": 1}}}
    parted = storage(quota="12 GiB", parts=parts)
    assert judge_platform("lab", 8 * GIB, [], [parted]) == []
    assert judge_platform("lab", 8 * GIB - 1, [], [parted]) != []
    assert judge_platform("vendor", 4 * GIB, [], [parted]) == []
    assert judge_platform("vendor", 4 * GIB - 1, [], [parted]) != []


def test_a_closed_tenant_takes_no_place() -> None:
    """Its file stays for ever, and its data is erased."""
    closed = tenant(status="closed")
    assert judge_platform("lab", 12 * GIB, [closed], [closed, storage(quota="11 GiB")]) == []
    assert judge_platform("lab", 12 * GIB - 1, [closed], [tenant(), storage(quota="2 GiB")]) == FULL


def test_a_machine_keeps_its_name() -> None:
    was = machine_with(connection=ssh("h.example"))
    renamed = judge(tenant(machines={"old-01": was}), tenant(machines={"new-01": was}))
    assert renamed == [Guard(GuardKind.MACHINE_RENAMED, "new-01", {"before": "old-01"})]
    moved = machine_with(connection=ssh("other.example"))
    assert judge(tenant(machines={"old-01": was}), tenant(machines={"old-01": moved})) == []
    assert judge(tenant(machines={"old-01": was}), tenant(machines={"old-01": was, "new-01": moved})) == []


def test_nothing_is_deleted_by_absence() -> None:
    assert judge(tenant(), None) == [Guard(GuardKind.DELETED_BY_ABSENCE)]
    assert judge(machine(), tenant(machines={})) == [Guard(GuardKind.DELETED_BY_ABSENCE, "compta-01")]
    assert judge(machine(), machine(retired=RETIRED)) == []
    assert judge(tenant(), tenant(status="leaving", leaving=LEAVING)) == []


def test_an_id_stays() -> None:
    changed = judge(tenant(), tenant(id="z7f3q9wz2m"))
    assert changed == [Guard(GuardKind.ID_CHANGED, None, {"before": "k7f3q9wz2m"})]
    assert judge(tenant(), tenant(name="Martin et fils")) == []


def test_a_new_file_has_a_new_id() -> None:
    was, other = tenant(), tenant(id="z7f3q9wz2m")
    reused = judge_moves({"acme": was}, {"acme": other, "twin": was}, "twin", ())
    assert reused == [Guard(GuardKind.ID_REUSED, None, {"by": "acme"})]
    assert judge_moves({"acme": was}, {"acme": was, "twin": other}, "twin", ()) == []
    # The owner's file is there and has a problem: it is not gone.
    assert judge_moves({"acme": was}, {"twin": was}, "twin", ()) == reused


def test_a_file_keeps_its_name() -> None:
    was = tenant()
    moved = judge_moves({"acme": was}, {"twin": was}, "twin", ("acme",))
    assert moved == [Guard(GuardKind.FILE_MOVED, None, {"before": "acme"})]
    assert judge_moves({"acme": was}, {"twin": was}, "acme", ("acme",)) == []
    assert judge_moves({"acme": was}, {"acme": was}, "acme", ()) == []
    assert judge_moves({"acme": was}, {"twin": tenant(id="z7f3q9wz2m")}, "twin", ("acme",)) == []


def test_nobody_approves_a_departure_that_they_wrote() -> None:
    after = tenant(status="leaving", leaving=LEAVING)
    refused = [Guard(GuardKind.SELF_APPROVED, None, {"author": "boris@smileo.example"})]
    for authors in (("boris@smileo.example",), ("Boris@SMILEO.example", "anna@smileo.example")):
        assert judge(tenant(), after, Authorship(authors)) == refused
        assert judge(after, after, Authorship(authors)) == []
        assert judge(after, tenant(), Authorship(authors)) == []
    assert judge(tenant(), after, Authorship(("anna@smileo.example",))) == []
    extended = tenant(status="leaving", leaving={**LEAVING, "extended_to": "2027-03-02"})
    assert judge(after, extended, Authorship(("boris@smileo.example",))) == refused


@pytest.mark.parametrize("after", [None, {**HOLD, "reference": "ORD-8"}])
def test_a_hold_is_lifted_by_an_order_that_a_commit_names(after: dict[str, Any] | None) -> None:
    before, lifted = tenant(hold=HOLD), tenant(hold=after)
    refused = [Guard(GuardKind.HOLD_LIFTED, None, {"reference": "ORD-7"})]
    for orders in ((), ("ORD-8",), ("ord-7",), ("ORD-77",)):
        assert judge(before, lifted, Authorship(lifts_holds=orders)) == refused
    assert judge(before, lifted, Authorship(lifts_holds=("ORD-6", "ORD-7"))) == []


def test_a_hold_that_stays_or_begins_needs_no_order() -> None:
    assert judge(tenant(hold=HOLD), tenant(hold={**HOLD, "since": "2026-11-11"})) == []
    assert judge(tenant(), tenant(hold=HOLD)) == []


@pytest.mark.parametrize("there", [{"platform": "near"}, None])
def test_a_second_copy_stays_where_it_is(there: dict[str, str] | None) -> None:
    before = storage(copy={"platform": "far"})
    refused = [Guard(GuardKind.COPY_MOVED, None, {"before": "far"})]
    assert judge(before, storage(copy=there)) == refused
    assert judge(tenant(), before) == []
    assert judge(before, storage(copy={"platform": "far", "bandwidth_per_second": "1 MiB"})) == []


def test_all_reasons_are_given_at_once() -> None:
    before = tenant(hold=HOLD)
    after = tenant(id="z7f3q9wz2m", machines={}, options=["restore"])
    assert [each.kind for each in judge(before, after)] == [
        GuardKind.AMENDMENT_LACKING,
        GuardKind.DELETED_BY_ABSENCE,
        GuardKind.DELETED_BY_ABSENCE,
        GuardKind.ID_CHANGED,
        GuardKind.HOLD_LIFTED,
    ]
