"""The buckets of an account in its region, seen with Coffre's own credential: existence, owner, creation, size.

The account owns every bucket. The tag `OWNER_TAG` names the user that a bucket belongs to, never its name alone.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from coffre.storage.aws.faults import aws_errors
from coffre.storage.aws.names import OWNER_TAG, AwsPrincipals, bucket_prefix
from coffre.storage.aws.session import AwsSession
from coffre.storage.s3.answers import Progress, moment, reading, word
from coffre.storage.s3.eraser import S3BucketEraser
from coffre.storage.s3.faults import AccessRefusedError, GoneError, NotConfiguredError, error_of
from coffre.storage.values import BucketFacts, PlatformAwayError

HOME_REGION = "us-east-1"
"""Where S3 keeps the records of all buckets.

The date that ListBuckets states is only constant there: elsewhere it is that of the bucket's last change, for example
of its policy (AWS documents that "this date can change"; that the date of this region does not is what AWS's own
console relies on, and what many have measured).
"""

_THREADS = 8


class AccountBuckets:
    """Reads buckets with Coffre's own credential; safe to use from many threads."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    def find(self, name: str) -> BucketFacts | None:
        """Return a bucket's facts by listings; None when the account has no such bucket."""
        tags = self._find_tags(name)
        if tags is None:
            return None
        created_at = self._created_at(name)
        entries, stored_bytes = self._measure(name)
        lifetime_id = f"{created_at:%Y-%m-%dT%H:%M:%SZ}"
        return BucketFacts(name, tags.get(OWNER_TAG, ""), lifetime_id, lifetime_id, entries, stored_bytes)

    def list_owned(self, uid: str) -> list[str]:
        """Return the buckets whose tag names a user as their owner."""
        names = [name for name, _ in self._walk(bucket_prefix(uid), self._session.region)]
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="tags") as threads:
            owners = list(threads.map(self._find_owner, names))
        return sorted(name for name, owner in zip(names, owners, strict=True) if owner == uid)

    def list_candidates(self, arn: str) -> list[str]:
        """Return the buckets that an identity may have to do with, by the slug in its user's name."""
        uid = AwsPrincipals(self._session.account).find_uid(arn)
        return [] if uid is None else [name for name, _ in self._walk(bucket_prefix(uid), self._session.region)]

    def answers(self, name: str) -> bool:
        """Tell whether a bucket's name still answers for the account."""
        doing, s3 = f"ask for bucket {name}", self._session.s3()
        try:
            with aws_errors(doing, s3.meta.endpoint_url):
                s3.head_bucket(Bucket=name)
        except GoneError:
            return False
        except AccessRefusedError:
            self._refuse_without_right(name, doing)
            return False
        return True

    def stored_bytes(self, name: str) -> int:
        """Return the size of all versions and unfinished uploads; 0 when the account has no such bucket."""
        try:
            return self._measure(name)[1]
        except GoneError:
            return 0
        except AccessRefusedError:
            self._refuse_without_right(name, f"list bucket {name}")
            return 0

    def _measure(self, name: str) -> tuple[int, int]:
        """Count the versions, and add up their sizes and those of unfinished uploads."""
        reader = S3BucketEraser(name, self._session.endpoint, self._session.credentials(), self._session.s3())
        entries = stored_bytes = 0
        for version in reader.walk_versions():
            entries += not version.is_marker
            stored_bytes += version.size_bytes
        return entries, stored_bytes + sum(reader.upload_bytes(upload) for upload in reader.walk_uploads())

    def _find_owner(self, name: str) -> str | None:
        tags = self._find_tags(name)
        return None if tags is None else tags.get(OWNER_TAG)

    def _find_tags(self, name: str) -> dict[str, str] | None:
        """Return a bucket's tags; None when the account has no such bucket."""
        doing, s3 = f"read the tags of bucket {name}", self._session.s3()
        try:
            with aws_errors(doing, s3.meta.endpoint_url):
                answer = s3.get_bucket_tagging(Bucket=name)
        except NotConfiguredError:
            return {}
        except GoneError:
            return None
        except AccessRefusedError:
            self._refuse_without_right(name, doing)
            return None
        with reading(doing):
            return {word(tag["Key"]): word(tag["Value"]) for tag in answer["TagSet"]}

    def _refuse_without_right(self, name: str, doing: str) -> None:
        """Raise AccessRefusedError when the bucket is the account's own; S3 also refuses those of other accounts."""
        if any(each == name for each, _ in self._walk(name, self._session.region)):
            raise error_of(doing, "AccessDenied", 403, "Coffre's own credential may not do this")

    def _created_at(self, name: str) -> datetime:
        found = next((created_at for each, created_at in self._walk(name, None) if each == name), None)
        if found is None:
            raise _not_listed_yet(name)
        return found

    def _walk(self, prefix: str, region: str | None) -> Iterator[tuple[str, datetime]]:
        """Yield the account's buckets with a prefix, and their dates: one region's, or all by the home region."""
        doing, s3 = f"list the buckets of account {self._session.account}", self._session.s3(region or HOME_REGION)
        asked: dict[str, Any] = {"Prefix": prefix, **({} if region is None else {"BucketRegion": region})}
        progress = Progress(doing)
        with aws_errors(doing, s3.meta.endpoint_url):
            for page in s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 1000}, **asked):
                for bucket in page.get("Buckets", []):
                    name = word(bucket["Name"])
                    if name.startswith(prefix):
                        yield name, moment(bucket["CreationDate"])
                if page.get("ContinuationToken"):
                    progress.go_on(page["ContinuationToken"])


def _not_listed_yet(name: str) -> PlatformAwayError:
    return PlatformAwayError(
        f"bucket {name} answers, and AWS's list of buckets does not have it yet",
        "Wait a minute, then run the same command again.",
    )
