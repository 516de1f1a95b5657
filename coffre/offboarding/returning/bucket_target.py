"""A bag handed over into a bucket that the customer names, with the customer's own key, and read back from there."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coffre.errors import ExpectedError, InvalidFileError, RefusedError
from coffre.offboarding.returning.bag import read_manifest
from coffre.offboarding.returning.job import Job, tell_parts
from coffre.offboarding.returning.layout import BAG_INFO, MANIFEST, SUMMARY, TAG_MANIFEST
from coffre.offboarding.returning.rclone import Rclone, RcloneError, Remote
from coffre.offboarding.returning.tags import identity
from coffre.operations.service import Service
from coffre.spec.leaving import S3Target
from coffre.storage.driver import AccessKey

LONGEST_KEY_BYTES = 1024
TRANSFERS = 8


class BucketTarget:
    """The place of one machine's bag in the customer's bucket. Nothing is ever written over there.

    Every failure is an ExpectedError that names no file of the customer's.
    """

    def __init__(self, service: Service, target: S3Target, machine: str) -> None:
        folders = [target.prefix.strip("/"), service.tenant.slug, machine]
        self._prefix = "/".join(each for each in folders if each)
        self._machine = machine
        key = read_credential(service, target.credential)
        remote = Remote("customer", target.endpoint.rstrip("/"), target.region, key)
        # The platform's authority is trusted beside the system's: a customer may have its bucket on that platform.
        self._rclone = Rclone([remote], service.storage.endpoint.ca_file)
        self._path = remote.path(target.bucket, self._prefix)
        self.shown = f"s3://{target.bucket}/{self._prefix} ({target.endpoint.rstrip('/')})"

    @property
    def longest_bytes(self) -> int:
        """The longest path in a bag of which S3 can make a key."""
        return LONGEST_KEY_BYTES - len(self._prefix.encode()) - 1

    def find_summary(self) -> dict[str, Any] | None:
        """Return what a complete bag there says of itself; None when there is none."""
        text = self.find(SUMMARY)
        fields = None if text is None else json.loads(text)
        return fields if fields is None or isinstance(fields, dict) else {}

    def refuse_foreign(self, job: Job) -> None:
        """Refuse a place that holds anything else than the same return, unfinished."""
        with self._explained():
            there = self._rclone.list_names(self._path)
            if not there:
                return
            mark = self._read(BAG_INFO) if BAG_INFO in there else ""
        if not set(identity(job)) <= set(mark.splitlines()):
            raise RefusedError(
                f"{self.shown} holds something already", "Name another prefix: a return never overwrites."
            )

    def upload(self, job: Job, total_bytes: int) -> None:
        """Carry a bag there, but for the summary; what is there already in its size stays, and is read back as all is.

        First comes what tells whose it is, should this be cut short.
        """
        tell = tell_parts(job, total_bytes, "carried to the customer's bucket")
        with self._explained():
            self.carry(job.bag, BAG_INFO, is_again=False)
            hidden = ("--exclude=/.*", f"--exclude=/{SUMMARY}")
            self._rclone.copy(str(job.bag), self._path, f"--transfers={TRANSFERS}", *hidden, on_bytes=tell)

    def upload_again(self, job: Job, paths: Sequence[str]) -> None:
        """Carry some files of a bag there whatever lies there."""
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as names, self._explained():
            names.writelines(f"{path}\n" for path in paths)
            names.flush()
            options = ("--no-traverse", f"--files-from-raw={names.name}")
            self._rclone.copy(str(job.bag), self._path, *options, is_again=True)

    def complete(self, job: Job) -> None:
        """Have the bucket say that the bag there is complete: the summary comes last."""
        self.carry(job.bag, SUMMARY)

    def carry(self, folder: Path, name: str, *, is_again: bool = True) -> None:
        """Carry one file of a folder there."""
        with self._explained():
            self._rclone.copy(str(folder), self._path, f"--include=/{name}", is_again=is_again)

    def find(self, name: str) -> str | None:
        """Return a small text that lies there; None when there is none."""
        with self._explained():
            return self._read(name) if name in self._rclone.list_names(self._path) else None

    def find_changed(self, job: Job, bag: Path, total_bytes: int) -> list[str]:
        """Read every object back; returns the paths that are missing, or are not what the manifests of ``bag`` say.

        What lies among the payload and is in no manifest is returned too.
        """
        tell = tell_parts(job, total_bytes, "read back from the customer's bucket")
        wanted = {path: sha256 for name in (MANIFEST, TAG_MANIFEST) for sha256, path in read_manifest(bag, name)}
        wanted.pop(SUMMARY, None)
        changed = []
        with self._explained():
            for path, sha256 in self._rclone.hash_objects(self._path, on_bytes=tell):
                expected = wanted.pop(path, None)
                if expected != sha256 and (expected is not None or path.startswith("data/")):
                    changed.append(path)
        return changed + list(wanted)

    @contextmanager
    def fetched_tags(self) -> Iterator[Path]:
        """Give a folder with the tag files of the bag there."""
        with tempfile.TemporaryDirectory() as folder, self._explained():
            self._rclone.copy(self._path, folder, "--exclude=/data/**")
            yield Path(folder)

    def _read(self, name: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            self._rclone.copy(self._path, folder, f"--include=/{name}")
            return Path(folder, name).read_text(encoding="utf-8")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except RcloneError as problem:
            raise ExpectedError(f"{self._machine}: {self.shown}: {problem.message}", problem.hint) from problem


def read_credential(service: Service, name: str) -> AccessKey:
    """Return the customer's S3 key that a tenant file names, kept as ACCESS_KEY_ID:SECRET_ACCESS_KEY."""
    slug = service.tenant.slug
    value = service.secrets.get_control(slug, service.tenant.id).credentials.get(name)
    if value is None:
        raise ExpectedError(
            f"the return of {slug} names the credential {name}, which is not stored",
            f"Store it with `coffre secrets set {slug} {name}`: ACCESS_KEY_ID:SECRET_ACCESS_KEY.",
        )
    access_key_id, colon, secret = value.get_secret_value().partition(":")
    if not (access_key_id and colon and secret):
        raise InvalidFileError(
            f"the credential {name} of {slug} is no S3 key",
            f"Store it again with `coffre secrets set {slug} {name}`: ACCESS_KEY_ID:SECRET_ACCESS_KEY.",
        )
    return AccessKey(access_key_id, secret)
