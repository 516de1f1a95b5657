"""The fleet: what commands take when a repository has thousands of tenants and a change is about three of them."""

import os
import subprocess
from collections.abc import Callable

from tests.bench.desk import Desk
from tests.bench.measure import Row, median_of
from tests.bench.standing import record_inputs, stand_as_applied

REVIEWED_TENANTS = 10_000
PLANNED_TENANTS, MACHINES_EACH = 1000, 3
APPLIED_TENANTS = 40
CHANGED = 3
RUNS = 3

Say = Callable[[str], None]


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

    The changed ones were really applied; the others are made as an apply would have left them.
    """
    say(f"plan --all over {PLANNED_TENANTS} tenants (most of the time is to make them)")
    slugs = [f"parc-{number:04d}" for number in range(PLANNED_TENANTS)]
    for slug in slugs:
        desk.add(slug, MACHINES_EACH)
    changed = slugs[:CHANGED]
    desk.coffre("apply", *changed, "--yes", "--storage-only")
    os.environ.update({name: desk.environment[name] for name in ("HOME", "XDG_CONFIG_HOME", "COFFRE_ACTOR")})
    stand_as_applied(desk.root, changed[0], slugs[CHANGED:])
    record_inputs(desk.root, slugs)
    for slug in changed:
        desk.set_quota(slug, 300)
    offline = median_of(lambda _: desk.coffre("plan", "--all", "--offline").seconds, RUNS)
    live = median_of(lambda _: desk.coffre("plan", "--all").seconds, RUNS)
    what = f"plan --all, {CHANGED} of {PLANNED_TENANTS} tenants of {MACHINES_EACH} machines changed"
    return [Row(f"{what}, offline", offline, limit=10.0), Row(f"{what}, live", live, limit=30.0)]


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
