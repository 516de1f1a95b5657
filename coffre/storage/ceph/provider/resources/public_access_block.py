"""Resource PublicAccessBlock: public ACLs are ignored, whatever a writer sets on its own objects."""

from collections.abc import Mapping
from typing import Any, ClassVar

from coffre.storage.ceph.provider import names
from coffre.storage.ceph.provider.resources.base import RgwResource
from coffre.storage.provider import inputs
from coffre.storage.provider.fields import Field, Inputs, Shape

_SWITCHES = {
    "block_public_acls": "BlockPublicAcls",
    "block_public_policy": "BlockPublicPolicy",
    "ignore_public_acls": "IgnorePublicAcls",
    "restrict_public_buckets": "RestrictPublicBuckets",
}
_WHY_OFF = "on Ceph 16 it refuses plain writes, or our own policy"
_WHY_ON = "without it a machine could open its objects to the world"


def _switch(meaning: str, *, on: bool) -> Field:
    description = f"{meaning}: `{str(on).lower()}`, and nothing else."
    return Field(inputs.exactly(on, _WHY_ON if on else _WHY_OFF), description, Shape.SWITCH, default=on)


class PublicAccessBlock(RgwResource):
    """A bucket's public access block with IgnorePublicAcls alone. Another bucket replaces it.

    The other three switches must stay off on RGW; they are inputs so that one switched on elsewhere shows and is put
    back in place. All four off is what RGW answers for a bucket without any, so it counts as none.
    """

    word = "public access block of bucket"
    written = "bucket"
    fields: ClassVar[Mapping[str, Field]] = {
        "bucket": Field(names.bucket_name, "The name of the bucket whose access block it is.", replaces=True),
        "block_public_acls": _switch("Whether a write that brings a public ACL is refused", on=False),
        "block_public_policy": _switch("Whether a policy that gives public access is refused", on=False),
        "ignore_public_acls": _switch("Whether public ACLs, of the bucket and of its objects, are ignored", on=True),
        "restrict_public_buckets": _switch("Whether a bucket with a public policy is kept to its owner", on=False),
    }

    @classmethod
    def identify(cls, values: Mapping[str, Any]) -> str:
        return str(values["bucket"])

    def find(self, resource_id: str) -> Inputs | None:
        bucket = self._platform.find_bucket(resource_id)
        if bucket is None:
            return None
        live = bucket.read_public_access()
        switches = {name: bool(live.get(theirs)) for name, theirs in _SWITCHES.items()}
        return {"bucket": resource_id, **switches} if any(switches.values()) else None

    def make(self, wanted: Inputs) -> None:
        bucket = self._platform.get_bucket(wanted["bucket"])
        switches: Any = {theirs: wanted[name] for name, theirs in _SWITCHES.items()}
        with bucket.doing("write the public access block"):
            bucket.s3.put_public_access_block(Bucket=wanted["bucket"], PublicAccessBlockConfiguration=switches)

    def change(self, wanted: Inputs) -> None:
        self.make(wanted)

    def remove(self, state: Inputs) -> None:
        bucket = self._platform.find_bucket(state["bucket"])
        if bucket is None:
            return
        with bucket.if_there(), bucket.doing("delete the public access block"):
            bucket.s3.delete_public_access_block(Bucket=state["bucket"])
