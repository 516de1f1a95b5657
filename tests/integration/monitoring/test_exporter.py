"""The exporter as a process: a records' server that goes and comes back, clients that hang, and its end."""

import os
import socket
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from coffre.records.database.store import Records
from coffre.supervision.metrics.serving import REQUESTS_AT_MOST
from tests.builders import PLATFORM
from tests.exporting import Exporter, exporting, wait_until
from tests.postgresql import Cluster, make_cluster
from tests.prepared_command import Run, prepared_command


def write_checkout(root: Path, reference: str) -> Path:
    (root / "tenants").mkdir()
    settings = {**PLATFORM, "records": reference}
    (root / "platform.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    return root


@pytest.fixture
def exporter(tmp_path: Path) -> Iterator[Exporter]:
    """An exporter over records without a tenant."""
    root = write_checkout(tmp_path, PLATFORM["records"])
    Records.open(PLATFORM["records"], root).close()
    with exporting(root) as running:
        yield running


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with make_cluster() as made:
        yield made


def test_it_answers_while_the_records_server_is_away_and_sees_it_come_back(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COFFRE_TEST_RECORDS", cluster.server.url("postgres"))
    root = write_checkout(tmp_path, "env:COFFRE_TEST_RECORDS")
    Records.open("env:COFFRE_TEST_RECORDS", root).close()
    cluster.kill()
    with exporting(root, {**os.environ}) as running:
        assert not running.is_up()
        cluster.start()
        assert running.is_up()
        cluster.kill()
        assert not running.is_up()
        assert not running.is_up()
        cluster.start()
        assert running.is_up()
        assert running.stop() == 0
    away = [each for each in running.said if "cannot be reached" in each]
    assert len(away) == 2, running.said
    assert running.said.count("the records are read") == 2
    assert running.said[-1] == "stopped"
    assert "tr0mpette" not in "".join(running.said)


def test_clients_that_hang_are_let_go_after_a_while_and_do_not_stop_it(exporter: Exporter) -> None:
    hanging = [socket.create_connection(("127.0.0.1", exporter.port)) for _ in range(REQUESTS_AT_MOST)]
    assert not try_scrape(exporter), "a further one is closed at once"
    with ThreadPoolExecutor(REQUESTS_AT_MOST // 2) as clients:
        wait_until(lambda: all(clients.map(lambda _: try_scrape(exporter), range(REQUESTS_AT_MOST // 2))))
    assert exporter.stop() == 0
    for each in hanging:
        each.close()


def try_scrape(exporter: Exporter) -> bool:
    try:
        return exporter.is_up()
    except OSError:
        return False


def test_it_is_reached_from_loopback_only(exporter: Exporter) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{exporter.port}/", timeout=20) as answer:
        assert answer.status == 200
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", exporter.port))


@pytest.mark.parametrize(
    "listen", ["9844", "localhost:9844", "127.0.0.1", "127.0.0.1:port", "127.0.0.1:65536", "[::1]"]
)
def test_an_address_that_is_none_is_refused(tmp_path: Path, listen: str) -> None:
    done = run(write_checkout(tmp_path, PLATFORM["records"]), listen)
    assert done.code == 2
    assert f"--listen {listen} is no address with a port" in done.stderr


def test_a_port_that_is_taken_is_said(exporter: Exporter, tmp_path: Path) -> None:
    done = run(tmp_path, f"127.0.0.1:{exporter.port}")
    assert done.code == 1
    assert "address already in use" in done.stderr


def run(root: Path, listen: str) -> Run:
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    return prepared_command().run(["exporter", "--listen", listen], cwd=root, environment=environment)
