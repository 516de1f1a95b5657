"""What is said of each refusal of AWS, of answers without end, and of what is not an answer of AWS."""

import json
import tracemalloc
from datetime import UTC, datetime

import pytest

from coffre.errors import RemoteError
from coffre.storage.aws.connect import connect
from coffre.storage.aws.faults import LimitReachedError
from coffre.storage.s3 import answers, client, faults
from coffre.storage.values import AccessKey, ObjectVersion, PlatformAwayError
from tests.integration.storage.aws.answering import Answer, answering, refusal, s3_refusal
from tests.integration.storage.aws.world import make_platform
from tests.moto_server import ACCOUNT

KEY = AccessKey("AKIATENANT", "tenant-secret")
USER = Answer("<GetUserResponse><GetUserResult><User><Path>/coffre/</Path></User></GetUserResult></GetUserResponse>")
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 20}">' for old, new in zip("abcdefg", "bcdefgh", strict=True))
    + "]><ListUsersResponse><ListUsersResult><Users><member><UserName>&h;</UserName></member></Users>"
    "</ListUsersResult></ListUsersResponse>"
)


@pytest.fixture
def aws(monkeypatch, tmp_path):
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with answering() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        yield server


@pytest.fixture
def storage(aws, tmp_path):
    (tmp_path / "key.json").write_text(json.dumps({"access_key_id": "AKIA", "secret_access_key": "own-secret"}))
    return connect(make_platform(credential="file:key.json"), tmp_path)


@pytest.mark.parametrize(
    ("code", "message", "status", "kind", "says", "advises"),
    [
        (
            "AccessDenied",
            "User: arn:aws:iam::123456789012:user/c is not authorized to perform: iam:ListUsers on resource: "
            "arn:aws:iam::123456789012:user/coffre/ because no identity-based policy allows it",
            403,
            faults.AccessRefusedError,
            "iam:ListUsers is not allowed",
            "coffre platform policy",
        ),
        ("InvalidClientTokenId", "The security token is invalid", 403, faults.UnknownKeyError, "Invalid", "inactive"),
        ("ExpiredToken", "expired", 403, faults.ExpiredCredentialError, "ExpiredToken", "aws sso login"),
        (
            "SignatureDoesNotMatch",
            "Signature expired: 20261129T100000Z is now earlier than 20261129T101000Z",
            403,
            faults.AccessRefusedError,
            "RequestTimeTooSkewed",
            "timedatectl",
        ),
        ("SignatureDoesNotMatch", "The request signature", 403, faults.AccessRefusedError, "", "the secret does not"),
        ("RequestExpired", "", 400, faults.AccessRefusedError, "RequestExpired", "timedatectl"),
        ("Throttling", "Rate exceeded", 400, PlatformAwayError, "Rate exceeded", "wait some minutes"),
        ("RequestLimitExceeded", "", 503, PlatformAwayError, "RequestLimitExceeded", "wait"),
        ("TooManyRequestsException", "", 429, PlatformAwayError, "TooManyRequestsException", "wait some minutes"),
        ("ServiceFailure", "", 500, PlatformAwayError, "ServiceFailure", "wait some minutes"),
        ("SomethingNew", "never heard\n\x07of", 418, faults.S3Error, "never heard of", ""),
    ],
)
def test_each_refusal_has_its_own_error(aws, storage, code, message, status, kind, says, advises):
    aws.on("ListUsers", refusal(code, message.replace("\x07", " "), status))
    with pytest.raises(kind) as told:
        storage.list_users("")
    assert isinstance(told.value, RemoteError)
    assert says in told.value.message
    assert advises in told.value.hint
    assert told.value.message.isprintable()
    assert "own-secret" not in told.value.message + told.value.hint


def test_a_third_key_of_a_user_is_refused_with_the_reason(aws, storage):
    aws.on("GetUser", USER)
    aws.on("CreateAccessKey", refusal("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2", 409))
    with pytest.raises(LimitReachedError) as told:
        storage.create_key("martin-k7f3q9wz2m")
    assert "AccessKeysPerUser: 2" in told.value.message


@pytest.mark.parametrize(
    ("answer", "kind", "advises"),
    [
        (
            Answer(
                "<Error><Code>PermanentRedirect</Code><Message>m</Message><Endpoint>s3.us-west-2.amazonaws.com</Endpoint>"
                "</Error>",
                301,
                {"x-amz-bucket-region": "us-west-2"},
            ),
            faults.WrongRegionError,
            "another region",
        ),
        (
            s3_refusal("AuthorizationHeaderMalformed", "the region is wrong", 400, "<Region>us-west-2</Region>"),
            faults.WrongRegionError,
            "another region",
        ),
        (s3_refusal("IllegalLocationConstraintException", "", 400), faults.WrongRegionError, "another region"),
        (s3_refusal("RequestTimeTooSkewed", "too large"), faults.AccessRefusedError, "timedatectl"),
        (s3_refusal("InvalidAccessKeyId", "does not exist"), faults.UnknownKeyError, "inactive"),
        (s3_refusal("ExpiredToken", "", 400), faults.ExpiredCredentialError, "aws sso login"),
        (s3_refusal("OperationAborted", "", 409), PlatformAwayError, "wait"),
        (s3_refusal("SlowDown", "Reduce your request rate", 503), PlatformAwayError, "wait"),
    ],
)
def test_each_refusal_of_s3_has_its_own_error(aws, storage, answer, kind, advises, monkeypatch):
    monkeypatch.setattr(client, "_ATTEMPTS", 2)
    aws.on("GET /martin-m1", answer)
    for use in (storage.open_bucket("martin-m1", KEY).current_bytes, lambda: list(walk(storage))):
        with pytest.raises(kind) as told:
            use()
        assert advises in told.value.hint
    assert {each.path for each in aws.seen} == {"/martin-m1"}
    assert {each.scope for each in aws.seen} == {"eu-west-3/s3"}, "no redirect is followed"


def walk(storage):
    return storage.open_eraser("martin-m1", KEY).walk_versions()


def test_a_bare_redirect_of_a_head_is_another_region_too(aws, storage):
    aws.on("HEAD /martin-m1/a", Answer("", 301, {"x-amz-bucket-region": "us-west-2"}))
    with pytest.raises(faults.WrongRegionError):
        storage.open_bucket("martin-m1", KEY).exists("a")
    assert len(aws.seen) == 1


def test_every_call_names_the_account_that_must_own_the_bucket(aws, storage):
    """Moto does not know this header; AWS answers AccessDenied when another account owns the bucket."""
    bucket, eraser = storage.open_bucket("martin-m1", KEY), storage.open_eraser("martin-m1", KEY)
    version = ObjectVersion("a", "v", datetime.now(UTC), is_latest=True)
    for use in (
        bucket.current_bytes,
        bucket.count_contents,
        lambda: bucket.put("a", b"1"),
        lambda: bucket.find("a", 10),
        lambda: bucket.exists("a"),
        lambda: bucket.hide("a"),
        lambda: bucket.copy("a", "b"),
        lambda: bucket.restore_version("a", "v"),
        bucket.is_gate_closed,
        bucket.clear_expiry_rules,
        bucket.undelete_days,
        bucket.probe_server_time,
        eraser.find_tenant_id,
        lambda: list(eraser.walk_versions()),
        lambda: list(eraser.walk_uploads()),
        lambda: eraser.delete_versions([version]),
        lambda: eraser.find_lock(version),
        eraser.delete_bucket,
        lambda: storage.find_bucket("martin-m1"),
        lambda: storage.list_leftovers(["martin-m1"]),
        lambda: storage.stored_bytes("martin-m1"),
        lambda: storage.read_program_sha256("0" * 64, 10),
    ):
        before = len(aws.seen)
        with pytest.raises(RemoteError):
            use()
        asked = [each for each in aws.seen[before:] if not each.action]
        assert asked
        assert {each.headers.get("x-amz-expected-bucket-owner") for each in asked} == {ACCOUNT}, asked
    copies = [each for each in aws.seen if "x-amz-copy-source" in each.headers]
    assert {each.headers.get("x-amz-source-expected-bucket-owner") for each in copies} == {ACCOUNT}


def endless():
    while True:
        yield b"<Users>" * 10_000


def test_an_answer_without_end_is_refused(aws, storage, monkeypatch):
    monkeypatch.setattr(answers, "ANSWER_BYTES", 1 << 20)
    aws.on("ListUsers", Answer(endless()))
    with pytest.raises(faults.AbsurdAnswerError, match="has no end"):
        storage.list_users("")


def users(marker: str) -> Answer:
    return Answer(
        "<ListUsersResponse><ListUsersResult><Users><member><UserName>a</UserName><Path>/coffre/</Path></member></Users>"
        f"<IsTruncated>true</IsTruncated><Marker>{marker}</Marker></ListUsersResult></ListUsersResponse>"
    )


def test_a_listing_without_end_is_refused(aws, storage, monkeypatch):
    aws.on("ListUsers", users("same"))
    with pytest.raises(faults.AbsurdAnswerError, match="circular"):
        storage.list_users("")
    aws.on_each("ListUsers", users("one"), users("two"))
    with pytest.raises(faults.AbsurdAnswerError, match="circular"):
        storage.list_users("")
    assert aws.actions().count("ListUsers") < 10


def buckets(token: str) -> Answer:
    return Answer(
        '<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Buckets><Bucket><Name>martin-m1</Name>'
        "<CreationDate>2026-01-05T08:00:00.000Z</CreationDate></Bucket></Buckets>"
        f"<ContinuationToken>{token}</ContinuationToken></ListAllMyBucketsResult>"
    )


def test_a_listing_of_buckets_without_end_is_refused(aws, storage):
    aws.on_each("GET /", buckets("one"), buckets("two"))
    with pytest.raises(faults.AbsurdAnswerError, match="circular"):
        storage.list_owned_buckets("martin-k7f3q9wz2m")
    assert len([each for each in aws.seen if each.method == "GET"]) < 10


@pytest.mark.parametrize("content", [BOMB, "no XML", "<ListUsersResponse>", '{"json": 1}', "<a/>", "<html></html>"])
def test_what_is_no_answer_of_aws_is_told(aws, storage, content):
    aws.on("ListUsers", Answer(content))
    aws.on("GET /martin-m1", Answer(content))
    tracemalloc.start()
    for use in (lambda: storage.list_users(""), lambda: list(walk(storage))):
        with pytest.raises(RemoteError) as told:
            use()
        assert not isinstance(told.value, PlatformAwayError)
    grown_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert grown_bytes < 64 << 20


def test_no_answer_is_told_as_such(storage, aws, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(PlatformAwayError, match=r"no answer from http://127\.0\.0\.1:9: "):
        connect(make_platform(credential="file:key.json"), tmp_path).list_users("")
