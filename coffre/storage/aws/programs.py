"""Programs for machines on AWS: one private bucket per account and region, which every machine's policy lets read."""

from typing import Any

from coffre.errors import RefusedError
from coffre.storage.aws.faults import aws_errors
from coffre.storage.aws.names import programs_bucket
from coffre.storage.aws.policy import TLS_SID, tls_statement
from coffre.storage.aws.protection import ENCRYPTED, NOTHING_PUBLIC, OWNER_ENFORCED, OWNERSHIP, place_of
from coffre.storage.aws.session import AwsSession
from coffre.storage.s3 import policy
from coffre.storage.s3.answers import count, reading, word
from coffre.storage.s3.bucket import S3Bucket
from coffre.storage.s3.faults import AccessRefusedError, BucketAlreadyExistsError, GoneError, S3Error
from coffre.storage.s3.programs import PublishedObject, S3ProgramShelf, object_key
from coffre.storage.s3.sharing import share_download

_ALREADY_OURS = "BucketAlreadyOwnedByYou"


def wanted_policy(bucket: str) -> policy.PolicyDocument:
    """Return the bucket's policy: no request without TLS; who reads has the right by its own policy. Pure."""
    return policy.document({TLS_SID: tls_statement(bucket)})


class AwsProgramShelf(S3ProgramShelf):
    """Reads and writes with Coffre's own credential; safe to use from many threads and by several processes."""

    def __init__(self, session: AwsSession) -> None:
        super().__init__(programs_bucket(session.account, session.region))
        self._session = session

    def find(self, sha256: str) -> PublishedObject | None:
        doing = "look for a program for machines"
        try:
            with self._errors(doing):
                answer = self._s3.head_object(Bucket=self.bucket, Key=object_key(sha256))
        except GoneError:
            return None
        with reading(doing):
            return PublishedObject(count(answer["ContentLength"]), word(answer["ETag"]).strip('"'))

    def read_sha256(self, sha256: str, limit_bytes: int) -> str | None:
        try:
            return S3Bucket(self.bucket, self._s3).read_sha256(object_key(sha256), limit_bytes)
        except GoneError:
            return None

    def share(self, sha256: str, seconds: int) -> str:
        """Return the address of a program for somebody without a key; Coffre's own credential signs it."""
        place, credentials = (self.bucket, object_key(sha256)), self._session.credentials()
        return share_download(self._session.endpoint, place, credentials, seconds)

    def put(self, key: str, body: bytes, doing: str) -> None:
        self._ensure_bucket()
        with self._errors(doing):
            self._s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def _ensure_bucket(self) -> None:
        """Create the bucket if it is missing, and protect it; protections are written each time, which is rare."""
        try:
            if not self._has_bucket():
                self._create_bucket()
        except (AccessRefusedError, BucketAlreadyExistsError) as error:
            raise RefusedError(
                f"bucket {self.bucket} belongs to another account, or Coffre's own credential has no right to it, so "
                "Coffre cannot publish programs for machines",
                "`coffre platform policy` prints the rights that it needs; if the bucket belongs to another account, "
                "ask AWS.",
            ) from error
        with self._errors(f"protect bucket {self.bucket}"):
            name, s3 = self.bucket, self._s3
            s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=NOTHING_PUBLIC)
            s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=OWNER_ENFORCED)
            s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=ENCRYPTED)
            s3.put_bucket_policy(Bucket=name, Policy=policy.render(wanted_policy(name)))

    def _has_bucket(self) -> bool:
        try:
            with self._errors(f"look for bucket {self.bucket}"):
                self._s3.head_bucket(Bucket=self.bucket)
        except GoneError:
            return False
        return True

    def _create_bucket(self) -> None:
        place = place_of(self._session.region)
        try:
            with self._errors(f"create bucket {self.bucket}"):
                self._s3.create_bucket(Bucket=self.bucket, ObjectOwnership=OWNERSHIP, **place)
        except S3Error as error:
            if error.code != _ALREADY_OURS:  # another apply was faster
                raise

    @property
    def _s3(self) -> Any:
        return self._session.s3()

    def _errors(self, doing: str) -> Any:
        return aws_errors(doing, self._session.endpoint.url)
