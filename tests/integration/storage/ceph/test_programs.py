"""Programs for machines on a real RGW: published once, readable by anybody, writable by nobody."""

import hashlib
import secrets
import threading
import time
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from coffre.errors import ExpectedError
from coffre.storage.ceph import programs
from coffre.storage.values import AccessKey, Publication
from tests.integration.storage.fault_proxy import FaultProxy

THERE, PUT, REPLACED = Publication.THERE, Publication.PUT, Publication.REPLACED


@pytest.fixture
def program(tmp_path):
    """A program that no other test has published."""
    path = tmp_path / "restic"
    path.write_bytes(secrets.token_bytes(1 << 20))
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def shelf(world):
    return programs.CephProgramShelf(world.endpoint, world.admin)


def keys_of(world):
    user = world.admin.find_user(programs.USER)
    return [] if user is None else [key.access_key_id for key in user.keys]


def refused(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def test_a_program_is_published_once_and_no_key_stays(world, shelf, program):
    path, sha256 = program
    assert (shelf.find(sha256), shelf.publish(path, sha256), shelf.publish(path, sha256)) == (None, PUT, THERE)
    assert shelf.find(sha256).size_bytes == 1 << 20
    assert keys_of(world) == []
    user = world.admin.find_user(programs.USER)
    assert (user.max_buckets, user.quota_bytes) == (1, None)


def test_what_is_there_costs_one_short_call(world, shelf, program, tmp_path):
    path, sha256 = program
    shelf.publish(path, sha256)
    with FaultProxy(world.endpoint.url, world.endpoint.ca_file, tmp_path) as proxy:
        programs.CephProgramShelf(replace(world.endpoint, url=proxy.url, ca_file=proxy.ca_file), world.admin).publish(
            path, sha256
        )
        assert proxy.seen == [("HEAD", f"/{programs.BUCKET}/{programs.object_key(sha256)}")]


def test_a_machine_reads_a_program_and_nobody_writes_one(world, shelf, program):
    path, sha256 = program
    shelf.publish(path, sha256)
    owner = world.make_owner("reader")
    machine = world.s3(world.make_machine(owner, "m1"))
    where = {"Bucket": programs.BUCKET, "Key": programs.object_key(sha256)}
    assert machine.get_object(**where)["Body"].read() == path.read_bytes()
    for client in (machine, world.s3(owner)):
        assert refused(client.put_object, **where, Body=b"evil") == "AccessDenied"
        assert refused(client.delete_object, **where) == "AccessDenied"
        assert refused(client.put_object_acl, **where, ACL="public-read-write") == "AccessDenied"
        assert refused(client.list_objects_v2, Bucket=programs.BUCKET) == "AccessDenied"
        assert refused(client.put_bucket_policy, Bucket=programs.BUCKET, Policy="{}") == "AccessDenied"
        assert refused(client.delete_bucket_policy, Bucket=programs.BUCKET) == "AccessDenied"


def test_two_at_once_both_succeed(world, shelf, program):
    path, sha256 = program
    failures = []

    def publish():
        try:
            programs.CephProgramShelf(world.endpoint, world.admin).publish(path, sha256)
        except ExpectedError as error:
            failures.append(error)

    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (failures, shelf.find(sha256).size_bytes, keys_of(world)) == ([], 1 << 20, [])


def test_keys_of_a_killed_upload_go_with_the_next_one_and_those_of_a_running_one_stay(world, shelf, program):
    path, sha256 = program
    left, running = programs.new_key_id(time.time() - 7200), programs.new_key_id(time.time())
    for key in (left, running):
        world.admin.put_key(programs.USER, AccessKey(key, secrets.token_urlsafe(30)))
    shelf.publish(path, sha256)
    assert keys_of(world) == [running]
    world.admin.delete_key(programs.USER, running)


def test_half_a_program_is_put_again(world, shelf, program):
    path, sha256 = program
    shelf.publish(path, sha256)
    write_as_host(world, sha256, b"half")
    assert shelf.publish(path, sha256) is REPLACED
    assert shelf.find(sha256).size_bytes == 1 << 20


def write_as_host(world, sha256, body):
    """Write there as whoever owns the cluster may."""
    key = AccessKey(programs.new_key_id(time.time()), secrets.token_urlsafe(30))
    world.admin.put_key(programs.USER, key)
    world.storage.open_bucket(programs.BUCKET, key).put(programs.object_key(sha256), body)
    world.admin.delete_key(programs.USER, key.access_key_id)


def test_a_program_swapped_for_one_of_the_same_size_is_written_again(shelf, world, program):
    path, sha256 = program
    shelf.publish(path, sha256)
    write_as_host(world, sha256, secrets.token_bytes(1 << 20))
    assert shelf.read_sha256(sha256, 1 << 20) != sha256
    assert [shelf.publish(path, sha256) for _ in range(2)] == [REPLACED, THERE]
    assert shelf.read_sha256(sha256, 1 << 20) == sha256


def test_a_swap_behind_a_checksum_that_lies_is_found_by_who_reads_it(shelf, world, program, monkeypatch):
    path, sha256 = program
    shelf.publish(path, sha256)
    told = shelf.find(sha256)
    write_as_host(world, sha256, secrets.token_bytes(1 << 20))
    monkeypatch.setattr(shelf, "find", lambda sha256: told)
    assert shelf.publish(path, sha256) is THERE
    assert shelf.publish(path, sha256, proves=True) is REPLACED


def test_a_program_is_read_no_further_than_it_is_long(shelf, world, program):
    path, sha256 = program
    shelf.publish(path, sha256)
    write_as_host(world, sha256, path.read_bytes() + b"more" * (1 << 20))
    assert shelf.read_sha256(sha256, 1 << 20) != sha256


def test_a_program_under_another_hash_is_never_published(shelf, program):
    path, _ = program
    with pytest.raises(ExpectedError, match="is not the expected program"):
        shelf.publish(path, "0" * 64)
    assert shelf.find("0" * 64) is None
