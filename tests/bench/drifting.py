"""The look for drift over many unchanged tenants: the time of the command, beside that of its requests alone."""

import json
import os
import statistics
from datetime import UTC, datetime

from coffre.orders.control import TenantOrders
from coffre.provisioning.drift.fleet import WORKERS, Listener, look_at_fleet
from coffre.provisioning.steps.agents import describe_way, find_installed
from coffre.records.facts.agents import Install
from coffre.secrets.minting import public_key_of
from coffre.spec import naming
from coffre.spec.loader import load_checkout
from coffre.tenant.opening import OpenTenant
from tests.bench.asked import Ask, noted, send
from tests.bench.desk import Desk
from tests.bench.fleet import Say
from tests.bench.measure import Row, timed
from tests.bench.standing import stand_as_applied

TENANTS = int(os.environ.get("COFFRE_BENCH_TENANTS", "1000"))
MACHINES = 3
RUNS = 3
MODEL = "applied-one"


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
    stand_as_applied(desk.root, MODEL, slugs, record_machines)
    looks = [desk.coffre("drift", "--all", "--reports-only") for _ in range(RUNS)]
    requests = _list_requests(desk)
    floor = statistics.median(timed(lambda: send(requests, WORKERS)) for _ in range(RUNS))
    desk.copy_example()
    what = f"drift of {TENANTS} unchanged tenants of {MACHINES} machines"
    count = len(requests) / TENANTS
    bare = f"its {count:.0f} requests a tenant, signed before"
    return [
        Row(what, statistics.median(look.seconds for look in looks), floor, bare, limit=60.0 * TENANTS / 1000),
        Row("of it, work of the command's own process", statistics.median(look.cpu_seconds for look in looks)),
        Row("most memory of it", max(look.peak_mib for look in looks), unit="MiB"),
    ]


def _list_requests(desk: Desk) -> list[Ask]:
    """Return what a look asks, request by request."""
    checkout = load_checkout(desk.root)
    listener = Listener(lambda _: None, lambda _: None, lambda _, problem: None)
    with noted() as asked:
        seen = list(look_at_fleet(checkout, list(checkout.tenants), listener, connects=False))
    assert not [each for each in seen if each.drift or each.unseen]
    return asked


def record_machines(opened: OpenTenant) -> None:
    """Write each machine's orders, record its agent as installed, and put the statement of its agent."""
    control = opened.secrets.control()
    for name, machine in opened.tenant.machines.items():
        orders = TenantOrders.of(opened).write(name)
        assert orders.generation is not None
        agent = opened.agents.open(name).find_build(machine.os).agent_sha256
        if find_installed(opened.log, name, machine.agent) is None:
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
