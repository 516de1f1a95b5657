"""Resource BucketLifecycle: the rules by which old versions, lock files and unfinished uploads go."""

from collections.abc import Mapping
from typing import Any, ClassVar

from coffre.storage.ceph.provider import names
from coffre.storage.ceph.provider.resources.base import RgwResource
from coffre.storage.provider import inputs
from coffre.storage.provider.fields import Field, Inputs, Shape
from coffre.storage.s3 import lifecycle


def _normalise(value: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return lifecycle.normalise_all(value)


class BucketLifecycle(RgwResource):
    """A bucket's lifecycle as a map of rules by id. Another bucket replaces it; rules change in place.

    It owns all the rules of its bucket. Deleting takes them all away. Adopted when every rule is equal.
    """

    word = "lifecycle of bucket"
    written = "bucket"
    fields: ClassVar[Mapping[str, Field]] = {
        "bucket": Field(names.bucket_name, "The name of the bucket whose lifecycle it is.", replaces=True),
        "rules": Field(
            inputs.map_of_maps,
            "Every rule of the lifecycle in the form of S3, by id, the id itself left out: `Status`, `Prefix` or "
            "`Filter`, `Expiration`, `NoncurrentVersionExpiration` and so on. Times in days. At least one.",
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
        rules = bucket.read_rules()
        return {"bucket": resource_id, "rules": rules} if rules else None

    def make(self, wanted: Inputs) -> None:
        bucket = self._platform.get_bucket(wanted["bucket"])
        rules: Any = lifecycle.document(wanted["rules"])
        with bucket.doing("write the lifecycle"):
            bucket.s3.put_bucket_lifecycle_configuration(
                Bucket=wanted["bucket"], LifecycleConfiguration={"Rules": rules}
            )

    def change(self, wanted: Inputs) -> None:
        self.make(wanted)

    def remove(self, state: Inputs) -> None:
        bucket = self._platform.find_bucket(state["bucket"])
        if bucket is None:
            return
        with bucket.if_there(), bucket.doing("delete the lifecycle"):
            bucket.s3.delete_bucket_lifecycle(Bucket=state["bucket"])
