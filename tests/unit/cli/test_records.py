"""records: what is listed, and that a change made by other means is named with its place and ends with 1."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coffre.cli.main import app
from coffre.cli.words.records import say_details, say_use
from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind
from coffre.records.facts import password_uses as uses
from coffre.records.facts.backups import PasswordUsed
from coffre.records.facts.password_uses import RoutineTask
from coffre.records.facts.registry import write_fact
from coffre.secrets.holders.setup import init
from coffre.workspace.clock import utc_now

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with three events and a secret store."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    root = tmp_path / "checkout"
    (root / "tenants").mkdir(parents=True)
    shutil.copy(REPOSITORY / "platform.yaml", root)
    init(root / ".coffre/secrets", root / ".coffre/escrow", root)
    with Records.open("sqlite:.coffre/records.db", root) as records:
        for machine in ("pc-1", "pc-2", "pc-3"):
            reason = {"reason": "drill \x1b[2J"}
            records.append(
                Event("k7f3q9wz2m", "martin", EventKind.PASSWORD_USED, utc_now(), "claire", None, machine, reason)
            )
    return root


def run(root: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["--root", str(root), "records", *arguments])
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (uses.RoutineUse(RoutineTask.MAKE_REPOSITORY), "initialise the repository"),
        (uses.RoutineUse(RoutineTask.INSTALL_AGENT), "install the agent"),
        (uses.RoutineUse(RoutineTask.DERIVE_REPORT_KEY), "derive the key of its reports"),
        (uses.RoutineUse(RoutineTask.CHECK_STRUCTURE), "verify: check the structure of the repository"),
        (uses.RoutineUse(RoutineTask.CHECK_AFTER_UNDELETE), "check after undelete"),
        (
            uses.RoutineUse(RoutineTask.MEASURE_RETURN),
            "size of the return of the data at the end of the contract",
        ),
        (uses.DrillUse("86288919" + 56 * "0", 7), "drill of snapshot 86288919, seed 7"),
        (uses.RestoreUse("latest", "/srv/x"), "restore latest to /srv/x"),
        (uses.RemoteRestoreUse("latest", "pc-2"), "restore latest onto pc-2, in place"),
        (
            uses.RemoteRestoreUse("latest", "pc-2", "/srv/y", is_handed_over=True),
            "restore latest onto pc-2, /srv/y: handed to pc-2",
        ),
        (
            uses.HandoverUse("files", "directory"),
            "return of the data at the end of the contract, as files to directory",
        ),
        (
            uses.HandoverUse("repository", "s3", "REQ-1", is_handed_over=True),
            "disclosure to an authority, REQ-1, as repository to s3: handed over with it",
        ),
        (uses.ExportUse(("age1x", "age1y"), "an audit"), "export of the bundles to age1x, age1y: an audit"),
        (uses.QuotedUse("as it was written"), "as it was written"),
    ],
)
def test_each_reason_for_a_password_is_one_line(reason: uses.PasswordReason, words: str) -> None:
    assert say_use(reason) == words


def test_uses_of_before_are_listed_as_they_stand_beside_those_of_today(root: Path) -> None:
    today = write_fact(PasswordUsed(uses.DrillUse("86288919" + 56 * "0", 7)))
    later = {"reason": {"kind": "unheard-of", "word": "later"}}
    with Records.open("sqlite:.coffre/records.db", root) as records:
        for details in (today, later):
            records.append(
                Event("k7f3q9wz2m", "martin", EventKind.PASSWORD_USED, utc_now(), "claire", None, "pc-1", details)
            )
        events = records.list_events("k7f3q9wz2m")
    assert [say_details(event) for event in events[2:]] == [
        "reason=drill \x1b[2J",
        "reason=drill of snapshot 86288919, seed 7",
        "reason={'kind': 'unheard-of', 'word': 'later'}",
    ]
    code, said = run(root, "list", "--json")
    assert code == 0
    shown = [event["details"]["reason"] for event in json.loads(said)]
    assert shown[2:] == ["drill \x1b[2J", today["reason"], later["reason"]]
    assert run(root, "list")[0] == 0


def test_honest_records_are_anchored_and_verified(root: Path) -> None:
    assert run(root, "anchor")[0] == 0
    code, said = run(root, "verify")
    assert code == 0
    assert "3 links, 3 events: all as recorded" in said
    assert "head 3 of" in said
    assert run(root, "anchor") == (0, "nothing to anchor: the anchor already has the newest head\n")


def test_a_use_of_a_password_that_was_deleted_is_named(root: Path) -> None:
    run(root, "anchor")
    connection = sqlite3.connect(root / ".coffre/records.db")
    with connection:
        connection.execute("DROP TRIGGER events_no_delete")
        connection.execute("DELETE FROM events WHERE id = 2")
    connection.close()
    code, said = run(root, "verify")
    assert code == 1
    assert "error: event 2 (password_used of tenant k7f3q9wz2m), link 2 was deleted" in said
    assert "NOT as recorded" in said
    code, said = run(root, "verify", "--json")
    assert code == 1
    found = json.loads(said[said.index("{") :])
    assert [each["kind"] for each in found["report"]["faults"]] == ["deleted", "guard"]


def test_a_database_made_anew_contradicts_the_anchor(root: Path) -> None:
    run(root, "anchor")
    for file in (root / ".coffre").glob("records.db*"):
        file.unlink()
    Records.open("sqlite:.coffre/records.db", root).close()
    code, said = run(root, "verify")
    assert code == 1
    assert "belongs to another database" in said


def test_a_head_that_was_kept_is_compared(root: Path, tmp_path: Path) -> None:
    run(root, "anchor")
    line = (root / ".coffre/anchor/records.jsonl").read_text().strip()
    kept = tmp_path / "kept.json"
    kept.write_text(line)
    assert run(root, "verify", "--head", str(kept))[0] == 0
    code, said = run(root, "verify", "--head", line.replace('"position": 3', '"position": 4'))
    assert code == 1
    assert "is not signed by the key that it names" in said


def test_events_are_listed_with_nothing_that_steers_a_terminal(root: Path) -> None:
    code, said = run(root, "list", "--last", "2")
    assert code == 0
    assert "pc-1" not in said
    assert "pc-3" in said
    assert "\x1b" not in said
    code, said = run(root, "list", "--json", "--tenant", "k7f3q9wz2m")
    assert [each["machine"] for each in json.loads(said)] == ["pc-1", "pc-2", "pc-3"]
    assert run(root, "list", "--json", "--tenant", "another") == (0, "[]\n")
