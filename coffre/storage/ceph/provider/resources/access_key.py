"""Resource AccessKey: one S3 key of a user, chosen by us, so that a lost platform comes back with the same keys."""

from collections.abc import Mapping
from typing import Any, ClassVar

from coffre.storage.ceph.api.faults import NoSuchUserError
from coffre.storage.ceph.provider import names
from coffre.storage.ceph.provider.resources.base import RgwResource
from coffre.storage.provider import inputs
from coffre.storage.provider.fields import Field, Inputs
from coffre.storage.s3.faults import UnknownKeyError
from coffre.storage.values import AccessKey as Key


class AccessKey(RgwResource):
    """A key pair. Another user or another key id replaces it; another secret is put in place.

    The resource's id is the key id, which RGW holds unique over all users. Adopted when the same user has it with the
    same secret; the secret is compared and never shown.
    """

    word = "access key"
    written = "uid"
    fields: ClassVar[Mapping[str, Field]] = {
        "uid": Field(names.uid, "The id of the user whose key it is; the user must exist.", replaces=True),
        "access_key_id": Field(
            inputs.text,
            "The key's id, chosen by the program; no other user of the platform may have it.",
            replaces=True,
        ),
        "secret_access_key": Field(
            inputs.secret_text, "The key's secret, chosen by the program: at least 16 characters.", secret=True
        ),
    }

    @classmethod
    def identify(cls, values: Mapping[str, Any]) -> str:
        return str(values["access_key_id"])

    def find(self, resource_id: str) -> Inputs | None:
        user = self._platform.admin.find_user_of_key(resource_id)
        if user is None:
            return None
        secrets = [key.secret_access_key for key in user.keys if key.access_key_id == resource_id]
        if not secrets:
            return None
        return {"uid": user.uid, "access_key_id": resource_id, "secret_access_key": secrets[0]}

    def make(self, wanted: Inputs) -> None:
        self._put(wanted)

    def change(self, wanted: Inputs) -> None:
        self._put(wanted)

    def remove(self, state: Inputs) -> None:
        try:
            self._platform.admin.delete_key(state["uid"], state["access_key_id"])
        except (UnknownKeyError, NoSuchUserError):
            return

    def _put(self, wanted: Inputs) -> None:
        self._platform.admin.put_key(wanted["uid"], Key(wanted["access_key_id"], wanted["secret_access_key"]))
