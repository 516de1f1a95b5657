"""The look for drift over many unchanged tenants: the time of the command, beside that of its requests alone."""

import json
import os
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from unittest import mock

from coffre.agents.kinds import driver_of
from coffre.orders.control import TenantOrders
from coffre.outside.plain_http import Answer, PlainConnections
from coffre.provisioning.drift.fleet import WORKERS, Listener, look_at_fleet
from coffre.provisioning.steps.agents import describe_way, find_installed
from coffre.records.facts.agents import Install
from coffre.secrets.minting import public_key_of
from coffre.spec import naming
from coffre.spec.loader import load_checkout
from coffre.tenant.opening import OpenTenant
from tests.bench.fleet import Desk, Say
from tests.bench.measure import Row, timed
from tests.bench.standing import stand_as_applied

TENANTS = int(os.environ.get("COFFRE_BENCH_TENANTS", "1000"))
MACHINES = 3
RUNS = 3
MODEL = "applied-one"

Request = tuple[str, Mapping[str, str]]
"""The target of a request, and its signed headers."""


def measure_drift(desk: Desk, say: Say) -> list[Row]:
    """Measure `drift --all` over tenants that nobody changed; their machines are asked by their reports."""
    say(f"drift of {TENANTS} tenants of {MACHINES} machines (most of the time is to make them)")
    for path in (desk.root / "tenants").iterdir():
        path.unlink()
    desk.add(MODEL, MACHINES)
    desk.coffre("apply", MODEL, "--yes", "--storage-only")
    slugs = [f"client-{number:04d}" for number in range(TENANTS - 1)]
    for slug in slugs:
        desk.add(slug, MACHINES)
    os.environ.update({name: desk.environment[name] for name in ("HOME", "XDG_CONFIG_HOME", "COFFRE_ACTOR")})
    stand_as_applied(desk.root, MODEL, slugs, _record_machines)
    looks = [desk.coffre("drift", "--all", "--reports-only") for _ in range(RUNS)]
    requests = _list_requests(desk)
    floor = statistics.median(timed(lambda: _send(requests)) for _ in range(RUNS))
    desk.copy_example()
    what = f"drift of {TENANTS} unchanged tenants of {MACHINES} machines"
    count = sum(map(len, requests.values())) / TENANTS
    bare = f"its {count:.0f} requests a tenant, signed before"
    return [
        Row(what, statistics.median(look.seconds for look in looks), floor, bare, limit=60.0 * TENANTS / 1000),
        Row("of it, work of the command's own process", statistics.median(look.cpu_seconds for look in looks)),
        Row("most memory of it", max(look.peak_mib for look in looks), unit="MiB"),
    ]


def _list_requests(desk: Desk) -> dict[PlainConnections, list[Request]]:
    """Return what a look asks, by its connections."""
    asked: dict[PlainConnections, list[Request]] = defaultdict(list)
    ask = PlainConnections.get

    def note(connections: PlainConnections, target: str, headers: Mapping[str, str], *more: Any) -> Answer:
        asked[connections].append((target, headers))
        return ask(connections, target, headers, *more)

    checkout = load_checkout(desk.root)
    listener = Listener(lambda _: None, lambda _: None, lambda _, problem: None)
    with mock.patch.object(PlainConnections, "get", note):
        seen = list(look_at_fleet(checkout, list(checkout.tenants), listener, connects=False))
    assert not [each for each in seen if each.drift or each.unseen]
    return dict(asked)


def _send(requests: Mapping[PlainConnections, Sequence[Request]]) -> None:
    """Send the same requests again, as many at a time as the look does."""
    with ThreadPoolExecutor(WORKERS) as threads:
        for connections, each in requests.items():
            list(threads.map(lambda request, to=connections: to.get(*request, lambda _: 10**6, 60.0), each))


def _record_machines(opened: OpenTenant) -> None:
    """Write each machine's orders, record its agent as installed, and put the statement of its agent."""
    control = opened.secrets.control()
    for name, machine in opened.tenant.machines.items():
        orders = TenantOrders.of(opened).write(name)
        assert orders.generation is not None
        agent = driver_of(machine).find_build(machine.os).agent_sha256
        if find_installed(opened.log, name) is None:
            way = describe_way(machine.connection)
            opened.log.append(
                Install("workstation", generation=orders.generation, agent_sha256=agent, connection=way), name
            )
        statement = {
            "version": 1,
            "tenant_id": opened.tenant.id,
            "machine": name,
            "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "generation_applied": orders.generation,
            "access_key_id": control.machine_keys[name].access_key_id,
            "signing_public_key": public_key_of(control.signing_key),
        }
        opened.buckets.open(name).put(naming.APPLIED_KEY, json.dumps(statement).encode())
