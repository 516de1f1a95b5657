"""The state of a tenant at a vendor's, alone or in part: its figures, and what is not known of them."""

from pathlib import Path

import pytest

from coffre.findings import Finding, FindingKind
from coffre.observation.tenant import PartStatus, TenantObservation, observe
from coffre.operations.access.gate import settle_gate_of
from coffre.provisioning.terms.notes import HoldNote
from coffre.storage.acronis.layout import external_id_of
from coffre.storage.platform import KeyOrigin
from coffre.storage.values import PlatformAwayError
from tests.doubles.workshop import CAISSE, COMPTA, NOON, OTHER, Workshop, open_mixed_workshop, open_workshop

GIB = 1024**3
SOLD = {"storage": {"platform": "lab", "quota": "10 GiB"}}
HOLD = {"reference": "TJ-2026-41", "since": "2026-11-20", "kind": "preserve"}


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    workshop = open_workshop(tmp_path, monkeypatch, KeyOrigin.NONE)
    workshop.write_file(**SOLD)
    workshop.apply()
    return workshop


@pytest.fixture
def mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    workshop = open_mixed_workshop(tmp_path, monkeypatch)
    workshop.apply()
    return workshop


def look(workshop: Workshop) -> TenantObservation:
    return workshop.look(lambda opened: observe(opened, NOON))


def use(workshop: Workshop, used_bytes: int | None) -> None:
    workshop.vendor.customers[external_id_of(workshop.tenant_id)].used_bytes = used_bytes


def test_the_vendors_figure_is_what_is_used_and_there_is_no_gate(alone: Workshop) -> None:
    use(alone, 3 * GIB)
    seen = look(alone)
    assert (seen.used_bytes, seen.wall_bytes, seen.gate, seen.access) == (3 * GIB, 10 * GIB, None, "open")
    assert (seen.beyond_wall_bytes, seen.gate_look_seconds) == (0, 0)
    [part] = seen.parts
    assert part == PartStatus("lab", 10 * GIB, 3 * GIB, 10 * GIB, is_vendors=True, figure_age_hours=6)


def test_a_figure_that_is_missing_is_unknown(alone: Workshop) -> None:
    use(alone, None)
    seen = look(alone)
    assert (seen.used_bytes, seen.parts[0].used_bytes) == (None, None)


def test_a_vendor_that_is_away_is_named_and_its_part_unknown_and_the_other_one_is_shown(
    mixed: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PlatformAwayError("the vendor does not answer")

    before = look(mixed)
    monkeypatch.setattr(mixed.vendor, "find_owner", fail)
    seen = look(mixed)
    [finding] = [each for each in seen.findings if each not in before.findings]
    assert finding == Finding(
        FindingKind.PART_NOT_SEEN, None, {"platform": "vendor", "error": "the vendor does not answer"}
    )
    assert before.used_bytes is not None
    assert (seen.used_bytes, seen.parts[0]) == (None, before.parts[0])
    assert (seen.parts[1].platform, seen.parts[1].used_bytes) == ("vendor", None)
    machines = {each.name: each for each in seen.machines}
    assert [machines[name] for name in (COMPTA, CAISSE)] == [
        each for name in (COMPTA, CAISSE) for each in before.machines if each.name == name
    ]
    assert machines[OTHER].overdue is None


def test_a_suspended_customer_has_no_access_and_no_gate_is_moved(alone: Workshop) -> None:
    alone.write_file(**SOLD, status="suspended")
    alone.apply()
    assert look(alone).access == "suspended"
    state = alone.look(settle_gate_of)
    assert (state.is_closed, state.stores) == (False, ())


def test_a_preserving_hold_is_never_in_force_where_the_customer_may_delete(alone: Workshop) -> None:
    alone.write_file(**SOLD, hold=HOLD)
    alone.apply()
    hold = look(alone).hold
    assert hold is not None
    assert (hold.in_force, hold.not_kept_on) == (False, ("lab",))
    [told] = [each for each in alone.plan().notes if isinstance(each, HoldNote)]
    assert told.not_kept_on == ("lab",)


def test_a_hold_that_blocks_access_is_in_force_once_the_customer_is_disabled(alone: Workshop) -> None:
    alone.write_file(**SOLD, hold={**HOLD, "kind": "block_access"})
    before = look(alone).hold
    assert before is not None
    assert (before.in_force, before.not_kept_on) == (False, ())
    alone.apply()
    after = look(alone).hold
    assert after is not None
    assert after.in_force is True


def test_parts_are_added_up_and_each_is_shown(mixed: Workshop) -> None:
    use(mixed, 2 * GIB)
    mixed.back_up(COMPTA)
    seen = look(mixed)
    lab, vendor = seen.parts
    assert (lab.platform, lab.quota_bytes, lab.is_vendors) == ("lab", 6 * GIB, False)
    assert (vendor.platform, vendor.quota_bytes, vendor.used_bytes) == ("vendor", 4 * GIB, 2 * GIB)
    assert lab.used_bytes is not None
    assert lab.used_bytes > 0
    assert seen.used_bytes == lab.used_bytes + 2 * GIB
    use(mixed, None)
    assert look(mixed).used_bytes is None


def test_the_gate_of_a_mixed_tenant_is_that_of_its_part(mixed: Workshop) -> None:
    state = mixed.look(settle_gate_of)
    assert state.quota_bytes == 6 * GIB
