"""restic's keys in a bucket: told by their form alone."""

import fnmatch

import pytest

from coffre.agents.repository import Part, RepositoryObject
from coffre.agents.restic.repository.layout import ResticLayout

ID = "ab" * 32
LAYOUT = ResticLayout()


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("config", RepositoryObject(Part.CONFIG, "")),
        (f"keys/{ID}", RepositoryObject(Part.KEYS, ID)),
        (f"snapshots/{ID}", RepositoryObject(Part.SNAPSHOTS, ID)),
        (f"index/{ID}", RepositoryObject(Part.INDEX, ID)),
        (f"locks/{ID}", RepositoryObject(Part.LOCKS, ID)),
        (f"data/ab/{ID}", RepositoryObject(Part.DATA, ID)),
    ],
)
def test_what_restic_writes(key: str, found: RepositoryObject) -> None:
    assert LAYOUT.find(f"restic/{key}") == found
    assert LAYOUT.key_of(found) == f"restic/{key}"
    assert LAYOUT.part_of(f"restic/{key}") is found.part
    assert f"restic/{key}".startswith(LAYOUT.prefix_of(found.part))
    assert fnmatch.fnmatchcase(key, LAYOUT.pattern_of(found.part))


@pytest.mark.parametrize(
    "key",
    [
        "", "config\n", "config/x", "keys/", f"keys/{ID[1:]}", f"keys/{ID.upper()}", f"keys/{ID}\n", f"keys/../{ID}",
        f"data/{ID}", f"data/cd/{ID}", f"data/ab/{ID}/x", "data/../../other-bucket/secret", "data/ab\\x", f"data//{ID}",
        "data/ab/" + "x" * 900, f"./keys/{ID}", f"other/{ID}", f"data/ab/{ID}\u0000", "data/00/short",
        f"data/ab/{'cd' * 32}", f"data/../{ID}", f"data/AB/{ID.upper()}", f"data/ab/{ID}\n",
    ],
)  # fmt: skip
def test_what_it_does_not(key: str) -> None:
    assert LAYOUT.find(f"restic/{key}") is None


@pytest.mark.parametrize("key", ["config", f"keys/{ID}", f"Restic/keys/{ID}", f"aside/restic/snapshots/{ID}"])
def test_what_is_elsewhere_is_none_of_the_repository(key: str) -> None:
    assert LAYOUT.find(key) is None
    assert LAYOUT.part_of(key) is None


def test_a_place_is_known_whatever_the_form() -> None:
    assert LAYOUT.part_of("restic/data/x") is Part.DATA
    assert LAYOUT.part_of("restic/configs") is None
    assert LAYOUT.part_of("restic/other/x") is None


@pytest.mark.parametrize("folder", ["index", "snapshots", "keys"])
def test_what_restic_takes_for_a_file_that_is_not_there_stops_it(folder: str) -> None:
    assert LAYOUT.misleads(f"restic/{folder}/{ID}/x")
    assert LAYOUT.misleads(f"restic/{folder}/{ID}/")
    assert LAYOUT.misleads(f"restic/{folder}/{ID.upper()}")
    assert not LAYOUT.misleads(f"restic/{folder}/{ID}")
    assert not LAYOUT.misleads(f"restic/{folder}/x")
    assert not LAYOUT.misleads(f"restic/data/ab/{ID}/x")


def test_snapshots_come_last_and_locks_never() -> None:
    assert LAYOUT.order[-1] is Part.SNAPSHOTS
    assert set(Part) - set(LAYOUT.order) == {Part.LOCKS}
    assert LAYOUT.order.index(Part.DATA) < LAYOUT.order.index(Part.INDEX)
