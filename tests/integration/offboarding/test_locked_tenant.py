"""A tenant of which the platform itself keeps something for a while: its end becomes the date, nobody reads it."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from coffre.offboarding.erase.checks import RepositoryPasswords
from coffre.offboarding.erase.tenant import erase_tenant
from coffre.offboarding.lifecycle.evidence import BucketErased, SecretDestroyed, Step, UserDeleted
from coffre.offboarding.lifecycle.journal import Journal
from coffre.spec.leaving import Choice, Leaving
from coffre.tenant.lookup import local_today
from tests.integration.offboarding.office import fill, owner_s3

FREE, LOCKED = "poste-01", "poste-02"
LOCK_SECONDS = 12


def quietly(_message: str) -> None:
    """Nobody reads it here."""


@pytest.fixture
def opened(office):
    """A tenant that left long ago and chose erasure: the first day of its erasure has come."""
    with office.opened(office.add_tenant(FREE, LOCKED)) as opened:
        notice_on = local_today(opened.tenant) - timedelta(days=400)
        leaving = Leaving(
            notice_on=notice_on,
            ends_on=notice_on + timedelta(days=60),
            requested_by="Claire Martin",
            approved_by="paul@smileo.example",
            choice=Choice.ERASE,
        )
        yield replace(opened, tenant=opened.tenant.model_copy(update={"leaving": leaving}))


@pytest.fixture
def until(opened):
    """The moment until which one version of one machine is locked, in a bucket as no one of Coffre's is."""
    s3, bucket = owner_s3(opened), opened.buckets.name(LOCKED)
    tags = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    for entry in s3.list_object_versions(Bucket=bucket).get("Versions", []):
        s3.delete_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    for machine in (FREE, LOCKED):
        fill(opened, machine, ["restic/data/1", "restic/data/2"])
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=LOCK_SECONDS)
    version = s3.put_object(Bucket=bucket, Key="restic/data/3", Body=b"kept")["VersionId"]
    retention = {"Mode": "COMPLIANCE", "RetainUntilDate": moment}
    s3.put_object_retention(Bucket=bucket, Key="restic/data/3", VersionId=version, Retention=retention)
    return moment


def test_a_lock_becomes_the_date_and_what_it_keeps_is_unreadable_at_once(opened, until):
    journal = Journal(opened.log, local_today(opened.tenant))
    waiting = erase_tenant(opened, journal, quietly, quietly, quietly)
    assert waiting is not None
    assert waiting.until == until.astimezone(ZoneInfo(opened.tenant.timezone)).date()
    erased = {each.machine: each for each in journal.read(Step.BUCKET_ERASED, BucketErased)}
    assert erased[FREE].is_gone
    assert erased[LOCKED].locked is not None
    assert (erased[LOCKED].locked.versions, erased[LOCKED].locked.until) == (1, until)
    assert [each.what for each in journal.read(Step.SECRET_DESTROYED, SecretDestroyed)] == [RepositoryPasswords()]
    assert opened.secrets.find_data() is None
    assert opened.storage.list_key_ids(opened.buckets.owner_uid)
    assert not journal.steps(Step.USER_DELETED)

    while datetime.now(UTC) <= until:
        threading.Event().wait(0.2)
    assert erase_tenant(opened, journal, quietly, quietly, quietly) is None
    newest = journal.find(Step.BUCKET_ERASED, BucketErased, LOCKED)
    assert newest is not None
    assert (newest.is_gone, newest.locked) == (True, None)
    assert len(journal.read(Step.USER_DELETED, UserDeleted)) == 3
    assert opened.storage.list_users(opened.buckets.owner_uid) == []
