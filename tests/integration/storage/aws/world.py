"""What the tests of AWS build on moto: an operator, tenants' users and buckets, with the driver's own policies.

Policies are judged by AWS's rules (`tests/moto_process.py`).
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coffre.spec.storage_platform import AwsPlatform
from coffre.storage.aws.connect import connect
from coffre.storage.aws.names import MACHINE_POLICY, OWNER_TAG, USER_PATH, programs_bucket, user_name
from coffre.storage.aws.policy import bucket_statements, machine_policy
from coffre.storage.aws.session import AwsSession
from coffre.storage.aws.storage import AwsStorage
from coffre.storage.s3 import lifecycle, policy
from coffre.storage.values import TENANT_ID_TAG, AccessKey
from tests.moto_server import ACCOUNT, REGION, Moto

HOSTING = {"operator": "Amazon Web Services", "site": "Paris", "country": "FR"}
EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


def make_platform(**settings: Any) -> AwsPlatform:
    return AwsPlatform.model_validate(
        {"kind": "aws", "account": ACCOUNT, "region": REGION, "hosting": HOSTING, **settings}
    )


@dataclass(frozen=True)
class User:
    """A user of the test with its key."""

    uid: str
    key: AccessKey


class World:
    """The account of one test module."""

    def __init__(self, moto: Moto, folder: Path) -> None:
        self.moto = moto
        self.folder = folder
        first = AwsSession(make_platform(), folder).client("iam")
        first.create_user(UserName="operator")
        first.put_user_policy(UserName="operator", PolicyName="everything", PolicyDocument=EVERYTHING)
        given = first.create_access_key(UserName="operator")["AccessKey"]
        credential = {"access_key_id": given["AccessKeyId"], "secret_access_key": given["SecretAccessKey"]}
        (folder / "operator.json").write_text(json.dumps(credential))
        self.platform = make_platform(credential="file:operator.json")
        self.storage: AwsStorage = connect(self.platform, folder)
        self.session = AwsSession(self.platform, folder)

    @property
    def iam(self) -> Any:
        return self.session.client("iam")

    @property
    def s3(self) -> Any:
        return self.session.s3()

    def make_owner(self, uid: str) -> User:
        self.iam.create_user(UserName=user_name(uid), Path=USER_PATH)
        return User(uid, self.storage.create_key(uid))

    def make_machine_user(self, uid: str, bucket: str) -> User:
        self.iam.create_user(UserName=user_name(uid), Path=USER_PATH)
        document = machine_policy(ACCOUNT, bucket, programs_bucket(ACCOUNT, REGION))
        self.iam.put_user_policy(
            UserName=user_name(uid), PolicyName=MACHINE_POLICY, PolicyDocument=policy.render(document)
        )
        return User(uid, self.storage.create_key(uid))

    def make_bucket(self, name: str, owner: str, machine: str | None, tenant_id: str = "k7f3q9wz2m") -> str:
        """Make a bucket as a tenant's stack does."""
        self._leave_the_second()
        place = {"LocationConstraint": REGION}
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration=place, ObjectOwnership="BucketOwnerEnforced")
        self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        tags = [{"Key": OWNER_TAG, "Value": owner}, {"Key": TENANT_ID_TAG, "Value": tenant_id}]
        self.s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
        document = policy.document(bucket_statements(ACCOUNT, name, owner, machine))
        self.s3.put_bucket_policy(Bucket=name, Policy=policy.render(document))
        rules = {"Rules": lifecycle.document(lifecycle.rules(14))}
        self.s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration=rules)
        return name

    def _leave_the_second(self) -> None:
        """Wait for the next second: AWS states the creation of a bucket in seconds."""
        began = int(time.time())
        while int(time.time()) == began:
            time.sleep(0.05)
