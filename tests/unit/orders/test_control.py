"""Orders on the storage: which stand, which are refused, and when they are written anew."""

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from coffre.agents.restic import desired
from coffre.orders import control, generations
from coffre.records.actor import Author
from coffre.records.database.store import Records
from coffre.records.facts.agents import OrdersIssued, Update
from coffre.spec import naming
from coffre.tenant.log import TenantLog
from tests.builders import machine_with, tenant_with

MACHINE, SISTER = "compta-01", "caisse-01"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SEED = bytes(range(32))


class Killed(BaseException):
    """The process ended here."""


class InMemoryBucket:
    def __init__(self, name: str) -> None:
        self.name = name
        self.objects: dict[str, bytes] = {}
        self.is_killed = False

    def find(self, key: str, limit_bytes: int) -> bytes | None:
        return self.objects.get(key)

    def put(self, key: str, body: bytes) -> None:
        if self.is_killed:
            raise Killed
        self.objects[key] = body


class Desk:
    """A tenant's service with what orders need of it: buckets in memory, real records, one signing key."""

    def __init__(self, records: Records) -> None:
        self.tenant = tenant_with()
        self.records: Records | None = records
        author = Author("claire", None)
        self.log = TenantLog(self.tenant.id, self.tenant.slug, author, lambda: records, lambda: self.records)
        self.held = {name: InMemoryBucket(name) for name in self.tenant.machines}
        control_bundle = SimpleNamespace(
            signing_key=SecretStr(base64.b64encode(SEED).decode()), old_signing_key=None, condemned=()
        )
        self.buckets = SimpleNamespace(open=lambda machine: self.held[machine])
        self.secrets = SimpleNamespace(control=lambda: control_bundle)

    def machine(self, name: str) -> Any:
        return self.tenant.machines[name]

    def standing(self, machine: str = MACHINE) -> Any:
        document = json.loads(self.held[machine].objects[naming.DESIRED_KEY])
        return json.loads(base64.b64decode(document["payload"]))

    def copy(self, machine: str = MACHINE) -> bytes:
        return self.held[machine].objects[naming.DESIRED_KEY]

    def put_back(self, document: bytes, machine: str = MACHINE) -> None:
        self.held[machine].objects[naming.DESIRED_KEY] = document

    def change_plan(self, hour: int) -> None:
        plans = {"office": {"paths": ["/home"], "schedule": [f"daily {hour}:00"], "keep": {"daily": 30}}}
        self.tenant = tenant_with(plans=plans)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(control, "ordered_restic", lambda system: desired.Program("0.18.1", "a" * 64))
    set_clock(monkeypatch, NOW)
    with Records.open("sqlite:records.db", tmp_path) as records:
        yield Desk(records)


def set_clock(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    monkeypatch.setattr(control, "utc_now", lambda: now)


def test_an_older_genuine_document_is_refused_by_name_and_replaced_by_a_newer_one(desk: Any) -> None:
    control.write_orders(desk, MACHINE)
    first = desk.copy()
    desk.change_plan(13)
    assert control.write_orders(desk, MACHINE).generation == 2
    desk.put_back(first)
    for look in (
        lambda: control.read_orders(desk, MACHINE),
        lambda: control.refuse_foreign_orders(desk, [SISTER, MACHINE]),
        lambda: control.write_orders(desk, MACHINE),
        lambda: control.sign_orders(desk, MACHINE),
    ):
        with pytest.raises(
            desired.OutdatedOrdersError, match="generation 1, genuine and older than generation 2"
        ) as found:
            look()
        assert "--replace-orders" in found.value.hint
    assert desk.copy() == first
    assert control.write_orders(desk, MACHINE, replaces_foreign=True).generation == 3
    assert control.read_orders(desk, MACHINE) == desk.standing()


def test_orders_of_a_sister_machine_are_foreign_although_our_key_signed_them(desk: Any) -> None:
    control.write_orders(desk, SISTER)
    control.write_orders(desk, MACHINE)
    desk.put_back(desk.copy(SISTER))
    with pytest.raises(desired.InvalidOrdersError, match="for another machine"):
        control.read_orders(desk, MACHINE)
    control.write_orders(desk, MACHINE, replaces_foreign=True)
    assert (desk.standing()["machine"], desk.standing()["generation"]) == (MACHINE, 2)


def test_a_kill_between_the_record_and_the_write_is_no_attack(desk: Any) -> None:
    control.write_orders(desk, MACHINE)
    desk.change_plan(13)
    desk.held[MACHINE].is_killed = True
    for _ in range(2):
        with suppress(Killed):
            control.write_orders(desk, MACHINE)
    desk.held[MACHINE].is_killed = False
    assert control.read_orders(desk, MACHINE)["generation"] == 1
    assert control.write_orders(desk, MACHINE).generation == 4
    assert generations.find_written(desk.log, MACHINE) == 4


def test_records_of_the_version_before_tell_a_replay_by_what_the_machine_took(desk: Any) -> None:
    """They hold `orders` without a confirmation, and the generation that each deployment brought."""
    control.write_orders(desk, MACHINE)
    first = desk.copy()
    desk.log.append(OrdersIssued(1), SISTER)
    desk.log.append(OrdersIssued(2, ("plan.paths",)), SISTER)
    assert generations.find_written(desk.log, SISTER) == 0
    desk.log.append(Update("workstation", generation=2), SISTER)
    assert (generations.find_written(desk.log, SISTER), generations.find_last_used(desk.log, SISTER)) == (2, 2)
    desk.log.append(Update("workstation", generation=5), MACHINE)
    desk.put_back(first)
    with pytest.raises(desired.OutdatedOrdersError):
        control.read_orders(desk, MACHINE)
    assert control.write_orders(desk, MACHINE, replaces_foreign=True).generation == 6


def test_orders_are_renewed_at_half_time_and_say_the_same(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    control.write_orders(desk, MACHINE)
    before = desk.standing()
    for days, generation in ((44, 1), (46, 2), (46 + 44, 2), (46 + 46, 3)):
        set_clock(monkeypatch, NOW + timedelta(days=days))
        planned = control.plan_orders(desk, MACHINE, control.read_orders(desk, MACHINE))
        assert planned.differences == ()
        done = control.write_orders(desk, MACHINE)
        assert (done.generation, done.due) == (generation, 1)
    assert desired.list_differences(before, desk.standing()) == ()
    assert desk.standing()["issued_at"] > before["issued_at"]
    desk.change_plan(13)
    assert (control.write_orders(desk, MACHINE).due, desk.standing()["generation"]) == (4, 4)


def test_an_order_to_remove_the_agent_waits_for_ever_as_it_is(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    retired = machine_with(retired={"on": "2026-11-01", "keep_until": "2026-12-31"})
    desk.tenant = tenant_with(machines={MACHINE: retired, SISTER: machine_with()})
    assert control.write_orders(desk, MACHINE).generation == 1
    set_clock(monkeypatch, NOW + timedelta(days=1000))
    assert control.write_orders(desk, MACHINE).generation == 1


def test_the_records_make_no_database_for_a_look(desk: Any) -> None:
    control.write_orders(desk, MACHINE)
    desk.records = None
    assert control.read_orders(desk, MACHINE)["generation"] == 1
