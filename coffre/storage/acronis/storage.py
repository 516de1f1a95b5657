"""One partner's account at Acronis with its API client; implements the driver's Storage.

The owner of a tenant's data is its customer there. The vendor's own gateways take backups in, so nothing has a bucket
or an S3 key: what lists them lists none, and what names one is refused.
"""

import weakref
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import NoReturn

from coffre.acronis.client import AcronisClient
from coffre.acronis.data_center import ACCOUNT, path
from coffre.acronis.errors import GoneError
from coffre.acronis.exchange import Question, absurd
from coffre.acronis.identifiers import ClientId, TenantUuid
from coffre.acronis.session import Session
from coffre.errors import RefusedError
from coffre.storage.acronis.connect import vendor_asked
from coffre.storage.acronis.customers import Customers, describe_owner
from coffre.storage.acronis.erasing import CustomerEraser
from coffre.storage.driver import Bucket, BucketEraser
from coffre.storage.survey import SurveyedUser
from coffre.storage.values import AccessKey, BucketFacts, Endpoint, OwnerFacts, Publication, SharedUpload


class AcronisStorage:
    """Uses the account API alone; safe to use from many threads."""

    def __init__(self, session: Session, partner: TenantUuid) -> None:
        self._session = session
        self._client = AcronisClient(session)
        self._customers = Customers(self._client, partner)
        self._partner = partner
        weakref.finalize(self, session.close)

    def close(self) -> None:
        """End the connections; they end with the object too."""
        self._session.close()

    @property
    def endpoint(self) -> Endpoint:
        """The data center: machines reach other hosts, which their agents know."""
        host = self._session.access.data_center.host
        platform_id = f"acronis:{host}:{self._partner}"
        return Endpoint(self._session.url, region=host, ca_file=self._session.access.ca_file, platform_id=platform_id)

    # The platform.

    def list_platform_ids(self) -> list[str]:
        with vendor_asked():
            own = self._client.tenants.read_client().tenant_id
        return [f"acronis:{self._session.access.data_center.host}:{own}"]

    def probe_server_time(self) -> datetime:
        doing, client = "ask Acronis for its time", ClientId.text(self._session.access.client_id)
        with vendor_asked():
            answer = self._session.answer(Question(doing, "GET", path(ACCOUNT, "clients", client)))
        try:
            return parsedate_to_datetime(answer.headers.get("Date", "")).astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            raise absurd(doing, self._session.url, "it has no date") from None

    # Owners.

    def find_owner(self, uid: str, exact: bool = True) -> OwnerFacts | None:  # noqa: ARG002 - nothing makes it count now
        """Return a customer's facts; the use is the vendor's own figure, which may be hours old."""
        with vendor_asked():
            found = self._customers.find(uid)
            if found is None:
                return None
            return describe_owner(uid, found, self._client.offering.read(found.id), self._client.usages.read(found.id))

    def list_users(self, prefix: str) -> list[str]:
        """Return the owners whose names begin so. Of a name that ends with a tenant's id, the id alone counts."""
        with vendor_asked():
            if self._customers.find(prefix) is not None:
                return [prefix]
            return sorted(uid for uid in self._customers.list_all() if uid.startswith(prefix))

    def survey_user(self, uid: str) -> SurveyedUser | None:
        with vendor_asked():
            found = self._customers.find(uid)
        return None if found is None else SurveyedUser(uid, not found.enabled, ())

    def suspend_user(self, uid: str, suspended: bool) -> bool:
        """Disable a customer, or enable it: a disabled one keeps its data and is billed still, and nobody works in it.

        A machine has no user, so suspending one changes nothing.
        """
        with vendor_asked():
            found = self._customers.find(uid)
            if found is None:
                if suspended:
                    return False
                raise GoneError(f"enable {uid}: there is no such customer at Acronis", "Run `coffre apply` first.")
            tenants = self._client.tenants
            return (tenants.disable if suspended else tenants.enable)(found.id).is_changed

    def delete_user(self, uid: str) -> None:
        """Refuse for a customer that is there: its backups would go with it. See `open_owner_eraser`."""
        with vendor_asked():
            found = self._customers.find(uid)
        if found is not None:
            raise RefusedError(
                f"{uid} is customer {found.id} at Acronis, and its backups would go with it",
                "Nothing was changed. Backups are deleted by offboarding alone.",
            )

    def open_owner_eraser(self, uid: str) -> CustomerEraser:
        """Return what deletes a customer with everything in it, for ever. Only an erasure opens it."""
        return CustomerEraser(self._customers, uid)

    @contextmanager
    def extra_room(self, uid: str, extra_bytes: int) -> Iterator[None]:  # noqa: ARG002
        """Change nothing: Coffre writes nothing there, and the vendor lowers no quota below what came in meanwhile."""
        yield

    def lower_wall(self, uid: str, wall_bytes: int) -> bool:  # noqa: ARG002
        """Return False: nothing raises a quota for a while, so none is left raised."""
        return False

    # What there is none of.

    keeps_bucket_records = False

    def list_key_ids(self, uid: str) -> list[str]:  # noqa: ARG002
        return []

    def list_owned_buckets(self, uid: str) -> list[str]:  # noqa: ARG002
        return []

    def list_bucket_facts(self, uid: str) -> list[BucketFacts]:  # noqa: ARG002
        return []

    def list_leftovers(self, buckets: Collection[str]) -> list[str]:  # noqa: ARG002
        return []

    def find_bucket(self, name: str) -> None:
        """Return None: there is no bucket of any name."""

    def find_daily_bytes(self, bucket: str) -> None:
        """Return None: there is no second count."""

    def stored_bytes(self, bucket: str) -> int:
        _refuse_bucket(bucket)

    def open_bucket(self, name: str, key: AccessKey) -> Bucket:  # noqa: ARG002
        _refuse_bucket(name)

    def open_eraser(self, name: str, key: AccessKey) -> BucketEraser:  # noqa: ARG002
        _refuse_bucket(name)

    def lift_bucket_quota(self, uid: str, bucket: str | None) -> None:
        _refuse_bucket(bucket or f"of {uid}")

    def share_upload(self, bucket: str, key: AccessKey, object_key: str, size_bytes: int, seconds: int) -> SharedUpload:  # noqa: ARG002
        _refuse_bucket(bucket)

    def share_download(self, bucket: str, key: AccessKey, object_key: str, seconds: int) -> str:  # noqa: ARG002
        _refuse_bucket(bucket)

    def add_key(self, uid: str, key: AccessKey) -> None:  # noqa: ARG002
        _refuse_key(uid)

    def create_key(self, uid: str) -> AccessKey:
        _refuse_key(uid)

    def delete_key(self, uid: str, access_key_id: str) -> None:  # noqa: ARG002
        _refuse_key(uid)

    def list_reachable_buckets(self, key: AccessKey) -> Sequence[str]:
        _refuse_key(f"key {key.access_key_id}")

    def accepts_key(self, bucket: str, key: AccessKey) -> bool:  # noqa: ARG002
        _refuse_key(f"key {key.access_key_id}")

    def publish_program(self, path: Path, sha256: str, *, proves: bool = False) -> Publication:  # noqa: ARG002
        _refuse_bucket("for programs")

    def share_program(self, sha256: str, seconds: int) -> str:  # noqa: ARG002
        _refuse_bucket("for programs")

    def read_program_sha256(self, sha256: str, limit_bytes: int) -> str | None:  # noqa: ARG002
        _refuse_bucket("for programs")


def _refuse_bucket(which: str) -> NoReturn:
    raise RefusedError(
        f"Acronis has no buckets, so there is no bucket {which}",
        "What lies there is read and restored by the vendor's own agent and portal.",
    )


def _refuse_key(whose: str) -> NoReturn:
    raise RefusedError(
        f"Acronis has no S3 keys, so there is none for {whose}", "Its agents register with the vendor by a token."
    )
