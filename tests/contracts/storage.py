"""The contract of every storage platform, the real ones and those of the tests: all pass the same tests.

A module that imports these tests gives them a `place`, a platform with an owner and a function that creates buckets
for it, and a second one, `walled`. Where keys are given, or where no wall is enforced, the tests are about that.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from coffre.outside.faults import Fault
from coffre.storage.driver import Bucket, Storage
from coffre.storage.platform import KeyOrigin
from coffre.storage.values import (
    AccessKey,
    BucketGoneError,
    BucketHoldsSomethingError,
    Publication,
    QuotaExceededError,
    Unusable,
)
from coffre.toolchain import sha256_file

LIMIT_BYTES = 1 << 20


@dataclass(frozen=True)
class Place:
    """A platform, an owner on it with a key and a wall, and a function that creates a bucket for the owner.

    ``wall_bytes`` is None where the platform enforces no limit.
    """

    storage: Storage
    owner: str
    key: AccessKey
    wall_bytes: int | None
    make_bucket: Callable[[str], str]
    keys: KeyOrigin = KeyOrigin.CHOSEN

    def add_key(self) -> AccessKey:
        """Give the owner another key, as the platform does that: it creates the key, or takes a chosen one, twice."""
        if self.keys is KeyOrigin.GIVEN:
            return self.storage.create_key(self.owner)
        chosen = new_key()
        self.storage.add_key(self.owner, chosen)
        self.storage.add_key(self.owner, chosen)
        return chosen

    def bucket(self, name: str) -> Bucket:
        return self.storage.open_bucket(self.make_bucket(name), self.key)


def new_key() -> AccessKey:
    return AccessKey(secrets.token_hex(10).upper(), secrets.token_urlsafe(30))


def test_an_object_is_written_found_listed_hidden_and_brought_back(place: Place) -> None:
    bucket = place.bucket("life")
    assert bucket.find("restic/config", LIMIT_BYTES) is None
    bucket.put("restic/config", b"first")
    bucket.put("restic/config", b"second")
    assert bucket.find("restic/config", LIMIT_BYTES) == b"second"
    assert bucket.find_first("restic/config", LIMIT_BYTES) == b"first"
    assert bucket.find("restic/config", 3) == Unusable(Fault.TOO_LARGE)
    bucket.hide("restic/config")
    assert not bucket.exists("restic/config")
    assert list(bucket.list_objects("")) == []
    marker, second, first = bucket.list_versions("restic/")
    assert (marker.is_marker, marker.is_latest, second.is_latest) == (True, True, False)
    assert (second.size_bytes, first.size_bytes) == (6, 5)
    bucket.restore_version("restic/config", first.version_id)
    assert bucket.find("restic/config", LIMIT_BYTES) == b"first"
    assert bucket.list_versions("restic/")[0].etag == first.etag
    assert bucket.count_contents().versions == 3
    assert bucket.count_contents().markers == 1


def test_a_listing_is_in_the_order_of_keys_and_of_one_prefix(place: Place) -> None:
    bucket = place.bucket("listing")
    for key in ("reports/2", "reports/1", "control/gate.json"):
        bucket.put(key, key.encode())
    assert [facts.key for facts in bucket.walk_objects("")] == ["control/gate.json", "reports/1", "reports/2"]
    assert [facts.size_bytes for facts in bucket.list_objects("reports/")] == [9, 9]
    assert bucket.current_bytes() == 9 + 9 + 17
    newest = bucket.find_newest_at("reports/")
    assert newest is not None
    # The time in an answer has whole seconds.
    assert newest < bucket.probe_server_time() + timedelta(seconds=1)
    bucket.copy("reports/1", "reports/3")
    assert bucket.read_sha256("reports/3", LIMIT_BYTES) == bucket.read_sha256("reports/1", LIMIT_BYTES)
    assert bucket.read_sha256("reports/4", LIMIT_BYTES) is None


def test_each_switch_moves_once_and_leaves_the_others(place: Place) -> None:
    bucket = place.bucket("switches")
    assert (bucket.is_gate_closed(), bucket.is_stopped(), bucket.is_suspended()) == (False, False, False)
    assert bucket.set_gate(True)
    assert not bucket.set_gate(True)
    assert bucket.set_suspension(True)
    assert (bucket.is_gate_closed(), bucket.is_stopped(), bucket.is_suspended()) == (True, False, True)
    assert bucket.set_gate(False)
    assert (bucket.is_gate_closed(), bucket.is_suspended()) == (False, True)
    assert bucket.set_stop(True)
    assert bucket.set_stop(False)
    assert bucket.set_suspension(False)


def test_expiry_is_known_and_can_be_taken_away(place: Place) -> None:
    bucket = place.bucket("expiry")
    assert bucket.undelete_days() == 14
    assert sorted(bucket.walk_versions(""), key=str) == sorted(bucket.list_versions(""), key=str)
    assert bucket.list_expiry_rules()
    bucket.clear_expiry_rules()
    bucket.clear_expiry_rules()
    assert (list(bucket.list_expiry_rules()), bucket.undelete_days()) == ([], None)


def test_the_owner_s_facts_count_every_version(place: Place) -> None:
    before = place.storage.find_owner(place.owner)
    assert before is not None
    assert before.wall_bytes == place.wall_bytes
    bucket = place.bucket("facts")
    bucket.put("a", b"12345")
    bucket.put("a", b"123")
    after = place.storage.find_owner(place.owner)
    assert after is not None
    assert after.used_bytes - before.used_bytes == 8
    assert bucket.name in after.buckets
    assert bucket.name in place.storage.list_owned_buckets(place.owner)
    assert place.storage.find_owner("nobody-of-this-name") is None
    assert list(place.storage.list_owned_buckets("nobody-of-this-name")) == []


def test_all_buckets_are_read_at_once_and_a_mark_changes_with_every_version(place: Place) -> None:
    bucket = place.bucket("marked")
    seen = []

    def look() -> None:
        facts = {each.name: each for each in place.storage.list_bucket_facts(place.owner)}
        assert facts[bucket.name] == place.storage.find_bucket(bucket.name)
        seen.append(facts[bucket.name].mark)

    look()
    if seen == [None]:
        return  # a platform without marks is looked at as a whole each time
    for content in (b"1", b"1", b"22"):
        bucket.put("a", content)
        look()
    eraser = place.storage.open_eraser(bucket.name, place.key)
    assert list(eraser.delete_versions([each for each in eraser.walk_versions() if not each.is_latest])) == []
    look()
    assert len(set(seen)) == len(seen), seen
    bucket.find("a", 10)
    look()
    assert seen[-1] == seen[-2]
    assert list(place.storage.list_bucket_facts("nobody-of-this-name")) == []


BEYOND_NO_WALL_BYTES = 1 << 20


def test_no_byte_passes_the_wall_but_with_extra_room(walled: Place) -> None:
    """With a separate owner: a platform may still refuse for a while after the excess is deleted.

    Without a wall every byte passes, and extra room is nothing to wait for.
    """
    bucket = walled.bucket("wall")
    more = b"x" * (BEYOND_NO_WALL_BYTES if walled.wall_bytes is None else walled.wall_bytes + 1)
    if walled.wall_bytes is not None:
        with pytest.raises(QuotaExceededError):
            bucket.put("much", more)
    with walled.storage.extra_room(walled.owner, len(more)):
        bucket.put("much", more)
    facts = walled.storage.find_owner(walled.owner)
    assert facts is not None
    assert facts.wall_bytes == walled.wall_bytes


def test_a_wall_that_was_left_raised_is_put_back_and_a_lower_one_stays(walled: Place) -> None:
    wall_bytes = walled.wall_bytes or BEYOND_NO_WALL_BYTES

    def found() -> int | None:
        facts = walled.storage.find_owner(walled.owner)
        assert facts is not None
        return facts.wall_bytes

    with walled.storage.extra_room(walled.owner, BEYOND_NO_WALL_BYTES):
        # As another process meets it after a kill in here.
        for is_raised in (walled.wall_bytes is not None, False):
            assert walled.storage.lower_wall(walled.owner, wall_bytes) is is_raised
            assert found() == walled.wall_bytes
    assert not walled.storage.lower_wall(walled.owner, wall_bytes + 1)
    assert found() == walled.wall_bytes


def test_keys_come_and_go(place: Place) -> None:
    storage, name = place.storage, place.make_bucket("keys")
    assert not storage.accepts_key(name, new_key())
    another = place.add_key()
    assert set(storage.list_key_ids(place.owner)) == {place.key.access_key_id, another.access_key_id}
    assert storage.accepts_key(name, another)
    assert name in storage.list_reachable_buckets(another)
    storage.delete_key(place.owner, another.access_key_id)
    storage.delete_key(place.owner, another.access_key_id)
    assert not storage.accepts_key(name, another)
    assert set(storage.list_key_ids(place.owner)) == {place.key.access_key_id}
    assert list(storage.list_key_ids("nobody-of-this-name")) == []


def test_a_bucket_is_erased_whole_and_another_of_its_name_is_another(place: Place) -> None:
    name = place.make_bucket("erased")
    bucket = place.storage.open_bucket(name, place.key)
    bucket.put("a", b"1")
    bucket.hide("a")
    facts = place.storage.find_bucket(name)
    assert facts is not None
    assert facts.owner == place.owner, facts
    assert facts.entries == 1, facts
    eraser = place.storage.open_eraser(name, place.key)
    with pytest.raises(BucketHoldsSomethingError):
        eraser.delete_bucket()
    found = list(eraser.walk_versions())
    assert [version.is_marker for version in found] == [True, False]
    assert list(eraser.delete_versions(found)) == []
    assert list(eraser.delete_versions(found)) == []
    assert not bucket.count_contents().is_anything
    eraser.delete_bucket()
    eraser.delete_bucket()
    assert place.storage.find_bucket(name) is None
    assert list(place.storage.list_leftovers([name])) == []
    with pytest.raises(BucketGoneError):
        bucket.count_contents()
    assert place.make_bucket("erased") == name
    anew = place.storage.find_bucket(name)
    assert anew is not None
    assert anew.lifetime_id != facts.lifetime_id


def test_a_user_is_surveyed_with_its_keys_and_its_suspension(place: Place) -> None:
    assert place.storage.survey_user(f"{place.owner}.nobody") is None
    before = place.storage.survey_user(place.owner)
    assert before is not None
    assert (before.uid, before.is_suspended, before.bucket_quota_bytes) == (place.owner, False, None)
    assert place.key.access_key_id in before.key_ids
    place.storage.suspend_user(place.owner, True)
    try:
        after = place.storage.survey_user(place.owner)
        assert after is not None
        assert after.is_suspended
    finally:
        place.storage.suspend_user(place.owner, False)


def test_a_suspended_owner_is_said_to_be_so(place: Place) -> None:
    assert place.storage.suspend_user(place.owner, True)
    assert not place.storage.suspend_user(place.owner, True)
    facts = place.storage.find_owner(place.owner)
    assert facts is not None
    assert facts.suspended
    assert place.storage.suspend_user(place.owner, False)
    assert not place.storage.suspend_user("nobody-of-this-name", True)


def test_a_program_is_published_once_and_put_right(place: Place, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(secrets.token_bytes(2000))
    sha256 = sha256_file(program)
    assert place.storage.read_program_sha256(sha256, 2000) is None
    assert place.storage.publish_program(program, sha256) is Publication.PUT
    assert place.storage.publish_program(program, sha256) is Publication.THERE
    assert place.storage.read_program_sha256(sha256, 2000) == sha256
