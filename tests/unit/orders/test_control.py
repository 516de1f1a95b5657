"""Orders on the storage: which stand, which are refused, and when they are written anew."""

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from coffre.agents import desired
from coffre.agents.driver import OrderedProgram
from coffre.agents.kinds import DRIVERS
from coffre.orders import control, generations
from coffre.records.actor import Author
from coffre.records.database.store import Records
from coffre.records.facts.agents import OrdersIssued, Update
from coffre.secrets import rotations
from coffre.secrets.bundles import ControlBundle
from coffre.secrets.errors import MissingCopyError
from coffre.spec import naming
from coffre.spec.tenant import AgentKind
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.opening import OpenTenant
from tests.builders import machine_with, tenant_with
from tests.doubles.buckets import InMemoryEstate
from tests.doubles.opening import open_in_memory
from tests.doubles.secrets import InMemorySecrets
from tests.doubles.storage import MemoryBucket

MACHINE, SISTER = "compta-01", "caisse-01"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Killed(BaseException):
    """The process ended here."""


def die(*_: object) -> None:
    raise Killed


class Desk:
    """A tenant whose orders are written: its buckets and secrets in memory, its records on disk."""

    def __init__(self, records: Records, root: Path) -> None:
        self.tenant = tenant_with()
        self.estate = InMemoryEstate.of_all(self.tenant)
        self.records: Records | None = records
        author = Author("claire", None)
        self.log = TenantLog(self.tenant.id, self.tenant.slug, author, lambda: records, lambda: self.records)
        self._root = root

    @property
    def opened(self) -> OpenTenant:
        """What a command opens now, with the file as it is."""
        return open_in_memory(self.tenant, self.estate, self.log, self._root)

    @property
    def orders(self) -> control.TenantOrders:
        return control.TenantOrders.of(self.opened)

    def standing(self, machine: str = MACHINE) -> Any:
        document = json.loads(self.copy(machine))
        return json.loads(base64.b64decode(document["payload"]))

    def copy(self, machine: str = MACHINE) -> bytes:
        found = self.estate.bucket(machine).find(naming.DESIRED_KEY, desired.LIMIT_BYTES)
        assert isinstance(found, bytes)
        return found

    def put_back(self, document: bytes, machine: str = MACHINE) -> None:
        self.estate.bucket(machine).put(naming.DESIRED_KEY, document)

    def change_plan(self, hour: int) -> None:
        plans = {"office": {"paths": ["/home"], "schedule": [f"daily {hour}:00"], "keep": {"daily": 30}}}
        self.tenant = tenant_with(plans=plans)


def generation_of(desk: Desk) -> Any:
    standing = desk.orders.read(MACHINE)
    assert standing is not None
    return standing["generation"]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    ordered = {"restic": OrderedProgram("0.18.1", "a" * 64, Path("restic"))}
    monkeypatch.setattr(type(DRIVERS[AgentKind.RESTIC]), "list_ordered_programs", lambda _kind, _system: ordered)
    set_clock(monkeypatch, NOW)
    with Records.open("sqlite:records.db", tmp_path) as records:
        yield Desk(records, tmp_path)


def set_clock(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    monkeypatch.setattr(control, "utc_now", lambda: now)


def test_an_older_genuine_document_is_refused_by_name_and_replaced_by_a_newer_one(desk: Desk) -> None:
    desk.orders.write(MACHINE)
    first = desk.copy()
    desk.change_plan(13)
    assert desk.orders.write(MACHINE).generation == 2
    desk.put_back(first)
    for look in (
        lambda: desk.orders.read(MACHINE),
        lambda: desk.orders.refuse_foreign([SISTER, MACHINE]),
        lambda: desk.orders.write(MACHINE),
        lambda: desk.orders.sign(MACHINE),
    ):
        with pytest.raises(
            desired.OutdatedOrdersError, match="generation 1, genuine but older than generation 2"
        ) as found:
            look()
        assert "--replace-orders" in found.value.hint
    assert desk.copy() == first
    assert desk.orders.write(MACHINE, replaces_foreign=True).generation == 3
    assert desk.orders.read(MACHINE) == desk.standing()


def test_orders_of_a_sister_machine_are_foreign_although_our_key_signed_them(desk: Desk) -> None:
    desk.orders.write(SISTER)
    desk.orders.write(MACHINE)
    desk.put_back(desk.copy(SISTER))
    with pytest.raises(desired.InvalidOrdersError, match="for another machine"):
        desk.orders.read(MACHINE)
    desk.orders.write(MACHINE, replaces_foreign=True)
    assert (desk.standing()["machine"], desk.standing()["generation"]) == (MACHINE, 2)


def test_a_kill_between_the_record_and_the_write_is_no_attack(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.orders.write(MACHINE)
    desk.change_plan(13)
    with monkeypatch.context() as patched:
        patched.setattr(MemoryBucket, "put", die)
        for _ in range(2):
            with suppress(Killed):
                desk.orders.write(MACHINE)
    assert generation_of(desk) == 1
    assert desk.orders.write(MACHINE).generation == 4
    assert generations.find_written(desk.log, MACHINE) == 4


def test_records_of_the_version_before_tell_a_replay_by_what_the_machine_took(desk: Desk) -> None:
    """They hold `orders` without a confirmation, and the generation that each deployment brought."""
    desk.orders.write(MACHINE)
    first = desk.copy()
    desk.log.append(OrdersIssued(1), SISTER)
    desk.log.append(OrdersIssued(2, ("plan.paths",)), SISTER)
    assert generations.find_written(desk.log, SISTER) == 0
    desk.log.append(Update("workstation", generation=2), SISTER)
    assert (generations.find_written(desk.log, SISTER), generations.find_last_used(desk.log, SISTER)) == (2, 2)
    desk.log.append(Update("workstation", generation=5), MACHINE)
    desk.put_back(first)
    with pytest.raises(desired.OutdatedOrdersError):
        desk.orders.read(MACHINE)
    assert desk.orders.write(MACHINE, replaces_foreign=True).generation == 6


def test_orders_are_renewed_at_half_time_and_say_the_same(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.orders.write(MACHINE)
    before = desk.standing()
    for days, generation in ((44, 1), (46, 2), (46 + 44, 2), (46 + 46, 3)):
        set_clock(monkeypatch, NOW + timedelta(days=days))
        planned = control.plan_orders(desk.tenant, desk.log, MACHINE, desk.orders.read(MACHINE))
        assert planned.differences == ()
        done = desk.orders.write(MACHINE)
        assert (done.generation, done.due) == (generation, 1)
    assert desired.list_differences(before, desk.standing()) == ()
    assert desk.standing()["issued_at"] > before["issued_at"]
    desk.change_plan(13)
    assert (desk.orders.write(MACHINE).due, desk.standing()["generation"]) == (4, 4)


def test_an_order_to_remove_the_agent_waits_for_ever_as_it_is(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    retired = machine_with(retired={"on": "2026-11-01", "keep_until": "2026-12-31"})
    desk.tenant = tenant_with(machines={MACHINE: retired, SISTER: machine_with()})
    assert desk.orders.write(MACHINE).generation == 1
    set_clock(monkeypatch, NOW + timedelta(days=1000))
    assert desk.orders.write(MACHINE).generation == 1


def test_the_records_make_no_database_for_a_look(desk: Desk) -> None:
    desk.orders.write(MACHINE)
    desk.records = None
    assert generation_of(desk) == 1


def sign_with_successor(desk: Desk) -> ControlBundle:
    """Begin the rotation of the key that signs orders."""
    begun = rotations.begin(desk.estate.secrets.control(), [rotations.SIGNING])
    desk.estate.secrets.save_control(begun)
    return begun


def vouches(desk: Desk, *keys: SecretStr | None) -> bool:
    """Tell whether exactly these keys signed the orders that stand."""
    seeds = [base64.b64decode(key.get_secret_value()) for key in keys if key is not None]
    return desired.is_signed_by(desk.copy(), [desired.raw_public_key_of(seed) for seed in seeds])


def test_while_the_signing_key_is_rotated_both_keys_vouch_for_the_same_orders(desk: Desk) -> None:
    desk.orders.write(MACHINE)
    before = desk.standing()
    begun = sign_with_successor(desk)
    assert desk.orders.sign(MACHINE).generation == 1
    assert vouches(desk, begun.signing_key, begun.old_signing_key)
    assert desk.standing() == before
    signed = desk.estate.bucket(MACHINE).list_versions("control/")
    assert desk.orders.write(MACHINE).generation == 1
    assert desk.estate.bucket(MACHINE).list_versions("control/") == signed, "nothing is written twice"
    desk.estate.secrets.save_control(rotations.condemn(begun, [rotations.SIGNING]))
    assert desk.orders.sign(MACHINE).generation == 1
    assert vouches(desk, begun.signing_key)


def test_orders_that_only_a_condemned_key_signed_are_written_anew(desk: Desk) -> None:
    """Whoever took that key may have written them: they are never signed again as they are."""
    desk.orders.write(MACHINE)
    stolen = desk.copy()
    begun = sign_with_successor(desk)
    desk.estate.secrets.save_control(rotations.condemn(begun, [rotations.SIGNING]))
    desk.put_back(stolen)
    assert desk.orders.sign(MACHINE).generation == 2
    assert vouches(desk, begun.signing_key)


def test_where_no_orders_stand_there_is_nothing_to_sign(desk: Desk) -> None:
    assert desk.orders.sign(MACHINE) == control.Orders(MACHINE, None, ())
    assert list(desk.estate.bucket(MACHINE).list_objects("")) == []


def test_orders_are_written_at_the_wall(desk: Desk) -> None:
    desk.estate = InMemoryEstate.of_all(desk.tenant, wall_bytes=10)
    desk.estate.bucket(SISTER).put("restic/data/x", b"0123456789")
    assert desk.orders.write(MACHINE).generation == 1
    owner = desk.estate.storage.find_owner(desk.estate.buckets.owner_uid)
    assert owner is not None
    assert owner.wall_bytes == 10, "the wall stands where it stood"


def test_a_tenant_without_its_keys_writes_no_orders(desk: Desk) -> None:
    desk.estate = replace(desk.estate, secrets=InMemorySecrets())
    with pytest.raises(MissingCopyError):
        desk.orders.write(MACHINE)
