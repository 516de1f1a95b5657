"""The rare ways in which an erasure cannot end, each one clear error; a bucket that plays them stands in for RGW."""

import itertools
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from coffre.errors import ExpectedError, RefusedError, RemoteError
from coffre.offboarding.erase import bucket as erasing
from coffre.offboarding.erase.bucket import erase_bucket, identify_bucket
from coffre.offboarding.lifecycle.evidence import BucketCount, ErasureBegan
from coffre.spec import naming
from coffre.storage.values import (
    BucketFacts,
    BucketHoldsSomethingError,
    ObjectVersion,
    PlatformAwayError,
    RefusedDelete,
)
from tests.builders import tenant_with

TENANT = tenant_with()
OWNER = naming.owner_uid(TENANT)
NAME = naming.bucket_name(TENANT.slug, TENANT.id, "compta-01")
BEGAN = ErasureBegan("compta-01", NAME, "i.1", OWNER, TENANT.id, BucketCount(objects=3, bytes=3), "m.1")


@dataclass
class Platform:
    """A platform with one bucket, which gains ``gain`` objects whenever a batch was deleted."""

    facts: BucketFacts | None = field(default_factory=lambda: BucketFacts(NAME, OWNER, "i.1", "m.1", 3))
    tenant_id: str = TENANT.id
    keys: list[str] = field(default_factory=lambda: ["a", "b", "c"])
    gain: int = 0
    refusal: str = ""
    holds_back: bool = False
    away: int = 0
    rules: list[str] = field(default_factory=lambda: ["all"])
    deleted: list[str] = field(default_factory=list)
    opened_with: list[str] = field(default_factory=list)

    def find_bucket(self, name):
        return self.facts

    def open_eraser(self, name, key):
        self.opened_with.append(name)
        return self

    def open_bucket(self, name, key):
        return self

    def list_expiry_rules(self):
        return self.rules

    def clear_expiry_rules(self):
        self.rules = []

    def find_tenant_id(self):
        return self.tenant_id

    def walk_uploads(self):
        return iter(())

    def walk_versions(self):
        return (ObjectVersion(key, f"v-{key}", datetime(2026, 11, 25, tzinfo=UTC), True) for key in list(self.keys))

    def delete_versions(self, versions):
        if self.away:
            self.away -= 1
            raise PlatformAwayError("no answer")
        if self.refusal:
            return [RefusedDelete(each, self.refusal) for each in versions]
        self.deleted += [each.key for each in versions]
        self.keys = [key for key in self.keys if key not in self.deleted]
        self.keys += [f"late-{len(self.deleted)}-{number}" for number in range(self.gain)]
        return []

    def find_lock(self, version):
        return None

    def delete_bucket(self):
        if self.keys or self.holds_back:
            raise BucketHoldsSomethingError("it is not empty")
        self.facts = None


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """How often it was waited for others to end; nobody really waits here."""
    found = []
    monkeypatch.setattr(erasing.time, "sleep", found.append)
    return found


def opened_of(platform):
    return SimpleNamespace(
        tenant=TENANT,
        storage=platform,
        buckets=SimpleNamespace(
            name=lambda machine: naming.bucket_name(TENANT.slug, TENANT.id, machine),
            open_named=lambda name: platform.open_bucket(name, "the owner's"),
            owner_key=lambda: "the owner's",
        ),
        memory=SimpleNamespace(forget=lambda machine: None),
    )


def erase(platform, began=BEGAN, refuse=lambda: None, resumes=False):
    opened = opened_of(platform)
    return erase_bucket(
        opened.tenant,
        opened.storage,
        opened.buckets,
        opened.memory,
        began,
        lambda _: None,
        resumes=resumes,
        refuse=refuse,
    )


def test_what_was_there_before_counts_as_deleted_whoever_deleted_it():
    platform = Platform(keys=["c", "late"])
    erased = erase(platform)
    assert (erased.is_gone, erased.deleted) == (True, BEGAN.before)
    assert platform.deleted == ["c", "late"]


def test_a_bucket_that_gains_with_every_sweep_is_given_up():
    platform = Platform(gain=1)
    with pytest.raises(
        ExpectedError, match="keeps gaining objects during the erasure: 8 were deleted, it had 3 before"
    ):
        erase(platform)
    assert platform.facts is not None


def test_a_bucket_that_gains_more_than_it_held_within_one_sweep_is_given_up(monkeypatch):
    monkeypatch.setattr(erasing, "SPARE_ENTRIES", 4)
    monkeypatch.setattr(erasing, "BATCH", 1)
    platform = Platform(keys=[f"k{number:03}" for number in range(100)])
    with pytest.raises(ExpectedError, match="keeps gaining"):
        erase(platform)
    # 2 x 3 + 4, and the batches that were under way.
    assert 10 < len(platform.deleted) <= 11 + erasing.WORKERS


def test_an_index_that_hides_something_is_named():
    with pytest.raises(ExpectedError, match="lists nothing in its bucket, but refuses to delete it") as caught:
        erase(Platform(keys=[], holds_back=True))
    assert f"radosgw-admin bucket check --fix --bucket={NAME}" in caught.value.hint


def test_a_refusal_without_a_lock_is_an_error():
    with pytest.raises(ExpectedError, match=r"refuses to delete 3 versions without any lock \(AccessDenied\)"):
        erase(Platform(refusal="AccessDenied"))


def test_a_platform_that_comes_back_is_waited_for_and_one_that_does_not_is_an_error(monkeypatch):
    assert erase(Platform(away=2)).is_gone
    monkeypatch.setattr(erasing, "AWAY_SECONDS", 0.0)
    with pytest.raises(RemoteError, match="no answer"):
        erase(Platform(away=1))


@pytest.mark.parametrize(
    "changes",
    [
        {"bucket": "another"},
        {"owner": "another-m7f3q9wz2m"},
        {"tenant_id": "m7f3q9wz2m"},
        {"machine": "caisse-01"},
        {"marker": ""},
    ],
)
def test_a_journal_that_does_not_name_this_bucket_of_this_tenant_touches_nothing(changes):
    platform = Platform()
    with pytest.raises(RefusedError, match="the journal names bucket"):
        erase(platform, replace(BEGAN, **changes))
    assert (platform.opened_with, platform.deleted) == ([], [])


@pytest.mark.parametrize(
    "changes",
    [
        {"facts": BucketFacts(NAME, "another-m7f3q9wz2m", "i.1", "m.1", 3)},
        {"facts": BucketFacts(NAME, OWNER, "i.1", "m.2", 3)},
        {"tenant_id": "m7f3q9wz2m"},
        {"tenant_id": None},
    ],
)
def test_a_platform_that_says_otherwise_touches_nothing(changes):
    platform = Platform(**changes)
    with pytest.raises(RefusedError, match="is not martin's"):
        erase(platform)
    assert platform.deleted == []


def test_a_bucket_whose_index_was_resharded_is_the_same():
    assert erase(Platform(facts=BucketFacts(NAME, OWNER, "i.2", "m.1", 3))).is_gone


def test_a_bucket_that_changes_hands_between_two_sweeps_is_left_alone():
    platform = Platform(gain=1)
    asked = []

    def refuse():
        asked.append(1)
        if len(asked) == 3:
            platform.facts = BucketFacts(NAME, "another-m7f3q9wz2m", "i.9", "m.9", 1)

    with pytest.raises(RefusedError, match="its owner is another-m7f3q9wz2m"):
        erase(platform, refuse=refuse)
    assert platform.deleted == ["a", "b", "c"]


def test_a_guard_is_asked_before_anything_before_each_batch_and_before_the_bucket_goes(monkeypatch):
    monkeypatch.setattr(erasing, "BATCH", 1)
    for limit, deleted in ((0, 0), (1, 0), (2, 1), (3, 2), (4, 3), (5, 3)):
        platform = Platform()
        asked = []

        def refuse(limit=limit, asked=asked):
            if len(asked) == limit:
                raise RefusedError("a hold was placed")
            asked.append(1)

        with pytest.raises(RefusedError, match="a hold was placed"):
            erase(platform, refuse=refuse)
        assert len(platform.deleted) <= deleted
        assert platform.facts is not None


def test_a_bucket_as_it_was_before_is_not_waited_for_and_its_expiry_is_ended(waits):
    platform = Platform()
    assert erase(platform).is_gone
    assert (waits, platform.rules) == ([], [])


def test_what_a_killed_run_had_under_way_is_waited_for_until_the_count_stays(waits):
    """The platform works on at the requests of a client that is gone."""
    platform = Platform()
    counts = iter([3, 2, 2, 1, 1, 1])
    find = platform.find_bucket

    def find_bucket(name):
        facts = find(name)
        return facts and replace(facts, entries=next(counts))

    platform.find_bucket = find_bucket
    assert erase(platform).is_gone
    # Looked at once to tell whose it is, then 2, 2: still; further looks are the sweeps'.
    assert waits == [erasing.STILL_SECONDS]


def test_a_resumed_erasure_waits_also_where_nothing_of_the_run_before_shows_yet(waits):
    """The platform may have the requests of a killed run, and not have begun them."""
    assert erase(Platform(), resumes=True).is_gone
    assert waits == [erasing.STILL_SECONDS]


@pytest.mark.parametrize(
    ("answer_seconds", "still_seconds"), [(0.5, 0.5 * erasing.STILL_ANSWERS), (5, erasing.STILL_AT_MOST_SECONDS / 4)]
)
def test_a_slow_platform_must_be_still_for_longer_and_is_looked_at_twice(
    waits, monkeypatch, answer_seconds, still_seconds
):
    seconds = itertools.count(step=answer_seconds)
    monkeypatch.setattr(erasing.time, "monotonic", lambda: next(seconds))
    platform = Platform()
    looks, find = [], platform.find_bucket
    platform.find_bucket = lambda name: looks.append(name) or find(name)
    assert erase(platform, resumes=True).is_gone
    assert waits == [still_seconds]
    assert len(looks) >= 3, "whose it is, then twice for its count"


def test_after_an_absence_even_an_equal_count_is_looked_at_twice(waits):
    assert erase(Platform(away=1)).is_gone
    assert erasing.STILL_SECONDS in waits


def test_identifying_tells_a_bucket_that_is_not_there():
    opened = opened_of(Platform(facts=None))
    assert identify_bucket(opened.tenant, opened.storage, opened.buckets, "compta-01") is None
