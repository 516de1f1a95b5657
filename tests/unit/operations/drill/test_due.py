"""Drills on schedule: which machines are due, in which order, and what the bounds leave for the next run."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from coffre.cli.backups.drill import _SKIPPED
from coffre.errors import BusyError, ExpectedError
from coffre.operations.drill.drill import Drill
from coffre.operations.drill.due import (
    Bounds,
    DueMachine,
    DueOutcome,
    Skipped,
    drill_due,
    list_due,
)
from coffre.records.database.store import Records
from coffre.records.facts.agents import Install
from coffre.records.facts.backups import Drilled
from coffre.records.facts.supervision import PauseDeclared
from coffre.records.memory import KnownSnapshot, Memory
from coffre.spec.platform import Drills
from coffre.spec.tenant import Tenant
from coffre.tenant.estate.log import TenantLog
from tests.builders import machine_with, tenant_with
from tests.doubles.opening import AUTHOR

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
COMPTA, CAISSE = "compta-01", "caisse-01"
ORDERED = {"options": ["restore_tests"]}


class House:
    """Tenants with records, whose machines were installed and backed up long ago."""

    def __init__(self, records: Records) -> None:
        self.records, self.tenants = records, dict[str, Tenant]()

    def log(self, tenant: Tenant, at: datetime = NOW) -> TenantLog:
        return TenantLog(tenant.id, tenant.slug, AUTHOR, lambda: self.records, lambda: self.records, lambda: at)

    def add(self, slug: str = "martin", number: str = "k7f3q9wz2m", **changes: object) -> Tenant:
        tenant = tenant_with(slug=slug, id=number, **changes)
        self.tenants[slug] = tenant
        for name in tenant.machines:
            self.log(tenant, NOW - 90 * DAY).append(Install(generation=1), name)
            known = KnownSnapshot(f"{name} 1", NOW - 89 * DAY)
            remembered = Memory(snapshots={known.snapshot_id: known})
            self.records.change_memory(tenant.id, name, lambda _, after=remembered: after)
        return tenant

    def drill(self, tenant: Tenant, machine: str, days_ago: int, **changes: object) -> None:
        self.log(tenant, NOW - days_ago * DAY).append(Drilled(1, "ab", **changes), machine)  # type: ignore[arg-type]

    def due(self, now: datetime = NOW) -> list[tuple[str, str, Skipped | None]]:
        found = list_due(self.tenants, Drills(), self.log, now)
        return [(each.slug, each.machine, each.skipped) for each in found]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with Records.open("sqlite:records.db", tmp_path) as records:
        yield House(records)


def test_the_one_that_waits_longest_is_first_of_all_tenants_and_only_where_the_option_was_ordered(
    house: House,
) -> None:
    martin = house.add(**ORDERED)
    house.add("sans", "m4ple9x2ya")
    weekly = house.add("lefevre", "zq2w5n8v1b", **ORDERED, drills={"interval_days": 7})
    house.drill(martin, COMPTA, 31)
    house.drill(martin, CAISSE, 29)
    house.drill(weekly, COMPTA, 9)
    assert house.due() == [("lefevre", CAISSE, None), ("lefevre", COMPTA, None), ("martin", COMPTA, None)]
    assert house.due(NOW + DAY)[-1] == ("martin", CAISSE, None)


def test_a_failed_drill_is_due_the_next_day_and_one_of_the_copy_is_none(house: House) -> None:
    martin = house.add(**ORDERED)
    house.drill(martin, COMPTA, 1, problems=("x: not restored",))
    house.drill(martin, CAISSE, 1)
    assert house.due() == [("martin", COMPTA, None)]
    house.drill(martin, COMPTA, 0)
    assert house.due() == []
    assert house.due(NOW + 31 * DAY) == [("martin", CAISSE, None), ("martin", COMPTA, None)]
    house.drill(martin, CAISSE, -31, copied_to="far")
    assert ("martin", CAISSE, None) in house.due(NOW + 31 * DAY)


def test_what_nobody_may_drill_is_skipped_and_said_and_what_is_out_of_service_is_not(house: House) -> None:
    paused = house.add("aaa", "k7f3q9wz2m", **ORDERED)
    house.log(paused, NOW - DAY).append(PauseDeclared(NOW + DAY, "closed"), COMPTA)
    house.add("bbb", "m4ple9x2ya", **ORDERED, status="suspended")
    hold = {"reference": "ORD-7", "since": "2026-11-10", "kind": "block_access"}
    house.add("ccc", "zq2w5n8v1b", **ORDERED, hold=hold)
    retired = machine_with(retired={"on": "2027-01-01", "keep_until": "2099-12-31"})
    house.add("ddd", "naaa9x2yab", **ORDERED, machines={COMPTA: retired, CAISSE: machine_with(agent="acronis")})
    assert {(slug, machine, why) for slug, machine, why in house.due()} == {
        ("aaa", COMPTA, Skipped.PAUSED),
        ("aaa", CAISSE, None),
        *(("bbb", machine, Skipped.SUSPENDED) for machine in (COMPTA, CAISSE)),
        *(("ccc", machine, Skipped.HELD) for machine in (COMPTA, CAISSE)),
    }


def test_every_reason_to_skip_has_its_words() -> None:
    assert set(_SKIPPED) == {each.value for each in Skipped}


DUE = [DueMachine("martin", name, NOW) for name in ("a", "b", "c", "d")]


def drilled(due: DueMachine, problems: tuple[str, ...] = ()) -> Drill:
    return Drill(due.machine, 1, "ab", 1, 1, 1, problems)


def test_one_that_cannot_be_drilled_keeps_no_other_from_it() -> None:
    def run(due: DueMachine) -> Drill | Skipped | None:
        if due.machine == "a":
            raise ExpectedError("its bucket is gone", "Find out who deleted it.")
        if due.machine == "b":
            raise BusyError("it is being pruned")
        return drilled(due, ("x: not restored",)) if due.machine == "c" else None

    paused = DueMachine("martin", "e", NOW, Skipped.PAUSED)
    results = list(drill_due([paused, *DUE], Bounds(None, NOW + DAY), run, lambda: NOW))
    assert [(each.machine, each.outcome) for each in results] == [
        ("e", DueOutcome.SKIPPED),
        ("a", DueOutcome.NOT_DRILLED),
        ("b", DueOutcome.SKIPPED),
        ("c", DueOutcome.FAILED),
        ("d", DueOutcome.NO_LONGER_DUE),
    ]
    assert (results[1].problem, results[2].skipped) == ("its bucket is gone", Skipped.BUSY)


def test_a_run_ends_at_its_number_at_its_time_and_at_a_signal() -> None:
    moments = iter(NOW + turn * timedelta(hours=1) for turn in range(9))
    by_number = list(drill_due(DUE, Bounds(2, NOW + DAY), drilled, lambda: NOW))
    by_time = list(drill_due(DUE, Bounds(None, NOW + timedelta(hours=3)), drilled, lambda: next(moments)))
    stops = iter([False, True])
    by_signal = list(drill_due(DUE, Bounds(None, NOW + DAY), drilled, lambda: NOW, lambda: next(stops)))
    assert [[each.machine for each in done] for done in (by_number, by_time, by_signal)] == [
        ["a", "b"],
        ["a", "b", "c"],
        ["a"],
    ]
