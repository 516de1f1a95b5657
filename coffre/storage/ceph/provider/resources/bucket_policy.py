"""Resource BucketPolicy: every statement of a bucket's policy but the switches (gate, suspension)."""

from collections.abc import Mapping
from typing import Any, ClassVar

from coffre.errors import RemoteError
from coffre.storage.ceph.provider import names
from coffre.storage.ceph.provider.resources.base import RgwResource
from coffre.storage.provider import inputs
from coffre.storage.provider.fields import Field, Inputs, Shape
from coffre.storage.s3 import policy


def _statements_problem(value: Any) -> str | None:
    problem = inputs.map_of_maps(value)
    if problem:
        return problem
    switches = sorted(policy.SWITCH_SIDS & set(value))
    if switches:
        return f"may not hold {', '.join(switches)}, which is switched while the service runs"
    return None


def _normalise(value: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {sid: policy.normalise(statement) for sid, statement in sorted(value.items())}


class BucketPolicy(RgwResource):
    """A bucket's policy as a map of statements by Sid. Another bucket replaces it; statements change in place.

    Statements with the Sids `CoffreGateClosed`, `CoffreWritesStopped` and `CoffreSuspended` are switched while the
    service runs: they are preserved on every write, also on deletion, and never show as a difference. Every user that a
    statement names must exist (RGW accepts unknown ones silently), and no Deny may reach the owner. A policy that holds
    switches only counts as none; one with other statements is adopted when they are equal.
    """

    word = "policy of bucket"
    written = "bucket"
    fields: ClassVar[Mapping[str, Field]] = {
        "bucket": Field(names.bucket_name, "The name of the bucket whose policy it is.", replaces=True),
        "statements": Field(
            _statements_problem,
            "Every statement of the policy in the form of S3, by Sid, the Sid itself left out: `Effect`, `Principal`, "
            "`Action`, `Resource` and what else S3 knows. At least one.",
            Shape.MAPS,
            by_entry=True,
            normalise=_normalise,
        ),
    }

    @classmethod
    def identify(cls, values: Mapping[str, Any]) -> str:
        return str(values["bucket"])

    def find(self, resource_id: str) -> Inputs | None:
        bucket = self._platform.find_bucket(resource_id)
        if bucket is None:
            return None
        statements = policy.owned(bucket.read_policy())
        return {"bucket": resource_id, "statements": statements} if statements else None

    def make(self, wanted: Inputs) -> None:
        self._write(wanted)

    def change(self, wanted: Inputs) -> None:
        self._write(wanted)

    def remove(self, state: Inputs) -> None:
        bucket = self._platform.find_bucket(state["bucket"])
        if bucket is None:
            return
        switches = policy.with_statements(bucket.read_policy(), {})
        with bucket.if_there(), bucket.doing("delete the policy"):
            if switches["Statement"]:
                bucket.s3.put_bucket_policy(Bucket=state["bucket"], Policy=policy.render(switches))
            else:
                bucket.s3.delete_bucket_policy(Bucket=state["bucket"])

    def _write(self, wanted: Inputs) -> None:
        name = wanted["bucket"]
        bucket = self._platform.get_bucket(name)
        self._require_users(name, wanted["statements"])
        document = policy.with_statements(bucket.read_policy(), wanted["statements"])
        policy.refuse_lockout(document, bucket.facts.owner)
        with bucket.doing("write the policy"):
            bucket.s3.put_bucket_policy(Bucket=name, Policy=policy.render(document))

    def _require_users(self, name: str, statements: Mapping[str, policy.PolicyStatement]) -> None:
        missing = [uid for uid in policy.list_uids(statements) if self._platform.admin.find_user(uid) is None]
        if missing:
            raise RemoteError(
                f"policy of bucket {name} names users that do not exist: {', '.join(missing)}",
                "create them first: let the policy depend on its User resources",
            )
