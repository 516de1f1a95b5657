"""The shell's translation between Pulumi's values and plain ones, and the environment it starts from."""

import asyncio
from pathlib import Path

import pulumi.provider.experimental.provider as protocol
import pytest
from pulumi.provider.experimental.property_value import Computed, PropertyValue

from coffre.errors import UsageError
from coffre.storage.ceph.provider.environment import read_environment, write_environment
from coffre.storage.ceph.provider.resources.bucket import Bucket
from coffre.storage.ceph.provider.shell import RgwProvider
from coffre.storage.provider.fields import UNKNOWN
from coffre.storage.provider.values import to_plain, to_property
from coffre.storage.values import AccessKey, Endpoint

URN = "urn:pulumi:stack::project::rgw:index:{}::name"


@pytest.mark.parametrize("value", [None, True, 0, -1, 1 << 52, 1.5, "text", [1, "a"], {"a": {"b": [True]}}])
def test_values_come_back_as_they_went(value):
    back = to_plain(to_property(value))
    assert back == value
    assert type(back) is type(value)


def test_unknown_goes_both_ways():
    assert to_plain(PropertyValue(Computed())) is UNKNOWN
    there = PropertyValue.unmarshal(to_property(UNKNOWN, is_secret=True).marshal())
    assert to_plain(there) is UNKNOWN
    assert there.is_secret


def test_what_is_not_known_in_a_map_is_not_known_at_all():
    known, _ = Bucket.check({"name": "b-b", "owner": "one", "tags": {"a": "1"}})
    inputs, failures = Bucket.check({"name": "b-b", "owner": "one", "tags": {"a": "1", "b": UNKNOWN}})
    assert (inputs["tags"], failures) == (UNKNOWN, [])
    assert [change.path for change in Bucket.diff(known, inputs)] == ["tags"]


def diff(kind: str, old: dict, new: dict) -> protocol.DiffResponse:
    was, wanted = ({name: to_property(value) for name, value in each.items()} for each in (old, new))
    return asyncio.run(RgwProvider({}).diff(protocol.DiffRequest(URN.format(kind), "id", was, wanted, [])))


def test_a_replacement_under_the_same_id_deletes_first():
    """A bucket of another owner has the same name: a new one would be refused while the old one is there."""
    bucket = {"name": "b-b", "owner": "one", "versioning": "Enabled", "tags": {}}
    other_owner = diff("Bucket", bucket, {**bucket, "owner": "two"})
    other_name = diff("Bucket", bucket, {**bucket, "name": "c-c"})
    assert (other_owner.replaces, other_owner.delete_before_replace) == (["owner"], True)
    assert (other_name.replaces, other_name.delete_before_replace) == (["name"], False)
    assert other_owner.detailed_diff["owner"].kind is protocol.PropertyDiffKind.UPDATE_REPLACE


def test_a_change_in_place_names_the_property():
    user = {"uid": "u", "display_name": "a", "max_buckets": -1}
    change = diff("User", user, {**user, "display_name": "b"})
    assert (change.changes, change.diffs, change.replaces) == (True, ["display_name"], [])
    assert change.detailed_diff["display_name"].kind is protocol.PropertyDiffKind.UPDATE
    assert diff("User", user, user).changes is False


def test_secret_inputs_come_out_of_a_preview_as_secrets():
    key = {"uid": "u", "access_key_id": "k", "secret_access_key": "s" * 20}
    values = {name: to_property(value) for name, value in key.items()}
    created = asyncio.run(
        RgwProvider({}).create(protocol.CreateRequest(URN.format("AccessKey"), values, 0, preview=True))
    )
    assert created.properties["secret_access_key"].is_secret
    assert not created.properties["uid"].is_secret


def test_a_preview_asks_nothing_of_the_platform():
    """The environment is empty here, so that any call would fail."""
    quota = {"uid": to_property("u"), "max_bytes": to_property(5)}
    request = protocol.UpdateRequest(URN.format("UserQuota"), "u", quota, quota, 0, [], preview=True)
    assert to_plain(asyncio.run(RgwProvider({}).update(request)).properties["max_bytes"]) == 5


def test_the_environment_reads_back():
    endpoint = Endpoint("https://10.0.0.1:7443", "default", Path("/etc/ca.pem"))
    key = AccessKey("ID", "secret")
    assert read_environment(write_environment(endpoint, key, "martin-k7f3q9wz2m")) == (
        endpoint,
        key,
        "martin-k7f3q9wz2m",
    )
    bare = Endpoint("http://10.0.0.1")
    assert read_environment(write_environment(bare, key, "o"))[0].ca_file is None


def test_what_is_missing_of_the_environment_is_named():
    with pytest.raises(UsageError, match=r"COFFRE_RGW_ENDPOINT, COFFRE_RGW_ADMIN_SECRET_ACCESS_KEY not set"):
        read_environment({"COFFRE_RGW_ADMIN_ACCESS_KEY_ID": "x", "COFFRE_RGW_OWNER": "o"})


def test_a_secret_is_not_in_a_repr():
    assert "hunter2" not in repr(AccessKey("ID", "hunter2"))


SETTINGS = {
    "endpoint": "https://10.0.0.1:7443",
    "admin_access_key_id": "ID",
    "admin_secret_access_key": "secret",
    "owner": "shop",
}


def configured(environment: dict, settings: dict) -> RgwProvider:
    provider = RgwProvider(environment)
    given = {name: to_property(value, is_secret=name.endswith("secret")) for name, value in settings.items()}
    asyncio.run(provider.configure(protocol.ConfigureRequest({}, given, True, True)))
    return provider


def test_what_pulumi_is_told_goes_before_the_environment():
    environment = write_environment(Endpoint("http://127.0.0.1:1", "north"), AccessKey("ENV", "secret"), "other")
    platform, scope = configured(environment, SETTINGS)._serving()
    assert (platform.url, scope.owner_uid) == ("https://10.0.0.1:7443", "shop")
    assert read_environment(environment, SETTINGS)[:2] == (
        Endpoint("https://10.0.0.1:7443", "north"),
        AccessKey("ID", "secret"),
    )


def test_a_setting_that_is_not_known_yet_counts_as_none():
    with pytest.raises(UsageError, match="COFFRE_RGW_ENDPOINT not set"):
        configured({}, {**SETTINGS, "endpoint": UNKNOWN})._serving()


def test_a_wrong_setting_is_told_and_its_secret_is_not():
    with pytest.raises(UsageError, match="setting owner must be a uid"):
        read_environment({}, {**SETTINGS, "owner": "a b"})
    with pytest.raises(UsageError, match="setting admin_secret_access_key must be a text") as refused:
        read_environment({}, {**SETTINGS, "admin_secret_access_key": 4711})
    assert "4711" not in str(refused.value)


def test_settings_of_pulumi_do_not_reach_a_provider_that_serves_one_tenant_already():
    """Coffre's own runs say by themselves whom they serve."""
    serving = (object(), object())
    provider = RgwProvider({}, serving)
    request = protocol.ConfigureRequest({}, {name: to_property(value) for name, value in SETTINGS.items()}, True, True)
    asyncio.run(provider.configure(request))
    assert provider._serving() is serving


def test_a_misspelt_setting_is_refused_and_what_pulumi_adds_is_not():
    given = {name: to_property("x") for name in ("endpiont", "endpoint", "version", "__internal")}
    checked = asyncio.run(RgwProvider({}).check_config(protocol.CheckRequest("urn", {}, given, b"")))
    assert [failure.property for failure in checked.failures] == ["endpiont"]
    assert "it has endpoint, region" in checked.failures[0].reason
    assert checked.inputs == given
