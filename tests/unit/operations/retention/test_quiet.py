"""Quiet before a pruning: a running backup is waited for, also one that begins just before the gate closes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coffre.agents.restic.repository.layout import ResticLayout
from coffre.errors import BusyError
from coffre.operations.retention import quiet
from coffre.operations.retention.quiet import make_quiet
from coffre.records.database.store import Records
from coffre.tenant.opening import OpenTenant
from tests.builders import tenant_with
from tests.doubles.buckets import InMemoryEstate
from tests.doubles.opening import log_of, open_in_memory

MACHINE = "compta-01"
LAYOUT = ResticLayout()
LOCK = f"restic/locks/{'a' * 64}"


class Pruner:
    """Counts what it is asked; ``on_unlock`` is what happens beside it then."""

    def __init__(self) -> None:
        self.unlocked = 0

    def unlock(self) -> None:
        self.unlocked += 1


@pytest.fixture
def estate() -> InMemoryEstate:
    return InMemoryEstate.of_all(tenant_with())


@pytest.fixture
def opened(estate: InMemoryEstate, tmp_path: Path) -> Iterator[OpenTenant]:
    tenant = tenant_with()
    with Records.open("sqlite:records.db", tmp_path) as records:
        yield open_in_memory(tenant, estate, log_of(tenant, records), tmp_path)


def settle(opened: OpenTenant, wait_seconds: float = 0.0) -> Pruner:
    pruner: Any = Pruner()
    make_quiet(opened, MACHINE, pruner, LAYOUT, wait_seconds, lambda text: None)
    return pruner  # type: ignore[no-any-return]


def test_a_quiet_repository_gets_its_gate_closed_at_once(opened: OpenTenant, estate: InMemoryEstate) -> None:
    assert settle(opened).unlocked == 0
    assert estate.bucket(MACHINE).is_gate_closed()


def test_a_lock_that_stays_ends_the_wait_and_leaves_the_gate_open(opened: OpenTenant, estate: InMemoryEstate) -> None:
    estate.bucket(MACHINE).put(LOCK, b"x")
    with pytest.raises(BusyError, match="another program works on its repository"):
        settle(opened)
    assert not estate.bucket(MACHINE).is_gate_closed()
    assert estate.bucket(MACHINE).exists(LOCK), "it is never broken"


def test_a_lock_of_half_an_hour_ago_is_no_program(opened: OpenTenant, estate: InMemoryEstate) -> None:
    estate.bucket(MACHINE).put(LOCK, b"x")
    for _ in range(40 * 60):
        estate.bucket(MACHINE).put("reports/x", b"")
    settle(opened)
    assert estate.bucket(MACHINE).is_gate_closed()


def test_a_backup_that_began_before_the_gate_closed_is_let_go_on(
    opened: OpenTenant, estate: InMemoryEstate, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, seen = quiet.close_for_maintenance, []

    def close(*arguments: Any) -> None:
        if not seen:
            estate.bucket(MACHINE).put(LOCK, b"x")
        whole(*arguments)
        seen.append(estate.bucket(MACHINE).is_gate_closed())

    def end_backup(seconds: float) -> None:
        assert not estate.bucket(MACHINE).is_gate_closed(), "behind a closed gate it could not end"
        estate.bucket(MACHINE).hide(LOCK)

    monkeypatch.setattr(quiet, "close_for_maintenance", close)
    monkeypatch.setattr(quiet.time, "sleep", end_backup)
    settle(opened, 60.0)
    assert seen == [True, True]
    assert estate.bucket(MACHINE).is_gate_closed()
