"""Passes of supervision over many tenants: the first one, which reads everything, and later ones, when nobody wrote.

Their machines hold orders and an agent's statement, and no backup: a pass that reads backups reads those of the
machines that made one since the pass before.
"""

import os
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from coffre.records.database.store import Records
from coffre.spec.loader import load_checkout
from coffre.supervision.rounds import WORKERS, PassResult, Supervisor
from coffre.workspace.clock import utc_now
from tests.bench.asked import Ask, noted, send
from tests.bench.desk import Desk
from tests.bench.drifting import record_machines
from tests.bench.fleet import Say
from tests.bench.measure import Row, timed
from tests.bench.standing import record_inputs, stand_as_applied

TENANTS = int(os.environ.get("COFFRE_BENCH_TENANTS", "1000"))
MACHINES = 10
RUNS = 3
LATER_PASSES, GROWN_MIB = 2, 16.0
"""A supervision runs for months: its memory stays as it is after the first passes."""
MODEL = "applied-one"


def measure_supervision(desk: Desk, say: Say) -> list[Row]:
    """Measure `supervise` over tenants to which nobody wrote since the pass before."""
    stand_supervised(desk, TENANTS, say)
    first = desk.coffre("supervise")
    looks = [desk.coffre("supervise") for _ in range(RUNS)]
    asked = list_requests(desk)
    grown_mib = measure_memory(desk)
    floor = statistics.median(timed(lambda: send(asked, WORKERS)) for _ in range(RUNS))
    desk.copy_example()
    what = f"supervise, {TENANTS} tenants of {MACHINES} machines"
    count = len(asked) / TENANTS
    bare = f"its {count:.1f} requests a tenant, signed before"
    return [
        Row(f"{what}, first pass", first.seconds),
        Row("most memory of it", first.peak_mib, unit="MiB"),
        Row(f"{what}, nobody wrote", statistics.median(each.seconds for each in looks), floor, bare,
            limit=60.0 * TENANTS / 1000),
        Row("of it, work of the command's own process", statistics.median(each.cpu_seconds for each in looks)),
        Row("most memory of it", max(each.peak_mib for each in looks), unit="MiB"),
        Row(f"growth of it over {LATER_PASSES} later passes of a process", grown_mib, limit=GROWN_MIB, unit="MiB"),
    ]  # fmt: skip


def stand_supervised(desk: Desk, tenants: int, say: Say) -> None:
    """Make so many tenants that stand as applied, ready for a pass."""
    say(f"supervision of {tenants} tenants of {MACHINES} machines (most of the time is to make them)")
    for path in (desk.root / "tenants").iterdir():
        path.unlink()
    desk.add(MODEL, MACHINES)
    desk.coffre("apply", MODEL, "--yes", "--storage-only")
    slugs = [f"client-{number:04d}" for number in range(tenants - 1)]
    for slug in slugs:
        desk.add(slug, MACHINES)
    os.environ.update({name: desk.environment[name] for name in ("HOME", "XDG_CONFIG_HOME", "COFFRE_ACTOR")})
    stand_as_applied(desk.root, MODEL, slugs, record_machines)
    record_inputs(desk.root, [MODEL, *slugs])


def list_requests(desk: Desk) -> list[Ask]:
    """Return what a pass asks, request by request."""
    with noted() as asked:
        result = run_pass(desk)
    assert result.is_whole
    assert result.seen == result.tenants
    return asked


def measure_memory(desk: Desk) -> float:
    """Return by how many MiB this process grows from its second pass on, over so many later ones."""
    with _supervising(desk) as supervisor:
        for _ in range(2):
            supervisor.run()
        before = _resident_mib()
        for _ in range(LATER_PASSES):
            supervisor.run()
        return _resident_mib() - before


def run_pass(desk: Desk) -> PassResult:
    """Make a pass in this process."""
    with _supervising(desk) as supervisor:
        return supervisor.run()


@contextmanager
def _supervising(desk: Desk) -> Iterator[Supervisor]:
    settings = load_checkout(desk.root).settings
    with Records.open(settings.records, desk.root) as records:
        yield Supervisor(desk.root, records, lambda _: None, lambda _, problem: None, utc_now, timedelta(minutes=5))


def _resident_mib() -> float:
    """Return how much memory this process has now (proc(5), statm)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2
