"""Pruning with restic itself, in a folder: its policy as the oracle of ours, its locks, its limit, what a plan says."""

import json
import os
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from coffre import toolchain
from coffre.agents.pruning import RepositoryLockedError
from coffre.agents.restic.repository.format import ResticFormat
from coffre.agents.restic.repository.output import OddOutputError
from coffre.agents.restic.repository.pruning import read_plan
from coffre.observation.judge.retention import Candidate, plan_retention
from coffre.spec.plan import Keep
from tests.contracts.repository import HOST, PASSWORD, Place

MIB = 1024**2
NEWEST = datetime(2026, 11, 30, 9, 30, tzinfo=UTC)


class Folder:
    """A repository in a folder, and restic beside Coffre."""

    def __init__(self, root: Path) -> None:
        self.source, self.place = root / "source", Place.make(ResticFormat(), root / "repository", lambda _: None)
        self.source.mkdir()
        (self.source / "file").write_bytes(b"content")

    def restic(self, *arguments: str) -> str:
        done = subprocess.run(
            self.command(*arguments), env=self.environment, check=True, capture_output=True, text=True
        )
        return done.stdout

    def command(self, *arguments: str) -> list[str]:
        return [str(toolchain.find_tool("restic")), "--no-cache", "--repo", str(self.place.folder), *arguments]

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "TZ": "UTC", "RESTIC_PASSWORD": PASSWORD.get_secret_value()}

    def back_up(self, at: datetime, *more: str) -> str:
        said = self.restic(
            "backup", "--json", "--host", HOST, f"--time={at:%Y-%m-%d %H:%M:%S}", *more, str(self.source)
        )
        return str(json.loads(said.splitlines()[-1])["snapshot_id"])

    def write(self, name: str, size: int) -> None:
        (self.source / name).write_bytes(os.urandom(size))

    def candidates(self) -> list[Candidate]:
        """The snapshots as if storage had received each at its own time."""
        return [
            Candidate(each.id, each.taken_at, each.taken_at, (each.host, each.tags))
            for each in self.place.repository.snapshots()
        ]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_for_honest_dates_it_is_the_retention_of_restic(folder: Folder) -> None:
    for hours in (
        0,
        3,
        26,
        50,
        75,
        24 * 9,
        24 * 16,
        24 * 17,
        24 * 40,
        24 * 75,
        24 * 100,
        24 * 370,
        24 * 420,
        24 * 420 + 2,
    ):
        folder.back_up(NEWEST - timedelta(hours=hours))
    for keep in (
        Keep(daily=2),
        Keep(daily=3, weekly=2),
        Keep(daily=1, weekly=3, monthly=3),
        Keep(monthly=14, yearly=2),
        Keep(yearly=1),
        Keep(yearly=4),
        Keep(daily=425),
    ):
        flags = [
            f"--keep-within-{name}={count}{unit}"
            for name, count, unit in (
                ("daily", keep.daily, "d"),
                ("weekly", keep.weekly * 7, "d"),
                ("monthly", keep.monthly, "m"),
                ("yearly", keep.yearly, "y"),
            )
            if count
        ]
        [group] = json.loads(folder.restic("forget", "--dry-run", "--json", *flags))
        theirs = {each["id"] for each in group["remove"] or []}
        always = {each.id for each in folder.candidates()[-2:]}
        ours = {each.id for each in plan_retention(folder.candidates(), {}, keep, ZoneInfo("UTC")).going}
        assert ours == theirs - always, keep


def test_backdated_snapshots_make_restics_own_policy_forget_every_real_one(folder: Folder) -> None:
    """Why `--keep-within` of restic is not used: it believes the date that the machine writes into a snapshot."""
    honest = [folder.back_up(NEWEST - timedelta(days=number)) for number in range(1, 5)]
    for number in range(1, 5):
        folder.back_up(NEWEST - timedelta(days=number) + timedelta(hours=14))
    folder.back_up(NEWEST)
    [group] = json.loads(folder.restic("forget", "--dry-run", "--json", "--keep-within-daily=30d"))
    assert {each["id"] for each in group["remove"]} == set(honest[:-1]), "all but the oldest of all"


def test_data_that_only_the_removed_snapshot_needs_goes_and_a_limit_leaves_mixed_packs(folder: Folder) -> None:
    for name in ("a", "b"):
        folder.write(name, 2 * MIB)
    first = folder.back_up(NEWEST - timedelta(days=1))
    (folder.source / "a").unlink()
    folder.back_up(NEWEST)
    pruner = folder.place.repository.pruner()
    planned = pruner.plan([first])
    assert planned.deleted_bytes + planned.dropped_bytes > 1.9 * MIB
    assert pruner.plan([first], 0).repacked_bytes == 0
    before = sum(each.stat().st_size for each in (folder.place.folder / "data").rglob("*") if each.is_file())
    pruner.remove([first])
    pruner.prune(None, 60)
    after = sum(each.stat().st_size for each in (folder.place.folder / "data").rglob("*") if each.is_file())
    assert before - after > 1.9 * MIB
    folder.place.repository.check(read_data=True)


def test_a_living_lock_is_respected_and_a_dead_programs_is_removed(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coffre.agents.restic.repository.pruning._RETRY", "--retry-lock=1s")
    first = folder.back_up(NEWEST)
    # It reads what nobody writes, and holds its lock meanwhile.
    pipe = subprocess.Popen(
        folder.command("backup", "--host", HOST, "--stdin", "--stdin-filename", "endless"),
        env=folder.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        locks, until = folder.place.folder / "locks", time.monotonic() + 30
        while not list(locks.iterdir()):
            assert time.monotonic() < until
            time.sleep(0.05)
        pruner = folder.place.repository.pruner()
        pruner.unlock()
        for refused in (lambda: pruner.remove([first]), lambda: pruner.prune(None, 60)):
            with pytest.raises(RepositoryLockedError, match="locked"):
                refused()
        assert [each.id for each in folder.place.repository.snapshots()] == [first]
    finally:
        pipe.kill()
        pipe.communicate()
    assert list(locks.iterdir()), "it could not remove its lock"
    pruner.unlock()
    assert list(locks.iterdir()) == []
    pruner.prune(None, 60)


def test_a_plan_that_restic_does_not_state_completely_is_no_plan() -> None:
    said = [
        "to repack:             12 blobs / 1.334 KiB",
        "this removes:          0 blobs / 0 B",
        "to delete:             4 blobs / 2.000 GiB",
        "total prune:           4 blobs / 1.334 KiB",
        "remaining:            23 blobs / 14.309 MiB",
        "unused size after prune: 3 B (0.00% of remaining size)",
    ]
    planned = read_plan(iter(said))
    assert 1366 <= planned.repacked_bytes <= 1367
    assert (planned.dropped_bytes, planned.unused_bytes) == (0, 3)
    assert 2 * 1024**3 <= planned.deleted_bytes < 2 * 1024**3 + MIB
    for missing in (0, 1, 2, 4, 5):
        with pytest.raises(OddOutputError):
            read_plan(iter([*said[:missing], *said[missing + 1 :]]))
