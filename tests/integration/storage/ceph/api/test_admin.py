"""The clients on the real RGW: writes that meet, typed refusals, the wall raised and put back, AWS_* ignored."""

import dataclasses
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from coffre.errors import RemoteError
from coffre.outside.faults import Fault
from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.ceph.api.faults import KeyExistsError, NoSuchUserError, UserAlreadyExistsError
from coffre.storage.ceph.storage import CephStorage
from coffre.storage.s3 import faults
from coffre.storage.values import AccessKey, QuotaExceededError, Unusable
from tests.integration.storage.world import MIB, new_key


def test_concurrent_writes_on_one_user_all_arrive(world):
    """Two clients stand for two processes, which no lock of ours keeps apart: RGW answers 500 to some of the writes."""
    owner = world.make_user("busy")
    clients = [AdminClient(world.endpoint, world.admin_key) for _ in range(2)]
    keys = [new_key() for _ in range(16)]
    start = threading.Barrier(len(keys))

    def put(number: int) -> None:
        start.wait()
        clients[number % 2].put_key(owner.uid, keys[number])

    with ThreadPoolExecutor(len(keys)) as pool:
        list(pool.map(put, range(len(keys))))
    assert set(world.admin.find_user(owner.uid).keys) == {owner.key, *keys}


def test_refusals_are_typed_by_the_code_of_rgw(world):
    user, other = world.make_user("typed"), world.make_user("other")
    with pytest.raises(UserAlreadyExistsError):
        world.admin.create_user(user.uid, "again", 1)
    with pytest.raises(KeyExistsError):
        world.admin.put_key(other.uid, user.key)
    with pytest.raises(faults.UnknownKeyError):
        world.admin.delete_key(user.uid, other.key.access_key_id)
    with pytest.raises(NoSuchUserError):
        world.admin.delete_user("nobody-of-this-name")
    assert world.admin.find_user("nobody-of-this-name") is None
    assert world.admin.find_user_of_key("NOBODYSKEY") is None
    assert world.admin.find_bucket("no-bucket-of-this-name") is None


def test_a_refused_administrator_is_not_taken_for_something_gone(world):
    """A wrong key must never look as if users or keys were lost."""
    stranger = AdminClient(world.endpoint, world.make_user("no-admin").key)
    for ask in (stranger.find_user_of_key, stranger.find_user, stranger.find_bucket):
        with pytest.raises(faults.AccessRefusedError) as refused:
            ask("anything")
        assert "capabilities" in refused.value.hint


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"url": "https://127.0.0.1:1"}, "no answer from https://127.0.0.1:1: [Errno 111] Connection refused"),
        ({"url": "https://no-such-host.invalid"}, "no answer from https://no-such-host.invalid"),
        ({"ca_file": None}, "is not accepted: unable to get local issuer certificate"),
    ],
)
def test_a_platform_that_does_not_answer_is_one_clear_sentence(world, change, words):
    storage = CephStorage(dataclasses.replace(world.endpoint, **change), world.admin_key)
    for ask in (storage.admin.list_users, storage.open_bucket("any", new_key()).current_bytes):
        with pytest.raises(faults.PlatformUnreachableError) as unreachable:
            ask()
        assert words in unreachable.value.message
        assert "\n" not in unreachable.value.message
        assert unreachable.value.hint


def test_a_wrong_secret_names_the_secret_store(world):
    wrong = AccessKey(world.admin_key.access_key_id, "not-the-secret-of-this-key")
    with pytest.raises(RemoteError) as refused:
        AdminClient(world.endpoint, wrong).list_users()
    assert "SignatureDoesNotMatch" in refused.value.message
    assert "secret store" in refused.value.hint
    assert wrong.secret_access_key not in refused.value.message


def test_the_environment_of_aws_is_ignored(world, monkeypatch, tmp_path):
    owner = world.make_owner("environment")
    world.create("Bucket", name=f"{world.prefix}-env", owner=owner.uid)
    bad = tmp_path / "config"
    bad.write_text("[profile other]\nregion = nowhere\n")
    for name, value in {
        "AWS_PROFILE": "missing",
        "AWS_CA_BUNDLE": str(bad),
        "REQUESTS_CA_BUNDLE": str(bad),
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "WRONG",
        "AWS_SECRET_ACCESS_KEY": "wrong",
        "AWS_CONFIG_FILE": str(bad),
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "AWS_USE_FIPS_ENDPOINT": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("coffre.storage.s3.client._session", None)
    assert world.storage.open_bucket(f"{world.prefix}-env", owner.key).current_bytes() == 0
    assert world.storage.find_owner(owner.uid).buckets == (f"{world.prefix}-env",)


def test_owner_facts_and_current_bytes_count_what_they_say(world):
    """The wall counts every version; the sold quota counts current ones only."""
    owner = world.make_owner("facts", wall_bytes=7 * MIB)
    name = f"{world.prefix}-facts-b"
    world.create("Bucket", name=name, owner=owner.uid)
    bucket = world.storage.open_bucket(name, owner.key)
    for body in (b"a" * 1000, b"b" * 2000):
        bucket.put("restic/x", body)
    bucket.put("reports/y", b"c" * 10)
    facts = world.storage.find_owner(owner.uid)
    assert (facts.wall_bytes, facts.used_bytes, facts.suspended) == (7 * MIB, 3010, False)
    assert bucket.current_bytes() == 2010
    assert [(each.key, each.size_bytes) for each in bucket.list_objects("restic/")] == [("restic/x", 2000)]
    assert world.admin.find_bucket(name).stored_bytes == 3010
    assert world.storage.list_users(f"{world.prefix}-facts") == [owner.uid]
    assert (bucket.find("restic/x", 4 * 1024**2), bucket.find("nothing", 2000)) == (b"b" * 2000, None)
    assert (bucket.exists("restic/x"), bucket.exists("nothing")) == (True, False)
    assert world.admin.find_bucket(name).owner == owner.uid


def test_newest_is_by_the_servers_clock_not_by_name(world):
    owner = world.make_owner("newest")
    name = f"{world.prefix}-newest-b"
    world.create("Bucket", name=name, owner=owner.uid)
    bucket = world.storage.open_bucket(name, owner.key)
    bucket.put("reports/2099-false", b"1")
    bucket.put("reports/2026-true", b"2")
    newest_at = bucket.find_newest_at("reports/")
    assert newest_at == max(each.modified_at for each in bucket.list_objects("reports/"))
    assert abs((newest_at - bucket.probe_server_time()).total_seconds()) < 60
    assert bucket.find_newest_at("control/") is None


def test_raised_wall_makes_room_and_is_put_back_even_on_an_error(world):
    owner = world.make_owner("wall", wall_bytes=MIB)
    name = f"{world.prefix}-wall-b"
    world.create("Bucket", name=name, owner=owner.uid)
    bucket = world.storage.open_bucket(name, owner.key)
    bucket.put("a", b"x" * MIB)
    with pytest.raises(QuotaExceededError):
        bucket.put("control/desired.json", b"order")

    def write_and_fail() -> None:
        with world.storage.extra_room(owner.uid, MIB):
            bucket.put("control/desired.json", b"order")
            assert world.admin.find_user(owner.uid).quota_bytes == 2 * MIB
            raise RuntimeError("cut off")

    with pytest.raises(RuntimeError, match="cut off"):
        write_and_fail()
    assert world.admin.find_user(owner.uid).quota_bytes == MIB
    assert bucket.find("control/desired.json", 4 * 1024**2) == b"order"


def test_no_more_of_an_object_is_read_than_its_reader_takes(world):
    """300 MiB stand for 5 GiB: of either, one range is asked for."""
    owner = world.make_owner("large", wall_bytes=512 * MIB)
    name = f"{world.prefix}-large-b"
    world.create("Bucket", name=name, owner=owner.uid)
    bucket, s3 = world.storage.open_bucket(name, owner.key), world.s3(owner)
    for key, body in (("empty", b""), ("exact", b"x" * 1000), ("more", b"x" * 1001)):
        bucket.put(key, body)
    found = [bucket.find(key, 1000) for key in ("empty", "exact", "more", "nothing")]
    assert found == [b"", b"x" * 1000, Unusable(Fault.TOO_LARGE), None]
    bucket.put("exact-too", b"a neighbour")
    for body in (b"second", b"third"):
        bucket.put("exact", body)
    bucket.hide("exact")
    assert [bucket.find_first(key, 1000) for key in ("exact", "nothing")] == [b"x" * 1000, None]
    upload = s3.create_multipart_upload(Bucket=name, Key="huge")["UploadId"]
    part = b"\0" * 100 * MIB
    parts = [
        {
            "PartNumber": number,
            "ETag": s3.upload_part(Bucket=name, Key="huge", UploadId=upload, PartNumber=number, Body=part)["ETag"],
        }
        for number in (1, 2, 3)
    ]
    s3.complete_multipart_upload(Bucket=name, Key="huge", UploadId=upload, MultipartUpload={"Parts": parts})
    del part
    tracemalloc.start()
    assert bucket.find("huge", MIB) == Unusable(Fault.TOO_LARGE)
    assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    tracemalloc.stop()
    s3.put_object(Bucket=name, Key="sealed", Body=b"x", SSECustomerAlgorithm="AES256", SSECustomerKey=b"k" * 32)
    assert bucket.find("sealed", MIB) == Unusable(Fault.UNREADABLE)
