"""PostgreSQL killed at work, all its processes, and started again: what was recorded stands, the chain is whole."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coffre.errors import RemoteError
from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind
from coffre.workspace.clock import utc_now
from tests.postgresql import Cluster, make_cluster

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

TENANT, VARIABLE = "k7f3q9wz2m", "COFFRE_TEST_RECORDS"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    with make_cluster() as found:
        monkeypatch.setenv(VARIABLE, found.server.url("postgres"))
        yield found


def append(records: Records, number: int) -> None:
    records.append(Event(TENANT, "martin", EventKind.INSTALL, utc_now(), f"writer {number}"))


def _write_on(root: Path, number: int, told: "Connection") -> None:
    """Add events until the server is gone; tell each that was stored."""
    with Records.open(f"env:{VARIABLE}", root) as records:
        while True:
            try:
                append(records, number)
            except RemoteError:
                told.send(None)
                return
            told.send(number)


def test_nothing_recorded_is_lost_and_the_chain_goes_on(cluster: Cluster, tmp_path: Path) -> None:
    Records.open(f"env:{VARIABLE}", tmp_path).close()
    context = multiprocessing.get_context("fork")
    pipes = [context.Pipe(duplex=False) for _ in range(2)]
    writers = [
        context.Process(target=_write_on, args=(tmp_path, number, told)) for number, (_, told) in enumerate(pipes)
    ]
    for writer in writers:
        writer.start()
    stored = [pipe.recv() for pipe, _ in pipes for _ in range(10)]
    cluster.kill()
    for pipe, _ in pipes:
        while (said := pipe.recv()) is not None:
            stored.append(said)
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    with pytest.raises(RemoteError, match="cannot be reached"):
        Records.open(f"env:{VARIABLE}", tmp_path)
    cluster.start()
    with Records.open(f"env:{VARIABLE}", tmp_path) as records:
        report = records.verify()
        assert report.fault_count == 0
        # One whose answer the server could not give any more may stand as well.
        assert len(stored) <= report.events <= len(stored) + len(writers)
        append(records, 9)
        assert records.verify().fault_count == 0


def test_an_open_command_goes_on_once_the_server_is_back(cluster: Cluster, tmp_path: Path) -> None:
    with Records.open(f"env:{VARIABLE}", tmp_path) as records:
        append(records, 1)
        cluster.kill()
        with pytest.raises(RemoteError):
            append(records, 2)
        cluster.start()
        append(records, 3)
        assert [event.actor for event in records.list_events(TENANT)] == ["writer 1", "writer 3"]
        assert records.verify().fault_count == 0
