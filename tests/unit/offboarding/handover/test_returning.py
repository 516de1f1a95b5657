"""The pure parts of a return: names, times, room, and the tag file of entries."""

import errno
import hashlib
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from coffre.agents.repository import Node, Snapshot, as_listed
from coffre.agents.restic.repository.output import read_node
from coffre.errors import RefusedError
from coffre.offboarding.handover.bag.bag import HashedFile, find_changed, read_manifest, write_manifest
from coffre.offboarding.handover.entries import MissingEntriesError, SnapshotEntry, Tree, read_entries, to_line
from coffre.offboarding.handover.files import choose, folder_of
from coffre.offboarding.handover.job import Job, TargetLimits
from coffre.offboarding.handover.names import may_be_held, stand_in
from coffre.offboarding.handover.progress import ReturnProgress, begin, read_progress
from coffre.offboarding.handover.settling import nanoseconds, restored_path
from coffre.offboarding.handover.targets.room import Need, count_larger, need_of, refuse_larger, refuse_without_room
from coffre.offboarding.handover.targets.staging import remove_others, staging_folder
from coffre.offboarding.handover.targets.windows_disk import WindowsDisk, is_windows_disk, largest_file_bytes
from coffre.outside.beneath import Beneath
from coffre.spec.leaving import Return, ReturnedSnapshots

HELD = [b"plain", "d\u00e9j\u00e0 vu.odt".encode(), b"TVA 20%.xls", b" before", b"a\\b", b"*", b"# x", b"%41", b"'\"$`"]
NOT_HELD = [
    b"caf\xe9",
    b"a\nb",
    b"a\r",
    b"end ",
    "end\u00a0".encode(),
    b"a\x85".decode("latin-1").encode(),
    "a\u2028b".encode(),
    b"a%0Ab",
    b"a%0db",
    b"100%25",
    b"\x01",
    b"\x7f",
    "\u201b".encode(),
    "a\u2400".encode(),
    "\u2421b".encode(),
    "a\uff0fb".encode(),
]


@pytest.mark.parametrize("name", HELD)
def test_a_name_that_every_verifier_reads_stays(name: bytes) -> None:
    assert may_be_held(name)


@pytest.mark.parametrize("name", NOT_HELD)
def test_a_name_that_no_manifest_holds_gets_one_that_does(name: bytes) -> None:
    assert not may_be_held(name)
    other = stand_in(name)
    assert may_be_held(other)
    assert other != name


@pytest.mark.parametrize(
    "name",
    ["a:b", "a<b", "a>b", 'a"b', "a\\b", "a|b", "a?b", "a*b", "end.", "end...", "CON", "nul.txt", "Com1.log", "lpt9",
     "aux .c", "COM\u00b9"],
)  # fmt: skip
def test_a_name_that_windows_cannot_hold_gets_one_that_it_can(name: str) -> None:
    given = name.encode()
    assert may_be_held(given)
    assert not may_be_held(given, is_windows=True)
    assert may_be_held(stand_in(given, is_windows=True), is_windows=True)


@pytest.mark.parametrize(
    "name", ["console", "nul1", "lpt", "com10", "a.con", ".profile", "a.b", "\u00e9t\u00e9 (1).txt"]
)
def test_a_name_like_those_that_windows_cannot_hold_stays(name: str) -> None:
    assert may_be_held(name.encode(), is_windows=True)


def test_stand_ins_are_readable_keep_their_extension_and_are_short_enough() -> None:
    assert stand_in(b"caf\xe9.txt") == b"caf_~" + hashlib.sha256(b"caf\xe9.txt").hexdigest()[:8].encode() + b".txt"
    assert len(stand_in(b"\xff" * 255)) == 255
    assert len(stand_in("\u00e9".encode() * 127 + b"\n")) <= 255
    assert stand_in(b"a\nb") != stand_in(b"a\rb")


def test_restic_writes_each_byte_that_is_no_text_as_one_sign() -> None:
    assert as_listed(b"\xe9\xe8a \xf0\x9f\xa5") == "\ufffd\ufffda \ufffd\ufffd\ufffd"
    assert as_listed("\ufffd\u00e9".encode()) == "\ufffd\u00e9"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-25T18:43:26.417630927Z", 1795632206417630927),
        ("2026-11-25T19:43:26.5+01:00", 1795632206500000000),
        ("1969-12-31T23:59:59Z", -(10**9)),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("2300-01-01T00:00:00.000000001Z", 10413792000000000001),
    ],
)
def test_times_keep_their_nanoseconds(text: str, wanted: int) -> None:
    assert nanoseconds(text) == wanted


def test_a_nodes_mode_has_the_special_bits_where_unix_has_them() -> None:
    setuid_sticky = read_node({"path": "/x", "type": "file", "mode": 1 << 23 | 1 << 20 | 0o755, "uid": 7, "gid": 8})
    assert (oct(setuid_sticky.mode), setuid_sticky.uid, setuid_sticky.gid) == ("0o5755", 7, 8)
    assert read_node({"path": "/d", "type": "dir", "mode": 1 << 31 | 1 << 22 | 0o750}).mode == 0o2750


def test_snapshots_are_chosen_by_the_machines_clock_and_have_a_folder_only_when_all_come_back() -> None:
    old, new = (
        Snapshot(f"{day}abcdef012345", datetime(2026, 11, day, 19, tzinfo=UTC), "m", ("/",)) for day in (11, 24)
    )
    snapshots = {new.id: new, old.id: old}
    assert choose(snapshots, ReturnedSnapshots.LATEST) == (new.id,)
    assert choose(snapshots, ReturnedSnapshots.ALL) == (old.id, new.id)
    assert choose({}, ReturnedSnapshots.LATEST) == ()
    # Another machine's come back with all, and as the latest only for want of the machine's own.
    assert choose(snapshots, ReturnedSnapshots.LATEST, {new.id}) == (old.id,)
    assert choose(snapshots, ReturnedSnapshots.ALL, {new.id}) == (old.id, new.id)
    assert choose(snapshots, ReturnedSnapshots.LATEST, {new.id, old.id}) == (new.id,)
    assert folder_of(new, ReturnedSnapshots.LATEST) == ""
    assert folder_of(new, ReturnedSnapshots.ALL) == "2026-11-24T19-00-00Z-24abcdef"


def test_the_room_counts_whole_blocks_and_what_lists_take() -> None:
    assert need_of([Node("/a", "file", 1), Node("/d", "dir", 0)]) == Need(2, 1, 2 * 4096 + 2 * 512)
    on_exfat = need_of([Node("/a", "file", 1), Node("/d", "dir", 0)], 131072)
    assert on_exfat == Need(2, 1, 2 * 131072 + 2 * 512)
    assert Need(1, 2, 3) + Need(10, 20, 30) == Need(11, 22, 33)


def test_no_room_is_refused_and_what_is_there_already_counts(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="has room for"):
        refuse_without_room(Need(1, 1 << 60, 1 << 60), tmp_path / "new" / "folder")
    refuse_without_room(Need(1, 1 << 60, 1 << 60), tmp_path, present_bytes=1 << 60)


def test_a_disk_that_holds_neither_links_nor_every_name_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_windows_disk(tmp_path / "new")
    for call, error, is_poor in (
        ("symlink", errno.EPERM, True),
        ("link", errno.EPERM, True),
        ("symlink", errno.ENOSPC, False),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, refusal(error))
            assert is_windows_disk(tmp_path / "new") is is_poor
    assert list(tmp_path.iterdir()) == []


def refusal(error: int) -> Callable[..., None]:
    def refuse(*_names: bytes) -> None:
        raise OSError(error, os.strerror(error))

    return refuse


def test_an_entry_knows_where_it_was_restored(tmp_path: Path) -> None:
    node = Node("/x\ufffd/\ufffd\n", "file", 3, 0o640, 1, 2, "2026-11-25T18:43:26Z")
    entry = SnapshotEntry(node, "s1", b"/x\xe9/\xff\n", b"data/s1/x\xe9/\xff\n", b"data/s1/x_~1/__~2")
    fields = json.loads(to_line(entry))
    assert restored_path(fields) == entry.restored
    assert (fields["chemin"], fields["mode"], fields["range_sous"]) == (
        "/x\ufffd/\ufffd\n",
        "0640",
        "data/s1/x_~1/__~2",
    )
    plain = SnapshotEntry(Node("/a/b", "symlink", 0), "", b"/a/b", b"data/a/b", None, target=b"/c")
    assert restored_path(json.loads(to_line(plain))) == b"data/a/b"


def test_a_line_of_the_tag_file_is_one_line_for_everybody() -> None:
    line = to_line(SnapshotEntry(Node("/a\u2028b\x85c", "dir", 0), "", "/a\u2028b\x85c".encode(), b"x", b"y"))
    assert len(line.splitlines()) == 1
    assert json.loads(line)["chemin"] == "/a\u2028b\x85c"


def pairs(nodes: list[Node]) -> list[tuple[Node, bytes]]:
    return [(node, node.path.encode()) for node in nodes]


def test_missing_and_cut_files_are_counted_and_sockets_are_not_missed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "short").write_text("ab")
    nodes = [Node("/short", "file", 3), Node("/gone", "file", 1), Node("/socket", "socket", 0)]
    with pytest.raises(MissingEntriesError) as missing:
        list(read_entries(Tree(Beneath(tmp_path), ""), pairs(nodes)))
    assert missing.value.count == 2


def test_paths_longer_than_a_target_holds_lie_apart(tmp_path: Path) -> None:
    deep = "/".join(["d" * 100] * 3)
    (tmp_path / "data" / deep).mkdir(parents=True)
    (tmp_path / "data" / deep / "f").write_text("x")
    nodes = [Node("/" + "/".join(["d" * 100] * n), "dir", 0) for n in (1, 2, 3)] + [Node(f"/{deep}/f", "file", 1)]
    entries = list(read_entries(Tree(Beneath(tmp_path), "", TargetLimits(longest_bytes=200)), pairs(nodes)))
    assert [entry.has_stand_in for entry in entries] == [False, False, False, True]
    assert entries[-1].stored is not None
    assert entries[-1].stored.startswith(b"data/CHEMINS-TROP-LONGS/")
    assert len(entries[-1].stored) <= 200


def test_of_two_names_that_are_one_text_the_composed_one_keeps_its_own(tmp_path: Path) -> None:
    composed, decomposed, alone = "\u00e9", "e\u0301", "a\u0300"
    (tmp_path / "data").mkdir()
    for name in (composed, decomposed, alone):
        (tmp_path / "data" / name).touch()
    nodes = [Node(f"/{name}", "file", 0) for name in (composed, decomposed, alone)]
    entries = list(read_entries(Tree(Beneath(tmp_path), ""), pairs(nodes)))
    assert [entry.has_stand_in for entry in entries] == [False, True, False]


def test_of_names_that_differ_in_capitals_one_keeps_its_own_where_windows_reads_them(tmp_path: Path) -> None:
    for folder in ("DOCS", "docs", "docs/sub", "docs/sub/A"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for name in ("docs/a", "docs/A", "docs/sub/a"):
        (tmp_path / "data" / name).touch()
    nodes = [Node("/DOCS", "dir", 0), Node("/docs", "dir", 0), Node("/docs/A", "file", 0), Node("/docs/a", "file", 0),
             Node("/docs/sub", "dir", 0), Node("/docs/sub/A", "dir", 0), Node("/docs/sub/a", "file", 0),
             Node("/docs/zuletzt", "fifo", 0)]  # fmt: skip
    os.mkfifo(tmp_path / "data/docs/zuletzt")
    entries = list(read_entries(Tree(Beneath(tmp_path), "", TargetLimits(is_windows=True)), pairs(nodes)))
    assert [entry.has_stand_in for entry in entries] == [False, True, False, True, False, False, True, False]
    assert len({entry.stored.decode().casefold() for entry in entries if entry.stored}) == 7
    assert not any(entry.has_stand_in for entry in read_entries(Tree(Beneath(tmp_path), ""), pairs(nodes)))


def test_a_manifest_is_read_back_as_written_and_tells_what_changed(tmp_path: Path) -> None:
    names = [f"data/{number}" for number in range(300)] + ["data/with  two spaces", "data/\\x"]
    (tmp_path / "data").mkdir()
    files = []
    for name in names:
        (tmp_path / name).write_text(name)
        files.append(HashedFile(name, hashlib.sha256(name.encode()).hexdigest(), len(name)))
    payload = write_manifest(tmp_path, files)
    assert (payload.files, payload.bytes) == (302, sum(map(len, names)))
    assert [path for _, path in read_manifest(tmp_path)] == names
    assert find_changed(tmp_path) == []
    (tmp_path / "data/7").write_text("other")
    (tmp_path / "data/255").unlink()
    assert sorted(find_changed(tmp_path)) == ["data/255", "data/7"]


def test_only_the_same_return_goes_on_in_a_folder(tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    first = ReturnProgress("martin/compta-01", "files", ("a", "b"))
    assert begin(bag, first) == first
    assert bag.stat().st_mode & 0o777 == 0o700
    assert begin(bag, ReturnProgress("martin/compta-01", "files", ("newer",))).snapshots == ("a", "b")
    assert read_progress(bag) == first
    with pytest.raises(RefusedError, match="unfinished return of martin/compta-01 as files"):
        begin(bag, ReturnProgress("martin/compta-01", "repository", ()))


def test_a_bag_made_for_one_target_form_or_reason_is_never_taken_for_another(tmp_path: Path) -> None:
    def wanted(**changes: object) -> Return:
        fields = {"format": "files", "snapshots": "latest", "to": {"via": "directory", "path": "/mnt/a"}, **changes}
        return Return.model_validate(fields)

    places = [
        staging_folder(tmp_path, "martin", machine, each, reference)
        for machine, each, reference in (
            ("compta-01", wanted(), None),
            ("compta-01", wanted(), "PV 2026/1432"),
            ("compta-01", wanted(snapshots="all"), None),
            ("compta-01", wanted(to={"via": "directory", "path": "/mnt/b"}), None),
            ("caisse-01", wanted(), None),
        )
    ]
    assert len(set(places)) == 5
    assert places[0] == staging_folder(tmp_path, "martin", "compta-01", wanted(), None)
    for place in places:
        place.mkdir(parents=True)
    remove_others(places[1])
    assert [place.exists() for place in places] == [False, True, False, False, True]


def test_a_disk_with_links_on_it_is_not_carried_to(tmp_path: Path) -> None:
    """A customer's disk is the customer's, and NTFS has links too: rclone would write through them."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "etc").symlink_to("/etc")
    with pytest.raises(RefusedError, match="contains links"):
        WindowsDisk("compta-01", tmp_path).refuse_foreign(cast("Job", None))


@pytest.mark.parametrize("text", ["[]", "{", '{"owner": 7}', '{"owner": "a", "format": "files", "snapshots": 3}'])
def test_what_is_no_progress_of_ours_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / ".retour-en-cours.json").write_text(text)
    assert read_progress(tmp_path) is None


@pytest.mark.parametrize(("form", "is_refused"), [("files", False), ("repository", True)])
def test_links_in_the_payload_are_the_machines_own_unless_it_is_a_repository(
    tmp_path: Path, form: str, is_refused: bool
) -> None:
    """A machine may have a folder /depot with links in it, and its return may be cut short."""
    wanted = ReturnProgress("martin/compta-01", form, ("1a",))
    assert begin(tmp_path / "bag", wanted) == wanted
    (tmp_path / "bag" / "data" / "depot").mkdir(parents=True)
    (tmp_path / "bag" / "data" / "depot" / "link").symlink_to("/etc")
    if is_refused:
        with pytest.raises(RefusedError, match="links or devices"):
            begin(tmp_path / "bag", wanted)
    else:
        assert begin(tmp_path / "bag", wanted) == wanted


def test_a_disk_of_fat_holds_no_file_of_4_gib_and_says_what_does(tmp_path: Path) -> None:
    mounts = (
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "30 22 8:17 / /media/mon\\040disque rw - vfat /dev/sdb1 rw\n"
        "31 22 8:33 / /media/mon\\040disque/exfat rw - exfat /dev/sdc1 rw\nrubbish\n"
    )
    assert largest_file_bytes(Path("/media/mon disque/retour"), mounts) == 2**32 - 1
    for elsewhere in ("/media/mon disque/exfat/x", "/media", "/"):
        assert largest_file_bytes(Path(elsewhere), mounts) > 2**40
    larger: list[int] = []
    nodes = [Node("/a", "file", 2**32 - 1), Node("/b", "file", 2**32), Node("/c", "file", 5 * 2**30)]
    assert list(count_larger(nodes, 2**32 - 1, larger)) == nodes
    with pytest.raises(RefusedError, match="2 files are larger than 4 GiB") as refused:
        refuse_larger(larger, 2**32 - 1, tmp_path)
    assert "exFAT" in refused.value.hint
    refuse_larger([], 1, tmp_path)


def test_what_a_disk_did_not_take_is_told_apart_from_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cut").write_text("ab")
    deep = "/" + "/".join(["d" * 200] * 19)
    nodes = [Node("/cut", "file", 3), Node(deep, "dir", 0), Node(f"{deep}/f", "file", 1), Node("/l", "symlink", 0),
             Node("/tube", "fifo", 0)]  # fmt: skip
    entries = list(read_entries(Tree(Beneath(tmp_path), ""), pairs(nodes), is_incomplete=True))
    assert [entry.is_apart for entry in entries] == [True, False, True, False, False]
    assert [bool(entry.left_out) for entry in entries] == [False, False, False, True, False]
    places = [entry.stored.decode().split("/")[1] for entry in entries if entry.stored]
    assert places == ["HORS-DE-LEUR-PLACE", "CHEMINS-TROP-LONGS"]
    assert [json.loads(to_line(entry)).get("hors_place") for entry in entries] == [True, None, True, None, None]
