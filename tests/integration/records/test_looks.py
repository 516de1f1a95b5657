"""A look at many tenants reads the records of all of them side by side, over the connections of one pool."""

import contextlib
import json
import random
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
import yaml

from coffre.errors import RemoteError
from coffre.orders.generations import find_due
from coffre.provisioning.drift.fleet import WORKERS
from coffre.provisioning.steps.agents import find_installed
from coffre.records.facts.agents import Install, OrdersIssued
from coffre.spec.loader import Checkout, load_checkout
from coffre.spec.tenant import AgentKind
from coffre.tenant.opening import TenantOpener, open_tenants
from coffre.workspace.many.threads import run_all
from tests.builders import PLATFORM, machine_with, tenant_file
from tests.postgresql import Database

TENANTS, SECONDS = 16, 120.0
MACHINES = ("compta-01", "caisse-01")
SHA256 = "ab" * 32


@dataclass(frozen=True)
class Read:
    """What a look reads of a tenant's records: generations installed and due, and the memories, by machine."""

    installed: Sequence[int]
    due: Sequence[int]
    remembered: Sequence[int | None]


@pytest.fixture
def checkout(database: Database, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """Tenants whose records say of each another generation; the platform and the bundles are not asked."""
    monkeypatch.setenv("NOTHING", json.dumps({"access_key_id": "AK", "secret_access_key": "s"}))
    monkeypatch.setenv("HOME", str(database.root))
    (database.root / "tenants").mkdir()
    (database.root / "endpoints.json").write_text('{"endpoint": "http://127.0.0.1:9"}', encoding="utf-8")
    settings = {**PLATFORM, "records": database.reference}
    (database.root / "platform.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    for number in range(TENANTS):
        write_tenant(database.root, number)
    found = load_checkout(database.root)
    with open_tenants(found, lambda _: None) as opener:
        for number, slug in enumerate(found.tenants, start=1):
            opened = opener.open(slug)
            for machine in MACHINES:
                opened.log.append(OrdersIssued(number, (), renews=False), machine)
                opened.log.append(Install("workstation", generation=number, agent_sha256=SHA256), machine)
                opened.memory.change(machine, lambda memory, number=number: replace(memory, report_number=number))
    return found


def write_tenant(root: Path, number: int) -> None:
    slug, identity = f"client-{number:02d}", f"n{random.Random(number).randrange(10**8, 10**9)}"
    machines = {
        name: machine_with(connection={"via": "ssh", "host": f"{name}.{slug}.example", "user": "root"})
        for name in MACHINES
    }
    (root / "tenants" / f"{slug}.yaml").write_text(tenant_file(id=identity, machines=machines), encoding="utf-8")


def look(opener: TenantOpener, slug: str) -> Read:
    opened = opener.open(slug, is_look=True)
    installed = [find_installed(opened.log, machine, AgentKind.RESTIC) for machine in MACHINES]
    return Read(
        [0 if each is None else each.generation for each in installed],
        [find_due(opened.log, machine) for machine in MACHINES],
        [opened.memory.recall(machine).report_number for machine in MACHINES],
    )


def look_at_all(checkout: Checkout, opener: TenantOpener) -> dict[str, object]:
    jobs = {slug: lambda slug=slug: look(opener, slug) for slug in checkout.tenants}
    return dict(run_all(jobs, WORKERS, SECONDS))


def expected(checkout: Checkout) -> dict[str, object]:
    return {slug: Read([n, n], [n, n], [n, n]) for n, slug in enumerate(checkout.tenants, start=1)}


def test_each_look_reads_its_own_tenant_while_others_write(checkout: Checkout) -> None:
    with open_tenants(checkout, lambda _: None) as opener, writing_beside(checkout):
        for _ in range(2):
            assert look_at_all(checkout, opener) == expected(checkout)


@contextlib.contextmanager
def writing_beside(checkout: Checkout) -> Iterator[None]:
    """Have somebody else record what no look of these asks for, as long as the block lasts."""
    ended = threading.Event()

    def write() -> None:
        with open_tenants(checkout, lambda _: None) as opener:
            opened = opener.open(next(iter(checkout.tenants)))
            while not ended.is_set():
                opened.log.append(OrdersIssued(99, (), renews=False), "another")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        ended.set()
        writer.join()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_the_server_has_no_more_connections_than_there_are_workers(checkout: Checkout, database: Database) -> None:
    with open_tenants(checkout, lambda _: None) as opener:
        look_at_all(checkout, opener)
        assert 1 <= count_connections(database) <= WORKERS


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_connections_that_the_server_ended_are_told_and_made_again(checkout: Checkout, database: Database) -> None:
    with open_tenants(checkout, lambda _: None) as opener:
        assert look_at_all(checkout, opener) == expected(checkout)
        ask(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'coffre'")
        after = look_at_all(checkout, opener)
        told = {slug for slug, read in after.items() if isinstance(read, RemoteError)}
        assert len(told) <= WORKERS
        assert {slug: read for slug, read in after.items() if slug not in told}.items() <= expected(checkout).items()
        assert look_at_all(checkout, opener) == expected(checkout)


def count_connections(database: Database) -> int:
    return ask(database, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'coffre'")


def ask(database: Database, question: str) -> int:
    with psycopg.connect(database.url, autocommit=True) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return int(row[0])
