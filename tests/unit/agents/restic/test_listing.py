"""A snapshot's listing: what no restic writes is refused, and no honest listing is."""

import itertools
import random
import resource

import pytest

from coffre.agents.repository import HostileSnapshotError, as_listed
from coffre.agents.restic.repository import listing as rules
from coffre.agents.restic.repository.listing import BytesListing, Listing, pair_bytes, split_lines
from coffre.outside.processes import EndlessOutputError

ID = "ab" * 32


def line(path, kind="file", **more):
    return {"message_type": "node", "name": path.rpartition("/")[2], "path": path, "type": kind, **more}


def check(*lines):
    listing = Listing(ID)
    listing.read({"message_type": "snapshot"})
    nodes = [listing.read(each) for each in lines]
    listing.end()
    return listing, nodes


def refused(*lines):
    with pytest.raises(HostileSnapshotError) as caught:
        check(*lines)
    assert ID in caught.value.message
    assert caught.value.exit_code == 4
    return caught.value.message


HONEST = (
    line("/etc", "dir"),
    line("/etc/hosts", size=12),
    line("/etc/ssl", "dir"),
    line("/etc/ssl/cert.pem", "symlink"),
    line("/etc/z", "fifo"),
    line("/home", "dir"),
    line("/home/\u00e9t\u00e9 \U0001f950", "chardev"),
    line("/home/back\\slash", size=0),
    line("/z..", "socket"),
)


def test_an_honest_listing_passes_whole():
    ordered = sorted(HONEST, key=lambda each: each["path"].encode().split(b"/"))
    listing, nodes = check(*ordered)
    assert [each.path for each in nodes] == [each["path"] for each in ordered]
    assert (listing.entries, listing.has_twins) == (len(HONEST), False)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([line("/a"), line("/a", "symlink")], "twice"),
        ([line("/a", "dir"), line("/a/b"), line("/a", "symlink")], "twice"),
        ([line("/a", "dir"), line("/b"), line("/a/b")], "not a folder"),
        ([line("/a"), line("/a/b")], "not a folder"),
        ([line("/a", "symlink"), line("/a/b")], "not a folder"),
        ([line("/nowhere/b")], "not a folder"),
        ([line("/b"), line("/a")], "out of order"),
        ([{**line("/a"), "name": ""}], "no file can have"),
        ([{**line("/"), "name": ".."}], "no file can have"),
        ([{**line("/a"), "name": "."}], "no file can have"),
        ([{**line("/a/b"), "name": "a/b"}], "no file can have"),
        ([{**line("/a\0"), "name": "a\0"}], "no file can have"),
        ([{**line("/a"), "name": "b"}], "outside its folder"),
        ([{**line("/a"), "name": None}], "has no name"),
        ([{**line("/a"), "path": 7}], "has no name"),
        ([line("/a", "portal")], "a type that restic does not know"),
        ([line("/a", size=-1)], "a size that no file can have"),
        ([line("/a", size=1 << 64)], "a size that no file can have"),
        ([line("/a", size=True)], "a size that no file can have"),
        ([line("/" + "n" * 2000)], "longer name"),
        ([{"message_type": "snapshot"}], "is not an entry"),
        ([{}], "is not an entry"),
        ([{"message_type": "error"}], "is not an entry"),
    ],
)
def test_what_no_restic_writes_is_refused_by_the_snapshots_id(lines, why):
    assert why in refused(*lines)


def test_a_tree_that_is_absurdly_deep_is_refused_where_it_becomes_so():
    lines = [line("/d" * depth, "dir") for depth in range(1, rules.MAX_DEPTH + 1)]
    check(*lines)
    assert "folders" in refused(*lines, line("/d" * (rules.MAX_DEPTH + 1), "dir"))


def test_trees_that_name_each_other_without_end_are_refused(monkeypatch):
    monkeypatch.setattr(rules, "MAX_ENTRIES", 10)
    assert "more than 10 entries" in refused(*(line(f"/{number:02}") for number in range(11)))


def bomb(depth, path=""):
    """List folders of which each holds the next twice, as restic does."""
    for name in ("a", "b") if depth else ():
        yield line(f"{path}/{name}", "dir", inode=depth)
        yield from bomb(depth - 1, f"{path}/{name}")


def test_folders_that_hold_each_other_twice_are_refused_long_before_their_end(monkeypatch):
    monkeypatch.setattr(rules, "MAX_REPEATED_TO_NEW", 20)
    monkeypatch.setattr(rules, "MAX_REPEATED", 1000)
    assert "repeat each other" in refused(*itertools.islice(bomb(40), 20_000))


def test_copies_of_folders_are_honest_as_long_as_they_are_few(monkeypatch):
    """Snapshots of a file system that were backed up with it have the same inodes."""
    monkeypatch.setattr(rules, "MAX_REPEATED", 1000)
    lines = []
    for copy in range(50):
        lines.append(line(f"/{copy:02}", "dir", inode=copy))
        lines += [line(f"/{copy:02}/{number:03}", inode=number) for number in range(100)]
    listing, _ = check(*lines)
    assert listing.entries == 5050


def test_a_listing_that_never_began_is_refused():
    with pytest.raises(HostileSnapshotError, match="does not list"):
        Listing(ID).end()
    with pytest.raises(HostileSnapshotError):
        Listing(ID).read(line("/a"))


def test_honest_names_that_look_the_same_are_left_to_their_bytes():
    names = sorted([b"caf\xe8", b"caf\xe9", b"\xff", "\U0001f950".encode(), b"a"])
    listing, _ = check(*(line("/" + as_listed(name)) for name in names))
    assert listing.has_twins
    exact = BytesListing(ID)
    for name in names:
        exact.read(b"/" + name)


def test_the_same_bytes_twice_are_refused():
    exact = BytesListing(ID)
    exact.read(b"/caf\xe9")
    with pytest.raises(HostileSnapshotError, match="twice"):
        exact.read(b"/caf\xe9")


def test_more_odd_names_than_are_held_are_left_to_their_bytes(monkeypatch):
    monkeypatch.setattr(rules, "MAX_HELD_NAMES", 2)
    listing, _ = check(*(line(f"/\ufffd{number}") for number in range(3)))
    assert listing.has_twins
    listing, _ = check(
        *(each for number in range(5) for each in (line(f"/{number}", "dir"), line(f"/{number}/\ufffd")))
    )
    assert not listing.has_twins, "what a folder held goes with it"


def test_both_forms_of_a_listing_are_told_apart_at_each_line_end():
    names = [b"a\nb", b"a\n", b"\n\n", b"caf\xe9\r", b"plain"]
    _, nodes = check(*(line("/" + as_listed(name)) for name in sorted(names)))
    text = b"".join(b"/" + name + b"\n" for name in sorted(names))
    blocks = [text[at : at + 3] for at in range(0, len(text), 3)]
    pairs = list(pair_bytes(ID, nodes, split_lines(blocks)))
    assert [path for _, path in pairs] == [b"/" + name for name in sorted(names)]
    for bad in (text[:-1] + b"x\n", text + b"/more\n", text[3:]):
        with pytest.raises(HostileSnapshotError, match="two lists of it differ"):
            list(pair_bytes(ID, nodes, split_lines([bad])))


def test_any_listing_is_passed_or_refused_and_nothing_else():
    """Rubbish, structure kept: no reader may stumble over it."""
    chance = random.Random(11)
    values = [None, True, -1, 1 << 70, 1.5, "", "/", "..", "a", "/a", "/a/b", "\ud800", "\0", [], {}, "dir", "file"]
    for _ in range(3000):
        lines = [
            {key: chance.choice(values) for key in ("name", "path", "type", "size", "mode") if chance.random() < 0.8}
            | {"message_type": chance.choice(["node", "node", "snapshot", None])}
            for _ in range(3)
        ]
        try:
            check(*lines)
        except HostileSnapshotError:
            continue


def test_memory_is_that_of_one_way_down_whatever_the_snapshot_holds():
    listing = Listing(ID)
    listing.read({"message_type": "snapshot"})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(200_000):
        listing.read(line(f"/{number:07}", "dir"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 * 1024


def test_a_line_without_end_is_no_name():
    with pytest.raises(EndlessOutputError, match="in one line"):
        next(split_lines(itertools.repeat(b"x" * 65536)))
