"""A platform in memory without buckets and keys: a tenant is a customer there, with a quota, licences and users.

In platform.yaml it uses the name `kind: acronis`, and takes that kind's own declarations.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from coffre.errors import ExpectedError, RefusedError, RemoteError
from coffre.spec import naming
from coffre.spec.storage_platform import Platform
from coffre.storage.acronis.driver import AcronisDriver
from coffre.storage.acronis.layout import external_id_of
from coffre.storage.driver import Bucket, BucketEraser
from coffre.storage.platform import Declaration, KeyOrigin, RecordedResource, SecretOf
from coffre.storage.surroundings import Surroundings
from coffre.storage.survey import HomeSurvey, SurveyedUser
from coffre.storage.values import AccessKey, LicenceFigures, OwnerFacts
from tests.doubles.storage import MemoryPlatform


@dataclass
class Customer:
    """What was made for a customer, by kind and name, and the figure of its use."""

    made: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    used_bytes: int | None = 0
    licences_used: dict[str, int] = field(default_factory=dict)
    licences_granted: dict[str, int] = field(default_factory=dict)
    surroundings: Surroundings = field(default_factory=Surroundings)

    def find(self, kind: str) -> dict[str, Any]:
        """Return the inputs of the one resource of a kind; empty before there is one."""
        return next((inputs for (each, _), inputs in self.made.items() if each == kind), {})


class OwnersPlatform(MemoryPlatform):
    """One vendor's platform; what lists buckets or keys lists none, and what names one is refused."""

    keeps_bucket_records = False

    def __init__(self, url: str = "https://vendor.invalid", platform_id: str = "vendor") -> None:
        super().__init__(url, KeyOrigin.NONE, platform_id)
        self.customers: dict[str, Customer] = {}
        self.asked: list[str] = []
        """What a survey was asked."""
        self.problem: ExpectedError | None = None
        """What every question of a survey is answered with."""

    # What a stack makes, and what a test changes.

    def put(self, kind: str, name: str, inputs: Mapping[str, Any]) -> None:
        """Make or change a resource; everything follows its customer."""
        external_id = str(inputs["external_id" if kind == "Customer" else "customer"])
        if kind == "Customer":
            self.customers.setdefault(external_id, Customer())
        if external_id not in self.customers:
            raise RemoteError(f"there is no customer {external_id}")
        self.customers[external_id].made[kind, name] = dict(inputs)

    def find_made(self, kind: str, name: str, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
        customer = self.customers.get(str(inputs["external_id" if kind == "Customer" else "customer"]))
        return None if customer is None else customer.made.get((kind, name))

    def drop_made(self, kind: str, name: str, inputs: Mapping[str, Any]) -> None:
        if kind == "Customer":
            raise RemoteError(f"{inputs['external_id']} is a customer: no stack deletes it")
        self.customers[str(inputs["customer"])].made.pop((kind, name), None)

    def customer(self, uid: str) -> Customer:
        return self.customers[external_id_of(naming.tenant_id_of(uid) or "")]

    def set_use(self, uid: str, used_bytes: int | None) -> None:
        self.customer(uid).used_bytes = used_bytes

    # Owners.

    def find_owner(self, uid: str, exact: bool = True) -> OwnerFacts | None:
        customer = self._find(uid)
        if customer is None:
            return None
        quota_bytes, name = customer.find("OfferingItems").get("quota_bytes"), customer.find("Customer")["name"]
        kinds = {*customer.licences_granted, *customer.licences_used}
        return OwnerFacts(
            uid,
            quota_bytes,
            customer.used_bytes or 0,
            not self._is_enabled(customer),
            (),
            display_name=name,
            is_use_known=customer.used_bytes is not None,
            licences={
                kind: LicenceFigures(customer.licences_granted.get(kind), customer.licences_used.get(kind))
                for kind in kinds
            },
        )

    def list_users(self, prefix: str) -> list[str]:
        if self._find(prefix) is not None:
            return [prefix]
        names = {
            f"{'-'.join(customer.find('Customer')['name'].lower().split())}-{external_id.partition(':')[2]}"
            for external_id, customer in self.customers.items()
        }
        return sorted(each for each in names if each.startswith(prefix))

    def survey_user(self, uid: str) -> SurveyedUser | None:
        customer = self._find(uid)
        return None if customer is None else SurveyedUser(uid, not self._is_enabled(customer), ())

    def suspend_user(self, uid: str, suspended: bool) -> bool:
        customer = self._find(uid)
        if customer is None and not suspended:
            raise RemoteError(f"there is no customer {uid}")
        if customer is None or self._is_enabled(customer) is not suspended:
            return False
        customer.find("Customer")["enabled"] = not suspended
        return True

    def delete_user(self, uid: str) -> None:
        if self._find(uid) is not None:
            raise RefusedError(f"{uid} is a customer, and its backups would go with it")

    @contextmanager
    def extra_room(self, uid: str, extra_bytes: int) -> Iterator[None]:
        yield

    def lower_wall(self, uid: str, wall_bytes: int) -> bool:
        return False

    def lift_bucket_quota(self, uid: str, bucket: str | None) -> None:
        _refuse("bucket")

    # What there is none of.

    def list_key_ids(self, uid: str) -> list[str]:
        return []

    def add_key(self, uid: str, key: AccessKey) -> None:
        _refuse("key")

    def create_key(self, uid: str) -> AccessKey:
        _refuse("key")

    def delete_key(self, uid: str, access_key_id: str) -> None:
        _refuse("key")

    def open_bucket(self, name: str, key: AccessKey) -> Bucket:  # type: ignore[override]
        _refuse("bucket")

    def open_eraser(self, name: str, key: AccessKey) -> BucketEraser:  # type: ignore[override]
        _refuse("bucket")

    def make_bucket(self, name: str, owner: str, tenant_id: str | None = None, undelete_days: int = 14) -> None:
        _refuse("bucket")

    def publish_program(self, path: Path, sha256: str, *, proves: bool = False) -> NoReturn:
        _refuse("bucket of programs")

    def _find(self, uid: str) -> Customer | None:
        tenant_id = naming.tenant_id_of(uid)
        is_owner = tenant_id is not None and uid.endswith(f"-{tenant_id}")
        return self.customers.get(external_id_of(tenant_id)) if is_owner and tenant_id is not None else None

    def _is_enabled(self, customer: Customer) -> bool:
        return bool(customer.find("Customer").get("enabled", True))


class OwnersDriver(AcronisDriver):
    """The kind's own declarations, on a platform in memory."""

    def __init__(self, platform: OwnersPlatform) -> None:
        self._platform = platform

    def connect(self, platform: Platform, root: Path) -> OwnersPlatform:  # type: ignore[override]
        return self._platform

    def open_survey(self, platform: Platform, root: Path) -> "OwnersSurvey":  # type: ignore[override]
        return OwnersSurvey(self._platform)


@dataclass(frozen=True)
class OwnersSurvey:
    """Reads that platform for many tenants; implements Survey."""

    platform: OwnersPlatform

    def look(self, declaration: Declaration, resources: Sequence[RecordedResource], secret_of: SecretOf) -> HomeSurvey:
        raise AssertionError("nobody looks for drift here")

    def list_owners(self) -> Mapping[str, OwnerFacts]:
        self._ask("owners")
        uids = self.platform.list_users("")
        return {uid: facts for uid in uids if (facts := self.platform.find_owner(uid)) is not None}

    def look_around(self, owner_uid: str) -> Surroundings | None:
        self._ask(f"around {owner_uid}")
        return self.platform.customer(owner_uid).surroundings

    def _ask(self, question: str) -> None:
        self.platform.asked.append(question)
        if self.platform.problem is not None:
            raise self.platform.problem


def _refuse(what: str) -> NoReturn:
    raise RefusedError(f"this platform has no {what}")
