"""The erasure of buckets on the real RGW: everything goes, nothing else does, and the evidence says what was seen."""

import itertools
import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from coffre.errors import ExpectedError, RefusedError
from coffre.offboarding.erase import bucket as erasing
from coffre.offboarding.erase.bucket import erase_bucket, identify_bucket
from coffre.offboarding.erase.counting import count_bucket
from coffre.offboarding.lifecycle.evidence import BucketCount
from tests.integration.offboarding.office import data_pool, fill, owner_s3, pool_objects

ODD = [
    "a b+c%41&<é>\"'",
    "x\r\ny",
    "ctl\x01\x02",
    "tab\t",
    "  lead ",
    "nul\ufdd0\uffff",
    "/",
    "a//b",
    ".",
    "..",
    "a/../b",
]


def quietly(_message: str) -> None:
    """Nobody reads it here."""


def allow() -> None:
    """Nothing forbids the erasure."""


def erase(opened, began, **more):
    return erase_bucket(
        opened.tenant,
        opened.storage,
        opened.buckets,
        opened.memory,
        began,
        more.get("on_progress", quietly),
        resumes=more.get("resumes", False),
        refuse=more.get("refuse", allow),
    )


def begin(opened, machine):
    began = identify_bucket(opened.tenant, opened.storage, opened.buckets, machine)
    assert began is not None
    return began


def test_everything_of_a_bucket_is_counted_and_erased_and_its_neighbour_is_untouched(opened, lab, machine, fresh):
    s3, bucket = owner_s3(opened), opened.buckets.name(machine)
    fill(opened, machine, [f"restic/data/{n:04}" for n in range(1100)])
    fill(opened, machine, [f"restic/index/{n}" for n in range(20)], times=3)
    other = next(fresh)
    fill(opened, other, ["restic/data/stays"], times=2)
    for n in range(10):
        s3.delete_object(Bucket=bucket, Key=f"restic/data/{n:04}")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="restic/data/upload")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="restic/data/upload", UploadId=upload, PartNumber=1, Body=b"x" * 1000)
    there, neighbour = (
        count_bucket(opened.storage, opened.buckets, machine),
        count_bucket(opened.storage, opened.buckets, other),
    )
    assert (there.objects, there.versions, there.markers, there.uploads) == (1110, 50, 10, 1)
    assert there.bytes == 1100 + 60 + 1000
    began = begin(opened, machine)
    assert began.before == there
    assert pool_objects(lab, began.marker)
    erased = erase(opened, began)
    assert (erased.deleted, erased.left, erased.is_gone, erased.locked) == (there, BucketCount(), True, None)
    assert opened.storage.find_bucket(bucket) is None
    assert opened.storage.list_leftovers([bucket]) == []
    assert pool_objects(lab, began.marker) == []
    assert count_bucket(opened.storage, opened.buckets, other) == neighbour


def test_odd_keys_go_like_any_other(opened, machine):
    s3, bucket = owner_s3(opened), opened.buckets.name(machine)
    for key in ODD:
        s3.put_object(Bucket=bucket, Key=key, Body=b"1")
        s3.put_object(Bucket=bucket, Key=key, Body=b"2")
    for key in (".", "..", "a//b", "  lead "):
        s3.create_multipart_upload(Bucket=bucket, Key=key)
    began = begin(opened, machine)
    assert began.before == BucketCount(len(ODD), len(ODD), 0, 4, 2 * len(ODD))
    assert erase(opened, began).is_gone


def test_thousands_of_versions_of_one_key_and_versions_without_an_id_are_all_listed(opened, machine):
    s3, bucket = owner_s3(opened), opened.buckets.name(machine)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    fill(opened, machine, [f"null/{n:04}" for n in range(1050)])
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    fill(opened, machine, ["much"], times=1100)
    began = begin(opened, machine)
    assert (began.before.objects, began.before.versions) == (1051, 1099)
    erased = erase(opened, began)
    assert (erased.is_gone, erased.deleted) == (True, began.before)


def test_a_bucket_that_is_gone_or_never_was_is_said_to_be(opened, machine):
    began = begin(opened, machine)
    assert erase(opened, began).is_gone
    assert identify_bucket(opened.tenant, opened.storage, opened.buckets, machine) is None
    assert erase(opened, began).is_gone


def test_a_bucket_of_another_tenant_under_the_expected_name_is_refused_untouched(office, opened, machine, monkeypatch):
    other = office.add_tenant("fremd-01")
    with office.opened(other) as stranger:
        fill(stranger, "fremd-01", ["restic/data/theirs"])
        before = count_bucket(stranger.storage, stranger.buckets, "fremd-01")
        theirs = stranger.buckets.name("fremd-01")
        ours = begin(opened, machine)
        # The name that this tenant expects is the other one's bucket.
        lied = replace(opened)
        monkeypatch.setattr(lied.buckets, "name", lambda _machine: theirs)
        with pytest.raises(RefusedError, match="its owner is"):
            identify_bucket(lied.tenant, lied.storage, lied.buckets, machine)
        with pytest.raises(RefusedError, match="its owner is"):
            erase(lied, replace(ours, bucket=theirs))
        with pytest.raises(RefusedError, match="the journal names bucket"):
            erase(opened, replace(ours, bucket=theirs))
        with pytest.raises(RefusedError, match="the journal names bucket"):
            erase(opened, replace(ours, tenant_id=stranger.tenant.id))
        assert count_bucket(stranger.storage, stranger.buckets, "fremd-01") == before
    assert opened.storage.find_bucket(opened.buckets.name(machine)) is not None


def test_a_bucket_without_our_tag_or_made_anew_is_refused_untouched(opened, machine):
    s3, bucket = owner_s3(opened), opened.buckets.name(machine)
    fill(opened, machine, ["restic/data/1"])
    began = begin(opened, machine)
    tags = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "coffre-tenant-id", "Value": "nother0000"}]})
    with pytest.raises(RefusedError, match="tagged as tenant nother0000's"):
        identify_bucket(opened.tenant, opened.storage, opened.buckets, machine)
    with pytest.raises(RefusedError, match="its tenant's tag is nother0000"):
        erase(opened, began)
    s3.delete_bucket_tagging(Bucket=bucket)
    with pytest.raises(RefusedError, match="it has no tenant's tag"):
        identify_bucket(opened.tenant, opened.storage, opened.buckets, machine)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    with pytest.raises(RefusedError, match="it was made after"):
        erase(opened, replace(began, marker="elsewhere.1.1"))
    assert count_bucket(opened.storage, opened.buckets, machine) == began.before


def test_a_hold_in_the_file_deletes_nothing(office, opened, machine):
    fill(opened, machine, ["restic/data/1"])
    began = begin(opened, machine)
    with office.held(opened.tenant.slug) as held, pytest.raises(RefusedError, match="hold"):
        erase(held, began)
    assert count_bucket(opened.storage, opened.buckets, machine) == began.before


def test_a_hold_placed_meanwhile_ends_the_erasure_within_the_batches_under_way(opened, machine, monkeypatch):
    monkeypatch.setattr(erasing, "BATCH", 50)
    fill(opened, machine, [f"restic/data/{n:05}" for n in range(700)])
    began = begin(opened, machine)
    asked = itertools.count()

    def held() -> None:
        if next(asked) == 5:
            raise RefusedError("a hold was placed")

    with pytest.raises(RefusedError, match="a hold was placed"):
        erase(opened, began, refuse=held)
    left = count_bucket(opened.storage, opened.buckets, machine)
    # Asked once before the sweep, then before each batch.
    assert left.objects == 700 - 4 * erasing.BATCH
    assert erase(opened, began).deleted == began.before


def test_a_bucket_that_gains_some_objects_is_erased_with_them(opened, machine):
    s3, bucket = owner_s3(opened), opened.buckets.name(machine)
    fill(opened, machine, [f"restic/data/{n:04}" for n in range(500)])
    began = begin(opened, machine)
    calls = itertools.count()

    def write() -> None:
        number = next(calls)
        if number in (2, 4):
            s3.put_object(Bucket=bucket, Key=f"restic/data/{number}", Body=b"late")

    erased = erase(opened, began, refuse=write)
    assert erased.is_gone
    assert erased.deleted.objects == 502


def test_a_bucket_that_goes_on_gaining_is_given_up_with_one_clear_error(opened, machine, monkeypatch):
    monkeypatch.setattr(erasing, "STILL_AT_MOST_SECONDS", 2 * erasing.STILL_SECONDS)
    s3, bucket = owner_s3(opened), opened.buckets.name(machine)
    fill(opened, machine, ["restic/data/1"])
    began = begin(opened, machine)
    ended = threading.Event()

    def write() -> None:
        for number in itertools.count():
            if ended.is_set():
                return
            s3.put_object(Bucket=bucket, Key=f"restic/data/{number}", Body=b"again")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with pytest.raises(ExpectedError, match="keeps gaining objects") as caught:
            erase(opened, began)
    finally:
        ended.set()
        writer.join()
    assert "user is suspended" in caught.value.hint
    assert erase(opened, began).is_gone


def test_a_half_deleted_bucket_goes_on_where_it_stopped(opened, lab, machine):
    """Index entries without content, and content without index entries: what a platform's crash leaves."""
    fill(opened, machine, [f"restic/data/{n:03}" for n in range(40)])
    began = begin(opened, machine)
    names = sorted(pool_objects(lab, began.marker))
    for name in names[:15]:
        data_pool(lab, "rm", name)
    erased = erase(opened, began)
    assert (erased.is_gone, erased.deleted.objects) == (True, 40)
    assert pool_objects(lab, began.marker) == []


@pytest.fixture
def locking(opened, machine):
    """The machine's bucket, made anew with S3 Object Lock as no bucket of Coffre's is."""
    s3, bucket = owner_s3(opened), opened.buckets.name(machine)
    tags = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    fill(opened, machine, [f"free/{n}" for n in range(30)])
    return s3, bucket


@pytest.mark.parametrize("mode", ["COMPLIANCE", "GOVERNANCE"])
def test_a_locked_version_stays_until_its_day_and_is_named_with_it(opened, locking, mode, machine):
    s3, bucket = locking
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=8)
    for key, later in (("locked/1", 0), ("locked/2", 2)):
        version = s3.put_object(Bucket=bucket, Key=key, Body=b"kept")["VersionId"]
        retention = {"Mode": mode, "RetainUntilDate": until + timedelta(seconds=later)}
        s3.put_object_retention(Bucket=bucket, Key=key, VersionId=version, Retention=retention)
    began = begin(opened, machine)
    erased = erase(opened, began)
    assert (erased.is_gone, erased.left, erased.deleted.objects) == (False, BucketCount(objects=2, bytes=8), 30)
    assert erased.locked is not None
    assert (erased.locked.versions, erased.locked.until) == (2, until + timedelta(seconds=2))
    while datetime.now(UTC) < erased.locked.until:
        threading.Event().wait(0.2)
    erased = erase(opened, began)
    assert (erased.is_gone, erased.deleted, erased.locked) == (True, began.before, None)


def test_a_legal_hold_is_an_error_that_names_it(opened, locking, machine):
    s3, bucket = locking
    version = s3.put_object(Bucket=bucket, Key="held", Body=b"kept")["VersionId"]
    where = {"Bucket": bucket, "Key": "held", "VersionId": version}
    s3.put_object_legal_hold(**where, LegalHold={"Status": "ON"})
    began = begin(opened, machine)
    with pytest.raises(ExpectedError, match="1 versions are under a legal hold"):
        erase(opened, began)
    assert count_bucket(opened.storage, opened.buckets, machine) == BucketCount(objects=1, bytes=4)
    s3.put_object_legal_hold(**where, LegalHold={"Status": "OFF"})
    assert erase(opened, began).is_gone


def test_what_a_policy_denies_is_an_error_and_not_called_erased(opened, machine):
    s3, bucket = owner_s3(opened), opened.buckets.name(machine)
    fill(opened, machine, ["restic/data/1"])
    began = begin(opened, machine)
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
        "Resource": [f"arn:aws:s3:::{bucket}/*"],
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    with pytest.raises(ExpectedError, match=r"refuses to delete 1 versions without any lock \(AccessDenied\)"):
        erase(opened, began)
    assert count_bucket(opened.storage, opened.buckets, machine) == began.before
