"""What a stolen key can and cannot do on AWS: the calls are made on moto, by the policies that are live there.

The switches are those that the driver sets. Who may do what is decided by the tests' evaluator (`enforcing.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from coffre.storage.aws.names import MACHINE_POLICY, USER_PATH, AwsPrincipals, programs_bucket
from coffre.storage.aws.policy import bucket_statements, machine_policy
from coffre.storage.s3 import policy
from coffre.storage.s3.bucket import S3Bucket
from coffre.storage.values import AccessKey
from tests.contracts.isolation import FOREIGN, MACHINES_KEYS, OWNERS_KEYS, OWNERS_WORK, SETTINGS, STATES
from tests.integration.storage.aws.enforcing import bind, make_client
from tests.moto_server import ACCOUNT, REGION, Moto, moto_server

OWNER, OTHER = "acme-k7f3q9wz2m", "other-m2x8c4v6bn"
SWITCHES = {"gate": S3Bucket.set_gate, "stop": S3Bucket.set_stop, "suspension": S3Bucket.set_suspension}


@dataclass(frozen=True)
class Place:
    """A machine with its bucket: clients with the rights of the machine's user and of its owner."""

    bucket: str
    machine: Any
    owner: Any


class Account:
    """Two tenants' users and buckets, made by the administrator."""

    def __init__(self, moto: Moto) -> None:
        self._moto = moto
        self._iam, self._s3 = make_client(moto, "iam"), make_client(moto, "s3")
        self.owners = {uid: bind(moto, self._make_user(uid)) for uid in (OWNER, OTHER)}

    def make_machine(self, owner: str, name: str) -> Place:
        uid, bucket = f"{owner}.{name}", f"{owner.split('-')[0]}-{name}-0123456789"
        client = bind(self._moto, self._make_user(uid))
        own = policy.render(machine_policy(ACCOUNT, bucket, programs_bucket(ACCOUNT, REGION)))
        self._iam.put_user_policy(UserName=uid, PolicyName=MACHINE_POLICY, PolicyDocument=own)
        self._s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self._s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        self.write_policy(bucket, bucket_statements(ACCOUNT, bucket, owner, uid))
        place = Place(bucket, client, self.owners[owner])
        for writer, keys in ((place.owner, OWNERS_KEYS), (place.machine, MACHINES_KEYS)):
            for key in keys:
                writer.put_object(Bucket=bucket, Key=key, Body=b"content")
        return place

    def write_policy(self, bucket: str, statements: Mapping[str, policy.PolicyStatement]) -> None:
        self._s3.put_bucket_policy(Bucket=bucket, Policy=policy.render(policy.document(statements)))

    def retire(self, owner: str, name: str, bucket: str) -> None:
        self._iam.delete_user_policy(UserName=f"{owner}.{name}", PolicyName=MACHINE_POLICY)
        self.write_policy(bucket, bucket_statements(ACCOUNT, bucket, owner, None))

    def _make_user(self, uid: str) -> AccessKey:
        self._iam.create_user(UserName=uid, Path=USER_PATH)
        given = self._iam.create_access_key(UserName=uid)["AccessKey"]
        return AccessKey(given["AccessKeyId"], given["SecretAccessKey"])


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with moto_server() as moto:
        yield Account(moto)


@pytest.fixture(scope="module")
def thief(account: Account) -> Place:
    return account.make_machine(OWNER, "thief")


@pytest.mark.parametrize("state", STATES)
def test_a_machine_may_what_its_state_says_and_nothing_else(account: Account, state: str) -> None:
    place = account.make_machine(OWNER, state.replace(" ", "-"))
    bucket = S3Bucket(place.bucket, place.owner, AwsPrincipals(ACCOUNT))
    for switch in STATES[state].switches:
        assert SWITCHES[switch](bucket, True)
    assert [
        str(call) for call in STATES[state].may_not if not call.is_refused(place.machine, place.bucket, place.owner)
    ] == []
    assert [str(call) for call in STATES[state].may if call.is_refused(place.machine, place.bucket, place.owner)] == []
    assert [str(call) for call in OWNERS_WORK if call.is_refused(place.owner, place.bucket)] == []


def test_nobody_else_sees_or_changes_anything(account: Account, thief: Place) -> None:
    neighbour, stranger = account.make_machine(OWNER, "neighbour"), account.make_machine(OTHER, "stranger")
    for caller, bucket in (
        (thief.machine, neighbour.bucket),
        (stranger.machine, thief.bucket),
        (stranger.owner, thief.bucket),
        (thief.owner, stranger.bucket),
    ):
        assert [str(call) for call in (*FOREIGN, *SETTINGS) if not call.is_refused(caller, bucket, thief.owner)] == []


def test_a_retired_machine_has_no_right_left(account: Account) -> None:
    place = account.make_machine(OWNER, "retired")
    account.retire(OWNER, "retired", place.bucket)
    assert [str(call) for call in FOREIGN if not call.is_refused(place.machine, place.bucket)] == []
    assert [str(call) for call in OWNERS_WORK if call.is_refused(place.owner, place.bucket)] == []
