"""Tries what Coffre needs on a test bucket: versions, policies, the gate, lifecycle, TLS."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from coffre.storage.aws.checks.judge import PolicyTrial, judge_gate, judge_policy
from coffre.storage.aws.checks.scratch import PATIENCE, Scratch
from coffre.storage.aws.checks.sessions import Sessions
from coffre.storage.aws.faults import aws_errors
from coffre.storage.aws.names import AwsPrincipals
from coffre.storage.checking import PlatformFinding, problem
from coffre.storage.s3 import lifecycle
from coffre.storage.s3.bucket import S3Bucket
from coffre.storage.s3.faults import AccessRefusedError
from coffre.storage.trying import KEY, UNDELETE_DAYS, Trial, judge_lifecycle, judge_switch, judge_versioning, run_trials


class Trials:
    """The trials of one test bucket; each one prepares the next."""

    def __init__(self, scratch: Scratch, sessions: Sessions, patience_seconds: float = PATIENCE.seconds) -> None:
        self._scratch = scratch
        self._sessions = sessions
        self._patience = replace(PATIENCE, seconds=patience_seconds)

    def run(self, on_progress: Callable[[str], None]) -> list[PlatformFinding]:
        """Make every trial; when AWS refuses to start one, this is a finding, and the others continue."""
        trials: list[Trial] = [
            ("policy", self._try_policy),
            ("versioning", self._try_versioning),
            ("gate", self._try_gate),
            ("lifecycle", self._try_lifecycle),
            ("tls", self._try_tls),
        ]
        return run_trials(trials, on_progress)

    def _try_policy(self) -> PlatformFinding:
        s = self._scratch
        written = self._patience.wait_until(lambda: self._may(self._machine_put)) is not None
        stranger = self._may(lambda: s.stranger.get_object(**s.bucket, Key=KEY))
        may_delete = self._may(lambda: s.machine.delete_object(**s.bucket, Key=KEY))
        return judge_policy(
            PolicyTrial(
                owner_may_delete=self._owner_may_delete(),
                machine_may_write=written,
                machine_may_delete=may_delete,
                stranger_may_read=stranger,
            )
        )

    def _owner_may_delete(self) -> bool:
        s = self._scratch

        def delete_all() -> None:
            for version in s.owner.list_object_versions(**s.bucket, Prefix=KEY).get("Versions", []):
                s.owner.delete_object(**s.bucket, Key=KEY, VersionId=version["VersionId"])

        return self._may(delete_all)

    def _try_versioning(self) -> PlatformFinding:
        s = self._scratch
        with self._errors("write two versions"):
            for body in (b"1", b"2"):
                s.owner.put_object(**s.bucket, Key="reports/versions", Body=body)
            versions = s.owner.list_object_versions(**s.bucket, Prefix="reports/versions").get("Versions", [])
        return judge_versioning(works=len(versions) == 2)

    def _try_gate(self) -> PlatformFinding:
        bucket = S3Bucket(self._scratch.name, self._scratch.owner, AwsPrincipals(self._scratch.account))
        bucket.set_gate(closed=True)
        closed_after = self._patience.wait_until(lambda: not self._may(self._machine_put))
        bucket.set_gate(closed=False)
        if closed_after is not None and self._patience.wait_until(lambda: self._may(self._machine_put)) is None:
            return problem("gate", "an opened gate still refuses writes", "Do not apply a tenant here.")
        return judge_gate(closed_after, self._patience.seconds)

    def _try_lifecycle(self) -> PlatformFinding:
        s = self._scratch
        wanted = lifecycle.normalise_all(lifecycle.rules(UNDELETE_DAYS))
        with self._errors("write the lifecycle"):
            rules: Any = lifecycle.document(wanted)
            s.owner.put_bucket_lifecycle_configuration(**s.bucket, LifecycleConfiguration={"Rules": rules})
        return judge_lifecycle(works=self._patience.wait_until(lambda: self._read_lifecycle() == wanted) is not None)

    def _read_lifecycle(self) -> dict[str, lifecycle.Rule]:
        s = self._scratch
        with self._errors("read the lifecycle"):
            return lifecycle.by_id(s.owner.get_bucket_lifecycle_configuration(**s.bucket).get("Rules", []))

    def _try_tls(self) -> PlatformFinding:
        s = self._scratch
        plain = self._sessions.plain_s3_of(s.owner_key)
        try:
            is_open = self._may(lambda: plain.list_objects_v2(**s.bucket, MaxKeys=1))
        finally:
            plain.close()
        return judge_switch(
            "tls",
            works=not is_open,
            does="a request without TLS is refused",
            consequence="Names of backups, orders and reports could be read on the way: do not apply a tenant here.",
        )

    def _machine_put(self) -> object:
        return self._scratch.machine.put_object(**self._scratch.bucket, Key=KEY, Body=b"x")

    def _may(self, call: Callable[[], object]) -> bool:
        """Tell whether AWS allows something; any other error is raised."""
        try:
            with self._errors("call"):
                call()
        except AccessRefusedError:
            return False
        return True

    def _errors(self, doing: str) -> Any:
        return aws_errors(f"{doing} in bucket {self._scratch.name}", self._scratch.owner.meta.endpoint_url)
