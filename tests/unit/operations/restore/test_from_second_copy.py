"""Drills and restores from the second copy alone: the tenant's own platform is away, and nothing is learned from it."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from coffre.errors import RefusedError, UsageError
from coffre.operations.drill.drill import Drill, drill_copy
from coffre.operations.restore.restore import Restored, RestoreSource, restore_to_directory
from coffre.records.facts.backups import Drilled, PasswordUsed
from coffre.records.facts.password_uses import DrillUse, RestoreUse
from coffre.spec.tenant import HoldKind
from coffre.storage.values import PlatformAwayError
from coffre.tenant.holds import RecordedHold, record_hold
from tests.doubles.repository import Entry
from tests.doubles.two_homes import COMPTA, SLUG, THERE, TwoHomes, copied_of, open_two_homes
from tests.unit.agents.test_report import REPORT

LETTER = b"Madame, Monsieur"
HOME = (Entry("/home", "dir"), Entry("/home/lettre.txt", content=LETTER))


@dataclass
class Watching:
    """Nobody watches."""

    said: list[str] = field(default_factory=list)

    def on_step(self, text: str) -> None:
        self.said.append(text)

    def on_progress(self, fraction: float) -> None:
        """Nobody reads it here."""


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TwoHomes:
    homes = open_two_homes(tmp_path, monkeypatch)
    homes.apply()
    return homes


def report(homes: TwoHomes, snapshot: str, number: int, content: bytes = LETTER) -> None:
    """Put what a machine says of its backup beside it."""
    finished_at = datetime.now(UTC) - timedelta(hours=9 - number)
    sample = {"path": "/home/lettre.txt", "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    fields = {
        **REPORT,
        "result": "success",
        "snapshot_id": snapshot,
        "run_id": f"{number:032x}",
        "started_at": (finished_at - timedelta(minutes=1)).isoformat(),
        "finished_at": finished_at.isoformat(),
        "samples": [sample],
    }
    homes.bucket(COMPTA).put(f"reports/{number:010}-{number:032x}.json", json.dumps(fields).encode())


def lose(homes: TwoHomes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tenant's own platform be away."""

    def fail(*_: object) -> Any:
        raise PlatformAwayError("no answer from here")

    for name in ("state_of", "list_owned_buckets", "find_owner", "find_bucket"):
        monkeypatch.setattr(homes.here, name, fail)


def drill_it(homes: TwoHomes) -> Drill:
    return homes.look(lambda opened: drill_copy(opened, copied_of(opened), COMPTA, 7, homes.said.append))


def restore_it(homes: TwoHomes, target: Path, snapshot: str = "latest") -> Restored:
    wanted = RestoreSource(COMPTA, snapshot, None)
    return homes.look_there(lambda copied: restore_to_directory(copied, wanted, target, Watching()))


def remember(homes: TwoHomes) -> object:
    return homes.look(lambda opened: opened.memory.recall(COMPTA))


def test_a_drill_takes_the_newest_snapshot_of_the_copy_that_a_report_describes(
    homes: TwoHomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (homes.back_up(COMPTA, *HOME, Entry(f"/home/{name}", content=b"x")) for name in "mn")
    report(homes, first, 1)
    report(homes, second, 2)
    homes.back_up(COMPTA, *HOME)  # without a report
    homes.copy(COMPTA)
    newest = homes.back_up(COMPTA, *HOME, Entry("/home/p", content=b"x"))  # of which the copy has nothing
    report(homes, newest, 3)
    before = remember(homes)
    lose(homes, monkeypatch)
    done = drill_it(homes)
    assert (done.snapshot_id, done.problems) == (second, ())
    assert done.compared_by_hash > 0
    assert remember(homes) == before, "nothing is learned from a copy"
    [fact] = homes.look(lambda opened: [each.fact for each in opened.log.list(Drilled, COMPTA)])
    assert (fact.copied_to, fact.snapshot_id) == (THERE, second)
    uses = homes.look(lambda opened: [each.fact.reason for each in opened.log.list(PasswordUsed, COMPTA)])
    assert [use for use in uses if isinstance(use, DrillUse)] == [DrillUse(second, 7)]


def test_a_report_that_is_in_the_copy_before_its_snapshot_does_not_count(homes: TwoHomes) -> None:
    first = homes.back_up(COMPTA, *HOME)
    report(homes, first, 1)
    homes.copy(COMPTA)
    report(homes, "cd" * 32, 2)
    homes.copy(COMPTA)
    assert drill_it(homes).snapshot_id == first


def test_a_copy_that_differs_from_what_the_machine_said_fails_its_drill(homes: TwoHomes) -> None:
    report(homes, homes.back_up(COMPTA, *HOME), 1, b"Monsieur, Madame")
    homes.copy(COMPTA)
    assert drill_it(homes).problems


def test_a_copy_without_a_report_is_told_what_to_run(homes: TwoHomes) -> None:
    homes.back_up(COMPTA, *HOME)
    homes.copy(COMPTA)
    with pytest.raises(UsageError, match=f"the second copy of {COMPTA} has no snapshot with a report yet") as refused:
        drill_it(homes)
    assert refused.value.hint == f"Run `coffre copy {SLUG}`."


def test_a_restore_from_the_copy_needs_nothing_of_the_tenant_s_own_platform(
    homes: TwoHomes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    copied = homes.back_up(COMPTA, *HOME)
    homes.copy(COMPTA)
    before = remember(homes)
    lose(homes, monkeypatch)
    done = restore_it(homes, tmp_path / "retour")
    assert (done.snapshot.id, done.is_others) == (copied, False)
    assert (tmp_path / "retour" / "home" / "lettre.txt").read_bytes() == LETTER
    assert remember(homes) == before, "nothing is learned from a copy"
    uses = homes.look(lambda opened: [each.fact.reason for each in opened.log.list(PasswordUsed, COMPTA)])
    assert [use for use in uses if isinstance(use, RestoreUse)] == [RestoreUse("latest", str(tmp_path / "retour"))]


def test_a_snapshot_that_the_copy_lacks_is_not_found_in_it(homes: TwoHomes, tmp_path: Path) -> None:
    homes.back_up(COMPTA, *HOME)
    homes.copy(COMPTA)
    newer = homes.back_up(COMPTA, *HOME, Entry("/home/m", content=b"x"))
    with pytest.raises(UsageError, match=newer[:8]):
        restore_it(homes, tmp_path / "retour", newer[:8])


def test_a_hold_that_blocks_access_stops_both(homes: TwoHomes, tmp_path: Path) -> None:
    report(homes, homes.back_up(COMPTA, *HOME), 1)
    homes.copy(COMPTA)
    hold = RecordedHold("TJ-1", datetime(2026, 11, 20, tzinfo=UTC).date(), HoldKind.BLOCK_ACCESS, "claire")
    homes.look(lambda opened: record_hold(opened.log, hold))
    with pytest.raises(RefusedError):
        drill_it(homes)
    with pytest.raises(RefusedError):
        restore_it(homes, tmp_path / "retour")
    assert not (tmp_path / "retour").exists()


def test_a_bucket_that_the_copy_lacks_is_told_as_the_copy_s(homes: TwoHomes, tmp_path: Path) -> None:
    homes.there.drop(homes.copied_bucket(COMPTA).name)
    for command in (lambda: drill_it(homes), lambda: restore_it(homes, tmp_path / "retour")):
        with pytest.raises(RefusedError, match=f"{THERE} has no storage of its second copy for {COMPTA}"):
            command()
