"""A machine's files handed back to a directory, and what a customer can do with them without Coffre."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from coffre.errors import RefusedError
from coffre.offboarding.handover import return_machine
from coffre.offboarding.lifecycle.evidence import Returned
from coffre.outside.beneath import remove
from coffre.records.events import EventKind
from coffre.records.facts.backups import PasswordUsed
from coffre.records.facts.password_uses import HandoverUse
from coffre.records.facts.registry import read_as
from tests.integration.offboarding.handover.conftest import (
    CAISSE,
    COMPTA,
    ODD_NAMES,
    SLUG,
    Desk,
    assert_verifies,
    describe_tree,
    do_return,
    make_tree,
    public_tool,
    wanted_files,
)
from tests.odd_trees import inside, make_deep, read_deep


@pytest.fixture(scope="module")
def source(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A machine's tree, backed up."""
    folder = tmp_path_factory.mktemp("source")
    make_tree(folder)
    desk.back_up(COMPTA, folder)
    return folder


@pytest.fixture(scope="module")
def returned(desk: Desk, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Returned:
    target = tmp_path_factory.mktemp("target")
    with desk.opened() as opened:
        return return_machine(opened, COMPTA, wanted_files(target), desk.progress.append)


@pytest.fixture(scope="module")
def bag(returned: Returned) -> Path:
    return Path(returned.target)


def entries_of(bag: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (bag / "entrees.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_bag_lies_under_tenant_and_machine(bag, returned):
    assert bag.parts[-2:] == (SLUG, COMPTA)
    assert not [each.name for each in bag.iterdir() if each.name.startswith(".")]


def test_public_tools_verify_the_bag(bag):
    assert_verifies(bag)


def test_public_tools_see_one_changed_byte(bag):
    path = bag / "data" / "photos.tar"
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(1000)
        byte = file.read(1)
        file.seek(1000)
        file.write(bytes([byte[0] ^ 1]))
    try:
        assert public_tool(sys.executable, "-m", "bagit", "--validate", bag, cwd=bag).returncode == 1
        assert public_tool("sha256sum", "--check", "--quiet", "manifest-sha256.txt", cwd=bag).returncode == 1
    finally:
        with path.open("r+b") as file:
            file.seek(1000)
            file.write(byte)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_the_evidence_tells_what_lies_there(bag, returned):
    lines = (bag / "manifest-sha256.txt").read_text(encoding="utf-8").splitlines()
    files = [path for path in (bag / "data").rglob("*") if path.is_file()]
    assert returned.files == len(lines) == len(files)
    assert returned.bytes == sum(path.stat().st_size for path in files)
    assert f"Payload-Oxum: {returned.bytes}.{returned.files}" in (bag / "bag-info.txt").read_text()
    assert len(returned.snapshots) == 1
    assert returned.manifest_sha256 in (bag / "LISEZMOI.txt").read_text(encoding="utf-8")


def test_what_no_manifest_holds_is_not_in_the_payload_but_listed(bag, source):
    kinds = {entry["chemin"]: entry["type"] for entry in entries_of(bag) if "range_sous" not in entry}
    assert kinds == {
        "/lien": "symlink",
        "/lien mort": "symlink",
        "/hors": "symlink",
        "/boucle": "symlink",
        "/tube": "fifo",
    }
    assert [path for path in (bag / "data").rglob("*") if path.is_symlink() or path.is_fifo()] == []


def test_names_that_a_manifest_cannot_hold_have_stand_ins(bag, returned):
    stand_ins = [entry for entry in entries_of(bag) if "restaure_sous_base64" in entry and "~" in entry["range_sous"]]
    own = [each for each in stand_ins if "~" in each["range_sous"].rpartition("/")[2]]
    # The decomposed twin, the folder and the file in it, and nine names of the list.
    assert returned.renamed == len(own) == 12
    assert (bag / "data" / "TVA 20%.xls").is_file()
    assert len({entry["range_sous"] for entry in stand_ins}) == len(stand_ins)


def test_every_entry_of_the_machine_is_listed(bag, source):
    walked = sum(len(folders) + len(files) for _, folders, files in os.walk(source))
    assert len(entries_of(bag)) == walked


def test_the_tree_is_made_again_exactly_without_coffre(bag, source, tmp_path):
    target = tmp_path / "comme avant"
    script = public_tool("/usr/bin/python3", "-I", bag / "retablir.py", target, cwd=tmp_path)
    assert (script.returncode, script.stderr) == (0, "")
    wanted, made = describe_tree(source), describe_tree(target)
    # The root itself is no entry of the snapshot.
    del wanted[b".".hex()], made[b".".hex()]
    assert made == wanted
    assert (target / "troue.img").stat().st_blocks * 512 < 8 << 20
    again = public_tool("/usr/bin/python3", "-I", bag / "retablir.py", target, cwd=tmp_path)
    assert again.returncode == 1
    assert "pas vide" in again.stderr


def test_the_use_of_the_password_is_recorded_with_its_reason(desk, returned):
    with desk.opened() as opened:
        events = opened.records.list_events(opened.tenant.id, EventKind.PASSWORD_USED)
    assert HandoverUse("files", "directory") in [read_as(event, PasswordUsed).reason for event in events]


def test_nothing_of_the_customers_names_is_said(desk, returned):
    said = "\n".join(desk.progress)
    assert " written" in said
    assert [name for name in ODD_NAMES if len(name) > 4 and name.decode("utf-8", "replace") in said] == []


def test_a_complete_return_is_read_back_and_not_written_again(desk, bag, returned):
    before = {path: path.stat().st_mtime_ns for path in bag.rglob("*")}
    with desk.opened() as opened:
        again = return_machine(opened, COMPTA, wanted_files(bag.parents[1]), desk.progress.append)
    assert {path: path.stat().st_mtime_ns for path in bag.rglob("*")} == before
    same = ("files", "bytes", "manifest_sha256", "snapshots", "written_at", "renamed")
    assert [getattr(again, name) for name in same] == [getattr(returned, name) for name in same]
    assert again.verified_at > returned.verified_at


def test_a_folder_that_holds_something_else_is_refused(desk, source, tmp_path):
    (tmp_path / SLUG / COMPTA).mkdir(parents=True)
    (tmp_path / SLUG / COMPTA / "theirs").touch()
    with desk.opened() as opened, pytest.raises(RefusedError, match="is not an empty folder"):
        return_machine(opened, COMPTA, wanted_files(tmp_path), desk.progress.append)


@pytest.fixture(scope="module")
def odd(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A machine's tree whose paths are as long as any may be: below the target no path leads to their end."""
    folder = tmp_path_factory.mktemp("o")
    steps = make_deep(folder)
    with inside(folder, steps):
        Path(os.fsdecode(b"caf\xe9 " + b"x" * 8)).write_text("latin")
        Path("l").symlink_to("nowhere")
    (folder / ("n" * 255)).write_text("long")
    os.utime(folder / ("n" * 255), ns=(-2145000000 * 10**9, -2145000000 * 10**9))
    desk.back_up(CAISSE, folder)
    return folder, steps


def test_paths_that_no_system_opens_are_handed_over_in_another_place_and_put_back(desk, odd, tmp_path):
    source, steps = odd
    (tmp_path / "t").mkdir()
    returned = do_return(desk, wanted_files(tmp_path / "t"), machine=CAISSE)
    bag = Path(returned.target)
    assert_verifies(bag)
    assert returned.flaws.apart >= 1
    assert returned.flaws.left_out == 1  # where the deepest link leads, nothing but the link says
    entries = entries_of(bag)
    apart = [each for each in entries if each.get("hors_place")]
    assert len(apart) == returned.flaws.apart
    assert all(each["range_sous"].startswith("data/CHEMINS-TROP-LONGS/") for each in apart)
    assert all(len(os.fsencode(path)) < 4096 for path in (bag / "data").rglob("*"))
    assert [each["chemin"][-2:] for each in entries if "non_remis" in each] == ["/l"]
    assert str(returned.flaws.apart) in (bag / "LISEZMOI.txt").read_text(encoding="utf-8")
    script = public_tool("/usr/bin/python3", "-I", bag / "retablir.py", tmp_path / "again", cwd=tmp_path)
    assert script.returncode == 0, script.stderr
    assert [read_deep(tmp_path / "again", step) for step in (1, steps - 1, steps)] == [
        f"number {step}" for step in (1, steps - 1, steps)
    ]
    with inside(tmp_path / "again", steps):
        assert Path(os.fsdecode(b"caf\xe9 " + b"x" * 8)).read_text() == "latin"
    name = "n" * 255
    assert (tmp_path / "again" / name).stat().st_mtime_ns == (source / name).stat().st_mtime_ns
    remove(tmp_path / "again")
    again = do_return(desk, wanted_files(tmp_path / "t"), machine=CAISSE)
    assert (again.flaws, again.manifest_sha256) == (returned.flaws, returned.manifest_sha256)
