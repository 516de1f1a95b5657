"""Programs for machines on AWS: published once in a private bucket, put right, and read by machines with their key."""

import hashlib
import json
import secrets
import threading

import pytest
from botocore.exceptions import ClientError

from coffre.errors import ExpectedError
from coffre.storage.aws.programs import wanted_policy
from coffre.storage.aws.protection import ENCRYPTED, NOTHING_PUBLIC, OWNER_ENFORCED
from coffre.storage.s3.client import make_client
from coffre.storage.s3.programs import object_key
from coffre.storage.values import Publication
from tests.moto_server import ACCOUNT, REGION

BUCKET = f"coffre-programs-{ACCOUNT}-{REGION}"


@pytest.fixture
def program(tmp_path):
    """A program that no other test has published."""
    path = tmp_path / "restic"
    path.write_bytes(secrets.token_bytes(1 << 20))
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_bucket_is_private_and_protected_each_time_a_program_is_written(world, program):
    path, sha256 = program
    assert world.storage.endpoint.programs_bucket == BUCKET
    assert world.storage.publish_program(path, sha256) is Publication.PUT
    world.s3.delete_bucket_policy(Bucket=BUCKET)
    world.s3.delete_public_access_block(Bucket=BUCKET)
    path.write_bytes(secrets.token_bytes(10))
    again = hashlib.sha256(path.read_bytes()).hexdigest()
    assert world.storage.publish_program(path, again) is Publication.PUT
    block = world.s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert block == NOTHING_PUBLIC
    assert all(block.values())
    assert json.loads(world.s3.get_bucket_policy(Bucket=BUCKET)["Policy"]) == wanted_policy(BUCKET)
    assert world.s3.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"] == OWNER_ENFORCED
    rules = world.s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == ENCRYPTED["Rules"][0]["ApplyServerSideEncryptionByDefault"]
    assert world.s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] == REGION


def test_the_policy_names_nobody_and_refuses_plain_requests():
    (statement,) = wanted_policy(BUCKET)["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_swapped_program_is_written_again(world, program):
    path, sha256 = program
    world.storage.publish_program(path, sha256)
    world.s3.put_object(Bucket=BUCKET, Key=object_key(sha256), Body=secrets.token_bytes(1 << 20))
    assert world.storage.read_program_sha256(sha256, 1 << 20) != sha256
    assert world.storage.publish_program(path, sha256) is Publication.REPLACED
    assert world.storage.publish_program(path, sha256, proves=True) is Publication.THERE


def test_a_program_under_another_hash_is_never_published(world, program):
    path, _ = program
    with pytest.raises(ExpectedError, match="is not the expected program"):
        world.storage.publish_program(path, "0" * 64)
    assert world.storage.read_program_sha256("0" * 64, 10) is None


def test_two_at_once_both_succeed(world, program):
    path, sha256 = program
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(world.storage.publish_program(path, sha256))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert world.storage.read_program_sha256(sha256, 1 << 20) == sha256


def test_a_machine_reads_programs_with_its_own_key_and_writes_none(world, program):
    """Moto judges the action of a user's policy, and not its resource or condition."""
    path, sha256 = program
    world.storage.publish_program(path, sha256)
    user = world.make_machine_user("programs-k7f3q9wz2m.m1", "programs-m1")
    client = make_client(world.storage.endpoint, user.key)
    assert client.get_object(Bucket=BUCKET, Key=object_key(sha256))["Body"].read() == path.read_bytes()
    for call in (client.get_bucket_policy, client.delete_bucket, client.delete_bucket_policy):
        with pytest.raises(ClientError) as refused:
            call(Bucket=BUCKET)
        assert refused.value.response["Error"]["Code"] == "AccessDenied"
