"""Somebody who can change the whole database, with the identity in hand, against the heads that stand elsewhere."""

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from coffre.anchors.anchoring import anchor_quietly, anchor_records, file_place, sign_records
from coffre.anchors.check import AnchorCheck, Contradiction, Weakness, check_records
from coffre.anchors.file import add_to_anchor, read_anchor
from coffre.errors import ExpectedError, RefusedError
from coffre.records.chain.heads import Head, read_heads, sign_head, write_head
from coffre.records.database.store import Records
from coffre.records.events import EventKind
from coffre.secrets import minting
from coffre.secrets.holders.setup import init
from coffre.secrets.store import SecretStore
from coffre.spec.loader import Checkout
from coffre.spec.platform import Anchor, PlatformFile
from coffre.workspace.clock import utc_now
from tests.tampering import event, recompute, unguarded

if TYPE_CHECKING:
    from conftest import Database

PLATFORM: dict[str, Any] = {
    "version": 1,
    "provider": {"name": "SMILÉO SAS", "siren": "904317252", "address": "8 rue des Acacias, 38000 Grenoble"},
    "platforms": {
        "lab": {
            "kind": "ceph",
            "endpoints": "file:endpoints.json",
            "admin_credential": "env:ADMIN",
            "hosting": {"operator": "SMILÉO SAS", "site": "Grenoble", "country": "FR"},
        }
    },
    "working_hours": {"days": "Mon..Fri", "opens": "08:30", "closes": "18:00"},
    "state": "file:.coffre/state",
    "secrets": ".coffre/secrets",
    "escrow": "elsewhere/escrow",
}
ANCHOR = "anchor/records.jsonl"
TRIMMABLE = frozenset({EventKind.PASSWORD_USED})


@dataclass
class Desk:
    """A repository with records, a secret store and an anchor."""

    database: "Database"
    checkout: Checkout
    records: Records
    secrets: SecretStore
    engine: sa.Engine

    @property
    def anchor(self) -> Path:
        return self.checkout.root / ANCHOR

    def anchored(self, now: datetime | None = None) -> int:
        return len(anchor_records(self.checkout, self.records, self.secrets, now or utc_now()))

    def check(self, *given: Head, now: datetime | None = None) -> AnchorCheck:
        return check_records(
            self.checkout, self.records, self.secrets, given=given, trimmable=TRIMMABLE, now=now or utc_now()
        )

    def why(self, *given: Head) -> list[Contradiction]:
        check = self.check(*given)
        assert check.is_sound == (not check.head_faults)
        return [each.why for each in check.head_faults]

    def with_anchor(self, **anchor: Any) -> "Desk":
        settings = self.checkout.settings.model_copy(update={"anchor": Anchor(**anchor)})
        return replace(self, checkout=replace(self.checkout, settings=settings))


@pytest.fixture
def desk(database: "Database", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Records of three events, anchored after the second."""
    environment = {"XDG_CONFIG_HOME": str(tmp_path_factory.mktemp("home"))}
    root = database.root
    init(root / ".coffre/secrets", root / "elsewhere/escrow", root, environment=environment)
    secrets = SecretStore.open(root / ".coffre/secrets", root / "elsewhere/escrow", root, environment=environment)
    settings = PlatformFile.model_validate({**PLATFORM, "records": database.reference, "anchor": {"file": ANCHOR}})
    made = sa.create_engine(database.url.replace("postgresql://", "postgresql+psycopg://"))
    with Records.open(database.reference, database.root) as records:
        found = Desk(database, Checkout(root, settings, {}), records, secrets, made)
        records.append_all([event(EventKind.INSTALL, "pc-1"), event(EventKind.PASSWORD_USED, "pc-1", reason="drill")])
        assert found.anchored() == 1
        records.append(event(EventKind.DRILL, "pc-1"))
        yield found
    made.dispose()


def test_honest_records_and_their_anchor_fit(desk: Desk) -> None:
    check = desk.check()
    assert check.is_sound
    assert check.weaknesses == (Weakness.SAME_DISK,)
    assert check.anchor is not None
    assert (check.anchor.place, check.anchor.head.position, check.report.tip.position) == (ANCHOR, 2, 3)
    assert check.public_key == check.anchor.head.public_key
    assert desk.anchored() == 1
    assert desk.anchored() == 0  # nothing new, the same day
    assert desk.anchored(utc_now() + timedelta(days=1)) == 1
    assert [each.position for each in read_anchor(desk.anchor)] == [2, 3, 3]
    assert desk.anchor.stat().st_mode & 0o077 == 0


def test_a_past_made_anew_with_all_its_hashes_is_found(desk: Desk) -> None:
    with unguarded(desk.engine) as connection:
        connection.exec_driver_sql("DELETE FROM events WHERE kind = 'password_used'")
        recompute(connection)
    check = desk.check()
    assert not check.report.faults
    assert {each.why for each in check.head_faults} == {Contradiction.REWRITTEN}
    with pytest.raises(RefusedError, match="contradict each other"):
        desk.anchored()
    notices: list[str] = []
    anchor_quietly(desk.checkout, desk.records, desk.secrets, notices.append)
    assert "the records were not anchored: the anchor" in notices[0]


def test_also_when_the_database_s_own_heads_are_made_anew_with_the_identity(desk: Desk) -> None:
    with unguarded(desk.engine) as connection:
        connection.exec_driver_sql("UPDATE events SET actor = 'anna' WHERE id = 2")
        recompute(connection)
        connection.exec_driver_sql("DELETE FROM heads")
    sign_records(desk.records, desk.secrets, file_place(ANCHOR))
    check = desk.check()
    assert {(each.why, each.place) for each in check.head_faults} >= {(Contradiction.REWRITTEN, ANCHOR)}


def test_a_tail_that_is_cut_behind_the_anchor_is_found(desk: Desk) -> None:
    desk.anchored()
    with unguarded(desk.engine) as connection:
        connection.exec_driver_sql("DELETE FROM events WHERE id > 2")
        connection.exec_driver_sql("DELETE FROM chain WHERE position > 2")
        recompute(connection)
    assert Contradiction.REWRITTEN in desk.why() or Contradiction.SHORTENED in desk.why()


def test_an_older_copy_of_the_database_put_back_is_found(desk: Desk, tmp_path: Path) -> None:
    if desk.database.kind == "sqlite":
        with sqlite3.connect(tmp_path / "old.db") as target, sqlite3.connect(tmp_path / ".coffre/records.db") as source:
            source.backup(target)
        source.close()
        target.close()
    desk.records.append(event(EventKind.PASSWORD_USED, "pc-1", reason="unseen"))
    desk.anchored()
    if desk.database.kind == "sqlite":
        desk.records.close()
        for each in (tmp_path / ".coffre").glob("records.db*"):
            each.unlink()
        shutil.copy(tmp_path / "old.db", tmp_path / ".coffre/records.db")
    else:
        with unguarded(desk.engine) as connection:
            connection.exec_driver_sql("DELETE FROM events WHERE id = 4")
            connection.exec_driver_sql("DELETE FROM chain WHERE position = 4")
            connection.exec_driver_sql("DELETE FROM heads WHERE position = 4")
            connection.exec_driver_sql(
                "UPDATE chain_tip SET position = 3, hash = (SELECT hash FROM chain WHERE position = 3)"
            )
    assert desk.why() == [Contradiction.SHORTENED]
    with pytest.raises(RefusedError, match="contradict each other"):
        desk.anchored()
    desk.records.append(event(EventKind.DRILL, "pc-1"))
    assert desk.why() == [Contradiction.REWRITTEN]  # and goes on being found when others work with it


def test_an_older_anchor_put_in_place_of_the_newer_is_found(desk: Desk) -> None:
    older = desk.anchor.read_bytes()
    desk.anchored()
    desk.anchor.write_bytes(older)
    assert desk.why() == [Contradiction.LOST]
    desk.anchor.write_bytes(b"")
    assert desk.why() == [Contradiction.LOST, Contradiction.LOST]


def test_an_anchor_that_is_gone_is_not_begun_again(desk: Desk) -> None:
    desk.anchor.unlink()
    with pytest.raises(ExpectedError, match="existed before and is missing now"):
        desk.anchored()
    check = desk.check()
    assert not check.is_sound
    assert Weakness.FILE_GONE in check.weaknesses
    elsewhere = desk.with_anchor(file="other/records.jsonl")  # what a pull request would say
    assert elsewhere.anchored() == 1
    assert elsewhere.check().is_sound


def test_a_head_kept_outside_is_compared(desk: Desk) -> None:
    kept = read_heads(f"Keep this mail\n\n> quoted\n{desk.anchor.read_text()}")[-1]
    assert desk.why(kept) == []
    with unguarded(desk.engine) as connection:
        connection.exec_driver_sql("DELETE FROM events WHERE kind = 'password_used'")
        recompute(connection)
        connection.exec_driver_sql("DELETE FROM heads")
    desk.anchor.unlink()
    sign_records(desk.records, desk.secrets, file_place(ANCHOR))
    add_to_anchor(desk.anchor, desk.records.list_heads()[-1])
    assert desk.why() == []  # whoever reaches every place leaves nothing here
    assert desk.why(kept) == [Contradiction.REWRITTEN]


def test_heads_by_another_key_or_changed_ones_are_named(desk: Desk) -> None:
    foreign = sign_head(desk.records.read_tip(), minting.new_signing_key(), utc_now())
    true = desk.records.list_heads()[0]
    assert desk.why(foreign) == [Contradiction.FOREIGN_KEY]
    assert desk.why(replace(true, position=3)) == [Contradiction.FORGED]
    assert desk.why(replace(true, signed_at=true.signed_at + timedelta(days=1))) == [Contradiction.FORGED]
    assert desk.why(replace(true, signature="x")) == [Contradiction.FORGED]
    other = sign_head(replace(desk.records.read_tip(), database_id="00"), _key(desk), utc_now())
    assert desk.why(other) == [Contradiction.OTHER_DATABASE]


def _key(desk: Desk) -> Any:
    bundle = desk.secrets.find_provider()
    assert bundle is not None
    return bundle.records_key


def test_a_lost_key_is_not_minted_again(desk: Desk) -> None:
    for folder in (".coffre/secrets", "elsewhere/escrow"):
        (desk.checkout.root / folder / "_provider.provider.age").unlink()
    with pytest.raises(RefusedError, match="the secret store has lost their key"):
        desk.anchored()
    check = desk.check()
    assert check.is_sound
    assert Weakness.KEY_UNKNOWN in check.weaknesses


def test_the_key_s_copy_beside_the_escrow_is_written_again_by_the_next_anchor(desk: Desk) -> None:
    copy = desk.checkout.root / ".coffre/secrets/_provider.provider.age"
    copy.unlink()
    assert desk.anchored() == 1
    assert copy.is_file()
    assert desk.why() == []


def test_age_of_the_anchor_is_told(desk: Desk) -> None:
    assert Weakness.OLD not in desk.check(now=utc_now() + timedelta(days=1)).weaknesses
    assert Weakness.OLD in desk.check(now=utc_now() + timedelta(days=3)).weaknesses
    assert Weakness.NO_ANCHOR in desk.with_anchor().check().weaknesses


def test_without_an_anchor_a_head_is_signed_here_once_a_day(desk: Desk) -> None:
    without = desk.with_anchor()
    assert without.anchored() == 1
    assert without.anchored() == 0
    assert without.check().heads == 2


def test_rubbish_and_cut_lines_in_an_anchor_are_left_out(desk: Desk) -> None:
    line = write_head(desk.records.list_heads()[0])
    with desk.anchor.open("a") as file:
        file.write('\x1b[2J\n{"form": 1}\n{"form": 2' + "[" * 5000 + '\n{"position": "1e9"}\n' + line[:200])
    assert desk.anchored() == 1  # after a line that a kill cut short
    assert [each.position for each in read_anchor(desk.anchor)] == [2, 3]
    assert desk.check().is_sound


def test_an_anchor_that_is_a_link_is_not_followed(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("")
    desk.anchor.unlink()
    desk.anchor.symlink_to(tmp_path / "precious")
    with pytest.raises(ExpectedError, match="cannot be used"):
        desk.anchored()
    assert (tmp_path / "precious").read_text() == ""


def test_a_mail_goes_out_once_a_day(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr("coffre.correspondence.smtp.send", lambda settings, root, message: sent.append(message))
    settings = PlatformFile.model_validate(
        {
            **PLATFORM,
            "records": desk.database.reference,
            "anchor": {"mail": "temoin@notaire.example"},
            "mail": {"host": "127.0.0.1", "sender": "coffre@smileo.example"},
        }
    )
    desk = replace(desk, checkout=replace(desk.checkout, settings=settings))
    assert desk.anchored() == 2
    assert desk.anchored() == 0
    assert desk.anchored(utc_now() + timedelta(days=1)) >= 1
    assert [message.to for message in sent] == ["temoin@notaire.example"] * 2
    (kept,) = read_heads(sent[0].text)
    assert read_heads(sent[0].files["coffre-records-head.json"].decode()) == [kept]
    assert desk.why(kept) == []
