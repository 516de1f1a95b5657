"""Reads an RGW platform for many tenants: each user once, all buckets of an owner at once, and one record a bucket.

RGW keeps a bucket's settings in one record, each in a binary form of its own. A form is read by S3 once: what has the
same bytes has the same meaning, for every tenant.
"""

import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from coffre.storage.ceph.api.admin import AdminBucket, BucketRecord, survey_user
from coffre.storage.ceph.api.admin_http import AdminHttp
from coffre.storage.ceph.declaration import CephDeclaration
from coffre.storage.ceph.drift import RememberingAdmin, compare
from coffre.storage.ceph.provider.platform import OpenBucket, RgwPlatform
from coffre.storage.platform import Declaration, RecordedResource, SecretOf
from coffre.storage.s3 import lifecycle, policy
from coffre.storage.s3.faults import AbsurdAnswerError, AccessRefusedError
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
        self._connections = AdminHttp(endpoint, admin_key)
        self._meanings = Meanings()
        self._listing = threading.Lock()
        self._uids: list[str] | None = None

    def look(self, declaration: Declaration, resources: Sequence[RecordedResource], secret_of: SecretOf) -> HomeSurvey:
        """Read what the platform has of a tenant; see `Survey`."""
        assert isinstance(declaration, CephDeclaration)  # noqa: S101 - its kind made both
        owner_uid = declaration.storage.owner_uid
        admin = RememberingAdmin(self._endpoint, self._admin_key, self._connections)
        platform = _SurveyPlatform(self._endpoint, admin, self._meanings)
        uids = [owner_uid, *(uid for uid in self._list_uids() if uid.startswith(f"{owner_uid}."))]
        users = [user for uid in uids if (user := admin.find_user(uid)) is not None]
        owned = admin.list_bucket_facts(owner_uid)
        drift = [each for one in declaration.in_clear(resources, secret_of) for each in compare(platform, one)]
        return HomeSurvey(
            tuple(drift),
            {user.uid: survey_user(user) for user in users},
            {bucket.name: _bucket(bucket, platform) for bucket in owned},
        )

    def _list_uids(self) -> list[str]:
        """Return the users of the whole platform, listed once."""
        with self._listing:
            if self._uids is None:
                admin = RememberingAdmin(self._endpoint, self._admin_key, self._connections)
                self._uids = admin.list_users()
            return self._uids


class _SurveyPlatform(RgwPlatform):
    """The platform during the look at one tenant."""

    def __init__(self, endpoint: Endpoint, admin: RememberingAdmin, meanings: Meanings) -> None:
        super().__init__(endpoint, admin)
        self._meanings = meanings
        self._opened: dict[str, _SurveyBucket] = {}

    def find_bucket(self, name: str) -> OpenBucket | None:
        if name in self._opened:
            return self._opened[name]
        found = super().find_bucket(name)
        if found is None:
            return None
        facts = found.facts

        def find_record() -> BucketRecord | None:
            return self.admin.find_bucket_record(facts.name, facts.instance)

        try:
            record = find_record()
        except (AccessRefusedError, AbsurdAnswerError):
            return found  # S3 shows the same, with more calls
        if record is None:  # rebuilt since it was listed
            return found
        opened = _SurveyBucket(found.facts, found.url, found.connect, record, find_record, self._meanings)
        return self._opened.setdefault(name, opened)


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


def _bucket(facts: AdminBucket, platform: RgwPlatform) -> SurveyedBucket:
    opened = platform.find_bucket(facts.name)
    return read_switches(facts.name, {} if opened is None else opened.read_policy(), quota_bytes=facts.quota_bytes)
