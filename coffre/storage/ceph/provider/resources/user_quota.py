"""Resource UserQuota: the wall, RGW's own limit over all buckets and versions of a user."""

from collections.abc import Mapping
from typing import Any, ClassVar

from coffre.storage.ceph.api.faults import NoSuchUserError
from coffre.storage.ceph.provider import names
from coffre.storage.ceph.provider.resources.base import RgwResource
from coffre.storage.provider import inputs
from coffre.storage.provider.fields import Field, Inputs, Shape


class UserQuota(RgwResource):
    """The user_quota of a user, in bytes. Another uid replaces it; the size changes in place.

    RGW cannot remove a quota: deleting disables it, and a disabled one counts as none. An enforced one of another size
    is refused on creation.
    """

    word = "user_quota of"
    written = "uid"
    fields: ClassVar[Mapping[str, Field]] = {
        "uid": Field(names.uid, "The id of the user whose quota it is; the user must exist.", replaces=True),
        "max_bytes": Field(
            inputs.whole_number(0),
            "The most that all buckets of the user may hold together, in bytes, earlier versions included.",
            Shape.BYTES,
        ),
    }

    @classmethod
    def identify(cls, values: Mapping[str, Any]) -> str:
        return str(values["uid"])

    def find(self, resource_id: str) -> Inputs | None:
        user = self._platform.admin.find_user(resource_id)
        if user is None or user.quota_bytes is None:
            return None
        return {"uid": resource_id, "max_bytes": user.quota_bytes}

    def make(self, wanted: Inputs) -> None:
        self._platform.admin.set_quota(wanted["uid"], wanted["max_bytes"])

    def change(self, wanted: Inputs) -> None:
        self._platform.admin.set_quota(wanted["uid"], wanted["max_bytes"])

    def remove(self, state: Inputs) -> None:
        try:
            self._platform.admin.set_quota(state["uid"], None)
        except NoSuchUserError:
            return
