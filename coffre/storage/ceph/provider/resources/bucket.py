"""Resource Bucket: a versioned bucket of one owner. Nothing here can empty one."""

from collections.abc import Mapping
from typing import Any, ClassVar

from coffre.errors import RefusedError
from coffre.storage.ceph.provider import names
from coffre.storage.ceph.provider.platform import OpenBucket
from coffre.storage.ceph.provider.resources.base import RgwResource
from coffre.storage.provider import inputs
from coffre.storage.provider.fields import Field, Inputs, Shape
from coffre.storage.s3.faults import BucketAlreadyExistsError, BucketNotEmptyError, s3_errors

_WHY_VERSIONED = "the rights of a machine do not stop it from overwriting, versions do"


class Bucket(RgwResource):
    """A bucket with versioning on. Another name or owner replaces it; versioning and tags are set in place.

    Deleting is refused while it holds any version, delete marker or unfinished upload. Adopted when owner, versioning
    and tags are equal; also when it is the owner's, empty, and neither versioned nor tagged yet: that is what a
    creation cut off leaves behind.
    """

    word = "bucket"
    written = "name"
    fields: ClassVar[Mapping[str, Field]] = {
        "name": Field(
            names.bucket_name,
            "The bucket's name: 3 to 63 small letters, digits, `.` and `-`; one space of names for the whole platform.",
            replaces=True,
        ),
        "owner": Field(
            names.uid, "The id of the user who owns the bucket; the user must have an access key.", replaces=True
        ),
        "versioning": Field(
            inputs.exactly("Enabled", _WHY_VERSIONED),
            "`Enabled`, and nothing else; an input so that versioning switched off elsewhere shows and is put back.",
            default="Enabled",
        ),
        "tags": Field(
            inputs.map_of_texts,
            "The bucket's tags, value by key; all of them.",
            Shape.TEXTS,
            default={},
            by_entry=True,
            normalise=dict,
        ),
    }

    @classmethod
    def identify(cls, values: Mapping[str, Any]) -> str:
        return str(values["name"])

    def find(self, resource_id: str) -> Inputs | None:
        bucket = self._platform.find_bucket(resource_id)
        if bucket is None:
            return None
        return {
            "name": resource_id,
            "owner": bucket.facts.owner,
            "versioning": bucket.read_versioning(),
            "tags": bucket.read_tags(),
        }

    def adopt(self, live: Inputs, wanted: Inputs) -> bool:
        if live == wanted:
            return True
        begun = {**wanted, "tags": {}}
        if live not in (begun, {**begun, "versioning": "never enabled"}):
            return False
        if _count(self._platform.get_bucket(wanted["name"])):
            return False
        self.change(wanted)
        return True

    def make(self, wanted: Inputs) -> None:
        s3 = self._platform.client_of(wanted["owner"])
        try:
            with s3_errors(f"create bucket {wanted['name']}", self._platform.url):
                s3.create_bucket(Bucket=wanted["name"])
        except BucketAlreadyExistsError as error:
            raise RefusedError(
                f"bucket {wanted['name']} exists and is another user's",
                "nothing was changed; bucket names are one space for the whole platform",
            ) from error
        self.change(wanted)

    def change(self, wanted: Inputs) -> None:
        name = wanted["name"]
        s3 = self._platform.client_of(wanted["owner"])
        with s3_errors(f"set versioning of bucket {name}", self._platform.url):
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        with s3_errors(f"set tags of bucket {name}", self._platform.url):
            if wanted["tags"]:
                tags = [{"Key": key, "Value": value} for key, value in sorted(wanted["tags"].items())]
                s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})  # type: ignore[typeddict-item]
            else:
                s3.delete_bucket_tagging(Bucket=name)

    def remove(self, state: Inputs) -> None:
        name = state["name"]
        bucket = self._platform.find_bucket(name)
        if bucket is None:
            return
        if bucket.facts.owner != state["owner"]:
            raise RefusedError(
                f"bucket {name} belongs to {bucket.facts.owner}, not to {state['owner']}: not deleted",
                "run a refresh to see what changed",
            )
        held = _count(bucket)
        if held:
            raise _refusal(name, held)
        try:
            with bucket.if_there(), bucket.doing("delete the (empty) whole"):
                bucket.s3.delete_bucket(Bucket=name)
        except BucketNotEmptyError as error:
            raise _refusal(name, "objects written just now") from error


def _refusal(name: str, held: str) -> RefusedError:
    return RefusedError(
        f"bucket {name} holds {held}: not deleted",
        "a bucket that holds anything goes by offboarding only, after the data were handed back",
    )


def _count(bucket: OpenBucket) -> str:
    """Say what a bucket holds, from the first page of each listing; empty when it holds nothing."""
    name = bucket.facts.name
    with bucket.doing("list the contents"):
        versions = bucket.s3.list_object_versions(Bucket=name)
        uploads = bucket.s3.list_multipart_uploads(Bucket=name)
    more = " or more" if versions["IsTruncated"] or uploads["IsTruncated"] else ""
    counts = [
        (len(versions.get("Versions", [])), "object version(s)"),
        (len(versions.get("DeleteMarkers", [])), "delete marker(s)"),
        (len(uploads.get("Uploads", [])), "unfinished upload(s)"),
    ]
    return ", ".join(f"{count}{more} {what}" for count, what in counts if count)
