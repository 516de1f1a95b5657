"""The contract of the owners of every storage platform, with buckets or without: all pass the same tests.

A module that imports these tests gives them an `owned`.
"""

from dataclasses import dataclass

import pytest

from coffre.errors import ExpectedError
from coffre.storage.driver import Storage


@dataclass(frozen=True)
class Owned:
    """A platform, an owner on it in good standing, and a name of the same form that nobody has."""

    storage: Storage
    owner: str
    nobody: str = "personne-zzzzzzzzzz"


def test_an_owner_is_found_by_its_name_alone(owned: Owned) -> None:
    found = owned.storage.find_owner(owned.owner)
    assert found is not None
    assert (found.uid, found.suspended) == (owned.owner, False)
    assert sorted(found.buckets) == sorted(owned.storage.list_owned_buckets(owned.owner))
    assert found.used_bytes >= 0
    assert owned.storage.find_owner(owned.owner, exact=False) is not None
    assert owned.owner in owned.storage.list_users(owned.owner)
    surveyed = owned.storage.survey_user(owned.owner)
    assert surveyed is not None
    assert (surveyed.uid, surveyed.is_suspended, surveyed.bucket_quota_bytes) == (owned.owner, False, None)
    assert sorted(surveyed.key_ids) == sorted(owned.storage.list_key_ids(owned.owner))


def test_of_nobody_there_is_nothing(owned: Owned) -> None:
    storage, nobody = owned.storage, owned.nobody
    assert (storage.find_owner(nobody), storage.survey_user(nobody)) == (None, None)
    assert (list(storage.list_users(nobody)), list(storage.list_key_ids(nobody))) == ([], [])
    assert (list(storage.list_owned_buckets(nobody)), list(storage.list_bucket_facts(nobody))) == ([], [])
    assert not storage.suspend_user(nobody, True)
    with pytest.raises(ExpectedError):
        storage.suspend_user(nobody, False)


def test_an_owner_is_suspended_once_and_enabled_once(owned: Owned) -> None:
    storage = owned.storage
    for is_suspended in (True, False):
        assert storage.suspend_user(owned.owner, is_suspended)
        assert not storage.suspend_user(owned.owner, is_suspended)
        facts, surveyed = storage.find_owner(owned.owner), storage.survey_user(owned.owner)
        assert facts is not None
        assert surveyed is not None
        assert (facts.suspended, surveyed.is_suspended) == (is_suspended, is_suspended)
