"""A checkout with one tenant and its second copy: both platforms are in memory; secrets, records and locks are real."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml

from coffre.agents.kinds import DRIVERS
from coffre.agents.restic.repository.layout import ResticLayout
from coffre.errors import RefusedError
from coffre.operations.copying import run as copying
from coffre.operations.copying.run import MachineCopy
from coffre.provisioning.apply import TenantOutcome, apply_tenant
from coffre.provisioning.exact import ExactPlan, make_exact
from coffre.provisioning.plan import TenantPlan, plan_tenant
from coffre.provisioning.rotation import rotate, tenant_rotation
from coffre.provisioning.rotation.rotate import KeyChoice, RotationOutcome, rotate_tenant
from coffre.provisioning.steps import storage as storage_step
from coffre.provisioning.terms.context import FULLY, Intent
from coffre.secrets.bundles import ControlBundle
from coffre.secrets.holders.setup import init
from coffre.spec import naming
from coffre.spec.loader import Checkout, load_checkout
from coffre.spec.storage_platform import Platform, PlatformKind
from coffre.storage import kinds as storage_kinds
from coffre.storage.ceph.driver import CephDriver
from coffre.storage.driver import Bucket
from coffre.storage.platform import KeyOrigin
from coffre.tenant.opening import OpenTenant, open_tenant
from tests.builders import AWS_PLATFORM, PLATFORM, machine_with, tenant_file
from tests.doubles.given_keys import GivenKeysDriver
from tests.doubles.ordered_agent import Fleet, drivers_in_memory
from tests.doubles.repository import Entry, write_snapshot
from tests.doubles.stack import InMemoryStack
from tests.doubles.storage import MemoryPlatform

SLUG, HERE, THERE = "martin", "lab", "aws-paris"
COMPTA, CAISSE = "compta-01", "caisse-01"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""Within the working hours of the provider."""
WITH_COPY = {"platform": HERE, "quota": "10 GiB", "copy": {"platform": THERE, "bandwidth_per_second": "1 TiB"}}
WITHOUT_COPY = {"platform": HERE, "quota": "10 GiB"}
T = TypeVar("T")


class _MemoryCeph(CephDriver):
    """Ceph's own declarations, on the platforms in memory that have its place."""

    def __init__(self, platforms: dict[str, MemoryPlatform]) -> None:
        self._platforms = platforms

    def connect(self, platform: Platform, root: Path) -> MemoryPlatform:  # type: ignore[override]
        return self._platforms[platform.hosting.site]


class TwoHomes:
    """The tenant `martin` on `here`, with a copy on `there`; `there` creates the keys itself, unless told otherwise."""

    def __init__(self, root: Path, here: MemoryPlatform, there: MemoryPlatform) -> None:
        self.root, self.here, self.there = root, here, there
        self.fleet = Fleet(here, others=(there,))
        self.said: list[str] = []
        self.refused: list[RefusedError] = []

    @property
    def checkout(self) -> Checkout:
        return load_checkout(self.root)

    def write_file(self, storage: dict[str, Any] = WITH_COPY, **changes: Any) -> None:
        fields = {"machines": {COMPTA: machine_at(COMPTA), CAISSE: machine_at(CAISSE)}, "storage": storage, **changes}
        (self.root / "tenants" / f"{SLUG}.yaml").write_text(tenant_file(**deepcopy(fields)), encoding="utf-8")

    @contextmanager
    def open(self) -> Iterator[OpenTenant]:
        with open_tenant(self.checkout, SLUG, self.said.append) as opened:
            yield opened

    def look(self, read: Callable[[OpenTenant], T]) -> T:
        """Return what a command that opens the tenant now reads of it."""
        with self.open() as opened:
            return read(opened)

    def look_there(self, read: Callable[[OpenTenant], T]) -> T:
        """Return what a command reads of the tenant on the platform of its copy."""
        return self.look(lambda opened: read(copied_of(opened)))

    def plan(self, intent: Intent = FULLY) -> TenantPlan:
        return self.look(lambda opened: plan_tenant(opened, intent))

    def plan_exactly(self) -> ExactPlan:
        with self.open() as opened:
            return make_exact(opened, plan_tenant(opened))

    def apply(self, planned: ExactPlan | None = None) -> TenantOutcome:
        return apply_tenant(
            self.checkout, SLUG, on_progress=self.said.append, intent=FULLY, planned=planned, clock=lambda: NOON
        )

    def rotate(self, choice: KeyChoice, *, now: bool = False) -> RotationOutcome:
        return rotate_tenant(self.checkout, SLUG, choice, now=now, on_progress=self.said.append)

    def copy(self, *machines: str) -> list[MachineCopy]:
        """Copy these machines' repositories, all without any, as `coffre copy` does."""
        with self.open() as opened, copying.copying(opened) as copied:
            done = []
            for one in machines or (None,):
                names, refused = copying.list_machines_to_copy(opened, copied, one)
                self.refused += refused
                done += [copying.copy_machine(opened, copied, name, self.said.append) for name in names]
            return done

    def back_up(self, machine: str, *entries: Entry) -> str:
        """Write a snapshot into a machine's repository; returns its id."""
        name, content = write_snapshot(entries or [Entry("/home", "dir")], datetime.now(UTC), host=machine)
        self.bucket(machine).put(f"{ResticLayout.prefix}{name}", content)
        return name.removeprefix("snapshots/")

    def bucket(self, machine: str) -> Bucket:
        return self.look(lambda opened: opened.buckets.open(machine))

    def copied_bucket(self, machine: str) -> Bucket:
        return self.look_there(lambda copied: copied.buckets.open(machine))

    def keys_of(self, bucket: Bucket, prefix: str = ResticLayout.prefix) -> list[str]:
        return [each.key for each in bucket.list_objects(prefix)]

    def copy_keys(self) -> ControlBundle:
        return self.look_there(lambda copied: copied.secrets.control())

    @property
    def copy_owner(self) -> str:
        return self.look_there(lambda copied: copied.buckets.owner_uid)


def copied_of(opened: OpenTenant) -> OpenTenant:
    assert opened.second_copy is not None
    return opened.second_copy


def machine_at(name: str, **changes: Any) -> dict[str, Any]:
    connection = {"via": "ssh", "host": f"{name}.martin.example", "user": "root"}
    return machine_with(**{"connection": connection, **changes})


def open_two_homes(
    root: Path, monkeypatch: pytest.MonkeyPatch, keys: KeyOrigin = KeyOrigin.GIVEN, *, is_same: bool = False
) -> TwoHomes:
    """Return a tenant that was never applied, in a folder of its own; ``is_same``: both platforms are one cluster."""
    root = root / "checkout"
    (root / "tenants").mkdir(parents=True)
    here = MemoryPlatform("https://here.invalid", platform_id="here")
    there = MemoryPlatform("https://there.invalid", keys, "here" if is_same else "there")
    settings = _write_settings(root, keys)
    sites = {settings[HERE]["hosting"]["site"]: here, settings[THERE]["hosting"]["site"]: there}
    monkeypatch.setitem(storage_kinds.DRIVERS, PlatformKind.CEPH, lambda: _MemoryCeph(sites))
    monkeypatch.setitem(storage_kinds.DRIVERS, PlatformKind.AWS, lambda: GivenKeysDriver(there))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(root.parent / "config"))
    monkeypatch.setenv("COFFRE_ACTOR", "claire@example.org")
    monkeypatch.setattr("coffre.provisioning.steps.guard.check_escrow", lambda *_: "", raising=False)
    monkeypatch.setattr(rotate, "check_escrow", lambda *_: "")
    init(root / PLATFORM["secrets"], root.parent / "escrow", root)
    homes = TwoHomes(root, here, there)
    for kind, driver in drivers_in_memory(homes.fleet, root.parent).items():
        monkeypatch.setitem(DRIVERS, kind, driver)

    def open_stack(
        checkout: Checkout, name: str, control: ControlBundle | None, scratch: Path | None = None
    ) -> InMemoryStack:
        return InMemoryStack(here if naming.slug_of_stack(name) == name else there, checkout, name, control, scratch)

    for module in (storage_step, tenant_rotation):
        monkeypatch.setattr(module, "TenantStack", open_stack)
    homes.write_file()
    return homes


def _write_settings(root: Path, keys: KeyOrigin) -> dict[str, Any]:
    kind = PLATFORM if keys is KeyOrigin.CHOSEN else AWS_PLATFORM
    there = deepcopy(kind["platforms"]["lab"])
    there["hosting"]["site"] = "Paris"
    platforms = {HERE: deepcopy(PLATFORM["platforms"]["lab"]), THERE: there}
    settings = {**PLATFORM, "platforms": platforms, "escrow": str(root.parent / "escrow")}
    (root / "platform.yaml").write_text(
        yaml.dump(settings, Dumper=yaml.CSafeDumper, allow_unicode=True), encoding="utf-8"
    )
    return platforms
