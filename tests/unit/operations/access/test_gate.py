"""The gate on a platform in memory: closed from the sold quota on, and told to each machine with the reason."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from coffre.errors import RefusedError, UsageError
from coffre.observation.judge.filling import Room
from coffre.observation.upkeep import is_in_maintenance
from coffre.operations.access import gate as module
from coffre.operations.access.gate import (
    FILLING,
    MAINTENANCE,
    QUOTA,
    GateMove,
    close_for_maintenance,
    give_word,
    look_at_gate,
    set_gate,
    settle_gate,
)
from coffre.operations.access.suspension import set_suspension
from coffre.orders.control import GateOrder, find_gate_order
from coffre.records.database.store import Records
from coffre.records.facts.contract import FillReason, GateChange, GateWord
from coffre.records.facts.retention import PruningBegan, PruningEnded
from coffre.spec.access import SUSPENDED
from coffre.spec.quota import wall_bytes
from coffre.spec.tenant import Tenant
from coffre.tenant.opening import OpenTenant
from tests.builders import machine_with, tenant_with
from tests.doubles.buckets import InMemoryEstate
from tests.doubles.opening import log_of, open_in_memory

COMPTA, CAISSE, RETIRED = "compta-01", "caisse-01", "vieux-pc"
MACHINES = {
    COMPTA: machine_with(),
    CAISSE: machine_with(),
    RETIRED: machine_with(retired={"on": "2026-11-01", "keep_until": "2027-03-31"}),
}
KIB = 1024
SOLD_BYTES = 100 * KIB


def tenant_of(**changes: object) -> Tenant:
    return tenant_with(machines=MACHINES, storage={"platform": "lab", "quota": "1 GiB"}, **changes)


@pytest.fixture
def estate() -> InMemoryEstate:
    return InMemoryEstate.of_all(tenant_of())


@pytest.fixture
def opened(estate: InMemoryEstate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenTenant]:
    """A tenant of 100 KiB, with as much again up to its wall: a small file is a large one there."""
    tenant = tenant_of()
    storage = tenant.storage.model_copy(update={"quota_bytes": SOLD_BYTES})
    monkeypatch.setattr(module, "room_of", lambda tenant, platform: Room(SOLD_BYTES, 2 * SOLD_BYTES, 1000))
    with Records.open("sqlite:records.db", tmp_path) as records:
        small = tenant.model_copy(update={"storage": storage})
        yield open_in_memory(small, estate, log_of(tenant, records), tmp_path)


def back_up(estate: InMemoryEstate, machine: str, size_bytes: int, name: str = "aa/1") -> None:
    estate.bucket(machine).put(f"restic/data/{name}", b"x" * size_bytes)


def told(estate: InMemoryEstate, machine: str) -> object:
    return find_gate_order(estate.bucket(machine))


def test_below_the_quota_every_gate_is_open_and_nothing_is_written(opened: OpenTenant, estate: InMemoryEstate) -> None:
    back_up(estate, COMPTA, 60 * KIB)
    state = settle_gate(opened.tenant, opened.platform, opened.buckets, opened.log)
    assert (state.is_closed, state.used_bytes, dict(state.filling.stopped)) == (False, 60 * KIB, {})
    assert told(estate, COMPTA) is None
    assert not opened.log.has(GateChange)


def test_at_the_quota_the_gates_of_machines_in_service_close_and_open_again(
    opened: OpenTenant, estate: InMemoryEstate
) -> None:
    back_up(estate, COMPTA, 60 * KIB)
    back_up(estate, RETIRED, 40 * KIB)
    assert settle_gate(opened.tenant, opened.platform, opened.buckets, opened.log).is_closed, (
        "the backups of a retired machine count"
    )
    closed = {name: estate.bucket(name).is_gate_closed() for name in MACHINES}
    assert closed == {COMPTA: True, CAISSE: True, RETIRED: False}, "and it has no gate"
    assert told(estate, CAISSE) == GateOrder(is_closed=True, reason=QUOTA)
    settle_gate(opened.tenant, opened.platform, opened.buckets, opened.log)
    changes = opened.log.list(GateChange)
    assert [(each.machine, each.fact.is_closed) for each in changes] == [(COMPTA, True), (CAISSE, True)], (
        "recorded once"
    )
    estate.bucket(COMPTA).hide("restic/data/aa/1")
    assert not settle_gate(opened.tenant, opened.platform, opened.buckets, opened.log).is_closed
    assert not estate.bucket(CAISSE).is_gate_closed()
    assert told(estate, CAISSE) == GateOrder(is_closed=False, reason="")


def test_a_machine_that_fills_the_storage_is_stopped_alone_and_let_go_on_by_a_word(
    opened: OpenTenant, estate: InMemoryEstate
) -> None:
    back_up(estate, CAISSE, 10 * KIB)
    for _ in range(15):
        estate.bucket(COMPTA).put("reports/flood.json", b"x" * 10 * KIB)
    assert look_at_gate(opened.tenant, opened.platform, opened.buckets, opened.log, list(MACHINES)) == {
        GateMove.STOP: [COMPTA]
    }
    state = settle_gate(opened.tenant, opened.platform, opened.buckets, opened.log)
    assert state.filling.stopped == {COMPTA: FillReason.BYTES}
    assert (estate.bucket(COMPTA).is_stopped(), estate.bucket(CAISSE).is_stopped()) == (True, False)
    assert told(estate, COMPTA) == GateOrder(is_closed=True, reason=FILLING)
    assert told(estate, CAISSE) is None
    assert look_at_gate(opened.tenant, opened.platform, opened.buckets, opened.log, list(MACHINES)) == {}
    give_word(opened.tenant, opened.buckets, opened.log, COMPTA, "a move of its files, known")
    word = opened.log.last(GateWord, COMPTA)
    assert word is not None
    assert word.fact.surplus_bytes >= 150 * KIB
    assert look_at_gate(opened.tenant, opened.platform, opened.buckets, opened.log, list(MACHINES)) == {
        GateMove.LET_GO_ON: [COMPTA]
    }
    settle_gate(opened.tenant, opened.platform, opened.buckets, opened.log)
    assert not estate.bucket(COMPTA).is_stopped()


def test_a_machine_that_is_shut_out_goes_on_being_told_so(opened: OpenTenant, estate: InMemoryEstate) -> None:
    set_suspension(estate.buckets, COMPTA, SUSPENDED)
    back_up(estate, CAISSE, SOLD_BYTES)
    settle_gate(opened.tenant, opened.platform, opened.buckets, opened.log)
    assert estate.bucket(COMPTA).is_gate_closed()
    assert told(estate, COMPTA) == GateOrder(is_closed=True, reason=SUSPENDED)


def test_a_gate_is_closed_for_maintenance_until_somebody_settles_it(opened: OpenTenant, estate: InMemoryEstate) -> None:
    back_up(estate, COMPTA, KIB)
    for _ in range(2):
        close_for_maintenance(estate.buckets, opened.log, COMPTA)
    assert (estate.bucket(COMPTA).is_gate_closed(), estate.bucket(CAISSE).is_gate_closed()) == (True, False)
    assert told(estate, COMPTA) == GateOrder(is_closed=True, reason=MAINTENANCE)
    assert (is_in_maintenance(opened.log, COMPTA), is_in_maintenance(opened.log, CAISSE)) == (True, False)
    assert is_in_maintenance(opened.log)
    settle_gate(opened.tenant, opened.platform, opened.buckets, opened.log)
    assert not estate.bucket(COMPTA).is_gate_closed()
    assert told(estate, COMPTA) == GateOrder(is_closed=False, reason="")
    assert not is_in_maintenance(opened.log)
    assert len(opened.log.list((PruningBegan, PruningEnded))) == 2, "each once"


def test_a_wall_that_a_killed_pruning_left_raised_is_put_back_before_its_end_is_recorded(
    opened: OpenTenant, estate: InMemoryEstate, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid, wall = opened.buckets.owner_uid, wall_bytes(SOLD_BYTES, opened.platform)

    def found() -> int | None:
        owner = opened.storage.find_owner(uid)
        assert owner is not None
        return owner.wall_bytes

    estate.storage.set_wall(uid, wall + KIB)
    settle_gate(opened.tenant, opened.platform, opened.buckets, opened.log)
    assert found() == wall + KIB, "no pruning: somebody else raised it"
    close_for_maintenance(estate.buckets, opened.log, COMPTA)
    with monkeypatch.context() as killed:

        def kill(*_: object) -> None:
            raise KeyboardInterrupt

        killed.setattr(module, "measure", kill)
        with pytest.raises(KeyboardInterrupt):
            settle_gate(opened.tenant, opened.platform, opened.buckets, opened.log)
    assert (found(), is_in_maintenance(opened.log)) == (wall, True)
    estate.storage.set_wall(uid, wall - KIB)
    settle_gate(opened.tenant, opened.platform, opened.buckets, opened.log)
    assert (found(), is_in_maintenance(opened.log)) == (wall - KIB, False), "a lower one is an operator's"


def test_after_maintenance_a_full_tenant_is_told_of_its_quota(opened: OpenTenant, estate: InMemoryEstate) -> None:
    back_up(estate, CAISSE, SOLD_BYTES)
    settle_gate(opened.tenant, opened.platform, opened.buckets, opened.log)
    close_for_maintenance(estate.buckets, opened.log, COMPTA)
    assert told(estate, COMPTA) == GateOrder(is_closed=True, reason=MAINTENANCE)
    settle_gate(opened.tenant, opened.platform, opened.buckets, opened.log)
    assert told(estate, COMPTA) == GateOrder(is_closed=True, reason=QUOTA)
    assert estate.bucket(COMPTA).is_gate_closed()


def test_one_gate_moves_and_is_recorded_with_the_figures(opened: OpenTenant, estate: InMemoryEstate) -> None:
    back_up(estate, COMPTA, SOLD_BYTES)
    state = module.judge_gate(SOLD_BYTES, SOLD_BYTES)
    assert set_gate(opened.tenant, estate.buckets, opened.log, COMPTA, state)
    assert not set_gate(opened.tenant, estate.buckets, opened.log, COMPTA, state)
    (change,) = opened.log.list(GateChange)
    assert (change.fact.is_closed, change.fact.used_bytes, change.fact.quota_bytes) == (True, SOLD_BYTES, SOLD_BYTES)


def test_a_bucket_that_takes_no_gate_keeps_no_other_from_its_own(
    opened: OpenTenant, estate: InMemoryEstate, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(estate, CAISSE, SOLD_BYTES)
    bucket = type(estate.bucket(COMPTA))
    whole = bucket.set_gate

    def set_gate_of(opened: object, closed: bool) -> bool:
        if opened.name == estate.buckets.name(COMPTA):  # type: ignore[attr-defined]
            raise RefusedError("it has no policy")
        return bool(whole(opened, closed))  # type: ignore[arg-type]

    monkeypatch.setattr(bucket, "set_gate", set_gate_of)
    with pytest.raises(RefusedError, match="it has no policy"):
        settle_gate(opened.tenant, opened.platform, opened.buckets, opened.log)
    refused: dict[str, RefusedError] = {}
    settle_gate(opened.tenant, opened.platform, opened.buckets, opened.log, refused.setdefault)
    assert list(refused) == [COMPTA]
    assert estate.bucket(CAISSE).is_gate_closed()


def test_without_a_bucket_a_machine_has_no_gate(opened: OpenTenant, estate: InMemoryEstate) -> None:
    estate.storage.drop(estate.buckets.name(CAISSE))
    back_up(estate, COMPTA, SOLD_BYTES)
    assert settle_gate(opened.tenant, opened.platform, opened.buckets, opened.log).is_closed
    with pytest.raises(RefusedError, match="caisse-01 was never applied"):
        give_word(opened.tenant, opened.buckets, opened.log, CAISSE, "known")
    with pytest.raises(UsageError, match="is retired: it has no gate"):
        give_word(opened.tenant, opened.buckets, opened.log, RETIRED, "known")


def test_what_is_measured_is_recorded_as_the_day_s_volume(opened: OpenTenant, estate: InMemoryEstate) -> None:
    back_up(estate, COMPTA, 5 * KIB)
    back_up(estate, COMPTA, 7 * KIB)
    stores = {store.machine: store for store in module.measure(opened.tenant, opened.buckets, opened.log)}
    assert (stores[COMPTA].current_bytes, stores[COMPTA].stored_bytes, stores[COMPTA].objects) == (7168, 12288, 2)
    recorded = {
        each.machine: each.current_bytes for each in opened.records.list_usage(opened.tenant.id, date.min, date.max)
    }
    assert recorded == {COMPTA: 7168, CAISSE: 0, RETIRED: 0}
