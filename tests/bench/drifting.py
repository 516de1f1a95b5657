"""The look for drift over many unchanged tenants: the time of the command, and how many calls one tenant takes.

The tenants are made by the provider's own code and without Pulumi: their states are the one of an applied tenant with
the names and keys of each.
"""

import json
import os
import statistics
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from coffre.agents.kinds import driver_of
from coffre.orders.control import TenantOrders
from coffre.provisioning.engine.stack import declare, state_folder
from coffre.provisioning.engine.state import StateFolder
from coffre.provisioning.steps.agents import describe_way, find_installed
from coffre.provisioning.steps.secrets import current_keys, ensure_secrets
from coffre.records.facts.agents import Install
from coffre.secrets.minting import public_key_of
from coffre.spec import naming
from coffre.spec.loader import Checkout, load_checkout
from coffre.storage.ceph.declaration import CephDeclaration
from coffre.storage.ceph.drift import RememberingAdmin
from coffre.storage.ceph.provider.platform import RgwPlatform
from coffre.storage.ceph.provider.resources.bucket_policy import BucketPolicy
from coffre.storage.ceph.provider.resources.user_quota import UserQuota
from coffre.storage.ceph.provider.scope import declare_all
from coffre.tenant.opening import OpenTenant, open_tenants
from tests.bench.fleet import Desk, Say
from tests.bench.measure import Row

TENANTS = int(os.environ.get("COFFRE_BENCH_TENANTS", "1000"))
MACHINES = 3
RUNS = 3
MODEL = "applied-one"
_THREADS = 4


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
    checkout = load_checkout(desk.root)
    with ThreadPoolExecutor(_THREADS) as threads, open_tenants(checkout, lambda _: None) as opener:
        model, example = _read_model(checkout), opener.open(MODEL)
        list(threads.map(lambda slug: _make(opener.open(slug), example, model), slugs))
        _record_machines(example)
    looks = [desk.coffre("drift", "--all", "--reports-only") for _ in range(RUNS)]
    desk.copy_example()
    what = f"drift of {TENANTS} unchanged tenants of {MACHINES} machines"
    return [
        Row(what, statistics.median(look.seconds for look in looks), limit=60.0 * TENANTS / 1000),
        Row("of it, work of the command's own process", statistics.median(look.cpu_seconds for look in looks)),
        Row("most memory of it", max(look.peak_mib for look in looks), unit="MiB"),
    ]


def _read_model(checkout: Checkout) -> str:
    states = state_folder(checkout)
    assert isinstance(states, StateFolder)
    return states.file_of(MODEL).read_text(encoding="utf-8")


def _make(opened: OpenTenant, example: OpenTenant, model: str) -> None:
    """Make what an apply would have made of a tenant; ``example`` is the one whose state is the model."""
    escrowed = ensure_secrets(opened.tenant, opened.secrets, opened.log, lambda _: None)
    keys = current_keys(opened.tenant, escrowed.control)
    declaration = declare(opened.tenant, opened.checkout, opened.platform, keys)
    assert isinstance(declaration, CephDeclaration)
    _make_storage(declaration)
    _write_state(opened, example, model)
    _record_machines(opened)


def _make_storage(declaration: CephDeclaration) -> None:
    admin = RememberingAdmin(declaration.endpoint, declaration.admin_key)
    platform = RgwPlatform(declaration.endpoint, admin)
    given = list(declare_all(declaration.storage))
    # Users come before the policies that name them; the quota last, since a remembered user is then right.
    for kind, inputs in sorted(given, key=lambda each: (each[0] is UserQuota, each[0] is BucketPolicy)):
        kind(platform).make(kind.check(inputs)[0])


def _write_state(opened: OpenTenant, example: OpenTenant, model: str) -> None:
    """Write the model's state with this tenant's names and ids of keys; its ciphers stay the model's."""
    states = state_folder(opened.checkout)
    assert isinstance(states, StateFolder)
    tenant, first = opened.tenant, example.tenant
    ours, theirs = opened.secrets.control(), example.secrets.control()
    assert ours.owner_key is not None
    assert theirs.owner_key is not None
    pairs = {theirs.owner_key.access_key_id: ours.owner_key.access_key_id}
    for name in tenant.machines:
        pairs[theirs.machine_keys[name].access_key_id] = ours.machine_keys[name].access_key_id
        pairs[naming.bucket_name(first.slug, first.id, name)] = naming.bucket_name(tenant.slug, tenant.id, name)
    pairs |= {naming.owner_uid(first): naming.owner_uid(tenant), first.id: tenant.id, MODEL: tenant.slug}
    text = model
    for old, new in pairs.items():
        text = text.replace(old, new)
    path = states.file_of(tenant.slug)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


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
