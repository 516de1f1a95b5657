"""The floors: what the same work takes when its calls are made by hand, without Coffre and without Pulumi."""

import json
import subprocess
from pathlib import Path

import yaml

from coffre.storage.ceph import bucket_policy
from coffre.storage.ceph.storage import CephStorage
from coffre.storage.s3 import lifecycle, policy
from coffre.storage.s3.client import make_client
from coffre.storage.values import AccessKey

MACHINES = 3
QUOTA_BYTES = 10 * 1024**3


class BareTenant:
    """One tenant's 21 resources made by the plain calls, in a row, as a script would."""

    def __init__(self, storage: CephStorage, number: int) -> None:
        self._admin = storage.admin
        self.owner = f"bare-{number}"
        self._key = AccessKey(f"BAREKEY{number:013d}", "bare-secret-" + "x" * 28)
        self._s3 = make_client(storage.endpoint, self._key)

    def create(self) -> None:
        self._admin.create_user(self.owner, self.owner, 1000)
        self._admin.put_key(self.owner, self._key)
        self._admin.set_quota(self.owner, QUOTA_BYTES)
        for number in range(MACHINES):
            uid, bucket = f"{self.owner}.{number}", f"{self.owner}-{number}"
            self._admin.create_user(uid, uid, -1)
            self._admin.put_key(uid, AccessKey(f"{number}{self._key.access_key_id[1:]}", "s" * 40))
            self._s3.create_bucket(Bucket=bucket)
            self._s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            self._s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "id", "Value": self.owner}]})
            statements = bucket_policy.statements(bucket, self.owner, uid)
            self._s3.put_bucket_policy(Bucket=bucket, Policy=policy.render(policy.document(statements)))
            self._s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"IgnorePublicAcls": True})
            self._s3.put_bucket_lifecycle_configuration(
                Bucket=bucket,
                LifecycleConfiguration={"Rules": lifecycle.document(lifecycle.rules(14))},  # type: ignore[typeddict-item]
            )

    def read(self) -> None:
        self._admin.find_user(self.owner)
        for number in range(MACHINES):
            bucket = f"{self.owner}-{number}"
            self._admin.find_user(f"{self.owner}.{number}")
            self._s3.get_bucket_versioning(Bucket=bucket)
            self._s3.get_bucket_tagging(Bucket=bucket)
            self._s3.get_bucket_policy(Bucket=bucket)
            self._s3.get_public_access_block(Bucket=bucket)
            self._s3.get_bucket_lifecycle_configuration(Bucket=bucket)

    def set_quota(self, extra_bytes: int) -> None:
        self._admin.set_quota(self.owner, QUOTA_BYTES + extra_bytes)

    def observe(self) -> None:
        """Make the calls of a status: the owner's use, and of each bucket a listing and its policy."""
        self._admin.used_bytes(self.owner, exact=True)
        for number in range(MACHINES):
            self._s3.list_objects_v2(Bucket=f"{self.owner}-{number}")
            self._s3.get_bucket_policy(Bucket=f"{self.owner}-{number}")


def load_yaml(folder: Path) -> None:
    for path in folder.glob("*.yaml"):
        yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)


def touch_hosts(ssh_config: Path, hosts: list[str]) -> None:
    """Ask each machine for nothing, over SSH, all at once."""
    running = [subprocess.Popen(["ssh", "-F", ssh_config, host, "true"]) for host in hosts]
    for process in running:
        if process.wait() != 0:
            raise RuntimeError("a machine does not answer")


def restic_backup(ssh_config: Path, host: str, script: str) -> float:
    """Run a timed script on a machine and return the seconds that it printed last."""
    done = subprocess.run(["ssh", "-F", ssh_config, host, script], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"on {host}: {done.stderr}")
    return float(json.loads(done.stdout.splitlines()[-1]))
