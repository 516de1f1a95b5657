"""records: what is listed, and that a change made by other means is named with its place and ends with 1."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coffre.cli.main import app
from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind
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
