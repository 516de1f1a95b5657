"""Coffre's own credential for AWS: where it comes from, that its account is right, and what is said when it fails."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from coffre.errors import ExpectedError, InvalidFileError
from coffre.storage.aws import session
from coffre.storage.aws.connect import connect
from coffre.storage.aws.driver import AwsDriver
from coffre.storage.aws.faults import CredentialError, RoleRefusedError, WrongAccountError
from coffre.storage.s3.faults import ExpiredCredentialError
from coffre.storage.values import AccessKey
from tests.integration.storage.aws.answering import IDENTITY, Answer, answering, refusal
from tests.integration.storage.aws.world import make_platform
from tests.moto_server import ACCOUNT, REGION

SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/coffre"
NO_USERS = Answer(
    "<ListUsersResponse><ListUsersResult><Users/><IsTruncated>false</IsTruncated></ListUsersResult></ListUsersResponse>"
)


@pytest.fixture
def aws(monkeypatch, tmp_path):
    """A server in place of AWS, and nothing of AWS's tools on this computer."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    with answering() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        server.on("ListUsers", NO_USERS)
        yield server


def key_in(folder, name="key.json", **more):
    content = {"access_key_id": "AKIAFILE", "secret_access_key": SECRET, **more}
    (folder / name).write_text(json.dumps(content))
    return f"file:{name}"


def test_connecting_asks_nothing_and_each_call_is_for_the_region(aws, tmp_path):
    storage = connect(make_platform(credential=key_in(tmp_path)), tmp_path)
    assert storage.endpoint.url == aws.url
    assert storage.endpoint.account_id == ACCOUNT
    assert aws.seen == []
    assert storage.list_users("") == []
    assert [(each.action, each.access_key_id) for each in aws.seen] == [
        ("GetCallerIdentity", "AKIAFILE"),
        ("ListUsers", "AKIAFILE"),
    ]
    assert aws.seen[0].scope == f"{REGION}/sts"
    storage.list_users("")
    assert aws.actions().count("GetCallerIdentity") == 1


def test_the_address_is_aws_s_own_without_a_variable(aws, tmp_path, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    for region in (REGION, "us-east-1", "ap-southeast-3"):
        storage = connect(make_platform(credential=key_in(tmp_path), region=region), tmp_path)
        assert storage.endpoint.url == f"https://s3.{region}.amazonaws.com"
    assert storage.list_platform_ids.__self__.endpoint.platform_id == f"aws:{ACCOUNT}:ap-southeast-3"


def test_a_variable_a_profile_and_the_usual_chain_give_the_credential(aws, tmp_path, monkeypatch):
    monkeypatch.setenv(
        "COFFRE_AWS", json.dumps({"access_key_id": "ASIAENV", "secret_access_key": SECRET, "session_token": "tok"})
    )
    (tmp_path / "credentials").write_text(
        f"[default]\naws_access_key_id=AKIADEFAULT\naws_secret_access_key={SECRET}\n"
        f"[backups]\naws_access_key_id=AKIAPROFILE\naws_secret_access_key={SECRET}\n"
    )
    for credential, key_id in (
        ("env:COFFRE_AWS", "ASIAENV"),
        ("profile:backups", "AKIAPROFILE"),
        (None, "AKIADEFAULT"),
    ):
        connect(make_platform(credential=credential), tmp_path).list_users("")
        assert aws.seen[-1].access_key_id == key_id
        assert aws.seen[-1].headers.get("x-amz-security-token") == ("tok" if key_id == "ASIAENV" else None)
    (tmp_path / "config").write_text("[default]\nregion = us-west-2\n[profile backups]\nregion = us-west-1\n")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIACHAIN")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    connect(make_platform(), tmp_path).list_users("")
    assert aws.seen[-1].access_key_id == "AKIACHAIN"
    connect(make_platform(credential="profile:backups"), tmp_path).list_users("")
    assert {each.scope for each in aws.seen if each.action == "GetCallerIdentity"} == {f"{REGION}/sts"}


@pytest.mark.parametrize(
    "content",
    [
        "",
        SECRET,
        "[]",
        json.dumps({"access_key_id": "AKIA"}),
        json.dumps({"access_key_id": "AKIA", "secret_access_key": f"{SECRET} two"}),
        json.dumps({"access_key_id": "AKIA", "secret_access_key": [SECRET]}),
        json.dumps({"access_key_id": "AKIA", "secret_access_key": SECRET, "session_token": ""}),
        json.dumps({"access_key_id": "AKIA", "secret_access_key": SECRET, "secret": SECRET}),
        json.dumps({"access_key_id": "AKIA", "secret_access_key": "x" * 70_000}),
    ],
)
def test_an_unreadable_credential_is_told_without_its_value(aws, tmp_path, content):
    (tmp_path / "key.json").write_text(content)
    with pytest.raises(ExpectedError) as told:
        connect(make_platform(credential="file:key.json"), tmp_path)
    assert "key.json" in told.value.message + told.value.hint
    assert SECRET[:8] not in f"{told.value.message} {told.value.hint} {told.value!r}"
    assert content == "" or isinstance(told.value, InvalidFileError)


def test_no_secret_shows_in_a_repr(aws, tmp_path):
    storage = connect(make_platform(credential=key_in(tmp_path)), tmp_path)
    storage.list_users("")
    shown = repr(
        [storage, vars(storage), vars(vars(storage)["_session"]), storage.open_bucket("b", AccessKey("A", SECRET))]
    )
    assert SECRET not in shown


def test_a_missing_profile_is_told_at_once(aws, tmp_path):
    with pytest.raises(ExpectedError, match=r"no profile for credential \(profile:nobody\)"):
        connect(make_platform(credential="profile:nobody"), tmp_path)


def test_no_credential_at_all_is_told(aws, tmp_path):
    with pytest.raises(CredentialError) as told:
        connect(make_platform(), tmp_path).list_users("")
    assert told.value.message.endswith("there is no credential for AWS")
    assert "`credential:`" in told.value.hint


def test_a_broken_configuration_is_told(aws, tmp_path):
    (tmp_path / "config").write_text("[profile broken]\nsource_profile = broken2\nrole_arn = arn:aws:iam::1:role/x\n")
    with pytest.raises(CredentialError, match="cannot be used"):
        connect(make_platform(credential="profile:broken"), tmp_path).list_users("")


def test_an_expired_single_sign_on_is_told(aws, tmp_path):
    (tmp_path / "config").write_text(
        f"[profile sso]\nsso_session = s\nsso_account_id = {ACCOUNT}\nsso_role_name = r\n"
        "[sso-session s]\nsso_region = eu-west-3\nsso_start_url = https://example.invalid/start\n"
    )
    with pytest.raises(CredentialError) as told:
        connect(make_platform(credential="profile:sso"), tmp_path).list_users("")
    assert "aws sso login" in told.value.hint


def assumed(key_id: str, left: timedelta) -> Answer:
    until = f"{datetime.now(UTC) + left:%Y-%m-%dT%H:%M:%SZ}"
    return Answer(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
        f"<AccessKeyId>{key_id}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>t-{key_id}"
        f"</SessionToken><Expiration>{until}</Expiration></Credentials><AssumedRoleUser><Arn>{ROLE}/coffre</Arn>"
        "<AssumedRoleId>A:coffre</AssumedRoleId></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
    )


def test_a_role_is_assumed_and_again_before_it_expires(aws, tmp_path):
    hour, moment = timedelta(hours=1), timedelta(minutes=2)
    aws.on("AssumeRole", assumed("ASIAONE", moment), assumed("ASIATWO", hour))
    storage = connect(make_platform(credential=key_in(tmp_path), role=ROLE), tmp_path)
    for _ in range(3):
        storage.list_users("")
    assert aws.seen[0].access_key_id == "AKIAFILE"
    assert aws.actions().count("AssumeRole") == 2
    assert {each.access_key_id for each in aws.seen if each.action == "ListUsers"} <= {"ASIAONE", "ASIATWO"}
    assert (aws.seen[-1].access_key_id, aws.seen[-1].headers["x-amz-security-token"]) == ("ASIATWO", "t-ASIATWO")


def test_a_role_that_cannot_be_assumed_is_told(aws, tmp_path):
    aws.on("AssumeRole", refusal("AccessDenied", "User: x is not authorized to perform: sts:AssumeRole on resource: y"))
    with pytest.raises(RoleRefusedError) as told:
        connect(make_platform(credential=key_in(tmp_path), role=ROLE), tmp_path).list_users("")
    assert "the role cannot be assumed" in told.value.message
    assert "sts:AssumeRole" in told.value.hint
    assert "ListUsers" not in aws.actions()


def test_an_expired_token_is_told(aws, tmp_path):
    aws.on("GetCallerIdentity", refusal("ExpiredToken", "The security token included in the request is expired"))
    with pytest.raises(ExpiredCredentialError) as told:
        connect(make_platform(credential=key_in(tmp_path, session_token="old")), tmp_path).list_users("")
    assert "aws sso login" in told.value.hint


def test_another_account_is_refused_before_anything_else(aws, tmp_path):
    aws.on("GetCallerIdentity", Answer(str(IDENTITY.body).replace(ACCOUNT, "999999999999")))
    storage = connect(make_platform(credential=key_in(tmp_path)), tmp_path)
    for use in (
        lambda: storage.list_users(""),
        lambda: storage.create_key("a"),
        lambda: storage.find_bucket("b"),
        lambda: storage.stored_bytes("b"),
        lambda: storage.find_daily_bytes("b"),
        lambda: storage.read_program_sha256("0" * 64, 10),
        storage.list_platform_ids,
    ):
        with pytest.raises(WrongAccountError, match=f"account 999999999999, not to account {ACCOUNT}"):
            use()
    assert set(aws.actions()) == {"GetCallerIdentity"}


def test_the_platforms_clock_is_that_of_its_answer(aws, tmp_path):
    storage = connect(make_platform(credential=key_in(tmp_path)), tmp_path)
    assert abs(storage.probe_server_time() - datetime.now(UTC)) < timedelta(seconds=5)
    assert storage.list_platform_ids() == [f"aws:{ACCOUNT}:{REGION}"]


def test_a_proxy_is_used_by_the_products_own_rules(aws, tmp_path, monkeypatch):
    """This computer's own addresses use none; botocore alone would send them to the proxy."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    storage = connect(make_platform(credential=key_in(tmp_path)), tmp_path)
    assert storage.list_users("") == []
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://192.0.2.7:8")
    monkeypatch.setenv("HTTP_PROXY", aws.url)
    assert connect(make_platform(credential=key_in(tmp_path)), tmp_path).list_users("") == []
    assert aws.seen[-1].headers["host"] == "192.0.2.7:8"


def test_a_store_is_on_the_platform_whose_account_its_key_has(aws, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "_accounts", {})
    own, other = make_platform(credential=key_in(tmp_path)), make_platform(account="999999999999")
    store, driver = AccessKey("AKIASTORE", SECRET), AwsDriver()
    assert driver.holds_store(own, tmp_path, aws.url, store)
    assert [(each.action, each.access_key_id) for each in aws.seen] == [("GetCallerIdentity", "AKIASTORE")]
    assert not driver.holds_store(other, tmp_path, aws.url, store)
    assert aws.actions() == ["GetCallerIdentity"]
    aws.seen.clear()
    assert not driver.holds_store(own, tmp_path, "https://s3.example", store)
    assert aws.seen == []


def test_addresses_of_aws_are_known():
    for address in ("s3.eu-west-3.amazonaws.com", "S3.amazonaws.com:443", "s3.cn-north-1.amazonaws.com.cn/"):
        assert session.is_amazon(f"https://{address}", {})
    for address in ("s3.example", "amazonaws.com.pirate.example", "notamazonaws.com"):
        assert not session.is_amazon(f"https://{address}", {})
