"""Returns into a bucket of the customer's, with the customer's key: another user of the real gateway."""

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from coffre_lab.lab import Lab
from pydantic import SecretStr

from coffre.errors import ExpectedError, InvalidFileError, RefusedError
from coffre.spec.leaving import Return
from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.s3.client import make_client
from coffre.storage.values import AccessKey, Endpoint
from coffre.tenant.estate.credentials import set_credential
from tests.integration.offboarding.handover.conftest import (
    COMPTA,
    SLUG,
    Desk,
    assert_verifies,
    describe_tree,
    do_return,
    leave_staged,
    make_tree,
    public_tool,
    staged,
    start_return,
)

UID, CREDENTIAL = "client-martin", "retour-s3"


@dataclass
class Customer:
    """The customer's own storage."""

    s3: object
    endpoint: Endpoint
    admin: AdminClient
    key: AccessKey

    def bucket(self) -> str:
        name = f"chez-martin-{secrets.token_hex(4)}"
        self.s3.create_bucket(Bucket=name)
        return name

    def objects(self, bucket: str) -> dict[str, int]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return {each["Key"]: each["Size"] for page in pages for each in page.get("Contents", [])}

    def read(self, bucket: str, key: str) -> bytes:
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def fetch(self, bucket: str, prefix: str, folder: Path) -> None:
        for key in self.objects(bucket):
            place = folder / key.removeprefix(prefix)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(self.read(bucket, key))

    def wanted(self, bucket: str, kind: str = "files", prefix: str = "retour/2026") -> Return:
        target = {"via": "s3", "endpoint": self.endpoint.url, "bucket": bucket, "credential": CREDENTIAL}
        return Return.model_validate({"format": kind, "to": {**target, "prefix": prefix, "region": "default"}})


@pytest.fixture(scope="module")
def customer(lab: Lab, desk: Desk) -> Iterator[Customer]:
    place, credential = json.loads(lab.endpoints_file.read_text()), json.loads(lab.admin_file.read_text())
    endpoint = Endpoint(place["endpoint"], place["region"], Path(place["ca_file"]), place["fsid"])
    admin = AdminClient(endpoint, AccessKey(credential["access_key_id"], credential["secret_access_key"]))
    key = AccessKey(f"C{secrets.token_hex(9).upper()}", base64.b32encode(secrets.token_bytes(30)).decode())
    admin.create_user(UID, UID, 0)
    admin.put_key(UID, key)
    store(desk, f"{key.access_key_id}:{key.secret_access_key}")
    s3 = make_client(endpoint, key)
    yield Customer(s3, endpoint, admin, key)
    s3.close()
    lab.radosgw_admin(["user", "rm", f"--uid={UID}", "--purge-data"])


def store(desk: Desk, value: str) -> None:
    with desk.opened() as opened:
        set_credential(opened.secrets, CREDENTIAL, SecretStr(value))


@pytest.fixture(scope="module")
def source(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    make_tree(folder)
    deep = folder
    for _ in range(6):
        deep = deep / ("p" * 180)
        deep.mkdir()
        os.chdir(deep)  # paths as long as this are made step by step
        Path("profond.txt").write_text(str(len(str(deep))))
    os.chdir("/")
    (folder / "quotes ‛／․ ␀").write_text("signs that rclone uses itself")
    (folder / "a+b&c=d;é#?.txt").write_text("signs of addresses")
    desk.back_up(COMPTA, folder)
    return folder


@pytest.mark.parametrize("kind", ["files", "repository"])
def test_a_bag_lies_in_the_customers_bucket_and_verifies_once_fetched(desk, customer, source, tmp_path, kind):
    bucket = customer.bucket()
    returned = do_return(desk, customer.wanted(bucket, kind))
    prefix = f"retour/2026/{SLUG}/{COMPTA}/"
    there = customer.objects(bucket)
    assert all(key.startswith(prefix) for key in there)
    customer.fetch(bucket, prefix, tmp_path / "bag")
    assert_verifies(tmp_path / "bag")
    manifest = customer.read(bucket, f"{prefix}manifest-sha256.txt")
    assert hashlib.sha256(manifest).hexdigest() == returned.manifest_sha256
    listed = {line.split("  ", 1)[1] for line in manifest.decode().split("\n") if line}
    assert {key.removeprefix(prefix) for key in there if "/data/" in key} == listed
    assert returned.target == f"s3://{bucket}/{prefix.rstrip('/')} ({customer.endpoint.url})"
    assert staged(desk) == []
    if kind == "files":
        assert any("CHEMINS-TROP-LONGS" in key for key in there)
        done = public_tool("/usr/bin/python3", "-I", tmp_path / "bag" / "retablir.py", tmp_path / "comme", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        wanted, made = describe_tree(source), describe_tree(tmp_path / "comme")
        del wanted[b".".hex()], made[b".".hex()]
        assert made == wanted


def test_a_complete_return_is_read_back_from_the_bucket_and_not_written_again(desk, customer, source):
    bucket = customer.bucket()
    first = do_return(desk, customer.wanted(bucket))
    before = {each["Key"]: each["LastModified"] for each in customer.s3.list_objects_v2(Bucket=bucket)["Contents"]}
    leave_staged(desk, customer.wanted(bucket))
    again = do_return(desk, customer.wanted(bucket))
    assert staged(desk) == []
    after = {each["Key"]: each["LastModified"] for each in customer.s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert after == before
    assert (again.files, again.manifest_sha256) == (first.files, first.manifest_sha256)
    key = next(key for key in before if key.endswith("photos.tar"))
    body = bytearray(customer.read(bucket, key))
    body[5000] ^= 1
    customer.s3.put_object(Bucket=bucket, Key=key, Body=bytes(body))
    with pytest.raises(ExpectedError, match=r"1 files in s3://.* are missing, unexpected or different"):
        do_return(desk, customer.wanted(bucket))


def test_an_object_that_was_damaged_on_its_way_is_carried_again(desk, customer, source):
    """As an upload that was cut short leaves it: of the right size, and no summary yet."""
    bucket = customer.bucket()
    first = customer.wanted(bucket)
    do_return(desk, first)
    key = next(key for key in customer.objects(bucket) if key.endswith("photos.tar"))
    body = bytearray(customer.read(bucket, key))
    body[100] ^= 1
    customer.s3.put_object(Bucket=bucket, Key=key, Body=bytes(body))
    customer.s3.delete_object(Bucket=bucket, Key=next(key for key in customer.objects(bucket) if "retour.json" in key))
    do_return(desk, first)
    body[100] ^= 1
    assert customer.read(bucket, key) == bytes(body)


def test_what_lies_there_already_is_never_written_over(desk, customer, source):
    bucket = customer.bucket()
    theirs = f"retour/2026/{SLUG}/{COMPTA}/bagit.txt"
    customer.s3.put_object(Bucket=bucket, Key=theirs, Body=b"theirs")
    with pytest.raises(RefusedError, match="already contains something"):
        do_return(desk, customer.wanted(bucket))
    assert customer.objects(bucket) == {theirs: 6}
    assert staged(desk) == []


def test_a_strange_object_among_the_payload_is_not_called_a_return(desk, customer, source):
    bucket = customer.bucket()

    def intrude(text: str) -> None:
        if "hashing" in text:
            customer.s3.put_object(Bucket=bucket, Key=f"retour/2026/{SLUG}/{COMPTA}/data/etranger", Body=b"x")

    with pytest.raises(ExpectedError, match="1 files in s3://"):
        do_return(desk, customer.wanted(bucket), intrude)
    assert staged(desk) == []
    assert not any(key.endswith("retour.json") for key in customer.objects(bucket))


def test_a_killed_return_to_a_bucket_goes_on_and_leaves_nothing_here(desk, customer, source):
    bucket = customer.bucket()
    running = start_return(desk, COMPTA, customer.wanted(bucket), stops_at="hashing")
    assert running.reaches()
    running.kill()
    assert staged(desk) != []
    returned = do_return(desk, customer.wanted(bucket))
    assert staged(desk) == []
    assert f"retour/2026/{SLUG}/{COMPTA}/retour.json" in customer.objects(bucket)
    assert returned.files > 20


@pytest.mark.parametrize(
    ("credential", "bucket", "said"),
    [
        ("NOBODYSKEY:secret", None, "InvalidAccessKeyId"),
        (None, "no-such-bucket-anywhere", "the bucket or folder does not exist"),
    ],
)
def test_what_the_customers_storage_refuses_is_said_without_names_or_secrets(
    desk, customer, source, credential, bucket, said
):
    if credential:
        store(desk, credential)
    try:
        with pytest.raises(ExpectedError, match=said) as problem:
            do_return(desk, customer.wanted(bucket or customer.bucket()))
    finally:
        store(desk, f"{customer.key.access_key_id}:{customer.key.secret_access_key}")
    assert "secret" not in problem.value.message + problem.value.hint
    assert staged(desk) == []


def test_a_full_bucket_of_the_customers_is_said_and_the_return_goes_on_later(desk, customer, source, tmp_path):
    bucket = customer.bucket()
    used = sum(customer.objects(bucket).values())
    customer.admin.set_quota(UID, used + 1_000_000)
    try:
        with pytest.raises(ExpectedError, match="QuotaExceeded"):
            do_return(desk, customer.wanted(bucket))
    finally:
        customer.admin.set_quota(UID, 1 << 40)
    assert staged(desk) == []
    do_return(desk, customer.wanted(bucket))
    customer.fetch(bucket, f"retour/2026/{SLUG}/{COMPTA}/", tmp_path / "bag")
    assert_verifies(tmp_path / "bag")


@pytest.mark.parametrize(("value", "kind"), [("no-colon", InvalidFileError), (":x", InvalidFileError)])
def test_a_credential_that_is_no_key_is_named_but_not_quoted(desk, customer, source, value, kind):
    store(desk, value)
    try:
        with pytest.raises(kind, match=f"the credential {CREDENTIAL} of {SLUG} is not an S3 key") as problem:
            do_return(desk, customer.wanted("any-bucket"))
        assert value not in problem.value.message
    finally:
        store(desk, f"{customer.key.access_key_id}:{customer.key.secret_access_key}")
