"""A pass that sees an attack freezes the retention of that machine, names the last good backup, and ends neither."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coffre.agents.sealing import Opener
from coffre.operations.holds.settle import find_expiring
from coffre.records.events import EventKind
from coffre.records.facts.registry import read_as
from coffre.records.facts.supervision import RetentionFrozen
from coffre.tenant.estate.freezes import list_freezes, release_retention
from coffre.workspace.locks import tenant_lock
from tests.builders import PLATFORM
from tests.doubles.watching import Watching, watching
from tests.doubles.workshop import CAISSE, COMPTA, SLUG, Workshop, open_workshop
from tests.unit.agents.test_report import REPORT

QUIET = {"files_new": 3, "files_changed": 5, "files_unmodified": 992, "files_removed": 2, "files_incompressible": 4}
ENCRYPTED = {
    "files_new": 0,
    "files_changed": 800,
    "files_unmodified": 200,
    "files_removed": 0,
    "files_incompressible": 800,
}
INTACT = {"intact": 3, "changed": 0, "gone": 0, "read": 0}
PACK = f"restic/data/ab/{'ab' * 32}"


class Attacked:
    """A tenant whose machine backs up and reports, supervised."""

    def __init__(self, workshop: Workshop, desk: Watching) -> None:
        self.workshop, self.desk, self.number = workshop, desk, 0

    def back_up(self, **said: Any) -> str:
        """Back up, report, and let a pass look; returns the snapshot's id."""
        self.number += 1
        snapshot_id = self.workshop.back_up(COMPTA)
        at = datetime.now(UTC).isoformat()
        run_id = f"{self.number:032x}"
        report = {
            **REPORT,
            "number": self.number,
            "run_id": run_id,
            "snapshot_id": snapshot_id,
            "result": "success",
            "unreadable_count": 0,
            "started_at": at,
            "finished_at": at,
            "files_processed": 1000,
            "changes": QUIET,
            "bait": INTACT,
            **said,
        }
        control = self.workshop.estate.secrets.control()
        key, tenant_id = control.report_keys[COMPTA], self.workshop.estate.secrets.tenant_id
        name = Opener(key, tenant_id, COMPTA).report_key(self.number, run_id)
        bound = f"coffre report 2\n{tenant_id}\n{COMPTA}\n{name}".encode()
        nonce = self.number.to_bytes(12, "big")
        closed = nonce + AESGCM(base64.b64decode(key.get_secret_value())).encrypt(
            nonce, json.dumps(report).encode(), bound
        )
        sealed = json.dumps({"version": 2, "sealed": base64.b64encode(closed).decode()}).encode()
        self.workshop.estate.bucket(COMPTA).put(name, sealed)
        return snapshot_id

    def look(self) -> list[tuple[str, str]]:
        self.desk.look()
        listed = self.desk.desk.records.supervision.list_findings()
        return [(each.place.kind, each.place.machine) for each in listed if each.place.kind in KINDS]

    def frozen(self) -> list[RetentionFrozen]:
        events = self.desk.desk.records.select_events(None, {EventKind.RETENTION_FROZEN})
        return [read_as(each, RetentionFrozen) for each in events]

    def expiring(self) -> list[str]:
        return list(find_expiring(self.workshop.estate.buckets, [COMPTA, CAISSE]))

    def release(self) -> None:
        with self.workshop.open() as opened:
            log = replace(opened.log, clock=lambda: self.desk.now)
            release_retention(log, COMPTA, "it was a migration")


KINDS = ("suspected_attack", "settings_weakened")
FOUND = [("suspected_attack", COMPTA)]


@pytest.fixture
def attacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Attacked]:
    workshop = open_workshop(tmp_path, monkeypatch)
    workshop.apply()
    with watching(tmp_path, workshop.estate, datetime.now(UTC), monkeypatch, PLATFORM["records"]) as desk:
        found = Attacked(workshop, desk)
        for _ in range(5):
            found.back_up()
            assert found.look() == []
        yield found


def test_files_that_are_encrypted_freeze_that_machine_alone_and_the_backup_before_them_is_named(
    attacked: Attacked,
) -> None:
    good = attacked.back_up()
    attacked.look()
    attacked.back_up(changes=ENCRYPTED)
    assert attacked.look() == FOUND
    (frozen,) = attacked.frozen()
    assert [(each.kind, each.evidence["files"]) for each in frozen.signs] == [("rewritten", 800)]
    assert frozen.last_good_snapshot_id == good
    assert attacked.expiring() == [CAISSE]
    (kept,) = [each for each in attacked.desk.desk.records.supervision.list_findings() if each.place.machine == COMPTA]
    assert (kept.evidence["signs"], kept.evidence["last_good"]) == ("rewritten", good)
    attacked.back_up()
    assert attacked.look() == FOUND, "only a person ends it"
    assert len(attacked.frozen()) == 1


def test_a_bait_is_enough(attacked: Attacked) -> None:
    attacked.back_up(bait={**INTACT, "changed": 1})
    assert attacked.look() == FOUND


def test_an_apply_under_the_freeze_puts_no_expiry_back_and_after_the_release_it_does(attacked: Attacked) -> None:
    attacked.back_up(changes=ENCRYPTED)
    attacked.look()
    attacked.workshop.apply()
    assert attacked.expiring() == [CAISSE]
    assert attacked.workshop.look(lambda opened: list(list_freezes(opened.log))) == [COMPTA]
    attacked.release()
    assert attacked.look() == []
    assert attacked.expiring() == [CAISSE], "supervision puts nothing back"
    attacked.workshop.apply()
    assert sorted(attacked.expiring()) == [CAISSE, COMPTA]
    attacked.back_up()
    assert attacked.look() == [], "what was seen until the release is no reason to freeze it again"
    attacked.back_up(changes=ENCRYPTED)
    assert attacked.look() == FOUND


def test_while_another_command_has_the_tenant_the_record_counts_and_the_next_pass_does_the_rest(
    attacked: Attacked,
) -> None:
    attacked.back_up(changes=ENCRYPTED)
    with tenant_lock(attacked.workshop.root, SLUG):
        assert attacked.look() == FOUND
        assert sorted(attacked.expiring()) == [CAISSE, COMPTA]
    attacked.look()
    assert attacked.expiring() == [CAISSE]


def test_an_overwritten_pack_is_seen_by_storage_alone_and_a_copy_of_itself_is_none(attacked: Attacked) -> None:
    bucket = attacked.workshop.estate.bucket(COMPTA)
    bucket.put(PACK, b"x" * 200_000)
    bucket.put(PACK, b"x" * 200_000)
    assert attacked.look() == []
    bucket.put(PACK, b"y" * 200_000)
    assert attacked.look() == FOUND
    (frozen,) = attacked.frozen()
    assert [(each.kind, each.evidence["count"], each.evidence["key"]) for each in frozen.signs] == [
        ("store_overwritten", 1, PACK)
    ]
    attacked.release()
    assert attacked.look() == [], "a person has looked at it"
    bucket.put(PACK.replace("ab/", "cd/", 1), b"foreign")
    assert attacked.look() == []


def test_an_overwritten_snapshot_is_seen_with_the_next_run(attacked: Attacked) -> None:
    snapshot = attacked.workshop.objects(COMPTA, "restic/snapshots/")[0]
    attacked.workshop.estate.bucket(COMPTA).put(snapshot, b"forged")
    attacked.back_up()
    assert attacked.look() == FOUND


def test_a_file_that_protects_less_is_told_with_its_author_until_it_is_mended(attacked: Attacked) -> None:
    plan = {"paths": ["/home"], "schedule": ["Mon..Fri 12:30"], "keep": {"daily": 7}}
    attacked.workshop.write_file(plans={"office": plan})
    attacked.workshop.apply()
    assert attacked.look() == [("settings_weakened", "")]
    (kept,) = attacked.desk.desk.records.supervision.list_findings()
    assert {name: kept.evidence[name] for name in ("settings", "machines", "by", "commit")} == {
        "settings": "plan.keep",
        "machines": 3,
        "by": "claire@example.org",
        "commit": "1a2b3c4d5e6f",
    }
    attacked.workshop.write_file()
    attacked.workshop.apply()
    assert attacked.look() == []


def test_a_weaker_file_is_no_longer_told_after_two_weeks(attacked: Attacked) -> None:
    plan = {"paths": ["/home"], "schedule": ["Mon..Fri 12:30"], "keep": {"daily": 7}}
    attacked.workshop.write_file(plans={"office": plan})
    attacked.workshop.apply()
    attacked.look()
    attacked.desk.look(timedelta(days=15))
    assert ("settings_weakened", "") not in attacked.look()


def test_a_path_that_trebles_is_told_until_the_machine_looks_attacked(attacked: Attacked) -> None:
    gib = 1024**3
    path = {"path": "/home", "state": "saved", "files": 9, "stored_as": "/home"}

    def found() -> set[str]:
        attacked.desk.look()
        listed = attacked.desk.desk.records.supervision.list_findings()
        return {each.place.kind for each in listed if each.place.machine == COMPTA}

    attacked.back_up(paths=[{**path, "bytes": 80 * gib, "bytes_before": 20 * gib}])
    assert found() == {"size_jumped"}
    attacked.back_up(paths=[{**path, "bytes": 80 * gib, "bytes_before": 80 * gib}])
    assert found() == {"size_jumped"}, "it is still news, although the run before gave the same"
    attacked.back_up(paths=[{**path, "bytes": 80 * gib, "bytes_before": 80 * gib}], changes=ENCRYPTED)
    assert found() == {"suspected_attack"}, "one cause is told once"
