"""The releases of Ceph that a lab can have, and one lab that goes from the oldest to the newest with all it holds."""

import json
import time
from pathlib import Path

import pytest
from coffre_lab.ceph.releases import RELEASES, NotOfferedError
from coffre_lab.lab import Lab

from coffre.errors import RefusedError
from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.s3.client import make_client
from coffre.storage.values import AccessKey, Endpoint
from tests.traces import list_traces

UID, BUCKET = "keeper", "kept"
KEY = AccessKey("LABTESTLABTESTLABTES", "lab-test-secret-of-40-characters-in-all-")
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "KeepOthersOut",
            "Effect": "Deny",
            "NotPrincipal": {"AWS": [f"arn:aws:iam:::user/{UID}"]},
            "Action": "s3:*",
            "Resource": [f"arn:aws:s3:::{BUCKET}/*"],
        }
    ],
}


def endpoint_of(lab):
    place = json.loads(lab.endpoints_file.read_text())
    return Endpoint(place["endpoint"], place["region"], Path(place["ca_file"]), place["fsid"])


def connect(lab):
    return make_client(endpoint_of(lab), KEY)


def start(directory, release, **options):
    """Start a lab; where Debian has moved a suite on to another Ceph there is nothing to test it on."""
    lab = Lab(directory, release=release, **options)
    try:
        lab.up()
    except NotOfferedError as moved:
        pytest.skip(f"{moved.message}: this release cannot be had any more")
    return lab


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("releases") / "lab"
    yield folder
    Lab(folder).down(erase=True)


def fill(lab):
    key = [f"--access-key={KEY.access_key_id}", f"--secret-key={KEY.secret_access_key}"]
    lab.radosgw_admin(["user", "create", f"--uid={UID}", "--display-name=Keeper", *key])
    s3 = connect(lab)
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"bonjour", b"bonsoir"):
        s3.put_object(Bucket=BUCKET, Key="word", Body=body)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(POLICY))
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration={"IgnorePublicAcls": True})


def check_all_is_there(lab):
    s3 = connect(lab)
    versions = s3.list_object_versions(Bucket=BUCKET, Prefix="word")["Versions"]
    bodies = [s3.get_object(Bucket=BUCKET, Key="word", VersionId=each["VersionId"])["Body"].read() for each in versions]
    assert bodies == [b"bonsoir", b"bonjour"]
    assert json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"]) == POLICY
    blocked = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert blocked["IgnorePublicAcls"] is True
    s3.put_object(Bucket=BUCKET, Key="later", Body=b"written after")
    assert s3.get_object(Bucket=BUCKET, Key="later")["Body"].read() == b"written after"


def version_of_running(lab):
    """Return the release of all daemons; the monitor may still tell of an OSD as it was before its upgrade."""
    deadline = time.monotonic() + 60
    while len(found := json.loads(lab.ceph(["versions"]))["overall"]) > 1:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    [version] = found
    return int(version.removeprefix("ceph version ").partition(".")[0])


@pytest.mark.timeout(600)
def test_a_lab_goes_on_from_the_oldest_release_to_the_newest_with_all_it_holds(directory):
    oldest, newest = min(RELEASES), max(RELEASES)
    lab = start(directory, oldest)
    assert (lab.status().release, version_of_running(lab)) == (oldest, oldest)
    fill(lab)
    lab.down()

    with pytest.raises(RefusedError, match=f"runs Ceph {oldest}"):
        Lab(directory, release=newest).up()
    assert lab.status().is_stopped

    said = []
    lab = start(directory, newest, may_upgrade=True, on_progress=said.append)
    assert [line for line in said if " to " in line] == ["Ceph: from 16 to 18", "Ceph: from 18 to 20"]
    assert (lab.status().release, version_of_running(lab)) == (newest, newest)
    assert json.loads(lab.ceph(["osd", "dump", "--format", "json"]))["require_osd_release"] == RELEASES[newest].name
    check_all_is_there(lab)

    lab.down()
    with pytest.raises(RefusedError, match="Ceph 18 cannot use its stores"):
        Lab(directory, release=18, may_upgrade=True).up()
    again = Lab(directory)
    again.up()
    assert again.status().release == newest
    check_all_is_there(again)


@pytest.mark.parametrize("number", RELEASES)
def test_no_gateway_writes_a_new_keys_secret_into_its_log(number, tmp_path):
    """The Admin API takes it in the address of a request, which releases from 18 on log by a setting of their own."""
    lab = start(tmp_path / "lab", number)
    secrets = (KEY.secret_access_key, KEY.secret_access_key[::-1])
    try:
        admin = AdminClient(endpoint_of(lab), AccessKey(**json.loads(lab.admin_file.read_text())))
        admin.create_user(UID, "Keeper", 10)
        for secret in secrets:
            admin.put_key(UID, AccessKey(KEY.access_key_id, secret))
        assert admin.find_user_of_key(KEY.access_key_id).uid == UID
        assert admin.find_user_of_key("NOBODYSNOBODYSNOBODY") is None
        lab.down()
        logs = "".join(file.read_text(errors="replace") for file in lab.directory.rglob("*.log"))
        assert "ceph version" in logs
        assert [secret for secret in secrets if secret in logs] == []
        assert list_traces(lab) == []
    finally:
        lab.down(erase=True)
