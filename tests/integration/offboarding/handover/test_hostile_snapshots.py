"""A machine forges a snapshot before the end of its contract: nothing leaves its bucket, and the return goes on."""

import json
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from coffre.agents.repository import HostileSnapshotError
from coffre.agents.restic.repository.listing import BytesListing, Listing
from coffre.agents.restic.repository.repository import ResticRepository
from coffre.errors import ExpectedError, UsageError
from coffre.offboarding.handover import disclose, plan_return
from coffre.operations.drill.drill import drill
from coffre.operations.restore.restore import RestoreSource, restore_to_directory
from coffre.operations.restore.setting_aside import bring_back, list_aside, set_aside
from coffre.records.events import EventKind
from coffre.storage.s3.client import make_client
from tests.forge import BAIT, Forge, escaping_tree, forged_report, unlinking_tree
from tests.integration.offboarding.handover.conftest import COMPTA, Desk, do_return, make_tree, wanted_files
from tests.passwords import read_password


class Quiet:
    def on_step(self, text: str) -> None: ...

    def on_progress(self, fraction: float) -> None: ...


@pytest.fixture(scope="module")
def source(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    make_tree(folder)
    desk.back_up(COMPTA, folder)
    return folder


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    place = tmp_path / "outside"
    place.mkdir(mode=0o700)
    (place / "precious").write_text("ours")
    return place


def assert_untouched(outside: Path) -> None:
    assert stat.S_IMODE(outside.stat().st_mode) == 0o700
    assert [each.name for each in outside.iterdir()] == ["precious"]
    assert (outside / "precious").read_text() == "ours"


@pytest.fixture
def forge(desk: Desk, source: Path) -> Iterator[Forge]:
    with desk.opened() as opened:
        password = read_password(opened.secrets.data(), COMPTA)
        s3 = make_client(opened.storage.endpoint, opened.buckets.owner_key())
        forge = Forge(s3, opened.buckets.name(COMPTA), password)
        yield forge
        forge.wipe()


def newest(forge: Forge, tree: str) -> str:
    """Forge a snapshot that is newer than every honest one."""
    return forge.snapshot(tree, time=(datetime.now(UTC) + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ"))


def test_every_way_out_of_the_repository_refuses_the_snapshot(
    desk: Desk, forge: Forge, outside: Path, tmp_path: Path
) -> None:
    snapshot = newest(forge, escaping_tree(forge, outside))
    target, disk = tmp_path / "target", tmp_path / "disk"
    disk.mkdir()
    with desk.opened() as opened:
        with pytest.raises(HostileSnapshotError, match=snapshot):
            restore_to_directory(opened, RestoreSource(COMPTA, "latest", None), target, Quiet())
        with pytest.raises(HostileSnapshotError, match=snapshot):
            restore_to_directory(opened, RestoreSource(COMPTA, snapshot[:10], "/a-source"), target, Quiet())
        with pytest.raises(HostileSnapshotError, match=snapshot):
            plan_return(opened, wanted_files(disk), desk.progress.append)
        with pytest.raises(HostileSnapshotError, match=snapshot):
            disclose(opened, "PV 2026/1", wanted_files(disk), lambda statement: statement, desk.progress.append)
        forge.put(*forged_report(opened.tenant.id, COMPTA, snapshot))
        done = drill(opened, COMPTA, 7, desk.progress.append)
        assert snapshot in done.problems[0]
        assert (done.is_passed, done.read_bytes) == (False, 0)
    with pytest.raises(HostileSnapshotError, match=snapshot):
        do_return(desk, wanted_files(disk))
    assert not target.exists()
    assert [path for path in disk.rglob("*") if path.is_file()] == []
    assert_untouched(outside)


def test_a_snapshot_that_is_aside_stops_nobody_and_is_named(
    desk: Desk, forge: Forge, outside: Path, tmp_path: Path
) -> None:
    snapshot = newest(forge, escaping_tree(forge, outside))
    with desk.opened() as opened:
        assert (
            set_aside(opened.tenant, opened.buckets, opened.log, opened.memory, COMPTA, snapshot[:8], "forged")
            == snapshot
        )
        assert (
            set_aside(opened.tenant, opened.buckets, opened.log, opened.memory, COMPTA, snapshot[:8], "forged")
            == snapshot
        ), "may run twice"
        (aside,) = list_aside(opened.tenant, opened.buckets, opened.log, COMPTA)
        assert (aside.snapshot, aside.reason, aside.by) == (snapshot, "forged", "test@smileo.example")
        (event,) = opened.records.list_events(opened.tenant.id, EventKind.SNAPSHOT_SET_ASIDE)
        assert (event.machine, event.details["snapshot"]) == (COMPTA, snapshot)
        versions = opened.buckets.open(COMPTA).list_versions(f"restic/snapshots/{snapshot}")
        assert [each.is_marker for each in versions] == [True, False], "nothing is deleted"
    returned = do_return(desk, wanted_files(tmp_path))
    assert returned.set_aside == (snapshot,)
    bag = Path(returned.target)
    assert snapshot in (bag / "LISEZMOI.txt").read_text(encoding="utf-8")
    assert snapshot in (bag / "retour.json").read_text(encoding="utf-8")
    assert do_return(desk, wanted_files(tmp_path)).set_aside == (snapshot,), "read back from what is complete"
    with desk.opened() as opened:
        assert bring_back(opened.tenant, opened.buckets, opened.log, COMPTA, snapshot[:8], "looked at") == snapshot
        assert list_aside(opened.tenant, opened.buckets, opened.log, COMPTA) == []
        with pytest.raises(HostileSnapshotError, match=snapshot):
            restore_to_directory(opened, RestoreSource(COMPTA, snapshot, None), tmp_path / "target", Quiet())
    forge.written += [f"aside/restic/snapshots/{snapshot}"]


@pytest.mark.parametrize("body", [b"no snapshot at all", b""])
def test_an_object_that_is_no_snapshot_can_be_put_aside_unread(desk: Desk, forge: Forge, body: bytes) -> None:
    name = "00" * 32
    forge.put(f"restic/snapshots/{name}", body)
    forge.written += [f"aside/restic/snapshots/{name}"]
    with desk.opened() as opened:
        assert (
            set_aside(opened.tenant, opened.buckets, opened.log, opened.memory, COMPTA, name[:12], "unreadable") == name
        )
        with pytest.raises(UsageError, match="no snapshot"):
            set_aside(opened.tenant, opened.buckets, opened.log, opened.memory, COMPTA, "abcdef", "none such")
        with pytest.raises(UsageError, match="--reason is empty"):
            set_aside(opened.tenant, opened.buckets, opened.log, opened.memory, COMPTA, name, "two\nlines")


def test_what_clears_a_restored_tree_follows_none_of_its_links(
    desk: Desk, forge: Forge, outside: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a mistake in the check would leave to it: the entry of a socket in a folder that is a link by then."""
    newest(forge, unlinking_tree(forge, outside))
    monkeypatch.setattr(ResticRepository, "check_snapshot", lambda self, snapshot: None)
    monkeypatch.setattr(Listing, "_check_order", lambda self, folder, name: None)
    monkeypatch.setattr(BytesListing, "read", lambda self, path: None)
    (tmp_path / "disk").mkdir()
    with suppress(OSError):  # what it clears is not what is listed
        do_return(desk, wanted_files(tmp_path / "disk"))
    assert_untouched(outside)
    bag = tmp_path / "disk" / "boulangerie-martin" / COMPTA
    assert "/escape/precious" in (bag / "entrees.jsonl").read_text(encoding="utf-8"), "the forgery went through"
    assert (bag / "data" / "z").read_bytes() == BAIT
    assert not (bag / "data" / "escape").is_symlink(), "it was cleared"


def test_a_disk_that_was_prepared_with_links_is_not_written_through(
    desk: Desk, source: Path, outside: Path, tmp_path: Path
) -> None:
    """A customer's disk is the customer's: a link in the place of the bag, and one beside an unfinished return."""
    place = tmp_path / "boulangerie-martin"
    place.mkdir()
    (place / COMPTA).symlink_to(outside)
    with pytest.raises(ExpectedError, match="is a link"):
        do_return(desk, wanted_files(tmp_path))
    (place / COMPTA).unlink()
    bag = place / COMPTA
    bag.mkdir()
    unfinished = {"owner": "boulangerie-martin/compta-01", "format": "files", "snapshots": [], "written": []}
    (bag / ".retour-en-cours.json").write_text(json.dumps(unfinished))
    (bag / "bagit.txt").symlink_to(outside / "precious")
    with pytest.raises(ExpectedError, match="links or devices"):
        do_return(desk, wanted_files(tmp_path))
    assert_untouched(outside)
