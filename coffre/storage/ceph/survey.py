"""Reads an RGW platform for many tenants: each user once, the names of an owner's buckets, and one record a bucket.

No bucket's content is counted: that is most of what RGW does for a question about a bucket. RGW keeps a bucket's
settings in one record, each in a binary form of its own. A form is read by S3 once: what has the same bytes has the
same meaning, for every tenant.
"""

import struct
import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, takewhile
from typing import Any, TypeVar

from coffre.storage.ceph.api.admin import AdminClient, BucketRecord, survey_user
from coffre.storage.ceph.api.admin_http import AdminHttp
from coffre.storage.ceph.declaration import CephDeclaration
from coffre.storage.ceph.drift import RememberingAdmin, compare
from coffre.storage.ceph.provider.platform import OpenBucket, RgwPlatform
from coffre.storage.platform import Declaration, RecordedResource, SecretOf
from coffre.storage.s3 import lifecycle, policy
from coffre.storage.s3.faults import AbsurdAnswerError, AccessRefusedError
from coffre.storage.s3.signed_http import connect_plainly
from coffre.storage.s3.switches import read_switches
from coffre.storage.survey import HomeSurvey, SurveyedBucket
from coffre.storage.values import AccessKey, Endpoint

T = TypeVar("T")

_POLICY, _TAGS, _RULES, _PUBLIC_ACCESS = (
    "user.rgw.iam-policy",
    "user.rgw.x-amz-tagging",
    "user.rgw.lc",
    "user.rgw.public-access",
)
_MAX_MEANINGS = 100_000


class Meanings:
    """What RGW's binary forms of settings mean, as S3 said it; safe to use from many threads."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], Any] = {}
        self._guard = threading.Lock()

    def read(self, name: str, form: bytes, ask: Callable[[], T], still: Callable[[], bytes | None]) -> T:
        """Return the meaning of a form; ``ask`` asks S3 once, and ``still`` whether it was about this form."""
        with self._guard:
            if (name, form) in self._known:
                known: T = self._known[name, form]
                return known
        meaning = ask()
        # Somebody may have changed the setting in between: then the answer is true, and belongs to another form.
        if still() == form:
            with self._guard:
                if len(self._known) < _MAX_MEANINGS:
                    self._known[name, form] = meaning
        return meaning


class CephSurvey:
    """One platform with its administrator's key; implements Survey."""

    def __init__(self, endpoint: Endpoint, admin_key: AccessKey) -> None:
        self._endpoint, self._admin_key = endpoint, admin_key
        self._connections = AdminHttp(endpoint, admin_key, plain=connect_plainly(endpoint))
        self._meanings = Meanings()
        self._whole = _WholePlatform(AdminClient(endpoint, admin_key, self._connections))

    def look(self, declaration: Declaration, resources: Sequence[RecordedResource], secret_of: SecretOf) -> HomeSurvey:
        """Read what the platform has of a tenant; see `Survey`."""
        assert isinstance(declaration, CephDeclaration)  # noqa: S101 - its kind made both
        owner_uid = declaration.storage.owner_uid
        admin = RememberingAdmin(self._endpoint, self._admin_key, self._connections)
        uids = [owner_uid, *self._whole.find_uids(f"{owner_uid}.")]
        users = [user for uid in uids if (user := admin.find_user(uid)) is not None]
        owned = admin.list_buckets(owner_uid) if users else []
        platform = _SurveyPlatform(self._endpoint, admin, self._meanings, self._whole.find_instances(owned))
        drift = [each for one in declaration.in_clear(resources, secret_of) for each in compare(platform, one)]
        return HomeSurvey(
            tuple(drift),
            {user.uid: survey_user(user) for user in users},
            {
                bucket.facts.name: _bucket(bucket)
                for name in owned
                if (bucket := platform.find_bucket(name)) is not None
            },
        )

    def list_owners(self) -> None:
        """Return None: the buckets tell what an owner uses."""

    def look_around(self, owner_uid: str) -> None:
        """Return None: agents are not the platform's own."""


class _WholePlatform:
    """The users and buckets of the whole platform, listed once; safe to use from many threads."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin
        self._guard = threading.Lock()

    def find_uids(self, prefix: str) -> Sequence[str]:
        """Return the users whose names begin so."""
        with self._guard:
            uids = self._uids
        start = bisect_left(uids, prefix)
        return list(takewhile(lambda uid: uid.startswith(prefix), islice(uids, start, None)))

    def find_instances(self, names: Collection[str]) -> dict[str, str]:
        """Return the instance of each bucket that has only one record; another one may be left of a former bucket."""
        with self._guard:
            instances = self._instances
        return {name: instances[name][0] for name in names if len(instances.get(name, ())) == 1}

    @cached_property
    def _uids(self) -> Sequence[str]:
        return self._admin.list_users()

    @cached_property
    def _instances(self) -> Mapping[str, Sequence[str]]:
        found = defaultdict(list)
        for record in self._admin.walk_bucket_instances():
            name, _, instance = record.partition(":")
            found[name].append(instance)
        return dict(found)


class _SurveyPlatform(RgwPlatform):
    """The platform during the look at one tenant."""

    def __init__(
        self, endpoint: Endpoint, admin: RememberingAdmin, meanings: Meanings, instances: Mapping[str, str]
    ) -> None:
        """``instances`` are those of the buckets that the owner has at this moment, by name."""
        super().__init__(endpoint, admin)
        self._meanings = meanings
        self._instances = instances
        self._opened: dict[str, OpenBucket | None] = {}

    def find_bucket(self, name: str) -> OpenBucket | None:
        if name not in self._opened:
            self._opened[name] = self._open(name, self._instances.get(name)) or self._ask(name)
        return self._opened[name]

    def _ask(self, name: str) -> OpenBucket | None:
        """Ask for a bucket of which no instance is known, or no longer the right one."""
        found = super().find_bucket(name)
        # Without a record S3 shows the same, with more calls.
        return found if found is None else self._open(name, found.facts.instance) or found

    def _open(self, name: str, instance: str | None) -> OpenBucket | None:
        """Return the bucket of that record; None when it has none, or left it."""
        if instance is None:
            return None

        def find_record() -> BucketRecord | None:
            return self.admin.find_bucket_record(name, instance)

        try:
            record = find_record()
        except (AccessRefusedError, AbsurdAnswerError):
            return None
        if record is None or record.is_left or record.bucket.name != name:
            return None
        owner = record.bucket.owner
        return _SurveyBucket(
            record.bucket, self.url, lambda: self.client_of(owner), record, find_record, self._meanings
        )


@dataclass(frozen=True)
class _SurveyBucket(OpenBucket):
    """A bucket whose settings are read from its record, and by S3 where a form of them is new."""

    record: BucketRecord
    find_record: Callable[[], BucketRecord | None]
    meanings: Meanings

    def read_versioning(self) -> str:
        return self.meanings.read("flags", _flags(self.record), super().read_versioning, self._find_flags)

    def read_tags(self) -> dict[str, str]:
        """Return the tags, which differ from tenant to tenant: RGW's form of them is simple enough to read here."""
        form = self.record.settings.get(_TAGS)
        tags = {} if form is None else parse_tags(form)
        return super().read_tags() if tags is None else tags

    def read_rules(self) -> dict[str, lifecycle.Rule]:
        return self._read(_RULES, super().read_rules)

    def read_public_access(self) -> dict[str, Any]:
        return self._read(_PUBLIC_ACCESS, super().read_public_access)

    def read_policy(self) -> policy.PolicyDocument:
        return self._policy

    @cached_property
    def _policy(self) -> policy.PolicyDocument:
        form = self.record.settings.get(_POLICY)
        # RGW keeps the text itself.
        return {} if form is None else policy.parse(form.rstrip(b"\0").decode("utf-8", "replace"))

    def _read(self, name: str, ask: Callable[[], dict[str, T]]) -> dict[str, T]:
        form = self.record.settings.get(name)
        return {} if form is None else self.meanings.read(name, form, ask, lambda: self._find_setting(name))

    def _find_setting(self, name: str) -> bytes | None:
        record = self.find_record()
        return None if record is None else record.settings.get(name)

    def _find_flags(self) -> bytes | None:
        record = self.find_record()
        return None if record is None else _flags(record)


def parse_tags(form: bytes) -> dict[str, str] | None:
    """Read RGW's binary form of tags; None when it is another form than that of Ceph 16 to 20. Pure."""
    try:
        version, oldest_reader, length, count = struct.unpack_from("<BBII", form)
        if (version, oldest_reader, length) != (1, 1, len(form) - 6):
            return None
        texts, at = [], 10
        for _ in range(2 * count):
            (size,) = struct.unpack_from("<I", form, at)
            texts.append(form[at + 4 : at + 4 + size].decode("utf-8"))
            at += 4 + size
    except (struct.error, UnicodeDecodeError):
        return None
    return dict(zip(texts[::2], texts[1::2], strict=True)) if at == len(form) else None


def _flags(record: BucketRecord) -> bytes:
    return str(record.flags).encode()


def _bucket(bucket: OpenBucket) -> SurveyedBucket:
    return read_switches(bucket.facts.name, bucket.read_policy(), quota_bytes=bucket.facts.quota_bytes)
