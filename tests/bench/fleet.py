"""The fleet: what commands take when a repository has thousands of tenants and a change is about three of them."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from coffre.provisioning.inputs import Inputs
from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind
from coffre.records.facts.inputs import InputsApplied
from coffre.records.facts.registry import write_fact
from coffre.spec import naming
from coffre.spec.loader import load_checkout
from coffre.spec.quota import wall_bytes
from coffre.storage.ceph.connect import connect
from coffre.storage.s3.client import make_client
from coffre.storage.values import AccessKey
from tests.bench.measure import Child, Row, median_of

REVIEWED_TENANTS = 10_000
PLANNED_TENANTS, MACHINES_EACH = 1000, 3
APPLIED_TENANTS = 40
CHANGED = 3
RUNS = 3

Say = Callable[[str], None]


class Desk(Protocol):
    """The repository of the bench, and the installed command run in it."""

    root: Path
    environment: Mapping[str, str]

    def coffre(self, *arguments: str) -> Child: ...
    def add(self, slug: str, machines: int | Sequence[str]) -> None: ...
    def set_quota(self, slug: str, gib: int) -> None: ...


def measure_review(desk: Desk, say: Say) -> list[Row]:
    """Measure check and review over many tenants, by the work of their processes."""
    say(f"a review over {REVIEWED_TENANTS} tenants")
    slugs = [f"client-{number:05d}" for number in range(REVIEWED_TENANTS)]
    for slug in slugs:
        desk.add(slug, 2)
    _git(desk, "init", "--quiet", "--initial-branch=main")
    _commit(desk, "the tenants")
    for slug in slugs[:CHANGED]:
        desk.set_quota(slug, 300)
    # A review refuses these changes, since they name no order: the example's change names one.
    for slug in slugs[:CHANGED]:
        path = desk.root / "tenants" / f"{slug}.yaml"
        order = "  amendments: [{reference: AV-2027-01, signed_on: 2027-02-01}]\n\ncontact:"
        path.write_text(path.read_text("utf-8").replace("\ncontact:", order, 1), encoding="utf-8")
    _commit(desk, "three quotas")
    check = median_of(lambda _: desk.coffre("check").cpu_seconds, RUNS)
    review = median_of(lambda _: desk.coffre("review", "--offline", "HEAD~1..HEAD").cpu_seconds, RUNS)
    return [
        Row(f"check, {REVIEWED_TENANTS} tenants, work of its processes", check, limit=10.0),
        Row(f"review, {CHANGED} of {REVIEWED_TENANTS} tenants changed, work", review, limit=10.0),
    ]


def measure_plans(desk: Desk, say: Say) -> list[Row]:
    """Measure plan --all, offline and with live facts: all tenants are as they were applied, but a few changed.

    What an apply would leave of the unchanged ones is made by bare calls: their owners, walls and buckets, and the
    record of it. The changed ones were really applied.
    """
    say(f"plan --all over {PLANNED_TENANTS} tenants (a minute or two to make them)")
    slugs = [f"parc-{number:04d}" for number in range(PLANNED_TENANTS)]
    for slug in slugs:
        desk.add(slug, MACHINES_EACH)
    changed = slugs[:CHANGED]
    desk.coffre("apply", *changed, "--yes", "--storage-only")
    stand_as_applied(desk.root, slugs, say)
    for slug in changed:
        desk.set_quota(slug, 300)
    offline = median_of(lambda _: desk.coffre("plan", "--all", "--offline").seconds, RUNS)
    live = median_of(lambda _: desk.coffre("plan", "--all").seconds, RUNS)
    what = f"plan --all, {CHANGED} of {PLANNED_TENANTS} tenants of {MACHINES_EACH} machines changed"
    return [Row(f"{what}, offline", offline, limit=10.0), Row(f"{what}, live", live, limit=30.0)]


def stand_as_applied(root: Path, slugs: Sequence[str], say: Say) -> None:
    """Make owners, walls and buckets where they are missing, and record each tenant's inputs as applied."""
    checkout = load_checkout(root)
    storage = connect(checkout.settings.platforms["lab"], root)

    def make(slug: str) -> None:
        tenant = checkout.tenants[slug]
        uid = naming.owner_uid(tenant)
        if storage.admin.find_user(uid) is not None:
            return
        key = AccessKey(f"BENCH{tenant.id.upper():0>15}", "bench-secret-" + "x" * 27)
        storage.admin.create_user(uid, slug, 1000)
        storage.admin.put_key(uid, key)
        storage.admin.set_quota(uid, wall_bytes(tenant.storage.quota_bytes, checkout.settings.platforms["lab"]))
        client = make_client(storage.endpoint, key)
        for machine in tenant.machines:
            client.create_bucket(Bucket=naming.bucket_name(slug, tenant.id, machine))
        client.close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(make, slugs))
    inputs = Inputs(checkout)
    now = datetime.now(UTC)
    events = []
    for slug in slugs:
        digests = inputs.digest(checkout.tenants[slug])
        fact = InputsApplied(digests.tenant_sha256, digests.program_sha256, is_complete=True, has_agents=True)
        kind = EventKind.INPUTS_APPLIED
        events.append(Event(checkout.tenants[slug].id, slug, kind, now, "bench", None, None, write_fact(fact)))
    with Records.open(checkout.settings.records, root) as records:
        records.append_all(events)
    say(f"{len(slugs)} tenants stand as applied")


def measure_applies(desk: Desk, say: Say) -> list[Row]:
    """Measure apply --all for new tenants of one machine, storage only."""
    say(f"apply --all of {APPLIED_TENANTS} new tenants")
    slugs = [f"nouveau-{number:02d}" for number in range(APPLIED_TENANTS)]
    for slug in slugs:
        desk.add(slug, 1)
    applied = desk.coffre("apply", "--all", "--yes", "--storage-only")
    return [
        Row(f"apply --all, storage of {APPLIED_TENANTS} new tenants of one machine", applied.seconds, limit=60.0),
        Row("work of its processes, one tenant", applied.cpu_seconds / APPLIED_TENANTS),
    ]


def _commit(desk: Desk, message: str) -> None:
    _git(desk, "add", "platform.yaml", "tenants")
    _git(desk, "-c", "user.name=bench", "-c", "user.email=bench@smileo.example", "commit", "--quiet", "-m", message)


def _git(desk: Desk, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(desk.root), *arguments], check=True, env=dict(desk.environment))
