"""What a plan says of a tenant's costs, where its platform bills by use."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from coffre.provisioning.notes import note_costs
from coffre.provisioning.terms.notes import CostsNote, NoPricesNote
from coffre.spec.storage_platform import Platform
from coffre.spec.tenant import Tenant
from coffre.storage.ceph.driver import CephDriver
from coffre.storage.costs import CostEstimate, NoPrices
from coffre.storage.kinds import DRIVERS
from tests.doubles.workshop import COMPTA, open_workshop

GIB = 1 << 30
ESTIMATE = CostEstimate(
    region="eu-west-3",
    prices_of=date(2026, 9, 28),
    storage_gib_month=Decimal("0.024"),
    storage_month=Decimal("24.58"),
    requests_month=Decimal("0.12"),
    verification_month=Decimal("93.47"),
    restore=Decimal("92.19"),
)


class Metered(CephDriver):
    """A kind of platform that bills by use; it notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def estimate(self, tenant: Tenant, platform: Platform, verify_days: int) -> CostEstimate:  # type: ignore[override]
        self.asked.append((tenant.slug, verify_days))
        return ESTIMATE


def test_costs_are_those_of_a_full_quota_and_of_what_is_stored() -> None:
    [note] = note_costs(ESTIMATE, 100 * GIB)
    assert isinstance(note, CostsNote)
    assert (note.month, note.restore) == (Decimal("118.17"), Decimal("92.19"))
    assert (note.present_bytes, note.present_month) == (100 * GIB, Decimal("2.40"))


def test_a_region_without_prices_is_named_and_a_platform_of_ones_own_has_no_costs() -> None:
    assert note_costs(NoPrices("eu-north-1"), 0) == (NoPricesNote("eu-north-1"),)
    assert note_costs(None, 0) == ()


def test_a_plan_says_the_costs_with_what_is_stored_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workshop, driver = open_workshop(tmp_path, monkeypatch), Metered()
    assert not [note for note in workshop.plan().notes if isinstance(note, CostsNote)]
    monkeypatch.setitem(DRIVERS, "ceph", lambda: driver)
    [before] = [note for note in workshop.plan().notes if isinstance(note, CostsNote)]
    assert before.present_bytes == 0
    assert driver.asked == [("martin", 30)]
    workshop.apply()
    workshop.estate.bucket(COMPTA).put("restic/data/00/pack", b"x" * 4096)
    [after] = [note for note in workshop.plan().notes if isinstance(note, CostsNote)]
    assert after.present_bytes >= 4096


def test_a_plan_with_costs_is_applied_although_more_is_stored_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop = open_workshop(tmp_path, monkeypatch)
    monkeypatch.setitem(DRIVERS, "ceph", Metered)
    workshop.apply()
    planned = workshop.plan_exactly()
    workshop.estate.bucket(COMPTA).put("restic/data/00/pack", b"x" * 4096)
    workshop.apply(planned=planned)
