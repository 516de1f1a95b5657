"""Whose a key of a bucket is, by its shape alone."""

import pytest

from coffre.observation.key_shapes import ForeignKeys, is_foreign, is_of_restic, stops_restic

ID = "ab" * 32


@pytest.mark.parametrize(
    "key", ["config", f"keys/{ID}", f"snapshots/{ID}", f"index/{ID}", f"locks/{ID}", f"data/ab/{ID}"]
)
def test_what_restic_writes(key: str) -> None:
    assert is_of_restic(key)


@pytest.mark.parametrize(
    "key",
    [
        "", "config\n", "config/x", "keys/", f"keys/{ID[1:]}", f"keys/{ID.upper()}", f"keys/{ID}\n", f"keys/../{ID}",
        f"data/{ID}", f"data/cd/{ID}", f"data/ab/{ID}/x", "data/../../other-bucket/secret", "data/ab\\x", f"data//{ID}",
        "data/ab/" + "x" * 900, f"./keys/{ID}", f"other/{ID}", f"data/ab/{ID}\u0000",
    ],
)  # fmt: skip
def test_what_it_does_not(key: str) -> None:
    assert not is_of_restic(key)


@pytest.mark.parametrize(
    "key",
    ["restic/config", f"restic/locks/{ID}", "control/desired.json", f"aside/restic/snapshots/{ID}", "reports/.applied",
     "reports/.probe",
     f"reports/0000000007-{ID[:32]}.sealed", f"reports/0000000007-{ID[:32]}-{ID[:32]}.sealed", "reports/2026Z-x.json"],
)  # fmt: skip
def test_what_ours_write_is_not_foreign(key: str) -> None:
    assert not is_foreign(key)


@pytest.mark.parametrize(
    "key",
    [
        "config",
        "programs/x",
        "restic/data/../x",
        "reports/x",
        "reports/.x",
        "reports/a/b.sealed",
        "reports/",
        "Reports/.applied",
    ],
)
def test_what_nothing_of_ours_writes_is(key: str) -> None:
    assert is_foreign(key)


@pytest.mark.parametrize("folder", ["index", "snapshots", "keys"])
def test_what_restic_takes_for_a_file_that_is_not_there_stops_it(folder: str) -> None:
    assert stops_restic(f"restic/{folder}/{ID}/x")
    assert stops_restic(f"restic/{folder}/{ID}/")
    assert stops_restic(f"restic/{folder}/{ID.upper()}")
    assert not stops_restic(f"restic/{folder}/{ID}")
    assert not stops_restic(f"restic/{folder}/x")
    assert not stops_restic(f"restic/data/ab/{ID}/x")


def test_they_are_counted_and_one_is_named() -> None:
    assert ForeignKeys().add("x").add("y") == ForeignKeys(2, "x")
