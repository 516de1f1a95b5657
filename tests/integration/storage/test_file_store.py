"""The contract of a store of small files, for a bucket: of the real RGW, and of AWS by moto."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from coffre.errors import BusyError, RemoteError
from coffre.storage.s3.client import make_client
from coffre.storage.s3.faults import AccessRefusedError, UnknownKeyError
from coffre.storage.s3.file_store import BucketStore
from coffre.storage.values import AccessKey, Endpoint
from coffre.workspace import fence
from tests.contracts.file_store import *  # noqa: F403 - the tests of the contract
from tests.contracts.file_store import Again
from tests.integration.storage.world import World
from tests.moto_server import Moto, moto_server

Open = Callable[[str], BucketStore]


@pytest.fixture(scope="module")
def moto() -> Iterator[Moto]:
    with moto_server() as server:
        yield server


@pytest.fixture(params=["ceph", "aws"])
def place(request: pytest.FixtureRequest) -> tuple[Endpoint, AccessKey, str]:
    """A new bucket with versions, and who owns it."""
    bucket = f"coffre-team-{secrets.token_hex(4)}"
    if request.param == "ceph":
        world: World = request.getfixturevalue("world")
        endpoint, key = world.endpoint, world.make_user(bucket).key
        make_client(endpoint, key).create_bucket(Bucket=bucket)
    else:
        moto: Moto = request.getfixturevalue("moto")
        endpoint = Endpoint(moto.url, "eu-west-3", moto.ca_file)
        key = AccessKey(moto.access_key_id, moto.secret_access_key)
        make_client(endpoint, key).create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-3"}
        )
    client = make_client(endpoint, key)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return endpoint, key, bucket


@pytest.fixture
def again(place: tuple[Endpoint, AccessKey, str]) -> Again:
    return lambda: BucketStore(*place, "state/")


@pytest.fixture
def store(again: Again) -> BucketStore:
    return again()  # type: ignore[return-value]


def versions(place: tuple[Endpoint, AccessKey, str]) -> list[Any]:
    endpoint, key, bucket = place
    found = make_client(endpoint, key).list_object_versions(Bucket=bucket)
    return [each["Key"] for each in (*found.get("Versions", []), *found.get("DeleteMarkers", []))]


def test_no_version_of_a_deleted_file_stays(store: BucketStore, place: Any) -> None:
    for content in (b"one", b"two"):
        store.write("martin.json", content)
    make_client(*place[:2]).delete_object(Bucket=place[2], Key="state/martin.json")
    store.write("martin.json.bak", b"x")
    store.delete("martin.json")
    assert versions(place) == ["state/martin.json.bak"]


def test_it_keeps_to_its_prefix(store: BucketStore, place: Any) -> None:
    endpoint, key, bucket = place
    other = BucketStore(endpoint, key, bucket, "secrets/")
    other.write("martin.json", b"other")
    store.write("martin.json", b"own")
    assert store.list_names() == ["martin.json"]
    assert other.read("martin.json") == b"other"
    store.delete("martin.json")
    assert versions(place) == ["secrets/martin.json"]


def is_refused(store: BucketStore, name: str, content: bytes) -> bool:
    try:
        store.write(name, content)
    except BusyError:
        return True
    return False


def test_a_write_that_came_between_is_not_overwritten_where_the_service_can_tell(
    store: BucketStore, again: Again, place: Any
) -> None:
    """RGW 18 overwrites a file that was not there before: there the lock between computers is what holds."""
    is_aws = place[0].platform_id is None
    for start in (b"one", None):
        if start is not None:
            store.write("martin.json", start)
        assert store.read("martin.json") == start
        again().write("martin.json", b"of another")
        if is_refused(store, "martin.json", b"ours"):
            assert store.read("martin.json") == b"of another"
            store.write("martin.json", b"ours after reading it")
        else:
            assert not is_aws
            assert start is None
        store.delete("martin.json")


def test_without_its_lock_a_process_changes_nothing(store: BucketStore) -> None:
    def lost() -> None:
        raise RemoteError("the lock is lost")

    store.write("kept", b"x")
    with fence.fenced_by(lost):
        for change in (lambda: store.write("kept", b"y"), lambda: store.delete("kept")):
            with pytest.raises(RemoteError, match="is lost"):
                change()
    assert store.read("kept") == b"x"


def test_what_is_missing_or_refused_is_told(store: BucketStore, place: Any) -> None:
    endpoint, key, bucket = place
    assert not BucketStore(endpoint, key, f"{bucket}-none").exists()
    with pytest.raises(RemoteError, match=f"read s3://{bucket}-none/x"):
        BucketStore(endpoint, key, f"{bucket}-none").read("x")
    if endpoint.platform_id is not None:
        stranger = AccessKey("NOBODYSKEYATALL00000", "x" * 40)
        with pytest.raises((UnknownKeyError, AccessRefusedError)):
            BucketStore(endpoint, stranger, bucket).read("x")
