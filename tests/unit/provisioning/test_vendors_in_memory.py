"""Tenants at a vendor's platform, which has neither buckets nor keys: all their machines, or one part of them."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from coffre.errors import RefusedError, RemoteError
from coffre.provisioning.changes import ResourceChange
from coffre.provisioning.engine.stack import state_folder
from coffre.provisioning.terms.found import STACK, ChangeKind
from coffre.provisioning.terms.notes import NoteKind
from coffre.records.facts.contract import QuotaChange
from coffre.spec.loader import load_checkout
from coffre.storage.platform import KeyOrigin
from coffre.storage.values import OwnerFacts
from tests.doubles.owners import OwnersPlatform
from tests.doubles.storage import MemoryPlatform
from tests.doubles.workshop import MIXED, SLUG, Workshop, open_mixed_workshop, open_workshop

GIB = 1 << 30


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return open_workshop(tmp_path, monkeypatch, KeyOrigin.NONE)


@pytest.fixture
def mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return open_mixed_workshop(tmp_path, monkeypatch)


def owner_at(workshop: Workshop, platform: MemoryPlatform) -> OwnerFacts:
    found = platform.find_owner(workshop.estate.buckets.owner_uid)
    assert found is not None
    return found


def stacks_of(workshop: Workshop) -> list[str]:
    return sorted(state_folder(load_checkout(workshop.root)).list_stacks())


def parted(ours: int, vendors: int) -> dict[str, Any]:
    """Return the storage with another size of each part, in GiB."""
    storage = deepcopy(MIXED["storage"])
    storage["quota"] = f"{ours + vendors} GiB"
    storage["parts"]["lab"]["quota"], storage["parts"]["vendor"]["quota"] = f"{ours} GiB", f"{vendors} GiB"
    return storage


def test_a_tenant_of_a_vendor_has_neither_buckets_nor_keys_and_its_plan_says_nothing_of_them(
    workshop: Workshop,
) -> None:
    plan = workshop.plan()
    kinds = {each.kind for each in plan.storage}
    assert kinds == {"Customer", "Service", "OfferingItems", "User", "AccessPolicies", "ActivationMail"}
    assert plan.secrets_to_mint == (STACK,), "the passphrase of its stack, and nothing of a machine"
    assert {each.kind for each in plan.steps} == {ChangeKind.COMMISSION}
    assert {each.kind for each in plan.notes} == {NoteKind.LICENCE}, "Linux is a server to the vendor"
    assert (plan.access, plan.rotations) == ((), ())
    assert workshop.apply(planned=workshop.plan_exactly()).is_complete
    control = workshop.estate.secrets.control()
    assert (control.owner_key, control.machine_keys) == (None, {})
    assert owner_at(workshop, workshop.vendor).wall_bytes == 10 * GIB
    assert stacks_of(workshop) == [SLUG]
    assert not workshop.plan().is_needed


def test_another_quota_is_said_once_and_is_the_wall_to_the_byte(workshop: Workshop) -> None:
    workshop.apply()
    workshop.write_file(storage={"platform": "lab", "quota": "10 Go"})
    plan = workshop.plan()
    assert [(each.operation, each.kind) for each in plan.storage] == [("update", "OfferingItems")]
    assert [each.kind for each in plan.steps] == [ChangeKind.QUOTA]
    workshop.apply()
    assert owner_at(workshop, workshop.vendor).wall_bytes == 10 * 10**9
    assert not workshop.plan().is_needed


def test_a_suspended_tenant_is_a_disabled_customer_and_stays_one(workshop: Workshop) -> None:
    workshop.apply()
    workshop.write_file(status="suspended")
    assert [(each.kind, each.properties[0].path) for each in workshop.plan().storage] == [("Customer", "enabled")]
    for _ in range(2):
        assert workshop.apply().is_complete
        assert owner_at(workshop, workshop.vendor).suspended
    assert not workshop.plan().is_needed
    workshop.write_file()
    workshop.apply()
    assert not owner_at(workshop, workshop.vendor).suspended


def test_what_somebody_changed_in_the_portal_is_in_the_plan_and_put_back(workshop: Workshop) -> None:
    workshop.apply()
    owner_uid = workshop.estate.buckets.owner_uid
    workshop.vendor.suspend_user(owner_uid, True)
    workshop.vendor.customer(owner_uid).find("OfferingItems")["quota_bytes"] = 1
    plan = workshop.plan()
    assert [each.kind for each in plan.storage] == ["Customer", "OfferingItems"]
    assert plan.steps == (), "a stack puts it back, and no other step"
    workshop.apply()
    assert not owner_at(workshop, workshop.vendor).suspended
    assert not workshop.plan().is_needed


def test_lost_secrets_of_a_customer_are_not_made_anew(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    workshop.apply()
    monkeypatch.setattr(workshop.estate.secrets, "_control", None)
    with pytest.raises(RefusedError, match="its secret bundles are not on this computer"):
        workshop.apply()


def test_a_tenant_with_machines_of_both_kinds_has_a_stack_for_each_part_and_one_quota(mixed: Workshop) -> None:
    plan = mixed.plan()
    vendors = [each for each in plan.storage if each.platform == "vendor"]
    assert {each.kind for each in vendors} >= {"Customer", "OfferingItems"}
    assert not any(each.platform for each in plan.storage if each not in vendors)
    assert mixed.apply(planned=mixed.plan_exactly()).is_complete
    assert stacks_of(mixed) == [SLUG, f"{SLUG}_part"]
    assert owner_at(mixed, mixed.vendor).wall_bytes == 4 * GIB
    wall, ours = owner_at(mixed, mixed.platform).wall_bytes, 6 * GIB
    assert wall is not None
    assert ours < wall < 10 * GIB
    assert len(owner_at(mixed, mixed.platform).buckets) == 2, "the vendor's machine has none"
    recorded = mixed.look(lambda opened: opened.log.last(QuotaChange))
    assert recorded is not None
    assert recorded.fact.quota_bytes == 10 * GIB
    assert not mixed.plan().is_needed


def test_the_gate_of_the_machines_with_buckets_is_by_their_part_of_the_quota(mixed: Workshop) -> None:
    outcome = mixed.apply()
    assert outcome.gate.quota_bytes == 6 * GIB


def test_a_plan_of_parts_binds_each_of_its_stacks(mixed: Workshop) -> None:
    mixed.apply()
    mixed.write_file(storage=parted(5, 5))
    planned = mixed.plan_exactly()
    assert set(planned.stacks) == {SLUG, f"{SLUG}_part"}
    mixed.vendor.suspend_user(mixed.estate.buckets.owner_uid, True)
    with pytest.raises(RefusedError, match="changed since then: Customer coffre:k7f3q9wz2m"):
        mixed.apply(planned=planned)
    mixed.vendor.suspend_user(mixed.estate.buckets.owner_uid, False)
    assert mixed.apply(planned=planned).is_complete


@pytest.mark.parametrize(("ours", "vendors"), [(7, 3), (3, 7)])
def test_space_that_moves_between_parts_is_added_before_it_is_taken_away(
    mixed: Workshop, monkeypatch: pytest.MonkeyPatch, ours: int, vendors: int
) -> None:
    mixed.apply()
    mixed.write_file(storage=parted(ours, vendors))
    moved: list[str] = []
    monkeypatch.setattr(mixed.platform, "set_wall", lambda *_: moved.append("lab"))
    put = OwnersPlatform.put
    monkeypatch.setattr(mixed.vendor, "put", lambda *of: (moved.append("vendor"), put(mixed.vendor, *of)))
    mixed.apply()
    assert moved == (["lab", "vendor"] if ours > vendors else ["vendor", "lab"])


def test_nothing_is_planned_before_the_day_on_which_the_terms_are_accepted(mixed: Workshop) -> None:
    contract = deepcopy(MIXED["contract"])
    contract["vendor"]["terms_accepted_on"] = "2099-12-31"
    mixed.write_file(contract=contract)
    with pytest.raises(RefusedError, match=r"terms_accepted_on is 2099-12-31, and today is") as refused:
        mixed.plan()
    assert "the day on which the customer accepted" in refused.value.hint


def test_an_apply_that_is_cut_off_between_its_stacks_is_ended_by_the_next(
    mixed: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:

        def fail(*_: object) -> None:
            raise RemoteError("the vendor does not answer")

        patched.setattr(mixed.vendor, "put", fail)
        with pytest.raises(RemoteError):
            mixed.apply()
    assert stacks_of(mixed) == [SLUG]
    assert mixed.apply().is_complete
    assert not mixed.plan().is_needed


def test_a_machine_that_is_retired_at_the_vendor_leaves_the_others_as_they_are(mixed: Workshop) -> None:
    assert mixed.apply().is_complete
    before = sorted(mixed.estate.secrets.control().machine_keys)
    changes: tuple[ResourceChange, ...] = mixed.plan().storage
    assert changes == ()
    assert before == ["caisse-01", "compta-01"]
