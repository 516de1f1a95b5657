"""One machine's bucket on an S3 platform, opened with one key; implements the driver's Bucket."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from coffre.errors import RefusedError
from coffre.outside.faults import Fault
from coffre.storage.s3 import lifecycle, policy
from coffre.storage.s3.answers import VERSION_MARKERS, count, moment, walk_pages, word
from coffre.storage.s3.faults import NoSuchKeyError, NotConfiguredError, S3Error, s3_errors
from coffre.storage.values import Contents, ObjectFacts, ObjectVersion, Unusable

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from coffre.storage.s3.object_reader import ObjectReader

_SWITCH_ATTEMPTS = 3
_MAX_VERSIONS = 5000
"""The maximum of one key's versions in the search for the first one: five pages."""
_BAD_REQUEST, _NO_SUCH_RANGE = 400, 416
_PART_BYTES = 1 << 20
_READ_PATIENCE_SECONDS = 900.0
"""The maximum duration for one object; a slower gateway counts as one that does not return it."""


@dataclass(frozen=True)
class _Switch:
    """A policy statement that is switched on and off at run time; ``word`` names it in errors."""

    sid: str
    word: str
    statement: Callable[[str, str, policy.Principals], policy.PolicyStatement]


_GATE = _Switch(policy.GATE_SID, "gate", policy.gate_statement)
_STOP = _Switch(policy.STOP_SID, "stop", policy.stop_statement)
_SUSPENSION = _Switch(policy.SUSPENSION_SID, "suspension", policy.suspension_statement)


class S3Bucket:
    """A bucket seen with one key; the gate needs the owner's."""

    def __init__(
        self,
        name: str,
        client: S3Client | Callable[[], S3Client],
        names: policy.Principals = policy.NO_ACCOUNT,
        reader: ObjectReader | None = None,
    ) -> None:
        """``client`` may be what makes it on first use; ``reader`` reads objects with less work than the client."""
        self.name = name
        self._client = client
        self._names = names
        self._reader = reader

    @cached_property
    def _s3(self) -> S3Client:
        return self._client() if callable(self._client) else self._client

    def current_bytes(self) -> int:
        return sum(facts.size_bytes for facts in self._walk(""))

    def list_objects(self, prefix: str) -> list[ObjectFacts]:
        return list(self._walk(prefix))

    def find_newest_at(self, prefix: str) -> datetime | None:
        return max((facts.modified_at for facts in self._walk(prefix)), default=None)

    def walk_objects(self, prefix: str) -> Iterator[ObjectFacts]:
        return self._walk(prefix)

    def find(self, key: str, limit_bytes: int) -> bytes | Unusable | None:
        reader = self._reader
        if reader is None:
            return self._read(key, limit_bytes, {})
        return _judge(lambda: reader.find(self.name, key, limit_bytes))

    def find_first(self, key: str, limit_bytes: int) -> bytes | Unusable | None:
        versions: list[ObjectVersion] = []
        for version in self._walk_versions(key):
            if version.key != key or len(versions) > _MAX_VERSIONS:
                break
            versions.append(version)
        there = [version for version in versions if not version.is_marker]
        if not there or len(versions) > _MAX_VERSIONS:
            return None
        first = min(reversed(there), key=lambda version: version.modified_at)
        return self._read(key, limit_bytes, {"VersionId": first.version_id})

    def find_version(self, key: str, version_id: str, limit_bytes: int) -> bytes | Unusable | None:
        return self._read(key, limit_bytes, {"VersionId": version_id})

    def _read(self, key: str, limit_bytes: int, which: Mapping[str, Any]) -> bytes | Unusable | None:
        def ask() -> bytes | None:
            with self._errors(f"read {key} of bucket {self.name}"):
                # One byte more than the limit shows a larger object; an object may have terabytes.
                answer = self._s3.get_object(Bucket=self.name, Key=key, Range=f"bytes=0-{limit_bytes}", **which)
                with closing(answer["Body"]) as body:
                    content: bytes = body.read(limit_bytes + 1)
            return content if len(content) <= limit_bytes else None

        return _judge(ask)

    def read_sha256(self, key: str, limit_bytes: int) -> str | None:
        digest, read_bytes, began = hashlib.sha256(), 0, time.monotonic()
        try:
            with (
                self._errors(f"read {key} of bucket {self.name}"),
                closing(self._s3.get_object(Bucket=self.name, Key=key)["Body"]) as body,
            ):
                for part in body.iter_chunks(_PART_BYTES):
                    digest.update(part)
                    read_bytes += len(part)
                    if read_bytes > limit_bytes or time.monotonic() - began > _READ_PATIENCE_SECONDS:
                        break
        except NoSuchKeyError:
            return None
        except S3Error as refusal:
            # Its writer encrypted it with its own key (SSE-C): nobody else can read it, so it is not a pack.
            if refusal.http_status != _BAD_REQUEST:
                raise
        return digest.hexdigest()

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

    def walk_versions(self, prefix: str) -> Iterator[ObjectVersion]:
        return self._walk_versions(prefix)

    def list_versions(self, prefix: str) -> list[ObjectVersion]:
        found = sorted(self._walk_versions(prefix), key=lambda version: not version.is_latest)
        found.sort(key=lambda version: version.modified_at, reverse=True)
        return sorted(found, key=lambda version: version.key)

    def count_contents(self) -> Contents:
        versions = markers = uploads = 0
        with self._errors(f"list everything in bucket {self.name}"):
            listed: Any = self._s3.get_paginator("list_object_versions").paginate(Bucket=self.name)
            for page in walk_pages(listed, f"list {self.name}", *VERSION_MARKERS):
                versions += len(page.get("Versions", []))
                markers += len(page.get("DeleteMarkers", []))
            listed = self._s3.get_paginator("list_multipart_uploads").paginate(Bucket=self.name)
            for parts in walk_pages(listed, f"list {self.name}", "NextKeyMarker", "NextUploadIdMarker"):
                uploads += len(parts.get("Uploads", []))
        return Contents(versions, markers, uploads)

    def restore_version(self, key: str, version_id: str) -> None:
        with self._errors(f"bring back {key} of bucket {self.name}"):
            self._s3.copy_object(
                Bucket=self.name,
                Key=key,
                CopySource={"Bucket": self.name, "Key": key, "VersionId": version_id},
            )

    def copy(self, key: str, to: str) -> None:
        with self._errors(f"copy {key} of bucket {self.name}"):
            self._s3.copy_object(Bucket=self.name, Key=to, CopySource={"Bucket": self.name, "Key": key})

    def hide(self, key: str) -> None:
        with self._errors(f"hide {key} of bucket {self.name}"):
            self._s3.delete_object(Bucket=self.name, Key=key)

    def is_gate_closed(self) -> bool:
        """Tell whether the machine cannot write backups; a bucket without machine counts as closed."""
        live = self._read_policy()
        return self._machine(live) is None or policy.has_switch(live, policy.GATE_SID)

    def set_gate(self, closed: bool) -> bool:
        """Add or remove the gate's statement and read it back; every other statement stays unchanged.

        Raises RefusedError when there is no policy for the gate, or no machine.
        """
        return self._set_switch(_GATE, closed)

    def is_stopped(self) -> bool:
        """Tell whether the machine may write nothing at all; a bucket without machine is not stopped."""
        return policy.has_switch(self._read_policy(), policy.STOP_SID)

    def set_stop(self, stopped: bool) -> bool:
        """Add or remove the stop's statement and read it back, as `set_gate` does with the gate's."""
        return self._set_switch(_STOP, stopped)

    def is_suspended(self) -> bool:
        """Tell whether the machine has no access to its repository; a bucket without machine counts as suspended."""
        live = self._read_policy()
        return self._machine(live) is None or policy.has_switch(live, policy.SUSPENSION_SID)

    def set_suspension(self, suspended: bool) -> bool:
        """Add or remove the suspension's statement and read it back, as `set_gate` does with the gate's."""
        return self._set_switch(_SUSPENSION, suspended)

    def list_expiry_rules(self) -> list[str]:
        return list(self._read_lifecycle())

    def undelete_days(self) -> int | None:
        return lifecycle.find_undelete_days(self._read_lifecycle())

    def _read_lifecycle(self) -> dict[str, lifecycle.Rule]:
        try:
            with self._errors(f"read the lifecycle of bucket {self.name}"):
                answer = self._s3.get_bucket_lifecycle_configuration(Bucket=self.name)
        except NotConfiguredError:
            return {}
        return lifecycle.by_id(answer.get("Rules", []))

    def clear_expiry_rules(self) -> None:
        with self._errors(f"delete the lifecycle of bucket {self.name}"):
            self._s3.delete_bucket_lifecycle(Bucket=self.name)

    def probe_server_time(self) -> datetime:
        with self._errors(f"ask for bucket {self.name}"):
            # Not HEAD: RGW refuses it without a reason.
            answer = self._s3.get_bucket_location(Bucket=self.name)
            return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).astimezone(UTC)

    def _walk(self, prefix: str) -> Iterator[ObjectFacts]:
        doing = f"list {prefix or 'the objects'} of bucket {self.name}"
        with self._errors(doing):
            listed: Any = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
            for page in walk_pages(listed, doing, "NextContinuationToken"):
                yield from [_facts(entry) for entry in page.get("Contents", [])]

    def _walk_versions(self, prefix: str) -> Iterator[ObjectVersion]:
        doing = f"list the versions of {prefix or 'the objects'} of bucket {self.name}"
        with self._errors(doing):
            listed: Any = self._s3.get_paginator("list_object_versions").paginate(Bucket=self.name, Prefix=prefix)
            for page in walk_pages(listed, doing, *VERSION_MARKERS):
                yield from [_version(entry, is_marker=False) for entry in page.get("Versions", [])]
                yield from [_version(entry, is_marker=True) for entry in page.get("DeleteMarkers", [])]

    def _set_switch(self, switch: _Switch, is_on: bool) -> bool:
        for _ in range(_SWITCH_ATTEMPTS):
            live = self._read_policy()
            machine = self._machine(live)
            if machine is None and is_on and policy.owned(live):
                return False
            if machine is None:
                raise RefusedError(
                    f"bucket {self.name} has no policy that lets a machine write, so it has no {switch.word} to change",
                    "run `coffre apply` for the tenant first",
                )
            statement = switch.statement(self.name, machine, self._names) if is_on else None
            wanted = policy.with_switch(live, switch.sid, statement)
            if policy.is_same(live, wanted):
                return False
            self._write_policy(wanted)
            # Two writers of one policy can overwrite each other, and RGW has no conditional write for it.
            if policy.has_switch(self._read_policy(), switch.sid) == is_on:
                return True
        raise RefusedError(
            f"another writer changed the {switch.word} of bucket {self.name} back each time",
            "check who else runs Coffre on this tenant, then try again",
        )

    def _read_policy(self) -> policy.PolicyDocument:
        return read_policy(self._s3, self.name, self._errors(f"read the policy of bucket {self.name}"))

    def _write_policy(self, wanted: policy.PolicyDocument) -> None:
        owner = policy.find_principal(wanted, policy.OWNER_SID, self._names)
        if owner is None:
            raise RefusedError(
                f"the policy of bucket {self.name} has no statement for its owner, so it was not written by Coffre",
                "run `coffre apply` for the tenant first",
            )
        policy.refuse_lockout(wanted, owner, self._names)
        with self._errors(f"write the policy of bucket {self.name}"):
            self._s3.put_bucket_policy(Bucket=self.name, Policy=policy.render(wanted))

    def _machine(self, live: policy.PolicyDocument) -> str | None:
        return policy.find_principal(live, policy.MACHINE_ACL_SID, self._names)

    def _errors(self, doing: str) -> Any:
        return s3_errors(doing, self._s3.meta.endpoint_url)


def read_policy(client: S3Client, bucket: str, errors: AbstractContextManager[object]) -> policy.PolicyDocument:
    """Return a bucket's policy, a missing one as empty; ``errors`` turns botocore's errors into ours."""
    try:
        with errors:
            return policy.parse(client.get_bucket_policy(Bucket=bucket)["Policy"])
    except NotConfiguredError:
        return {}


def _facts(entry: Mapping[str, Any]) -> ObjectFacts:
    return ObjectFacts(word(entry["Key"]), count(entry["Size"]), moment(entry["LastModified"]), _etag(entry))


def _version(entry: Mapping[str, Any], *, is_marker: bool) -> ObjectVersion:
    return ObjectVersion(
        word(entry["Key"]),
        word(entry["VersionId"]),
        moment(entry["LastModified"]),
        bool(entry["IsLatest"]),
        is_marker,
        size_bytes=0 if is_marker else count(entry["Size"]),
        etag="" if is_marker else _etag(entry),
    )


def _etag(entry: Mapping[str, Any]) -> str:
    return word(entry["ETag"]).strip('"')


def _judge(ask: Callable[[], bytes | None]) -> bytes | Unusable | None:
    """Return what a read of an object means; ``ask`` returns None for a larger one than the limit."""
    try:
        content = ask()
    except NoSuchKeyError:
        return None
    except S3Error as refusal:
        if refusal.http_status == _NO_SUCH_RANGE:
            return b""  # An empty object has no first byte.
        if refusal.http_status == _BAD_REQUEST:
            return Unusable(Fault.UNREADABLE)  # Its writer encrypted it with its own key (SSE-C).
        raise
    return Unusable(Fault.TOO_LARGE) if content is None else content
