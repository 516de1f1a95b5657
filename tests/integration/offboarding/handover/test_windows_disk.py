"""Returns of files onto disks as customers bring them: exFAT and NTFS, which hold neither links nor every name."""

import json
import resource
from pathlib import Path
from typing import Any

import pytest

from coffre.errors import ExpectedError, RefusedError
from coffre.offboarding.handover import machine, plan_return, return_machine
from coffre.offboarding.handover.targets.rclone import Rclone, RcloneError
from coffre.spec.leaving import Return
from tests.integration.offboarding.handover.conftest import (
    CAISSE,
    COMPTA,
    SLUG,
    Desk,
    assert_verifies,
    describe_tree,
    do_return,
    leave_staged,
    make_tree,
    public_tool,
    small_disk,
    staged,
    start_return,
    wanted_files,
    wanted_repository,
    windows_disk,
)

WINDOWS_HOLDS_NOT = ("a:b", "point.", "CON", "nul.txt", "quoi ?", '"cité"', "<x>|y", "COM1.log")
TWINS = ("Rapport.txt", "rapport.txt", "RAPPORT.TXT", "Été", "ÉTÉ")


@pytest.fixture(scope="module")
def source(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    make_tree(folder)
    for name in (*WINDOWS_HOLDS_NOT, *TWINS):
        (folder / name).write_text(name)
    for name in ("Docs", "docs"):
        (folder / name).mkdir()
        (folder / name / "lettre.txt").write_text(name)
    desk.back_up(COMPTA, folder)
    return folder


def lines_of(bag: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (bag / "entrees.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("kind", ["exfat", "ntfs"])
def test_a_bag_lies_on_the_disk_verifies_there_and_gives_every_file_back(desk, source, tmp_path, kind):
    with windows_disk(tmp_path / "disk", kind) as disk:
        returned = do_return(desk, wanted_files(disk))
        bag = disk / SLUG / COMPTA
        assert returned.target == str(bag)
        assert_verifies(bag)
        lines = lines_of(bag)
        assert {line["chemin"] for line in lines if line["type"] == "symlink"} >= {"/lien", "/hors", "/boucle"}
        stored = [line["range_sous"] for line in lines if "range_sous" in line]
        assert len({path.casefold() for path in stored}) == len(stored)
        own = [line["chemin"] for line in lines if "~" in line.get("range_sous", "").rpartition("/")[2]]
        assert returned.renamed == len(own)
        assert set(own) >= {f"/{name}" for name in WINDOWS_HOLDS_NOT}
        assert set(own) & {f"/{name}" for name in (*TWINS, "Docs", "docs")} == {
            f"/{name}" for name in ("Rapport.txt", "rapport.txt", "Été", "docs")
        }
        assert f"Certains noms ({returned.renamed})" in (bag / "LISEZMOI.txt").read_text(encoding="utf-8")
        assert (bag / "data" / "vide" / "vide aussi").is_dir()
        assert (bag / "data" / "vide.txt").stat().st_mtime_ns // 10**9 == 10**9
        odd = next(line["range_sous"] for line in lines if line["chemin"].startswith("/dossier"))
        assert (bag / odd).stat().st_mtime_ns // 10**9 == 10**9
        script = public_tool("/usr/bin/python3", "-I", bag / "retablir.py", tmp_path / "comme avant", cwd=tmp_path)
        assert (script.returncode, script.stderr) == (0, "")
        wanted, made = describe_tree(source), describe_tree(tmp_path / "comme avant")
        del wanted[b".".hex()], made[b".".hex()]
        assert made == wanted
        assert staged(desk) == []
        assert not [each.name for each in disk.iterdir() if each.name.startswith(".coffre")]


def test_a_complete_return_is_read_back_from_the_disk_and_not_written_again(desk, source, tmp_path):
    with windows_disk(tmp_path / "disk", "exfat") as disk:
        first = do_return(desk, wanted_files(disk))
        before = {path: path.stat().st_mtime_ns for path in disk.rglob("*")}
        leave_staged(desk, wanted_files(disk))
        again = do_return(desk, wanted_files(disk))
        assert staged(desk) == []
        assert {path: path.stat().st_mtime_ns for path in disk.rglob("*")} == before
        assert (again.manifest_sha256, again.renamed) == (first.manifest_sha256, first.renamed)
        (disk / SLUG / COMPTA / "data" / "photos.tar").write_bytes(b"other")
        with pytest.raises(ExpectedError, match=r"1 files in .* are missing, unexpected or different"):
            do_return(desk, wanted_files(disk))


def test_a_killed_return_goes_on_and_what_was_damaged_meanwhile_is_carried_again(desk, source, tmp_path):
    with windows_disk(tmp_path / "disk", "exfat") as disk:
        kill_while_carried(desk, wanted_files(disk))
        bag = disk / SLUG / COMPTA
        assert not (bag / "retour.json").exists()
        assert staged(desk) != []
        damaged = next(path for path in (bag / "data").rglob("*") if path.is_file() and path.stat().st_size)
        body = damaged.read_bytes()
        damaged.write_bytes(bytes([body[0] ^ 1]) + body[1:])
        returned = do_return(desk, wanted_files(disk))
        assert damaged.read_bytes() == body
        assert_verifies(bag)
        assert (bag / "retour.json").is_file()
        assert returned.files == sum(path.is_file() for path in (bag / "data").rglob("*"))
        assert staged(desk) == []


def test_what_a_killed_return_left_here_goes_with_the_next_one_elsewhere(desk, source, tmp_path):
    with windows_disk(tmp_path / "disk", "exfat") as disk:
        kill_while_carried(desk, wanted_files(disk))
    assert staged(desk) != []
    do_return(desk, wanted_files(tmp_path))
    assert staged(desk) == []
    assert_verifies(tmp_path / SLUG / COMPTA)


def kill_while_carried(desk: Desk, wanted: Return) -> None:
    running = start_return(desk, COMPTA, wanted, stops_at="carried to the disk")
    assert running.reaches()
    running.kill()


def test_a_disk_without_room_is_said_before_anything_is_written(desk, source, tmp_path):
    with windows_disk(tmp_path / "disk", "exfat", mib=64) as disk, desk.opened() as opened:
        for attempt in (plan_return, lambda *given: return_machine(given[0], COMPTA, *given[1:])):
            with pytest.raises(RefusedError, match=rf"{disk}.* has room for .* MiB, but up to .* MiB are needed"):
                attempt(opened, wanted_files(disk), desk.progress.append)
        assert list(disk.iterdir()) == []
    assert staged(desk) == []


def test_here_room_is_needed_for_one_machine_and_on_the_disk_for_all(desk, source, tmp_path, monkeypatch):
    folder = tmp_path / "caisse"
    folder.mkdir()
    with (folder / "troue.img").open("wb") as file:
        file.truncate(64 << 20)
    desk.back_up(CAISSE, folder)
    with windows_disk(tmp_path / "disk", "exfat") as disk:
        for size, is_enough in (("100m", True), ("48m", False)):
            with small_disk(tmp_path / size, size) as here, desk.opened() as opened:
                monkeypatch.setattr(machine, "staging_root", lambda root, slug, here=here: here)
                if is_enough:
                    planned = plan_return(opened, wanted_files(disk), desk.progress.append)
                    assert sum(each.needed_bytes for each in planned) > 128 << 20
                    continue
                with pytest.raises(RefusedError, match=rf"{here} has room for 48 MiB"):
                    plan_return(opened, wanted_files(disk), desk.progress.append)


def test_a_disk_that_fills_up_meanwhile_is_named_and_the_return_goes_on_later(desk, source, tmp_path):
    with windows_disk(tmp_path / "disk", "exfat", mib=128) as disk:
        filler = disk / "filler"

        def fill(text: str) -> None:
            if "hashing" in text:
                filler.write_bytes(b"\1" * (64 << 20))

        with pytest.raises(ExpectedError, match="no room is left"):
            do_return(desk, wanted_files(disk), fill)
        assert staged(desk) == []
        filler.unlink()
        do_return(desk, wanted_files(disk))
        assert_verifies(disk / SLUG / COMPTA)


def test_a_folder_that_holds_something_else_is_refused(desk, source, tmp_path):
    with windows_disk(tmp_path / "disk", "exfat") as disk:
        (disk / SLUG / COMPTA).mkdir(parents=True)
        (disk / SLUG / COMPTA / "theirs").touch()
        with pytest.raises(RefusedError, match=r"already contains something"):
            do_return(desk, wanted_files(disk))
        assert [each.name for each in (disk / SLUG / COMPTA).iterdir()] == ["theirs"]


def test_a_repository_lies_on_such_a_disk_as_it_is(desk, source, tmp_path):
    with windows_disk(tmp_path / "disk", "exfat", mib=512) as disk:
        do_return(desk, wanted_repository(disk))
        assert_verifies(disk / SLUG / COMPTA)


def test_a_file_that_is_too_large_for_the_disk_is_said(tmp_path):
    """A disk of FAT32 answers so beyond 4 GiB; a limit of this process makes any disk do so beyond 1 MiB."""
    for name in ("from", "to"):
        (tmp_path / name).mkdir()
    (tmp_path / "from" / "film").write_bytes(bytes(2 << 20))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(RcloneError, match="a file is too large for the target") as problem:
            Rclone([], None).copy(str(tmp_path / "from"), str(tmp_path / "to"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "film" not in problem.value.message + problem.value.hint
