"""Customers of tests at the stand-in, made and read by the provider's own classes, without Pulumi."""

import itertools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from coffre.acronis.access import Access
from coffre.acronis.client import AcronisClient, open_acronis
from coffre.acronis.data_center import read_data_center
from coffre.acronis.identifiers import ClientId, TenantUuid
from coffre.acronis.names import external_id_of
from coffre.acronis.patience import Patience
from coffre.acronis.values.tenants import Tenant
from coffre.storage.acronis.layout import CustomerLayout, administrator, agent_owner
from coffre.storage.acronis.provider.account import Account
from coffre.storage.acronis.provider.dispatch import RESOURCES
from coffre.storage.acronis.provider.resources.base import AcronisResource
from coffre.storage.acronis.provider.scope import declare_all
from tests.acronis.running import VendorCloud

QUICK = Patience(attempts=3, connection_attempts=2, total_seconds=3.0, first_wait_seconds=0.01)
"""The bounds of a test: as many kinds of attempts as in service, in less time."""
READING = ("GET",)

_numbers = itertools.count(1)


def access_of(cloud: VendorCloud) -> Access:
    return Access(read_data_center(cloud.url), ClientId(cloud.client_id), SecretStr(cloud.client_secret), cloud.ca_file)


def layout_of(cloud: VendorCloud, **changes: Any) -> CustomerLayout:
    """Return a new customer with twelve workstations, two servers and 100 GB on the partner's own storage."""
    tenant_id = secrets.token_hex(5)
    values: dict[str, Any] = {
        "partner": cloud.partner_id,
        "external_id": external_id_of(tenant_id),
        "name": f"Customer {next(_numbers)}",
        "contact": {"email": "direction@client.example", "firstname": "Anne", "lastname": "Durand"},
        "language": "fr",
        "edition": "pck_per_workload",
        "storage": "Partner cloud",
        "licences": {"workstations": 12, "servers": 2},
        "quota_bytes": 100 * 10**9,
        "users": (
            agent_owner(tenant_id, "supervision@smileo.example"),
            administrator(tenant_id, "informatique@client.example", "Paul", "Martin"),
        ),
    }
    return CustomerLayout(**{**values, **changes})


def of_kind(layout: CustomerLayout, kind: str) -> list[dict[str, Any]]:
    """Return the inputs that a layout has of a kind, checked."""
    wanted = RESOURCES[f"acronis:index:{kind}"]
    found = [wanted.check(given) for each, given in declare_all(layout) if each is wanted]
    assert [failures for _, failures in found if failures] == []
    return [inputs for inputs, _ in found]


@dataclass(frozen=True)
class Desk:
    """The provider's resources in hand, over the stand-in."""

    cloud: VendorCloud
    client: AcronisClient
    account: Account

    @classmethod
    @contextmanager
    def open(cls, cloud: VendorCloud) -> Iterator["Desk"]:
        with open_acronis(access_of(cloud), QUICK) as client:
            yield cls(cloud, client, Account(client, TenantUuid(cloud.partner_id)))

    def resource(self, kind: str, *, takes_unequal: bool = False) -> AcronisResource:
        return RESOURCES[f"acronis:index:{kind}"](self.account, takes_unequal=takes_unequal)

    def converge(self, layout: CustomerLayout, *kinds: str, takes_unequal: bool = False) -> dict[str, list[bool]]:
        """Create everything, or these kinds, in the program's order, with nothing remembered.

        Return whether each was there, by kind.
        """
        account, was_there = Account(self.client, self.account.partner), dict[str, list[bool]]()
        for kind, given in declare_all(layout):
            if kinds and kind.__name__ not in kinds:
                continue
            inputs, failures = kind.check(given)
            assert failures == []
            created = kind(account, takes_unequal=takes_unequal).create(inputs)
            was_there.setdefault(kind.__name__, []).append(created.was_there)
        return was_there

    def live(self, layout: CustomerLayout) -> list[Any]:
        """Read everything that a layout declares, as a refresh would."""
        account = Account(self.client, self.account.partner)
        return [kind(account).read(kind.identify(given), kind.check(given)[0]) for kind, given in declare_all(layout)]

    def declared(self, layout: CustomerLayout) -> list[dict[str, Any]]:
        """Return the inputs of everything that a layout declares."""
        return [kind.check(given)[0] for kind, given in declare_all(layout)]

    def tenant(self, layout: CustomerLayout) -> Tenant:
        found = self.account.find_customer(layout.external_id)
        assert found is not None
        return found

    def writes(self) -> list[tuple[str, str]]:
        """Return the calls so far that are not reads, but those for tokens."""
        return [
            (each["method"], each["path"])
            for each in self.cloud.calls()
            if each["method"] not in READING and each["path"] != "/api/2/idp/token"
        ]

    def forget(self) -> None:
        self.cloud.tell("forget_journal")
