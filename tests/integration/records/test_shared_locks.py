"""Locks between computers, on a real PostgreSQL: who waits is told for whom, and a lost lock stops its holder."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import sqlalchemy as sa

from coffre.errors import BusyError, RefusedError
from coffre.records.database import locks
from coffre.records.database.location import locate
from coffre.records.database.locks import Holder, LockLostError, read_holder, shared_lock, write_holder
from coffre.workspace import fence

if TYPE_CHECKING:
    from conftest import Database

BUSY = BusyError("another command is changing martin", "Wait for it to end.")
CLAIRE = Holder("apply", "claire@smileo.example", "poste-claire")

HOLDING = """
import json, sys
from pathlib import Path
from coffre.errors import BusyError
from coffre.records.database.location import locate
from coffre.records.database.locks import Holder, shared_lock
reference, name = json.loads(sys.argv[1])
claire = Holder("apply", "claire", "poste-claire")
with shared_lock(locate(reference, Path(".")), name, name, BusyError("busy"), claire):
    print("held", flush=True)
    sys.stdin.read()
"""
"""Another computer: another process, which holds the lock until its standard input ends."""


def lock(database: "Database", name: str = "martin", *, by: Holder = CLAIRE, patience_seconds: float = 0) -> Any:
    return shared_lock(locate(database.reference, database.root), name, name, BUSY, by, patience_seconds)


@contextmanager
def held_elsewhere(database: "Database", name: str = "martin") -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", HOLDING, json.dumps([database.reference, name])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield holder
        finally:
            holder.kill()


def end_connections(database: "Database") -> None:
    """End the connections that hold locks, as a restart of the server does."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        )


def refusal(database: "Database") -> BusyError:
    """Return the error of a lock that another one holds."""
    with pytest.raises(BusyError) as refused, lock(database):
        pytest.fail("two at once")
    return refused.value


def test_a_second_engineer_is_told_who_holds_it(postgresql_database: "Database") -> None:
    with held_elsewhere(postgresql_database):
        said = refusal(postgresql_database).message
        assert said.startswith("another command is changing martin: apply by claire on poste-claire since 20")
        assert said.endswith(" UTC")
        with lock(postgresql_database, "durand"):
            pass


def test_a_killed_holder_leaves_no_lock(postgresql_database: "Database") -> None:
    with held_elsewhere(postgresql_database) as holder:
        holder.kill()
        holder.wait()
        with lock(postgresql_database, patience_seconds=30):
            pass
    with lock(postgresql_database):
        pass


def test_two_databases_of_one_server_share_no_lock(
    postgresql_database: "Database", postgresql: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_elsewhere(postgresql_database):
        monkeypatch.setenv("COFFRE_TEST_RECORDS", postgresql.url("postgres"))
        with lock(postgresql_database):
            pass


def stopped_by_loss(database: "Database", change: Callable[[], None]) -> LockLostError:
    """Take the lock, and return the error that ends its block."""
    with pytest.raises(LockLostError) as stopped, lock(database):
        change()
    fence.check()
    with lock(database):
        pass
    return stopped.value


def test_a_lost_connection_stops_the_next_change(postgresql_database: "Database") -> None:
    def lose() -> None:
        fence.check()
        end_connections(postgresql_database)
        fence.check()
        pytest.fail("changed without the lock")

    said = stopped_by_loss(postgresql_database, lose).message
    assert said.startswith("the lock of martin in the records database records_")
    assert said.endswith("is lost (its connection ended): this command stopped")


def test_a_lock_that_a_pooler_gave_away_stops_the_next_change(
    postgresql_database: "Database", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection lives, and is another one's: here the server forgets the lock."""
    monkeypatch.setattr(locks, "FRESH_SECONDS", -1.0)
    monkeypatch.setattr(locks, "_OWN", sa.text("SELECT 0 WHERE :high = :high AND :low = :low"))
    said = stopped_by_loss(postgresql_database, fence.check).message
    assert said.endswith("is lost (the server released it): this command stopped")


def test_a_lost_connection_ends_what_waits_for_something_else(
    postgresql_database: "Database", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A holder that waits for Pulumi or Ansible asks no fence: it is interrupted, as by Ctrl-C."""
    monkeypatch.setattr(locks, "WATCH_SECONDS", 0.05)

    def lose_and_wait() -> None:
        end_connections(postgresql_database)
        threading.Event().wait(60)
        pytest.fail("waited on")

    stopped_by_loss(postgresql_database, lose_and_wait)


def test_a_real_ctrl_c_stays_one(postgresql_database: "Database") -> None:
    def press() -> None:
        with lock(postgresql_database):
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(60)

    with pytest.raises(KeyboardInterrupt):
        press()


def test_an_error_of_the_command_passes_and_frees_the_lock(postgresql_database: "Database") -> None:
    with pytest.raises(RefusedError), lock(postgresql_database):
        raise RefusedError("no")
    with lock(postgresql_database):
        pass


@pytest.mark.parametrize(
    "holder",
    [
        CLAIRE,
        Holder("apply", "é" * 100, "h" * 100),
        Holder("a|b", "x|y|z", "\x1b[31mpirate"),
        Holder("secrets set", "a", "b"),
    ],
)
def test_a_holder_is_three_short_parts_of_one_line(holder: Holder) -> None:
    name = write_holder(holder)
    assert len(name.encode()) <= 63
    assert name.isprintable()
    found = read_holder(name, None)
    assert found is not None
    assert found.command[:9] == holder.command.replace("|", " ")[:9]
    assert read_holder(name[:5], None) is None


def test_another_program_s_name_is_no_holder() -> None:
    assert read_holder("psql", None) is None
    assert str(CLAIRE) == "apply by claire@smileo.example on poste-claire"
