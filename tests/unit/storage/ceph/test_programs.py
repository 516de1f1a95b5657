"""Programs for machines: names, rights, and which keys of their user were left by a killed upload."""

import pytest

from coffre.storage.ceph import programs

NOW = 1_800_000_000.0


def test_a_program_is_named_by_its_hash():
    assert programs.object_key("ab" * 32) == "restic/" + "ab" * 32


def test_anybody_may_read_programs_and_do_nothing_else():
    [statement] = programs.wanted_policy()["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Allow", "*", ["s3:GetObject"])
    assert statement["Resource"] == ["arn:aws:s3:::coffre-programs/restic/*"]


@pytest.mark.parametrize(
    ("key", "stale"),
    [
        (programs.new_key_id(NOW), False),
        (programs.new_key_id(NOW - 3000), False),
        (programs.new_key_id(NOW - 4000), True),
        (programs.new_key_id(NOW + 4000), True),
        ("CPxxxxxxxxxx12345678", True),
        ("0123456789ABCDEFGHIJ", True),
    ],
    ids=["now", "an hour ago", "too long ago", "too far ahead", "no time in it", "another's"],
)
def test_only_keys_of_an_upload_under_way_are_spared(key, stale):
    assert programs.is_stale(key, NOW) is stale


def test_no_two_uploads_have_the_same_key():
    assert len({programs.new_key_id(NOW) for _ in range(50)}) == 50
