"""Checking, comparing and describing inputs, the same for every resource of the provider."""

import pytest

from coffre.storage.ceph import bucket_policy
from coffre.storage.ceph.provider.dispatch import RESOURCES
from coffre.storage.provider.fields import UNKNOWN, InputChangeKind, describe
from coffre.storage.s3 import lifecycle, policy

LAWFUL = {
    "User": {"uid": "acme.m1", "display_name": "Acme"},
    "AccessKey": {"uid": "acme.m1", "access_key_id": "ABC", "secret_access_key": "s" * 20},
    "UserQuota": {"uid": "acme", "max_bytes": 5},
    "Bucket": {"name": "acme-m1", "owner": "acme"},
    "BucketPolicy": {"bucket": "acme-m1", "statements": bucket_policy.statements("acme-m1", "acme", "acme.m1")},
    "BucketLifecycle": {"bucket": "acme-m1", "rules": lifecycle.rules(14)},
    "PublicAccessBlock": {"bucket": "acme-m1"},
}


def kind(name):
    return RESOURCES[f"rgw:index:{name}"]


def checked(name, /, **changes):
    return kind(name).check({**LAWFUL[name], **changes})


@pytest.mark.parametrize("name", LAWFUL)
def test_lawful_inputs_pass_and_checking_again_changes_nothing(name):
    inputs, failures = checked(name)
    assert failures == []
    assert set(inputs) == set(kind(name).fields)
    assert kind(name).check(inputs) == (inputs, [])


@pytest.mark.parametrize("name", LAWFUL)
def test_every_required_input_is_asked_for_and_no_other_is_taken(name):
    _, failures = kind(name).check({"colour": "blue"})
    told = {failure.property: failure.reason for failure in failures}
    assert told.pop("colour").startswith("is not an input of this resource")
    assert set(told) == set(LAWFUL[name])
    assert set(told.values()) == {"is missing"}


@pytest.mark.parametrize(
    ("name", "field", "value", "words"),
    [
        ("User", "uid", "a b", "must be a uid"),
        ("User", "max_buckets", -2, "at least -1"),
        ("User", "max_buckets", True, "whole number"),
        ("User", "max_buckets", 1.5, "whole number"),
        ("AccessKey", "secret_access_key", "short", "at least 16"),
        ("UserQuota", "max_bytes", -1, "at least 0"),
        ("Bucket", "name", "A", "3 to 63"),
        ("Bucket", "name", "a" * 64, "3 to 63"),
        ("Bucket", "versioning", "Suspended", "versions do"),
        ("Bucket", "tags", {"a": 1}, "map of texts"),
        ("BucketPolicy", "statements", {}, "not empty"),
        ("BucketPolicy", "statements", {policy.GATE_SID: {}}, "is switched while the service runs"),
        ("BucketLifecycle", "rules", {"x": 1}, "of maps"),
        ("PublicAccessBlock", "ignore_public_acls", False, "must be True"),
        ("PublicAccessBlock", "block_public_acls", True, "must be False"),
    ],
)
def test_a_wrong_value_is_told_by_property(name, field, value, words):
    _, failures = checked(name, **{field: value})
    assert [failure.property for failure in failures] == [field]
    assert words in failures[0].reason


def test_a_wrong_secret_is_not_quoted():
    _, failures = checked("AccessKey", secret_access_key="hunter2")
    assert "hunter2" not in failures[0].reason


@pytest.mark.parametrize("name", LAWFUL)
def test_what_is_not_known_yet_passes_and_counts_as_a_change(name):
    field = next(iter(LAWFUL[name]))
    inputs, failures = checked(name, **{field: UNKNOWN})
    assert failures == []
    assert [change.path for change in kind(name).diff(checked(name)[0], inputs)] == [field]


REPLACES = {
    "User": {"uid": "other"},
    "AccessKey": {"access_key_id": "OTHER", "uid": "other"},
    "UserQuota": {"uid": "other"},
    "Bucket": {"name": "other", "owner": "other"},
    "BucketPolicy": {"bucket": "other"},
    "BucketLifecycle": {"bucket": "other"},
    "PublicAccessBlock": {"bucket": "other"},
}
IN_PLACE = {
    "User": {"display_name": "other", "max_buckets": -1},
    "AccessKey": {"secret_access_key": "t" * 20},
    "UserQuota": {"max_bytes": 6},
    "Bucket": {"tags": {"k": "v"}},
    "BucketPolicy": {"statements": bucket_policy.statements("acme-m1", "acme", None)},
    "BucketLifecycle": {"rules": lifecycle.rules(15)},
}


@pytest.mark.parametrize(("changed", "replaces"), [(REPLACES, True), (IN_PLACE, False)])
def test_replacement_only_where_rgw_cannot_change_in_place(changed, replaces):
    for name, changes in changed.items():
        for field, value in changes.items():
            found = kind(name).diff(checked(name)[0], checked(name, **{field: value})[0])
            assert found, (name, field)
            assert {change.replaces for change in found} == {replaces}, (name, field)


@pytest.mark.parametrize("name", LAWFUL)
def test_equal_inputs_are_no_difference(name):
    assert kind(name).diff(checked(name)[0], checked(name)[0]) == []


def test_maps_are_compared_entry_by_entry():
    old = checked("Bucket", tags={"same": "1", "gone": "1", "other": "1"})[0]
    new = checked("Bucket", tags={"same": "1", "new-one": "1", "other": "2"})[0]
    found = {change.path: change.kind for change in kind("Bucket").diff(old, new)}
    assert found == {
        "tags.gone": InputChangeKind.DELETE,
        'tags["new-one"]': InputChangeKind.ADD,
        "tags.other": InputChangeKind.UPDATE,
    }


def test_a_refusal_says_each_difference_and_no_secret():
    live = {"uid": "other", "access_key_id": "ABC", "secret_access_key": "live-secret-text"}
    told = describe(kind("AccessKey").fields, live, checked("AccessKey")[0])
    assert told == ['uid is "other", not "acme.m1"', "secret_access_key is another (not shown)"]
    tags = describe(
        kind("Bucket").fields,
        checked("Bucket", tags={"a": "1", "b": "1"})[0],
        checked("Bucket", tags={"b": "2", "c": "3"})[0],
    )
    assert tags == ["tags.a is there and was not asked for", "tags.b differs", "tags.c is missing"]


def test_ids_come_from_the_inputs_alone():
    ids = {name: kind(name).identify(checked(name)[0]) for name in LAWFUL}
    assert ids == {
        "User": "acme.m1",
        "AccessKey": "ABC",
        "UserQuota": "acme",
        **dict.fromkeys(["Bucket", "BucketPolicy", "BucketLifecycle", "PublicAccessBlock"], "acme-m1"),
    }
