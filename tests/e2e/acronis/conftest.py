"""A desk with a vendor's platform beside the lab's, and two tenants: one of the vendor's alone, one of both."""

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from coffre.acronis.client import AcronisClient, open_acronis
from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.values.tenants import Tenant
from coffre.storage.acronis.layout import external_id_of
from coffre.storage.acronis.provider.account import Account
from coffre.storage.acronis.provider.dispatch import RESOURCES
from coffre.toolchain import sha256_file
from tests.acronis.customers import QUICK, access_of
from tests.acronis.installer import make_installer
from tests.acronis.platforms import settings_of
from tests.acronis.running import VendorCloud, vendor_cloud
from tests.e2e.aws.test_tenant_on_aws import make_signer
from tests.e2e.conftest import Desk, forget_tenants

DURAND, MARTIN = "atelier-durand", "boulangerie-martin"
"""The tenant whose one machine has the vendor's agent, and the one with a machine of each kind."""
ATELIER, COMPTA, CAISSE = "atelier-01", "compta-01", "caisse-01"
VENDOR, PLAN = "vendor", "office"
RELEASE = "26.2.41800"
ORDER = {"order": "CMD-2026-118", "terms_accepted_on": "2026-11-02"}
GO = 10**9


@dataclass
class VendorDesk(Desk):
    """A desk in whose platform.yaml the vendor's cloud is a platform."""

    cloud: VendorCloud = None  # type: ignore[assignment]

    @contextlib.contextmanager
    def client(self) -> Iterator[AcronisClient]:
        """The vendor's account as Coffre's own API client sees it, beside Coffre."""
        with open_acronis(access_of(self.cloud), QUICK) as opened:
            yield opened

    def read_file(self, slug: str) -> dict[str, Any]:
        data: dict[str, Any] = yaml.safe_load(self.tenant_file(slug).read_text(encoding="utf-8"))
        return data

    def write_file(self, slug: str, data: Mapping[str, Any]) -> None:
        text = yaml.safe_dump(dict(data), allow_unicode=True, sort_keys=False)
        self.tenant_file(slug).write_text(text, encoding="utf-8")

    def change(self, slug: str, **fields: Any) -> None:
        """Change fields of a tenant file; None takes one away."""
        data = {**self.read_file(slug), **fields}
        self.write_file(slug, {name: value for name, value in data.items() if value is not None})

    def find_customer(self, slug: str) -> Tenant | None:
        """Return the customer that a tenant is; None before there is one."""
        external_id = external_id_of(self.read_file(slug)["id"])
        with self.client() as client:
            return Account(client, TenantUuid(self.cloud.partner_id)).find_customer(external_id)

    def customer(self, slug: str) -> Tenant:
        found = self.find_customer(slug)
        assert found is not None
        return found

    def items(self, slug: str) -> dict[str, Any]:
        """Return what a customer has of licences and quota, as the provider reads it."""
        with self.client() as client:
            account = Account(client, TenantUuid(self.cloud.partner_id))
            found = RESOURCES["acronis:index:OfferingItems"](account).find(external_id_of(self.read_file(slug)["id"]))
        assert found is not None
        return dict(found)

    def make_plan(self, slug: str, name: str = PLAN) -> None:
        """Write the plan that the tenant's machines name, in the customer's console, as an engineer does by hand."""
        customer, modules = str(self.customer(slug).id), ["policy.backup.machine"]
        self.cloud.tell("make_plan", tenant_id=customer, name=name, modules=modules)

    def use(self, slug: str, used_bytes: int) -> None:
        """Have a customer use so much of its storage; the vendor tells it at once."""
        self.cloud.tell("set_settings", usage_lag_seconds=0)
        where = {"tenant_id": str(self.customer(slug).id), "infra_id": self.items(slug)["storage_uuid"]}
        self.cloud.tell("set_usage", name="pw_base_storage", value=used_bytes, **where)

    def writes(self) -> list[str]:
        """Return what the vendor was asked to change since its journal was forgotten."""
        token = "/api/2/idp/token"
        asked = [f"{each['method']} {each['path']}" for each in self.cloud.calls() if each["method"] != "GET"]
        return [each for each in asked if not each.endswith(token)]

    def set_up(self, slug: str) -> None:
        """Apply a tenant from nothing: its storage, then by hand the plan that its machines name, then its agents."""
        self.coffre("apply", slug, "--yes", "--storage-only")
        self.make_plan(slug)
        self.coffre("apply", slug, "--yes")


@pytest.fixture(scope="module")
def cloud(lab: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorCloud]:
    """The vendor's cloud, at the lab's address, so that its machines reach it."""
    address = urlsplit(json.loads(lab.endpoints_file.read_text(encoding="utf-8"))["endpoint"]).hostname
    folder = tmp_path_factory.mktemp("acronis")
    (folder / "mirror").mkdir()
    mirror = folder / "mirror"
    with vendor_cloud(folder / "tls", host=address, downloads_host=address, installers=mirror) as running:
        yield running
        running.assert_all_as_described()


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk], cloud: VendorCloud, lab: Any) -> Iterator[VendorDesk]:
    """A desk whose vendor is a real one to Coffre: its escrow is on another file system, and it has a signing key."""
    made = make_desk(DURAND, MARTIN)
    fields = {name: getattr(made, name) for name in ("root", "ssh_config", "home", "environment")}
    desk = VendorDesk(**fields, cloud=cloud)
    settings = desk.root / "platform.yaml"
    with tempfile.TemporaryDirectory(prefix="coffre-escrow-", dir="/dev/shm") as escrow:
        text = settings.read_text(encoding="utf-8")
        for before, after in (
            ("platforms:\n", f"platforms:\n{_vendor_block(desk)}"),
            ("escrow: .coffre/escrow", f"escrow: {escrow}/escrow"),
            *make_signer(desk.home).items(),
        ):
            assert before in text
            text = text.replace(before, after, 1)
        settings.write_text(text, encoding="utf-8")
        desk.coffre("secrets", "init")
        _write_tenants(desk)
        forget_tenants(lab, (DURAND, MARTIN))
        yield desk


def _vendor_block(desk: VendorDesk) -> str:
    cloud, root = desk.cloud, desk.root
    credential = root / "acronis.json"
    credential.write_text(json.dumps({"client_id": cloud.client_id, "client_secret": cloud.client_secret}))
    credential.chmod(0o600)
    installer = make_installer(root / "acronis-linux.bin", cloud.ca_file, RELEASE)
    block = {
        **settings_of(cloud, credential),
        "credential": "file:acronis.json",
        "ssh_config": str(desk.ssh_config),
        "installers": {"linux": {"version": RELEASE, "sha256": sha256_file(installer), "path": installer.name}},
        "hosting": {"operator": "UNYC", "site": "Paris", "country": "FR"},
    }
    lines = yaml.safe_dump({VENDOR: block}, allow_unicode=True, sort_keys=False).splitlines()
    return "".join(f"  {line}\n" for line in lines)


def _write_tenants(desk: VendorDesk) -> None:
    durand, martin = desk.read_file(DURAND), desk.read_file(MARTIN)
    for data in (durand, martin):
        data["contract"]["vendor"] = ORDER
        data.pop("options", None)
    durand["storage"] = {"platform": VENDOR, "quota": "100 Go"}
    durand["machines"][ATELIER]["agent"] = "acronis"
    durand["machines"][ATELIER]["plan"] = PLAN
    durand["plans"] = {PLAN: next(iter(durand["plans"].values()))}
    martin["storage"] = {
        "platform": "lab",
        "quota": "50 Go",
        "parts": {"lab": {"quota": "30 Go"}, VENDOR: {"quota": "20 Go", "licences": {"server": 1}}},
    }
    # The vendor counts every Linux machine as a server.
    martin["licences"] = {"workstation": 1, "server": 1}
    martin["machines"][CAISSE] |= {"agent": "acronis", "kind": "server"}
    desk.write_file(DURAND, durand)
    desk.write_file(MARTIN, martin)
