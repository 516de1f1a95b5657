"""Resource User: an RGW user without keys of its own; keys and quota are resources apart."""

from collections.abc import Mapping
from typing import Any, ClassVar

from coffre.errors import RefusedError
from coffre.storage.ceph.api.faults import NoSuchUserError, UserAlreadyExistsError
from coffre.storage.ceph.provider import names
from coffre.storage.ceph.provider.resources.base import RgwResource
from coffre.storage.provider import inputs
from coffre.storage.provider.fields import Field, Inputs, Shape
from coffre.storage.s3.faults import BucketAlreadyExistsError

_NAMED = 5


class User(RgwResource):
    """A user. Another uid replaces it; display name and bucket limit change in place.

    Whether the user is suspended is not managed: that is switched while the service runs. Deleting never purges: a
    user that owns buckets is refused. An existing user with equal values is adopted with whatever keys it has.
    """

    word = "user"
    written = "uid"
    fields: ClassVar[Mapping[str, Field]] = {
        "uid": Field(
            names.uid,
            "The user's id: 1 to 128 letters, digits, `.`, `_` and `-`, the first a letter or a digit.",
            replaces=True,
        ),
        "display_name": Field(inputs.text, "The name that people read; any text that is not empty."),
        "max_buckets": Field(
            inputs.whole_number(-1),
            "How many buckets the user may own: -1 none at all, 0 any number, else so many; RGW's own default is 1000.",
            Shape.WHOLE_NUMBER,
            default=1000,
        ),
    }

    @classmethod
    def identify(cls, values: Mapping[str, Any]) -> str:
        return str(values["uid"])

    def find(self, resource_id: str) -> Inputs | None:
        user = self._platform.admin.find_user(resource_id)
        if user is None:
            return None
        return {"uid": user.uid, "display_name": user.display_name, "max_buckets": user.max_buckets}

    def make(self, wanted: Inputs) -> None:
        try:
            self._platform.admin.create_user(wanted["uid"], wanted["display_name"], wanted["max_buckets"])
        except UserAlreadyExistsError:
            # Made between our look and our call: by another apply, or by a call of ours that was repeated.
            live = self.find(wanted["uid"])
            if live != wanted:
                raise

    def change(self, wanted: Inputs) -> None:
        self._platform.admin.modify_user(
            wanted["uid"], display_name=wanted["display_name"], max_buckets=wanted["max_buckets"]
        )

    def remove(self, state: Inputs) -> None:
        try:
            self._platform.admin.delete_user(state["uid"])
        except NoSuchUserError:
            return
        except BucketAlreadyExistsError as error:
            names = self._platform.admin.list_buckets(state["uid"])
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            raise RefusedError(
                f"user {state['uid']} still owns {len(names)} bucket(s): {', '.join(names[:_NAMED])}{more}",
                "delete its buckets first; Coffre never purges a user with its data",
            ) from error
