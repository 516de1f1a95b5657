"""Returns of files that are cut short, have no room, or land on a bad disk."""

import json
import os
import time
from pathlib import Path

import pytest

from coffre.errors import ExpectedError, RefusedError
from coffre.offboarding.handover import plan_return, return_machine
from coffre.offboarding.handover.settling import make_readable
from tests.integration.offboarding.handover.conftest import (
    CAISSE,
    COMPTA,
    SLUG,
    Desk,
    describe_tree,
    do_return,
    list_packs,
    packs_asked_for,
    small_disk,
    start_return,
    wanted_files,
)

FILES, FILE_BYTES = 96, 2 << 20
IN_FLIGHT = 12
WAIT_SECONDS = 60


@pytest.fixture(scope="module")
def source(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    for number in range(FILES):
        (folder / f"video-{number:02d}.bin").write_bytes(os.urandom(FILE_BYTES))
    desk.back_up(COMPTA, folder)
    return folder


def written_bytes(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("video-*"))


def wait_until_written(folder: Path, wanted_bytes: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while written_bytes(folder) < wanted_bytes:
        assert time.monotonic() < deadline, "nothing is written"
        time.sleep(0.02)


def test_a_killed_return_goes_on_and_fetches_only_what_is_missing(desk, source, proxy, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    with desk.opened() as opened:
        stored = opened.buckets.open(COMPTA)
        largest = max(stored.list_objects("restic/data/"), key=lambda pack: pack.size_bytes)
    # One pack of files is held back: however fast the restore is, it is not complete when it is killed.
    proxy.matching(f"/{stored.name}/{largest.key}")
    proxy.hang()
    running = start_return(desk, COMPTA, wanted_files(target))
    wait_until_written(target, FILES * FILE_BYTES * 2 // 3)
    running.kill()
    proxy.heal()
    bag = target / SLUG / COMPTA
    assert not (bag / "retour.json").exists()
    kept = written_bytes(bag)
    proxy.seen.clear()
    returned = do_return(desk, wanted_files(target))
    again = len(packs_asked_for(proxy))
    whole = len(list_packs(desk, COMPTA))
    assert 0 < again < whole * (1 - kept / (FILES * FILE_BYTES)) + IN_FLIGHT < whole
    assert returned.files == FILES
    assert describe_tree(bag / "data").keys() == describe_tree(source).keys()
    assert (bag / "retour.json").is_file()


def test_a_return_killed_after_its_list_of_entries_is_finished_without_restic(desk, tmp_path, tmp_path_factory):
    """Links and names are gone from the payload by then: another restore would bring them back."""
    folder = tmp_path_factory.mktemp("source")
    (folder / "dossier\n").mkdir()
    (folder / "dossier\n" / "fichier\n").write_text("lignes")
    (folder / "dossier\n" / "lien").symlink_to("fichier")
    os.utime(folder / "dossier\n", ns=(10**18, 10**18))
    desk.back_up(CAISSE, folder)

    class KilledError(Exception):
        pass

    def die(text: str) -> None:
        if "hashing" in text:
            raise KilledError

    with desk.opened() as opened, pytest.raises(KilledError):
        return_machine(opened, CAISSE, wanted_files(tmp_path), die)
    bag = tmp_path / SLUG / CAISSE
    # As a kill in the middle of it leaves it: the link is gone, one name of two is changed.
    (bag / "data" / "dossier\n" / "lien").unlink()
    inner = next(line["range_sous"] for line in _lines(bag) if line["chemin"] == "/dossier\n/fichier\n")
    (bag / "data" / "dossier\n" / "fichier\n").rename(bag / "data" / "dossier\n" / Path(inner).name)
    returned = do_return(desk, wanted_files(tmp_path), machine=CAISSE)
    assert (returned.files, returned.renamed) == (1, 2)
    assert (bag / inner).read_text() == "lignes"
    assert (bag / inner).parent.stat().st_mtime_ns == 10**18
    assert [line["type"] for line in _lines(bag)] == ["dir", "file", "symlink"]


def _lines(bag: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (bag / "entrees.jsonl").read_text(encoding="utf-8").split("\n") if line]


def test_a_byte_that_the_disk_changed_is_found_and_written_again(desk, source, tmp_path):
    damaged: list[Path] = []

    def damage(text: str) -> None:
        if "reading back" in text and not damaged:
            path = tmp_path / SLUG / COMPTA / "data" / "video-03.bin"
            before = path.stat()
            with path.open("r+b") as file:
                file.seek(FILE_BYTES // 2)
                file.write(b"gone bad")
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            damaged.append(path)

    with desk.opened() as opened:
        with pytest.raises(ExpectedError, match=r"read back from .* differ from the backup"):
            return_machine(opened, COMPTA, wanted_files(tmp_path), damage)
        return_machine(opened, COMPTA, wanted_files(tmp_path), damage)
    assert damaged[0].read_bytes() == (source / "video-03.bin").read_bytes()


def test_a_file_that_the_disk_lost_is_found(desk, source, tmp_path):
    """An empty file has no content to compare: the list of entries tells."""
    lost: list[Path] = []

    def lose(text: str) -> None:
        if "reading back" in text and not lost:
            lost.append(tmp_path / SLUG / COMPTA / "data" / "video-05.bin")
            lost[0].unlink()
            lost[0].touch()

    with desk.opened() as opened, pytest.raises(ExpectedError, match="differ from the backup"):
        return_machine(opened, COMPTA, wanted_files(tmp_path), lose)


def test_a_complete_return_that_changed_since_is_not_called_complete(desk, source, tmp_path):
    do_return(desk, wanted_files(tmp_path))
    (tmp_path / SLUG / COMPTA / "data" / "video-07.bin").write_bytes(b"other")
    with pytest.raises(ExpectedError, match=r"1 files in .* are missing, unexpected or different"):
        do_return(desk, wanted_files(tmp_path))


def test_a_target_without_room_is_said_before_anything_is_written(desk, source, tmp_path):
    with small_disk(tmp_path / "disk", "64m") as disk, desk.opened() as opened:
        with pytest.raises(RefusedError, match=r"has room for 64 MiB, but up to 193.* MiB are needed"):
            return_machine(opened, COMPTA, wanted_files(disk), desk.progress.append)
        assert list(disk.iterdir()) == []
        with pytest.raises(RefusedError, match="has room for 64 MiB"):
            plan_return(opened, wanted_files(disk), desk.progress.append)
        assert list(disk.iterdir()) == []


def test_a_disk_that_is_not_plugged_in_is_said_and_nothing_is_written_in_its_place(desk, source, tmp_path):
    for attempt in (plan_return, lambda *given: return_machine(given[0], COMPTA, *given[1:])):
        with desk.opened() as opened, pytest.raises(RefusedError, match=r"the folder .*disk does not exist"):
            attempt(opened, wanted_files(tmp_path / "disk"), desk.progress.append)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_meanwhile_is_named_and_the_return_goes_on_later(desk, source, tmp_path):
    with small_disk(tmp_path / "disk", "208m") as disk:
        filler = disk / "filler"

        def fill(text: str) -> None:
            if " written" in text and not filler.exists():
                filler.write_bytes(b"\1" * (64 << 20))

        with desk.opened() as opened, pytest.raises(ExpectedError, match="no room is left in"):
            return_machine(opened, COMPTA, wanted_files(disk), fill)
        filler.unlink()
        assert do_return(desk, wanted_files(disk)).files == FILES


def test_what_restic_says_of_single_files_is_kept_beside_them_and_not_said(desk, source, tmp_path):
    """A file whose folder turned into a file cannot be written; restic names it."""
    in_the_way = tmp_path / SLUG / COMPTA / "data" / "video-01.bin"

    def begin(text: str) -> None:
        if "checking the room" in text:
            (tmp_path / SLUG / COMPTA / "data").mkdir(parents=True)
            (tmp_path / SLUG / COMPTA / ".retour-en-cours.json").write_text(
                json.dumps(
                    {"owner": f"{SLUG}/{COMPTA}", "format": "files", "snapshots": [_latest(desk)], "written": []}
                )
            )
            in_the_way.mkdir()
            (in_the_way / "etranger").touch()

    with desk.opened() as opened, pytest.raises(ExpectedError) as problem:
        return_machine(opened, COMPTA, wanted_files(tmp_path), begin)
    assert "video" not in problem.value.message + problem.value.hint
    assert "video-01.bin" in (tmp_path / SLUG / COMPTA / ".retour-erreurs.txt").read_text()


def _latest(desk: Desk) -> str:
    return json.loads(desk.restic(COMPTA, "snapshots", "--json"))[-1]["id"]


def test_all_snapshots_come_back_one_folder_each(desk, tmp_path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    desk.restic(CAISSE, "forget", "--unsafe-allow-remove-all", "--host", CAISSE, "--keep-last", "0")
    for text, made_at in (("lundi", "2026-11-23 14:05:00"), ("mardi", "2026-11-24 14:05:00")):
        (folder / "caisse.txt").write_text(text)
        desk.back_up(CAISSE, folder, "--time", made_at)
    returned = do_return(desk, wanted_files(tmp_path, "all"), machine=CAISSE)
    data = tmp_path / SLUG / CAISSE / "data"
    assert [path.read_text() for path in sorted(data.glob("*/caisse.txt"))] == ["lundi", "mardi"]
    assert [path.name.rpartition("Z-")[2] for path in sorted(data.iterdir())] == [
        each[:8] for each in returned.snapshots
    ]
    assert "un dossier par sauvegarde" in (tmp_path / SLUG / CAISSE / "LISEZMOI.txt").read_text(encoding="utf-8")


def test_a_machine_that_was_never_backed_up_comes_back_as_an_empty_bag(desk, tmp_path):
    desk.restic(CAISSE, "forget", "--unsafe-allow-remove-all", "--host", CAISSE, "--keep-last", "0")
    returned = do_return(desk, wanted_files(tmp_path), machine=CAISSE)
    assert (returned.snapshots, returned.files, returned.bytes) == ((), 0, 0)
    assert "Aucune sauvegarde" in (tmp_path / SLUG / CAISSE / "LISEZMOI.txt").read_text(encoding="utf-8")


def test_a_plan_counts_every_machine_and_writes_nothing(desk, source, tmp_path):
    with desk.opened() as opened:
        planned = plan_return(opened, wanted_files(tmp_path), desk.progress.append)
    compta = next(each for each in planned if each.machine == COMPTA)
    assert (compta.snapshots, compta.files, compta.bytes) == (1, FILES, FILES * FILE_BYTES)
    assert compta.needed_bytes >= compta.bytes
    assert list(tmp_path.iterdir()) == []


def test_a_user_who_is_not_root_can_hash_what_machines_had_locked(tmp_path, monkeypatch):
    (tmp_path / "data" / "locked").mkdir(parents=True)
    (tmp_path / "data" / "locked" / "file").write_text("x")
    (tmp_path / "data" / "locked" / "link").symlink_to("/etc/passwd")
    (tmp_path / "data" / "locked" / "file").chmod(0o4200)
    (tmp_path / "data" / "locked").chmod(0o055)
    before = Path("/etc/passwd").stat().st_mode
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    make_readable(tmp_path)
    assert (tmp_path / "data" / "locked").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "data" / "locked" / "file").stat().st_mode & 0o7777 == 0o4600
    assert Path("/etc/passwd").stat().st_mode == before
