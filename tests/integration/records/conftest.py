"""A real PostgreSQL server for the session, and a fresh database of either kind for each test."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

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


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    # Not below pytest's own folder: that is closed to the server's user.
    folder = Path(tempfile.mkdtemp(prefix="coffre-postgresql-"))
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    try:
        if os.getuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        password_file = folder / "password"
        password_file.write_text(PASSWORD)
        password_file.chmod(0o644)
        storage = str(folder / "storage")
        initdb = [postgresql_program("initdb"), "-D", storage, "-U", ROLE, "--auth=scram-sha-256", "--no-sync"]
        initdb += [f"--pwfile={password_file}", "--locale=C", "--encoding=UTF8"]
        subprocess.run(as_server_user(*initdb), check=True, env=environment, cwd=folder, stdout=subprocess.DEVNULL)
        server = start_server(folder, storage, environment)
        try:
            yield server
        finally:
            server.process.send_signal(signal.SIGINT)  # ends without waiting for its clients
            server.process.wait(START_SECONDS)
    finally:
        shutil.rmtree(folder)


def start_server(folder: Path, storage: str, environment: dict[str, str]) -> Server:
    port = free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(folder),
        "fsync": "off",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = as_server_user(postgresql_program("postgres"), "-D", storage, *options)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    server = Server(port, process)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(server.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            log_text = (folder / "log").read_text()
            assert process.poll() is None, log_text
            assert time.monotonic() < deadline, log_text
            time.sleep(0.1)
        else:
            return server


@pytest.fixture
def postgresql_database(
    postgresql: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Database:
    name = f"records_{abs(hash(request.node.nodeid))}"
    with psycopg.connect(postgresql.url("postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    monkeypatch.setenv("COFFRE_TEST_RECORDS", postgresql.url(name))
    return Database("postgresql", "env:COFFRE_TEST_RECORDS", tmp_path, postgresql.url(name))


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Database:
    return Database("sqlite", "sqlite:.coffre/records.db", tmp_path, f"sqlite:///{tmp_path}/.coffre/records.db")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """A fresh database, once of each kind."""
    found: Database = request.getfixturevalue(f"{request.param}_database")
    return found
