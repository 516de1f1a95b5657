"""A real PostgreSQL server for the session; a conftest that imports these fixtures offers them."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.processes import list_pids, read_words

PASSWORD = "tr0mpette-et-tambour"
ROLE = "coffre"
START_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A server of our own on loopback, and the process that it is."""

    port: int
    process: subprocess.Popen[bytes]

    def url(self, database: str, *, password: str = PASSWORD, role: str = ROLE) -> str:
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}"


@dataclass(frozen=True)
class Database:
    """One fresh database: what `records:` would say, and the plain URL to look at it by another way."""

    kind: str
    reference: str
    root: Path
    url: str


def postgresql_program(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    assert found, f"PostgreSQL's {name} is not installed: apt-get install --no-install-recommends postgresql"
    return str(found[-1])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def as_server_user(*command: str) -> list[str]:
    """PostgreSQL refuses to run as root; ended with us should we be killed."""
    if os.getuid() != 0:
        return list(command)
    user = ["--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=INT"]
    return ["setpriv", *user, *command]


class Cluster:
    """A cluster on disk and its server, which can be killed and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        self.server = self._make()

    def kill(self) -> None:
        """Kill every process of the server at once, and wait until none is left."""
        pid = self.server.process.pid
        children = [each for each in list_pids() if parent_of(each) == pid]
        for each in (pid, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        self.server.process.wait(START_SECONDS)
        deadline = time.monotonic() + START_SECONDS
        while any(Path(f"/proc/{each}").exists() for each in children):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def start(self) -> None:
        self.server = self._start()

    def stop(self) -> None:
        self.server.process.send_signal(signal.SIGINT)  # ends without waiting for its clients
        self.server.process.wait(START_SECONDS)

    def _make(self) -> Server:
        if os.getuid() == 0:
            shutil.chown(self._folder, "postgres", "postgres")
        password_file = self._folder / "password"
        password_file.write_text(PASSWORD)
        password_file.chmod(0o644)
        initdb = [postgresql_program("initdb"), "-D", self._storage, "-U", ROLE, "--auth=scram-sha-256", "--no-sync"]
        initdb += [f"--pwfile={password_file}", "--locale=C", "--encoding=UTF8"]
        self._run(initdb)
        return self._start()

    @property
    def _storage(self) -> str:
        return str(self._folder / "storage")

    def _run(self, command: list[str]) -> None:
        subprocess.run(
            as_server_user(*command), check=True, env=self._environment, cwd=self._folder, stdout=subprocess.DEVNULL
        )

    def _start(self) -> Server:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": str(self._folder),
            "fsync": "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = as_server_user(postgresql_program("postgres"), "-D", self._storage, *options)
        with (self._folder / "log").open("ab") as log:
            process = subprocess.Popen(command, env=self._environment, cwd=self._folder, stdout=log, stderr=log)
        server = Server(self._port, process)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(server.url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                log_text = (self._folder / "log").read_text()
                assert process.poll() is None, log_text
                assert time.monotonic() < deadline, log_text
                time.sleep(0.1)
            else:
                return server


@contextmanager
def make_cluster() -> Iterator[Cluster]:
    """Make a cluster of its own, and end and remove it afterwards."""
    # Not below pytest's own folder: that is closed to the server's user.
    folder = Path(tempfile.mkdtemp(prefix="coffre-postgresql-"))
    try:
        cluster = Cluster(folder)
        try:
            yield cluster
        finally:
            if cluster.server.process.poll() is None:
                cluster.stop()
    finally:
        shutil.rmtree(folder)


def parent_of(pid: int) -> int | None:
    """Return the parent of a process, None when it has ended."""
    after = read_words(pid, "stat").rpartition(") ")[2].split()
    return int(after[1]) if len(after) > 1 else None


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    with make_cluster() as cluster:
        yield cluster.server


@pytest.fixture
def postgresql_database(
    postgresql: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Database:
    name = f"records_{abs(hash(request.node.nodeid))}"
    with psycopg.connect(postgresql.url("postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    monkeypatch.setenv("COFFRE_TEST_RECORDS", postgresql.url(name))
    return Database("postgresql", "env:COFFRE_TEST_RECORDS", tmp_path, postgresql.url(name))
