"""What AWS itself asks of the driver: keys that take time to arrive, buckets of others, users by keys, cut names."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from coffre.errors import RemoteError
from coffre.spec import naming
from coffre.storage.aws.faults import NoSuchEntityError
from coffre.storage.aws.names import MACHINE_POLICY, user_name
from coffre.storage.aws.session import AwsSession
from coffre.storage.aws.storage import AwsStorage
from coffre.storage.s3.faults import AccessRefusedError, UnknownKeyError
from coffre.storage.values import AccessKey, PlatformAwayError
from tests.builders import tenant_with
from tests.integration.storage.aws.answering import IDENTITY, Answer, answering, refusal, s3_refusal
from tests.integration.storage.aws.world import make_platform
from tests.moto_server import ACCOUNT, REGION

OWNER = "martin-k7f3q9wz2m"
XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
USER = Answer("<GetUserResponse><GetUserResult><User><Path>/coffre/</Path></User></GetUserResult></GetUserResponse>")
GIVEN = Answer(
    "<CreateAccessKeyResponse><CreateAccessKeyResult><AccessKey><AccessKeyId>AKIANEWKEY0123456789</AccessKeyId>"
    "<SecretAccessKey>new-secret</SecretAccessKey></AccessKey></CreateAccessKeyResult></CreateAccessKeyResponse>"
)
DONE = Answer("<DeleteAccessKeyResponse/>")
UNKNOWN = refusal("InvalidClientTokenId", "The security token included in the request is invalid")


@pytest.fixture
def aws(monkeypatch):
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with answering() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        server.on("GetUser", USER)
        server.on("CreateAccessKey", GIVEN)
        server.on("DeleteAccessKey", DONE)
        yield server


def open_storage(folder, spread_seconds=30.0):
    (folder / "key.json").write_text(json.dumps({"access_key_id": "AKIA", "secret_access_key": "own-secret"}))
    return AwsStorage(AwsSession(make_platform(credential="file:key.json"), folder), spread_seconds)


def answer_new_key(aws, *answers):
    """Answer the new key's own identity calls so, in turn; Coffre's own are always answered."""
    left = list(answers)

    def rule(request):
        if request.action != "GetCallerIdentity" or request.access_key_id != "AKIANEWKEY0123456789":
            return None
        return left.pop(0) if len(left) > 1 else left[0]

    aws.rules.insert(0, rule)


def test_a_new_key_is_given_when_aws_and_s3_accept_it(aws, tmp_path):
    answer_new_key(aws, UNKNOWN, UNKNOWN, IDENTITY)
    aws.on("GET /", s3_refusal("InvalidAccessKeyId"), s3_refusal("AccessDenied"))
    key = open_storage(tmp_path).create_key(OWNER)
    assert key == AccessKey("AKIANEWKEY0123456789", "new-secret")
    tried = [each.action or each.path for each in aws.seen if each.access_key_id == "AKIANEWKEY0123456789"]
    assert tried == ["GetCallerIdentity"] * 3 + ["/", "GetCallerIdentity", "/"]
    assert "DeleteAccessKey" not in aws.actions()


def test_a_new_key_that_is_not_accepted_in_time_is_deleted_again(aws, tmp_path):
    answer_new_key(aws, UNKNOWN)
    with pytest.raises(PlatformAwayError, match="does not accept the new key after 1 s") as told:
        open_storage(tmp_path, 1.0).create_key(OWNER)
    assert aws.actions()[-1] == "DeleteAccessKey"
    assert "new-secret" not in f"{told.value.message} {told.value.hint}"


def test_a_new_key_goes_again_when_the_wait_for_it_fails(aws, tmp_path):
    answer_new_key(aws, refusal("SomethingNew", "", 400))
    with pytest.raises(RemoteError, match="SomethingNew"):
        open_storage(tmp_path).create_key(OWNER)
    assert aws.actions()[-1] == "DeleteAccessKey"


def test_a_deleted_key_is_waited_for_until_it_is_refused(aws, tmp_path):
    storage, key = open_storage(tmp_path), AccessKey("AKIANEWKEY0123456789", "new-secret")
    answer_new_key(aws, IDENTITY, IDENTITY, UNKNOWN)
    assert storage.accepts_key("martin-m1", key)
    storage.delete_key(OWNER, "AKIANEWKEY0123456789")
    assert not storage.accepts_key("martin-m1", key)
    answer_new_key(aws, IDENTITY)
    late = open_storage(tmp_path, 0.5)
    late.delete_key(OWNER, "AKIANEWKEY0123456789")
    assert late.accepts_key("martin-m1", key)


def test_a_refusal_that_is_no_unknown_key_is_an_error(aws, tmp_path):
    storage, key = open_storage(tmp_path), AccessKey("AKIANEWKEY0123456789", "wrong")
    answer_new_key(aws, refusal("SignatureDoesNotMatch"))
    with pytest.raises(AccessRefusedError):
        storage.accepts_key("martin-m1", key)
    answer_new_key(aws, UNKNOWN)
    with pytest.raises(UnknownKeyError):
        storage.list_reachable_buckets(key)


def users_listed(*names):
    found = "".join(f"<member><UserName>{name}</UserName><Path>/coffre/</Path></member>" for name in names)
    body = f"<Users>{found}</Users><IsTruncated>false</IsTruncated>"
    return Answer(f"<ListUsersResponse><ListUsersResult>{body}</ListUsersResult></ListUsersResponse>")


def test_a_user_that_coffre_may_not_ask_about_is_missing_when_its_path_does_not_list_it(aws, tmp_path):
    """Rights that end with a path do not cover a missing user: AWS answers AccessDenied about it."""
    storage = open_storage(tmp_path)
    aws.on("GetUser", refusal("AccessDenied", "is not authorized to perform: iam:GetUser on resource: user x"))
    aws.on("ListUsers", users_listed(f"{OWNER}.m1"))
    assert storage.find_owner(OWNER) is None
    assert storage.list_key_ids(OWNER) == []
    storage.delete_user(OWNER)
    storage.delete_key(OWNER, "AKIANEWKEY0123456789")
    aws.on("ListUsers", users_listed(OWNER))
    with pytest.raises(AccessRefusedError, match="iam:GetUser is not allowed"):
        storage.find_owner(OWNER)


def listing(*names):
    found = "".join(
        f"<Bucket><Name>{name}</Name><CreationDate>2026-01-05T08:00:0{number}.000Z</CreationDate></Bucket>"
        for number, name in enumerate(names)
    )
    return Answer(f"<ListAllMyBucketsResult {XMLNS}><Buckets>{found}</Buckets></ListAllMyBucketsResult>")


def empty(request):
    if "versions" in request.query:
        return Answer(f"<ListVersionsResult {XMLNS}><IsTruncated>false</IsTruncated></ListVersionsResult>")
    if "uploads" in request.query:
        return Answer(
            f"<ListMultipartUploadsResult {XMLNS}><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>"
        )
    if "tagging" in request.query:
        return Answer(
            f"<Tagging {XMLNS}><TagSet><Tag><Key>coffre-owner</Key><Value>{OWNER}</Value></Tag></TagSet></Tagging>"
        )
    return None


def test_the_identity_of_a_bucket_is_its_creation_by_the_records_of_the_home_region(aws, tmp_path):
    """The date of another region changes with the bucket's policy."""
    aws.rules.append(empty)
    aws.on("GET /", listing("martin-m0", "martin-m1", "martin-m10"))
    facts = open_storage(tmp_path).find_bucket("martin-m1")
    assert facts is not None
    assert (facts.lifetime_id, facts.owner) == ("2026-01-05T08:00:01Z", OWNER)
    (asked,) = [each for each in aws.seen if each.path == "/" and not each.action]
    assert asked.scope == "us-east-1/s3"
    assert (asked.query["prefix"], asked.query["max-buckets"]) == (["martin-m1"], ["1000"])
    assert "bucket-region" not in asked.query


def test_a_bucket_that_is_not_in_the_list_yet_is_asked_for_again_later(aws, tmp_path):
    aws.rules.append(empty)
    aws.on("GET /", listing("martin-m10"))
    with pytest.raises(PlatformAwayError, match="does not have it yet"):
        open_storage(tmp_path).find_bucket("martin-m1")


def test_a_bucket_of_another_account_does_not_exist_here(aws, tmp_path):
    storage = open_storage(tmp_path)
    aws.on("GET /martin-m1", s3_refusal("AccessDenied"))
    aws.on("HEAD /martin-m1", Answer("", 403))
    aws.on("GET /", listing("another-m1"))
    assert storage.find_bucket("martin-m1") is None
    assert storage.stored_bytes("martin-m1") == 0
    assert storage.list_leftovers(["martin-m1"]) == []
    assert storage.list_owned_buckets(OWNER) == []


def test_the_account_s_own_bucket_without_a_right_is_an_error(aws, tmp_path):
    """Never taken for a bucket that is gone."""
    storage = open_storage(tmp_path)
    aws.on("GET /martin-m1", s3_refusal("AccessDenied"))
    aws.on("HEAD /martin-m1", Answer("", 403))
    aws.on("GET /", listing("martin-m1"))
    for use in (
        lambda: storage.find_bucket("martin-m1"),
        lambda: storage.stored_bytes("martin-m1"),
        lambda: storage.list_leftovers(["martin-m1"]),
        lambda: storage.list_owned_buckets(OWNER),
    ):
        with pytest.raises(AccessRefusedError, match="Coffre's own credential may not do this"):
            use()


def test_a_bucket_that_the_list_still_has_is_gone_when_s3_says_so(aws, tmp_path):
    storage = open_storage(tmp_path)
    aws.on("GET /martin-m1", s3_refusal("NoSuchBucket", "", 404))
    aws.on("HEAD /martin-m1", Answer("", 404))
    aws.on("GET /", listing("martin-m1"))
    assert storage.find_bucket("martin-m1") is None
    assert storage.list_owned_buckets(OWNER) == []
    assert storage.list_leftovers(["martin-m1"]) == []


def test_the_programs_of_another_account_are_not_used(aws, tmp_path):
    name = f"coffre-programs-{ACCOUNT}-{REGION}"
    program = tmp_path / "restic"
    program.write_bytes(b"program")
    sha256 = "b6d2bd84c7e9afa9b5b3ea9cc1b6a1e8b7d8d8f0f9c1ac0ff56f5a9f0e0d4b8e"
    aws.on(f"HEAD /{name}/restic/{sha256}", Answer("", 403))
    with pytest.raises(AccessRefusedError):
        open_storage(tmp_path).publish_program(program, sha256)
    assert not [each for each in aws.seen if each.method == "PUT"]


def test_reachable_buckets_are_those_that_answer_to_the_key_itself(aws, tmp_path):
    """An owner may not list the account's buckets: verifying an erasure asks for each with its key."""
    mine = Answer(str(IDENTITY.body).replace("user/operator", f"user/coffre/{OWNER}"))
    answer_new_key(aws, mine)
    aws.on("GET /", listing("martin-m1", "martin-m2", "martin-m3", "other-m1"))
    aws.on("HEAD /martin-m1", Answer())
    aws.on("HEAD /martin-m2", Answer("", 403))
    aws.on("HEAD /martin-m3", Answer("", 404))
    key = AccessKey("AKIANEWKEY0123456789", "new-secret")
    assert open_storage(tmp_path).list_reachable_buckets(key) == ["martin-m1"]
    assert {each.access_key_id for each in aws.seen if each.method == "HEAD"} == {key.access_key_id}
    answer_new_key(aws, IDENTITY)
    assert open_storage(tmp_path).list_reachable_buckets(key) == [], "no user of Coffre's"


# On moto from here on.


def test_users_are_those_of_coffres_path_and_long_names_are_found_again(world):
    owner = naming.owner_uid(tenant_with(slug="a" * 40))
    machine = f"{owner}.{'m' * 40}"
    world.make_owner(owner)
    world.make_machine_user(machine, "aaa-m1")
    world.iam.create_user(UserName=f"{owner}.other", Path="/")
    assert world.storage.list_users(owner) == sorted([owner, user_name(machine)])
    assert len(user_name(machine)) <= 64
    assert world.storage.find_owner(machine) is not None
    assert world.storage.list_users(f"{owner}.") == [user_name(machine)]
    assert world.storage.find_owner(f"{owner}.other") is None
    assert world.storage.list_key_ids(f"{owner}.other") == []
    world.storage.delete_user(f"{owner}.other")
    assert world.iam.get_user(UserName=f"{owner}.other")["User"]["Path"] == "/"
    with pytest.raises(NoSuchEntityError):
        world.storage.create_key(f"{owner}.other")


def test_a_user_goes_with_its_keys_and_policies_and_may_go_twice(world):
    uid = "leaving-k7f3q9wz2m.m1"
    user = world.make_machine_user(uid, "leaving-m1")
    assert world.iam.list_user_policies(UserName=uid)["PolicyNames"] == [MACHINE_POLICY]
    world.storage.create_key(uid)
    world.storage.delete_user(uid)
    world.storage.delete_user(uid)
    assert world.storage.list_users(uid) == []
    assert not world.storage.accepts_key("leaving-m1", user.key)


def test_a_user_is_suspended_when_all_its_keys_are_and_only_then(world):
    uid = "resting-k7f3q9wz2m"
    user = world.make_owner(uid)
    storage = world.storage
    assert storage.suspend_user(uid, True)
    assert storage.find_owner(uid).suspended
    storage.create_key(uid)
    assert not storage.find_owner(uid).suspended
    assert storage.suspend_user(uid, True)
    assert storage.suspend_user(uid, False)
    assert not storage.suspend_user(uid, False)
    for key_id in storage.list_key_ids(uid):
        storage.delete_key(uid, key_id)
    assert not storage.find_owner(uid).suspended, "without a key nothing is suspended"
    assert not storage.accepts_key("x", user.key)
    with pytest.raises(RemoteError):
        storage.suspend_user("nobody-k7f3q9wz2m", False)


def test_buckets_are_a_users_by_their_tag_and_never_by_their_name(world):
    owner = world.make_owner("tagged-k7f3q9wz2m")
    ours = world.make_bucket("tagged-m1-0123456789", owner.uid, None)
    world.make_bucket("tagged-m2-0123456789", "tagged-else-k7f3q9wz2m", None)
    world.s3.create_bucket(Bucket="tagged-m3", CreateBucketConfiguration={"LocationConstraint": REGION})
    elsewhere = world.session.s3("eu-west-1")
    elsewhere.create_bucket(Bucket="tagged-m4", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    tags = {"TagSet": [{"Key": "coffre-owner", "Value": owner.uid}]}
    world.s3.put_bucket_tagging(Bucket="tagged-m4", Tagging=tags)
    assert world.storage.list_owned_buckets(owner.uid) == [ours]
    assert world.storage.find_bucket("tagged-m3").owner == ""


def test_sizes_count_every_version_and_unfinished_upload(world):
    owner = world.make_owner("sized-k7f3q9wz2m")
    name = world.make_bucket("sized-m1", owner.uid, None)
    bucket = world.storage.open_bucket(name, owner.key)
    bucket.put("a", b"12345")
    bucket.put("a", b"123")
    bucket.hide("a")
    upload = world.s3.create_multipart_upload(Bucket=name, Key="big")["UploadId"]
    world.s3.upload_part(Bucket=name, Key="big", UploadId=upload, PartNumber=1, Body=b"1234567")
    facts = world.storage.find_bucket(name)
    assert (facts.entries, facts.stored_bytes, world.storage.stored_bytes(name)) == (2, 15, 15)
    assert world.storage.find_owner(owner.uid).used_bytes == 15
    assert world.storage.stored_bytes("sized-none") == 0


def test_the_second_witness_adds_up_the_newest_day(world):
    owner = world.make_owner("witness-k7f3q9wz2m")
    name = world.make_bucket("witness-m1", owner.uid, None)
    assert world.storage.find_daily_bytes(name) is None
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    yesterday = today - timedelta(days=1)
    for bucket, kind, at, size in (
        (name, "StandardStorage", yesterday - timedelta(days=1), 5),
        (name, "StandardStorage", yesterday, 1000),
        (name, "GlacierStorage", yesterday, 234),
        ("witness-other", "StandardStorage", yesterday, 7),
    ):
        dimensions = [{"Name": "BucketName", "Value": bucket}, {"Name": "StorageType", "Value": kind}]
        point = {"MetricName": "BucketSizeBytes", "Dimensions": dimensions, "Timestamp": at, "Value": size}
        world.session.client("cloudwatch").put_metric_data(Namespace="AWS/S3", MetricData=[point])
    figure = world.storage.find_daily_bytes(name)
    assert figure is not None
    assert (figure.day, figure.stored_bytes) == (date(yesterday.year, yesterday.month, yesterday.day), 1234)
    assert world.storage.find_owner(owner.uid, exact=False).used_bytes == 1234
    assert world.storage.find_owner(owner.uid).used_bytes == 0
