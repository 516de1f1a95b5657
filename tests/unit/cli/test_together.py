"""Many tenants at once: each is told whole and once, in the order of their ends, and one that fails stops no other."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from coffre.cli.context import choose_tenants
from coffre.cli.tenants import together
from coffre.cli.tenants.together import MACHINE_BYTES, STORAGE_BYTES, Job, Terms, Turn, choose_parallel
from coffre.cli.words.time_left import describe_time_left
from coffre.provisioning.terms.context import Intent
from coffre.spec.loader import load_checkout
from coffre.tenant.shards import Shard
from coffre.workspace.many.progress import open_progress
from coffre.workspace.many.workers import Ended

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


@dataclass(frozen=True)
class Outcome:
    """As much of an outcome as is told here."""

    tenant: str
    is_complete: bool = True
    warnings: tuple[str, ...] = ()


class InThisProcess:
    """Stands in for the processes: ends each job as `ENDS` says, complete unless it is named there."""

    ends: ClassVar[dict[str, Turn | None]] = {}
    begun: ClassVar[list[str]] = []

    def __init__(self, task: Any, setup: Any, count: int, prepare: Any) -> None:
        self.count = count

    def run(self, jobs: Sequence[Job]) -> Iterator[Ended[Job, Turn]]:
        for job in jobs:
            self.begun.append(job.slug)
            turn = self.ends.get(job.slug, Turn(cast("Any", Outcome(job.slug, warnings=("it is Sunday",)))))
            if turn is None:
                raise KeyboardInterrupt
            yield Ended(job, turn, (f"creating keys for {job.slug}",))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> type[InThisProcess]:
    monkeypatch.setattr("coffre.workspace.many.workers.Workers", InThisProcess)
    monkeypatch.setattr(InThisProcess, "ends", {})
    monkeypatch.setattr(InThisProcess, "begun", [])
    return InThisProcess


def apply_both(repository: Path, shown: list[Any]) -> list[str]:
    terms = Terms(load_checkout(repository), Intent())
    progress = open_progress(repository, "apply", datetime.now(UTC))
    return together.apply_together(terms, dict.fromkeys(SLUGS), 1, progress, shown.append)


def test_an_interrupted_run_goes_on_with_the_tenants_that_are_not_as_they_were_then(
    repository: Path, here: type[InThisProcess], capsys: pytest.CaptureFixture[str]
) -> None:
    here.ends[SLUGS[1]] = None
    with pytest.raises(KeyboardInterrupt):
        apply_both(repository, [])
    assert "interrupted after 1 of 2 tenants: the same command again goes on" in capsys.readouterr().err
    assert apply_one_more(repository, here) == [SLUGS[1]]
    assert "1 of 2 tenants were applied by the run of" in capsys.readouterr().err
    file = repository / "tenants" / f"{SLUGS[0]}.yaml"
    file.write_text(file.read_text("utf-8").replace("quota: 500 Go", "quota: 600 Go"), encoding="utf-8")
    assert apply_one_more(repository, here) == SLUGS, "what was done of another file is not done"


def apply_one_more(repository: Path, here: type[InThisProcess]) -> list[str]:
    here.begun.clear()
    with pytest.raises(KeyboardInterrupt):
        apply_both(repository, [])
    return list(here.begun)


def test_a_tenant_with_an_error_is_begun_again_and_an_incomplete_one_begins_everything_again(
    repository: Path, here: type[InThisProcess], capsys: pytest.CaptureFixture[str]
) -> None:
    here.ends[SLUGS[0]] = Turn(None, ("durand: nobody answers",))
    assert apply_both(repository, []) == [SLUGS[0]]
    said = capsys.readouterr().err
    assert f"{SLUGS[0]}: creating keys for {SLUGS[0]}\ndurand: nobody answers\n" in said
    here.begun.clear()
    here.ends[SLUGS[0]] = Turn(cast("Any", Outcome(SLUGS[0], is_complete=False)))
    assert apply_both(repository, []) == [SLUGS[0]]
    assert here.begun == [SLUGS[0]]
    here.begun.clear()
    here.ends.clear()
    assert apply_both(repository, []) == []
    assert here.begun == SLUGS, "a machine that is off is no interruption"


def test_a_warning_that_holds_for_all_is_told_once(repository: Path, here: type[InThisProcess]) -> None:
    shown: list[Outcome] = []
    assert apply_both(repository, shown) == []
    assert [each.warnings for each in shown] == [("it is Sunday",), ()]


def test_a_part_of_all_is_chosen_and_the_other_part_elsewhere(repository: Path) -> None:
    known = load_checkout(repository).tenants
    parts = [choose_tenants(None, True, known, f"{number}/2") for number in (1, 2)]
    assert sorted(slug for part in parts for slug in part) == SLUGS
    assert parts == [[slug for slug, each in known.items() if Shard(number, 2).has(each.id)] for number in (1, 2)]


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
