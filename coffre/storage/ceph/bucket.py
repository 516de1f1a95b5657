"""One machine's bucket on RGW, opened with one key; implements the driver's Bucket."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from coffre.errors import RefusedError
from coffre.storage.ceph import policy
from coffre.storage.ceph.faults import NoSuchKeyError, NotConfiguredError, rgw_errors
from coffre.storage.driver import ObjectFacts

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_GATE_ATTEMPTS = 3


class CephBucket:
    """A bucket seen with one key; the gate needs the owner's."""

    def __init__(self, name: str, client: S3Client) -> None:
        self.name = name
        self._s3 = client

    def current_bytes(self) -> int:
        return sum(facts.size_bytes for facts in self._walk(""))

    def list_objects(self, prefix: str) -> list[ObjectFacts]:
        return list(self._walk(prefix))

    def find_newest(self, prefix: str) -> ObjectFacts | None:
        return max(self._walk(prefix), key=lambda facts: (facts.modified_at, facts.key), default=None)

    def find(self, key: str) -> bytes | None:
        try:
            with self._errors(f"read {key} of bucket {self.name}"):
                return self._s3.get_object(Bucket=self.name, Key=key)["Body"].read()
        except NoSuchKeyError:
            return None

    def exists(self, key: str) -> bool:
        try:
            with self._errors(f"look for {key} in bucket {self.name}"):
                self._s3.head_object(Bucket=self.name, Key=key)
        except NoSuchKeyError:
            return False
        return True

    def put(self, key: str, body: bytes) -> None:
        with self._errors(f"write {key} of bucket {self.name}"):
            self._s3.put_object(Bucket=self.name, Key=key, Body=body)

    def is_gate_closed(self) -> bool:
        """Tell whether the machine is kept from writing backups; a bucket of no machine counts as closed."""
        live = self._read_policy()
        return _machine(live) is None or policy.has_switch(live, policy.GATE_SID)

    def set_gate(self, closed: bool) -> bool:
        """Add or take away the gate's statement and read it back; every other statement stays as it is.

        Raises RefusedError when there is no policy to carry the gate, or no machine to let in.
        """
        for _ in range(_GATE_ATTEMPTS):
            live = self._read_policy()
            machine = _machine(live)
            if machine is None and closed and policy.owned(live):
                return False
            if machine is None:
                raise RefusedError(
                    f"bucket {self.name} has no policy that lets a machine write, so it has no gate to move",
                    "run `coffre apply` for the tenant first",
                )
            statement = policy.gate_statement(self.name, machine) if closed else None
            wanted = policy.with_switch(live, policy.GATE_SID, statement)
            if policy.is_same(live, wanted):
                return False
            self._write_policy(wanted)
            # Two writers of one policy can overtake each other, and RGW has no conditional write for it.
            if policy.has_switch(self._read_policy(), policy.GATE_SID) == closed:
                return True
        raise RefusedError(
            f"the gate of bucket {self.name} was moved back by another writer each time",
            "see who else runs Coffre on this tenant, then try again",
        )

    def probe_server_time(self) -> datetime:
        with self._errors(f"ask for bucket {self.name}"):
            answer = self._s3.head_bucket(Bucket=self.name)
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).astimezone(UTC)

    def _walk(self, prefix: str) -> Iterator[ObjectFacts]:
        with self._errors(f"list {prefix or 'the objects'} of bucket {self.name}"):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
                for entry in page.get("Contents", []):
                    modified_at = entry["LastModified"].astimezone(UTC)
                    yield ObjectFacts(entry["Key"], entry["Size"], modified_at, entry["ETag"].strip('"'))

    def _read_policy(self) -> policy.Document:
        try:
            with self._errors(f"read the policy of bucket {self.name}"):
                return policy.parse(self._s3.get_bucket_policy(Bucket=self.name)["Policy"])
        except NotConfiguredError:
            return {}

    def _write_policy(self, wanted: policy.Document) -> None:
        owner = policy.find_principal(wanted, policy.OWNER_SID)
        if owner is None:
            raise RefusedError(
                f"the policy of bucket {self.name} has no statement for its owner, so it was not written by Coffre",
                "run `coffre apply` for the tenant first",
            )
        policy.refuse_lockout(wanted, owner)
        with self._errors(f"write the policy of bucket {self.name}"):
            self._s3.put_bucket_policy(Bucket=self.name, Policy=policy.render(wanted))

    def _errors(self, doing: str) -> Any:
        return rgw_errors(doing, self._s3.meta.endpoint_url)


def _machine(live: policy.Document) -> str | None:
    return policy.find_principal(live, policy.MACHINE_WRITE_SID)
