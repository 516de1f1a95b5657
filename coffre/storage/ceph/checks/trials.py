"""Tries what Coffre needs on a test bucket: policies, gate, versions, lifecycle, public access, quota."""

import itertools
from collections.abc import Callable
from typing import Any

from coffre.storage.ceph import bucket_policy
from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.ceph.checks.judge_trials import (
    PolicyTrial,
    judge_conditional_write,
    judge_freed,
    judge_gate,
    judge_policy,
    judge_quota,
)
from coffre.storage.ceph.checks.scratch import Scratch, empty_bucket
from coffre.storage.checking import PlatformFinding
from coffre.storage.s3 import lifecycle, policy
from coffre.storage.s3.bucket import S3Bucket
from coffre.storage.s3.faults import AccessRefusedError, S3Error, WallReachedError, s3_errors
from coffre.storage.trying import (
    KEY,
    UNDELETE_DAYS,
    Patience,
    Trial,
    judge_lifecycle,
    judge_switch,
    judge_versioning,
    run_trials,
)

PATIENCE = Patience(seconds=10.0, pause_seconds=0.1)
QUOTA_BYTES = 4 << 20
_PIECE_BYTES = 512 << 10


class Trials:
    """The trials of one test bucket; each one prepares the next."""

    def __init__(self, scratch: Scratch, admin: AdminClient) -> None:
        self._scratch = scratch
        self._admin = admin
        self._statements = bucket_policy.statements(scratch.bucket, scratch.owner_uid, scratch.machine_uid)

    def run(self, on_progress: Callable[[str], None]) -> list[PlatformFinding]:
        """Make every trial; when RGW refuses to start one, this is a finding, and the others continue."""
        trials: list[Trial] = [
            ("versioning", self._try_versioning),
            ("policy", self._try_policy),
            ("gate", self._try_gate),
            ("lifecycle", self._try_lifecycle),
            ("public access", self._try_public_access),
            ("conditional write", self._try_conditional_write),
            ("quota", self._try_quota),
            ("quota cache", self._try_freeing),
        ]
        return run_trials(trials, on_progress)

    def _try_versioning(self) -> PlatformFinding:
        s = self._scratch
        with self._errors("write two versions"):
            for body in (b"1", b"2"):
                s.owner.put_object(Bucket=s.bucket, Key="reports/versions", Body=body)
            status = s.owner.get_bucket_versioning(Bucket=s.bucket).get("Status")
            versions = s.owner.list_object_versions(Bucket=s.bucket, Prefix="reports/versions").get("Versions", [])
        return judge_versioning(works=status == "Enabled" and len(versions) == 2)

    def _try_policy(self) -> PlatformFinding:
        s = self._scratch
        self._write_policy(self._statements)
        written = PATIENCE.wait_until(lambda: self._may(self._machine_put)) is not None
        is_deleted = self._may(lambda: s.machine.delete_object(Bucket=s.bucket, Key=KEY))
        owned = self._may(lambda: s.owner.get_object(Bucket=s.bucket, Key=KEY))
        let_in = {
            "Effect": "Allow",
            "Principal": {"AWS": [bucket_policy.user_arn(s.stranger_uid)]},
            "Action": ["s3:GetObject"],
            "Resource": [f"arn:aws:s3:::{s.bucket}/*"],
        }
        without_deny = {sid: each for sid, each in self._statements.items() if sid != bucket_policy.STRANGERS_SID}
        self._write_policy({**without_deny, "CheckStranger": let_in})
        is_let_in = PATIENCE.wait_until(lambda: self._may(self._stranger_get)) is not None
        self._write_policy({**self._statements, "CheckStranger": let_in})
        is_shut_out = PATIENCE.wait_until(lambda: not self._may(self._stranger_get)) is not None
        self._write_policy(self._statements)
        may_delete = owned and self._may(lambda: s.owner.delete_object(Bucket=s.bucket, Key=KEY))
        return judge_policy(
            PolicyTrial(
                owner_may_delete=may_delete,
                machine_may_write=written,
                machine_may_delete=is_deleted,
                stranger_is_let_in=is_let_in,
                stranger_is_shut_out=is_shut_out,
            )
        )

    def _try_gate(self) -> PlatformFinding:
        bucket = S3Bucket(self._scratch.bucket, self._scratch.owner)
        bucket.set_gate(closed=True)
        closed_after = PATIENCE.wait_until(lambda: not self._may(self._machine_put))
        bucket.set_gate(closed=False)
        PATIENCE.wait_until(lambda: self._may(self._machine_put))
        return judge_gate(closed_after)

    def _try_lifecycle(self) -> PlatformFinding:
        s = self._scratch
        wanted = lifecycle.normalise_all(lifecycle.rules(UNDELETE_DAYS))
        with self._errors("write and read back the lifecycle"):
            rules: Any = lifecycle.document(wanted)
            s.owner.put_bucket_lifecycle_configuration(Bucket=s.bucket, LifecycleConfiguration={"Rules": rules})
            live = lifecycle.by_id(s.owner.get_bucket_lifecycle_configuration(Bucket=s.bucket).get("Rules", []))
        return judge_lifecycle(works=live == wanted)

    def _try_public_access(self) -> PlatformFinding:
        s = self._scratch
        from botocore import UNSIGNED

        switches = {"BlockPublicAcls": False, "IgnorePublicAcls": True, "BlockPublicPolicy": False}
        with self._errors("write the public access block"):
            s.owner.put_public_access_block(
                Bucket=s.bucket,
                PublicAccessBlockConfiguration={**switches, "RestrictPublicBuckets": False},
            )
            s.owner.put_object(Bucket=s.bucket, Key="reports/public", Body=b"x", ACL="public-read")
        s.owner.meta.events.register("choose-signer.s3.GetObject", _unsigned(UNSIGNED), unique_id="unsigned")
        try:
            is_closed = PATIENCE.wait_until(lambda: not self._may(self._public_get)) is not None
        finally:
            s.owner.meta.events.unregister("choose-signer.s3.GetObject", unique_id="unsigned")
        return judge_switch(
            "public access",
            works=is_closed,
            does="an object that its writer made public stays closed to the world",
            consequence="A stolen machine could publish its backups: do not apply a tenant here.",
        )

    def _try_conditional_write(self) -> PlatformFinding:
        s = self._scratch
        with self._errors("write once"):
            s.owner.put_object(Bucket=s.bucket, Key="control/once", Body=b"1")
        is_taken = self._may(
            lambda: s.owner.put_object(Bucket=s.bucket, Key="control/once", Body=b"2", IfNoneMatch="*"),
            refusals=("PreconditionFailed",),
        )
        return judge_conditional_write(is_honoured=not is_taken)

    def _try_quota(self) -> PlatformFinding:
        s = self._scratch
        with self._errors("empty the bucket"):
            empty_bucket(s.owner, s.bucket)
        self._admin.set_quota(s.owner_uid, QUOTA_BYTES)
        for number in range(QUOTA_BYTES // _PIECE_BYTES):
            if not self._takes(number):
                break
        pieces = itertools.count(QUOTA_BYTES // _PIECE_BYTES)
        return judge_quota(QUOTA_BYTES, PATIENCE.wait_until(lambda: not self._takes(next(pieces))))

    def _try_freeing(self) -> PlatformFinding:
        s = self._scratch
        with self._errors("empty the bucket"):
            empty_bucket(s.owner, s.bucket)
        return judge_freed(PATIENCE.wait_until(lambda: self._takes(0)))

    def _takes(self, number: int) -> bool:
        """Tell whether the quota lets the machine write one more piece."""
        s = self._scratch
        try:
            with self._errors("write"):
                s.machine.put_object(Bucket=s.bucket, Key=f"restic/data/{number}", Body=bytes(_PIECE_BYTES))
        except WallReachedError:
            return False
        return True

    def _machine_put(self) -> object:
        return self._scratch.machine.put_object(Bucket=self._scratch.bucket, Key=KEY, Body=b"x")

    def _stranger_get(self) -> object:
        return self._scratch.stranger.get_object(Bucket=self._scratch.bucket, Key=KEY)

    def _public_get(self) -> object:
        return self._scratch.owner.get_object(Bucket=self._scratch.bucket, Key="reports/public")

    def _may(self, call: Callable[[], object], refusals: tuple[str, ...] = ()) -> bool:
        """Tell whether RGW allows something; any other error is raised."""
        try:
            with self._errors("call"):
                call()
        except AccessRefusedError:
            return False
        except S3Error as refusal:
            if refusal.code not in refusals:
                raise
            return False
        return True

    def _write_policy(self, statements: dict[str, policy.PolicyStatement]) -> None:
        s = self._scratch
        with self._errors("write the policy"):
            s.owner.put_bucket_policy(Bucket=s.bucket, Policy=policy.render(policy.document(statements)))

    def _errors(self, doing: str) -> Any:
        return s3_errors(f"{doing} in bucket {self._scratch.bucket}", self._scratch.url)


def _unsigned(marker: object) -> Callable[..., object]:
    return lambda **_event: marker
