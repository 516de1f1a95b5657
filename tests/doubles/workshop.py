"""A checkout with one tenant that is planned and applied as a whole, its platform, secrets and machines in memory."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml

from coffre.agents.kinds import DRIVERS
from coffre.agents.restic.repository.layout import ResticLayout
from coffre.orders import control
from coffre.provisioning import apply as apply_module
from coffre.provisioning.apply import TenantOutcome, apply_tenant
from coffre.provisioning.exact import ExactPlan, make_exact
from coffre.provisioning.plan import TenantPlan, plan_tenant
from coffre.provisioning.rotation import rotate, tenant_rotation
from coffre.provisioning.rotation.rotate import KeyChoice, RotationOutcome, rotate_tenant
from coffre.provisioning.steps import storage as storage_step
from coffre.provisioning.terms.context import FULLY, Intent
from coffre.secrets.bundles import ControlBundle
from coffre.spec import naming
from coffre.spec.loader import Checkout, load_checkout
from coffre.spec.storage_platform import HOME_OF_AGENT, PlatformKind
from coffre.spec.tenant import AgentKind
from coffre.storage import kinds as storage_kinds
from coffre.storage.platform import KeyOrigin
from coffre.tenant.opening import OpenTenant
from tests.builders import (
    ACRONIS_PLATFORM,
    AWS_PLATFORM,
    MIXED_PLATFORM,
    PLATFORM,
    VENDOR_ORDER,
    contract_with,
    machine_with,
    tenant_file,
)
from tests.doubles.buckets import InMemoryEstate
from tests.doubles.given_keys import GivenKeysDriver
from tests.doubles.opening import InMemoryDesk
from tests.doubles.ordered_agent import Fleet, drivers_in_memory
from tests.doubles.owners import OwnersDriver, OwnersPlatform
from tests.doubles.repository import Entry, write_snapshot
from tests.doubles.stack import InMemoryStack
from tests.doubles.storage import MemoryPlatform

COMPTA, CAISSE, OTHER = "compta-01", "caisse-01", "autre-01"
SLUG = "martin"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""Within the working hours of the platform."""
RETIRED = {"on": "2026-11-01", "keep_until": "2099-12-31"}
EVERY_KEY = KeyChoice()
T = TypeVar("T")


def on_host(name: str, **changes: Any) -> dict[str, Any]:
    connection = {"via": "ssh", "host": f"{name}.martin.example", "user": "root"}
    return machine_with(**{"connection": connection, **changes})


def three_machines(**changes: Any) -> dict[str, Any]:
    """Two machines with restic's kind of agent, and one whose agent has neither bucket nor orders."""
    return {
        COMPTA: on_host(COMPTA),
        CAISSE: on_host(CAISSE),
        OTHER: on_host(OTHER, agent="acronis"),
        **changes,
    }


def vendors_own(machines: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return these machines with the vendor's agent each."""
    return {name: {**machine, "agent": "acronis"} for name, machine in machines.items()}


def write_tenant(root: Path, **changes: Any) -> None:
    fields = {"machines": three_machines(), "licences": {"workstation": 3}, **changes}
    (root / "tenants" / f"{SLUG}.yaml").write_text(tenant_file(**fields), encoding="utf-8")


class Workshop:
    """A checkout on disk with one tenant, whose platform, secrets and machines are in memory."""

    def __init__(
        self, root: Path, estate: InMemoryEstate, fleet: Fleet, vendor: OwnersPlatform, sold: Mapping[str, Any]
    ) -> None:
        """``sold`` are the fields of the tenant's file, unless a test writes others."""
        self.root, self.estate, self.fleet, self.vendor = root, estate, fleet, vendor
        self._sold = sold
        self.desk = InMemoryDesk(estate)
        self.said: list[str] = []

    @property
    def tenant_id(self) -> str:
        return self.estate.tenant.id

    @property
    def platform(self) -> MemoryPlatform:
        return self.estate.storage

    def write_file(self, **changes: Any) -> None:
        """Write the tenant's file; where the platform has no buckets, every machine has the vendor's agent."""
        fields = {**self._sold, **changes}
        if not self.has_buckets:
            fields["machines"] = vendors_own(fields.get("machines", three_machines()))
        write_tenant(self.root, **fields)

    @property
    def has_buckets(self) -> bool:
        return self.estate.storage is not self.vendor

    def open(self) -> AbstractContextManager[OpenTenant]:
        return self.desk.open(load_checkout(self.root), SLUG, self.said.append)

    def plan(self, intent: Intent = FULLY) -> TenantPlan:
        with self.open() as opened:
            return plan_tenant(opened, intent)

    def plan_exactly(self) -> ExactPlan:
        with self.open() as opened:
            return make_exact(opened, plan_tenant(opened))

    def apply(self, intent: Intent = FULLY, planned: ExactPlan | None = None) -> TenantOutcome:
        return apply_tenant(
            load_checkout(self.root),
            SLUG,
            on_progress=self.said.append,
            intent=intent,
            planned=planned,
            clock=lambda: NOON,
        )

    def rotate(self, choice: KeyChoice = EVERY_KEY, *, now: bool = False) -> RotationOutcome:
        return rotate_tenant(load_checkout(self.root), SLUG, choice, now=now, on_progress=self.said.append)

    def look(self, read: Callable[[OpenTenant], T]) -> T:
        """Return what a command that opens the tenant now reads of it."""
        with self.open() as opened:
            return read(opened)

    def orders(self, machine: str) -> Mapping[str, Any] | None:
        return self.look(lambda opened: control.TenantOrders.of(opened).read(machine))

    def objects(self, machine: str, prefix: str = ResticLayout.prefix) -> list[str]:
        return [each.key for each in self.estate.bucket(machine).list_objects(prefix)]

    def back_up(self, machine: str) -> str:
        """Write a snapshot into a machine's repository; returns its id."""
        name, content = write_snapshot([Entry("/home", "dir")], datetime.now(UTC), host=machine)
        self.estate.bucket(machine).put(f"{ResticLayout.prefix}{name}", content)
        return name.removeprefix("snapshots/")

    def lose_repository(self, machine: str) -> None:
        for key in self.objects(machine):
            self.estate.bucket(machine).hide(key)


OF_VENDOR = {"contract": contract_with(vendor=VENDOR_ORDER)}
MIXED = {
    **OF_VENDOR,
    "storage": {
        "platform": "lab",
        "quota": "10 GiB",
        "parts": {"lab": {"quota": "6 GiB"}, "vendor": {"quota": "4 GiB", "licences": {"workstation": 1}}},
    },
}
"""What a tenant buys that has machines of both kinds."""


def open_workshop(root: Path, monkeypatch: pytest.MonkeyPatch, keys: KeyOrigin = KeyOrigin.CHOSEN) -> Workshop:
    """Return a workshop whose tenant was never applied; what apply reaches outside is in memory until the test ends.

    Where keys are given, the platform has no wall either. Where there are none, it has no buckets: it is the vendor's
    of the machines' agents. Elsewhere the agent without a bucket backs up to no platform of its own: what every kind
    has in common is tested with it.
    """
    if keys is not KeyOrigin.NONE:
        monkeypatch.delitem(HOME_OF_AGENT, AgentKind.ACRONIS)
    platforms = {KeyOrigin.CHOSEN: PLATFORM, KeyOrigin.GIVEN: AWS_PLATFORM, KeyOrigin.NONE: ACRONIS_PLATFORM}
    return _open(root, monkeypatch, keys, platforms[keys], OF_VENDOR if keys is KeyOrigin.NONE else {})


def open_mixed_workshop(root: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """Return the same with two machines on a platform with buckets, and one whose agent is a vendor's, on its own."""
    return _open(root, monkeypatch, KeyOrigin.CHOSEN, MIXED_PLATFORM, MIXED)


def _open(
    root: Path, monkeypatch: pytest.MonkeyPatch, keys: KeyOrigin, platform: Mapping[str, Any], sold: Mapping[str, Any]
) -> Workshop:
    (root / "tenants").mkdir()
    (root / "platform.yaml").write_text(
        yaml.dump(dict(platform), Dumper=yaml.CSafeDumper, allow_unicode=True), encoding="utf-8"
    )
    machines = three_machines()
    write_tenant(root, **sold, machines=vendors_own(machines) if keys is KeyOrigin.NONE else machines)
    estate = InMemoryEstate.empty(load_checkout(root).tenants[SLUG], keys)
    vendor = estate.storage if isinstance(estate.storage, OwnersPlatform) else OwnersPlatform()
    monkeypatch.setitem(storage_kinds.DRIVERS, PlatformKind.ACRONIS, lambda: OwnersDriver(vendor))
    if keys is KeyOrigin.GIVEN:
        monkeypatch.setitem(storage_kinds.DRIVERS, PlatformKind.AWS, lambda: GivenKeysDriver(estate.storage))
    workshop = Workshop(root, estate, Fleet(estate.storage), vendor, sold)
    for kind, driver in drivers_in_memory(workshop.fleet, root).items():
        monkeypatch.setitem(DRIVERS, kind, driver)
    monkeypatch.setattr(apply_module, "lock_recorded", workshop.desk.lock_recorded)

    def open_stack(
        checkout: Checkout, name: str, control: ControlBundle | None, scratch: Path | None = None
    ) -> InMemoryStack:
        is_own = naming.slug_of_stack(name) == name
        return InMemoryStack(estate.storage if is_own else vendor, checkout, name, control, scratch)

    for module in (storage_step, tenant_rotation):
        monkeypatch.setattr(module, "TenantStack", open_stack)
    monkeypatch.setattr(rotate, "lock_recorded", workshop.desk.lock_recorded)
    return workshop
