"""Many tenants at once: each is told whole and once, in the order of their ends, and one that fails stops no other."""

import subprocess
import sys
from pathlib import Path

import pytest

from coffre.cli.tenants import together
from coffre.cli.tenants.together import MACHINE_BYTES, STORAGE_BYTES, Job, Terms, Turn, choose_parallel
from coffre.cli.words.time_left import describe_time_left
from coffre.provisioning.terms.context import Intent
from coffre.spec.loader import load_checkout
from coffre.tenant.shards import Shard
from coffre.workspace.workers import Ended

REPOSITORY = Path(__file__).resolve().parents[3]
SLUGS = ["atelier-durand", "boulangerie-martin"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of the examples, in which no lab was ever started."""
    (tmp_path / "tenants").mkdir()
    for name in ("platform.yaml", *(f"tenants/{slug}.yaml" for slug in SLUGS)):
        (tmp_path / name).write_bytes((REPOSITORY / name).read_bytes())
    return tmp_path


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("coffre"), *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)


def test_tenants_that_fail_are_each_told_in_one_piece_and_counted(repository: Path) -> None:
    done = run(repository, "apply", "--all", "--yes", "--parallel", "2")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0] == "applying 2 tenants, 2 at a time"
    assert lines[-1] == "2 of 2 tenants"
    for slug in SLUGS:
        at = next(place for place, line in enumerate(lines) if line.startswith(f"{slug}: "))
        assert "`coffre lab up` writes it" in "".join(lines[at : at + 2])
    assert done.stdout.startswith("0 of 2 tenants applied; not: ")


def test_a_part_of_all_is_planned_and_the_other_part_elsewhere(repository: Path) -> None:
    told = {number: run(repository, "plan", "--all", "--shard", f"{number}/2").stderr for number in (1, 2)}
    for slug, tenant in load_checkout(repository).tenants.items():
        assert [number for number in (1, 2) if f"{slug}" in told[number]] == [
            number for number in (1, 2) if Shard(number, 2).has(tenant.id)
        ]


def test_a_process_that_dies_is_named_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    ended: Ended[Job, Turn] = Ended(Job("martin", None), None, ("creating keys",), -9)
    assert not together._tell(ended, set(), lambda _: pytest.fail("there is no outcome"))
    said = capsys.readouterr().err
    assert "martin: creating keys\n" in said
    assert "martin: the process that applied it ended (SIGKILL)" in said
    assert "--parallel 1" in said


def test_memory_is_counted_for_the_tenant_with_most_machines(repository: Path) -> None:
    checkout = load_checkout(repository)
    most = max(len(tenant.active_machines()) for tenant in checkout.tenants.values())
    assert together._estimate_bytes(Terms(checkout, Intent()), SLUGS) == STORAGE_BYTES + MACHINE_BYTES * (1 + most)
    assert together._estimate_bytes(Terms(checkout, Intent(storage_only=True)), SLUGS) == STORAGE_BYTES
    assert choose_parallel(7, Terms(checkout, Intent()), SLUGS) == 2
    assert choose_parallel(None, Terms(checkout, Intent()), SLUGS) in (1, 2)


@pytest.mark.parametrize(
    ("elapsed", "done", "total", "said"),
    [
        (10.0, 1, 40, ""),
        (20.0, 4, 40, ", about 3 min left"),
        (20.0, 20, 40, ", about 20 s left"),
        (0.0, 39, 40, ", about 1 s left"),
        (3600.0, 10, 1000, ", about 99 h left"),
        (60.0, 40, 40, ""),
        (9.0, 1, 1, ""),
    ],
)
def test_the_time_left_is_told_once_as_many_ended_as_run_at_a_time(
    elapsed: float, done: int, total: int, said: str
) -> None:
    assert describe_time_left(elapsed, done, total, 4) == said
