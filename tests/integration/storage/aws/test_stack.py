"""A tenant's stack on AWS, by the real Pulumi engine: the stand-in plugin makes its resources at moto's server."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from coffre.errors import RefusedError
from coffre.storage.aws.names import MACHINE_POLICY, USER_PATH, AwsPrincipals
from coffre.storage.aws.session import AwsSession
from coffre.storage.aws.survey import AwsSurvey
from coffre.storage.s3 import policy
from coffre.storage.survey import HomeSurvey, Part
from tests.integration.storage.aws.stack_world import PASSPHRASE, StackWorld, client, operations
from tests.moto_server import ACCOUNT, REGION, Moto, moto_server
from tests.pulumi_aws import PLUGIN_FOLDER, STOP, STOPPED

SECRET = "a secret that no file may hold"
REPOSITORY = Path(__file__).resolve().parents[4]
PER_BUCKET = ["", "-encryption", "-lifecycle", "-ownership", "-policy", "-public-access", "-versioning"]
NAMES = AwsPrincipals(ACCOUNT)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    """Over TLS: Pulumi's plugin reaches nothing else."""
    with moto_server(tls=tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture
def world(account: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackWorld:
    account.reset()
    for name, value in {**account.environment, "AWS_SECRET_ACCESS_KEY": SECRET}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{PLUGIN_FOLDER}:{os.environ['PATH']}")
    return StackWorld(tmp_path / "root")


def every_name(world: StackWorld) -> list[str]:
    storage = world.layout()
    users = [str(machine.user) for machine in storage.machines]
    buckets = [f"{machine.bucket}{suffix}" for machine in storage.machines for suffix in PER_BUCKET]
    return sorted([storage.owner, *users, *(f"{user}-policy" for user in users), *buckets])


def live_policy(bucket: str) -> policy.PolicyDocument:
    return policy.parse(client("s3").get_bucket_policy(Bucket=bucket)["Policy"])


def set_switch(world: StackWorld, machine: str, *, closed: bool) -> None:
    bucket = world.bucket(machine)
    statement = policy.gate_statement(bucket, world.user(machine), NAMES) if closed else None
    wanted = policy.with_switch(live_policy(bucket), policy.GATE_SID, statement)
    client("s3").put_bucket_policy(Bucket=bucket, Policy=policy.render(wanted))


def test_plan_then_apply_then_nothing_to_do(world: StackWorld, record_property: Callable[[str, object], None]) -> None:
    began = time.monotonic()
    planned = world.plan()
    previewed = time.monotonic()
    done = world.up_exactly(planned)
    updated = time.monotonic()
    for changes in (planned, done):
        assert {each.operation for each in changes} == {"create"}
        assert sorted(each.name for each in changes) == every_name(world)
    assert world.up() == []
    settled = time.monotonic()
    record_property("seconds", [previewed - began, updated - previewed, settled - updated])
    for machine in world.layout().machines:
        assert client("s3").get_bucket_versioning(Bucket=machine.bucket)["Status"] == "Enabled"
        assert client("iam").get_user(UserName=machine.user)["User"]["Path"] == USER_PATH
        assert client("iam").list_user_policies(UserName=machine.user)["PolicyNames"] == [MACHINE_POLICY]
    assert client("iam").list_user_policies(UserName=world.layout().owner)["PolicyNames"] == []


def test_no_secret_is_in_any_file(world: StackWorld) -> None:
    world.up()
    world.up(undelete_days=20)
    files = [path for path in world.root.rglob("*") if path.is_file()]
    assert world.state_file in files
    for secret in (SECRET, PASSPHRASE):
        assert not [path for path in files if secret.encode() in path.read_bytes()]


Change = Callable[[StackWorld, str], Any]

BEHIND_ITS_BACK: dict[str, Change] = {
    "-policy": lambda w, b: client("s3").delete_bucket_policy(Bucket=b),
    "-versioning": lambda w, b: client("s3").put_bucket_versioning(
        Bucket=b, VersioningConfiguration={"Status": "Suspended"}
    ),
    "-public-access": lambda w, b: client("s3").delete_public_access_block(Bucket=b),
    "-ownership": lambda w, b: client("s3").put_bucket_ownership_controls(
        Bucket=b, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    ),
    "-encryption": lambda w, b: client("s3").delete_bucket_encryption(Bucket=b),
    "-lifecycle": lambda w, b: client("s3").delete_bucket_lifecycle(Bucket=b),
    "": lambda w, b: client("s3").put_bucket_tagging(Bucket=b, Tagging={"TagSet": []}),
}


def test_drift_of_each_kind_of_resource_is_found_and_healed(world: StackWorld) -> None:
    world.up()
    bucket, user, gone = world.bucket("compta-01"), world.user("compta-01"), world.user("caisse-01")
    for change in BEHIND_ITS_BACK.values():
        change(world, bucket)
    client("iam").delete_user_policy(UserName=user, PolicyName=MACHINE_POLICY)
    client("iam").untag_user(UserName=user, TagKeys=list(world.layout().tags))
    client("iam").delete_user_policy(UserName=gone, PolicyName=MACHINE_POLICY)
    client("iam").delete_user(UserName=gone)
    seen = survey(world)
    parts = {each.part for each in seen.drift if each.holder == bucket}
    assert parts == {
        Part.BUCKET,
        Part.POLICY,
        Part.VERSIONING,
        Part.PUBLIC_ACCESS,
        Part.OWNERSHIP,
        Part.ENCRYPTION,
        Part.LIFECYCLE,
    }
    owner = world.layout().owner
    assert {(each.part, each.holder) for each in seen.drift if each.holder != bucket} == {
        (Part.USER, f"{owner}.compta-01"),
        (Part.USER_POLICY, f"{owner}.compta-01"),
        (Part.USER, f"{owner}.caisse-01"),
        (Part.USER_POLICY, f"{owner}.caisse-01"),
    }
    drifted = [*(f"{bucket}{suffix}" for suffix in BEHIND_ITS_BACK), user, f"{user}-policy", gone, f"{gone}-policy"]
    assert sorted(each.name for each in world.plan()) == sorted(drifted)
    world.up()
    assert world.up() == []
    assert world.plan() == []
    assert list(survey(world).drift) == []


def survey(world: StackWorld) -> HomeSurvey:
    """Look as `coffre drift` does."""
    reader = AwsSurvey(AwsSession(world.platform, world.root))
    return reader.look(world.declaration(), world.state.resources, lambda _: None)


def test_a_survey_sees_what_is_no_resource(world: StackWorld) -> None:
    world.up()
    owner, user, bucket = world.layout().owner, world.user("compta-01"), world.bucket("compta-01")
    given = client("iam").create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]
    client("iam").update_access_key(UserName=user, AccessKeyId=given, Status="Inactive")
    client("iam").create_user(UserName=f"{owner}.poste-99", Path=USER_PATH)
    extra = f"{bucket}-extra"
    client("s3").create_bucket(Bucket=extra, CreateBucketConfiguration={"LocationConstraint": REGION})
    tags = [{"Key": key, "Value": value} for key, value in world.layout().tags.items()]
    client("s3").put_bucket_tagging(Bucket=extra, Tagging={"TagSet": tags})
    set_switch(world, "compta-01", closed=True)
    seen = survey(world)
    assert list(seen.drift) == []
    machine = seen.users[f"{owner}.compta-01"]
    assert (machine.key_ids, machine.is_suspended) == ((given,), True)
    assert set(seen.users) == {owner, f"{owner}.compta-01", f"{owner}.caisse-01", f"{owner}.poste-99"}
    assert set(seen.buckets) == {bucket, world.bucket("caisse-01"), extra}
    assert seen.buckets[bucket].is_gate_closed
    assert seen.buckets[bucket].has_machine
    assert not seen.buckets[extra].has_machine


def test_a_changed_declaration_is_one_update(world: StackWorld) -> None:
    world.up()
    planned = world.plan(undelete_days=20)
    lifecycles = sorted(f"{machine.bucket}-lifecycle" for machine in world.layout().machines)
    assert operations(planned) == {"update": lifecycles}
    world.up(undelete_days=20)
    rules = client("s3").get_bucket_lifecycle_configuration(Bucket=world.bucket("caisse-01"))["Rules"]
    assert {rule["NoncurrentVersionExpiration"]["NoncurrentDays"] for rule in rules} == {1, 20}


def test_a_switch_is_no_change_and_survives_the_update_of_its_policy(world: StackWorld) -> None:
    world.up()
    set_switch(world, "compta-01", closed=True)
    assert world.plan() == []
    assert world.up() == []
    bucket = world.bucket("compta-01")
    spoiled = policy.with_switch(live_policy(bucket), policy.MACHINE_ACL_SID, None)
    client("s3").put_bucket_policy(Bucket=bucket, Policy=policy.render(spoiled))
    world.up()
    healed = live_policy(bucket)
    assert policy.has_switch(healed, policy.GATE_SID)
    assert policy.has_switch(healed, policy.MACHINE_ACL_SID)
    set_switch(world, "compta-01", closed=False)
    assert world.up(undelete_days=20) != []
    assert not policy.has_switch(live_policy(bucket), policy.GATE_SID)


@pytest.mark.parametrize(
    ("which", "moment"),
    [
        ("owner", "after"),
        ("user", "after"),
        ("user-policy", "before"),
        ("bucket", "before"),
        ("bucket", "after"),
        ("bucket-policy", "after"),
    ],
)
def test_a_run_killed_at_a_creation_is_healed_by_the_next(
    world: StackWorld, tmp_path: Path, which: str, moment: str
) -> None:
    names = {"owner": world.layout().owner, "user": world.user("compta-01"), "bucket": world.bucket("compta-01")}
    subject, dash, suffix = which.partition("-")
    stopped = tmp_path / "stopped"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.storage.aws.stack_world", str(world.root)],
        cwd=REPOSITORY,
        env={**os.environ, STOP: f"{names[subject]}{dash}{suffix}:{moment}", STOPPED: str(stopped)},
    )
    try:
        _await(lambda: stopped.exists() or process.poll() is not None)
        assert stopped.exists(), "the run ended before its point"
        plugin, pulumi = (int(word) for word in stopped.read_text(encoding="utf-8").split())
        for pid in (process.pid, pulumi, plugin):
            os.kill(pid, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    world.up()
    assert world.up() == []
    tags = client("s3").get_bucket_tagging(Bucket=world.bucket("compta-01"))["TagSet"]
    assert {each["Key"]: each["Value"] for each in tags} == world.layout().tags
    assert sorted(each.name for each in world.state.resources) == every_name(world)
    assert not world.state.has_pending_operations


def test_a_lost_state_is_adopted_whole(world: StackWorld) -> None:
    world.up()
    set_switch(world, "caisse-01", closed=True)
    made = [(each["Name"], each["CreationDate"]) for each in client("s3").list_buckets()["Buckets"]]
    world.state_file.unlink()
    storage = world.layout()
    users_and_buckets = sorted(
        [storage.owner, *(str(each.user) for each in storage.machines), *(each.bucket for each in storage.machines)]
    )
    planned = operations(world.plan())
    assert sorted(planned["adopt"]) == users_and_buckets
    assert sorted([*planned["adopt"], *planned["create"]]) == every_name(world)
    assert operations(world.up()) == planned
    assert world.up() == []
    assert policy.has_switch(live_policy(world.bucket("caisse-01")), policy.GATE_SID)
    assert [(each["Name"], each["CreationDate"]) for each in client("s3").list_buckets()["Buckets"]] == made


@pytest.mark.parametrize("tags", [{}, {"coffre-tenant-id": "another"}], ids=["no tags", "another tenant's"])
def test_a_bucket_that_is_not_this_tenants_is_refused_by_name(world: StackWorld, tags: dict[str, str]) -> None:
    bucket = world.bucket("compta-01")
    client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": world.platform.region})
    tag_set = [{"Key": key, "Value": value} for key, value in tags.items()]
    client("s3").put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tag_set})
    client("s3").put_object(Bucket=bucket, Key="somebody's", Body=b"")
    with pytest.raises(RefusedError, match=bucket):
        world.up()
    assert client("iam").list_users()["Users"] == []


def test_a_retired_machines_user_goes_with_its_keys_and_its_bucket_stays(world: StackWorld) -> None:
    world.up()
    user, bucket = world.user("compta-01"), world.bucket("compta-01")
    client("iam").create_access_key(UserName=user)
    planned = world.plan(retired=["compta-01"])
    wanted = {user: "delete", f"{user}-policy": "delete", f"{bucket}-policy": "update"}
    assert {each.name: each.operation for each in planned} == wanted
    world.up(retired=["compta-01"])
    assert world.up(retired=["compta-01"]) == []
    with pytest.raises(ClientError, match="NoSuchEntity"):
        client("iam").get_user(UserName=user)
    assert user not in json.dumps(live_policy(bucket))


def _await(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)
