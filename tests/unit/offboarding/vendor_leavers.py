"""A tenant with a customer at the vendor's that leaves: the vendor is the stand-in, buckets are in memory."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from coffre.acronis.identifiers import TenantUuid
from coffre.offboarding.certificate.facts import build_facts
from coffre.offboarding.certificate.issue import _sources
from coffre.offboarding.certificate.model import CertificateFacts
from coffre.offboarding.erase import retired_machine
from coffre.offboarding.erase import tenant as module
from coffre.offboarding.erase.owners import prove_owners
from coffre.offboarding.erase.tenant import erase_tenant
from coffre.offboarding.erase.verification import _look
from coffre.offboarding.lifecycle import closing
from coffre.offboarding.lifecycle.dismantling import suspend_everywhere
from coffre.offboarding.lifecycle.evidence import (
    Step,
    UsersSuspended,
    Verified,
)
from coffre.offboarding.lifecycle.journal import Journal
from coffre.offboarding.lifecycle.stages import Waiting
from coffre.provisioning.steps.secrets import ensure_secrets
from coffre.secrets.store import SecretStore
from coffre.spec.storage_platform import AcronisPlatform, PlatformKind
from coffre.storage.acronis.driver import AcronisDriver
from coffre.storage.acronis.erasing import CustomerEraser
from coffre.storage.acronis.layout import tenant_layout
from coffre.storage.acronis.storage import AcronisStorage
from coffre.storage.kinds import DRIVERS
from coffre.storage.platform import KeyOrigin
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.opening import OpenTenant
from coffre.tenant.runs import lock_tenant
from tests.acronis.customers import Desk
from tests.acronis.platforms import new_tenant, settings_of
from tests.acronis.running import VendorCloud
from tests.doubles.storage import MemoryEraser, MemoryPlatform
from tests.doubles.two_homes import COMPTA, HERE, SLUG, TwoHomes, machine_at, open_two_homes
from tests.unit.offboarding.departures import LEAVING, ended_on

TODAY = ended_on(1)
PORTABLE, VENDOR = "portable-01", "vendor"
AT_VENDOR = machine_at(PORTABLE, agent="acronis")
TERMS = {"order": "D-2026-114", "terms_accepted_on": "2026-02-16"}
KEY: Any = SimpleNamespace(algorithm="ECDSA", fingerprints=("ab" * 32,), certificates=())


class Killed(BaseException):
    """The process ended here."""


def quietly(_: object) -> None:
    """Nobody reads it here."""


@dataclass
class Leaver:
    """A tenant with a customer at the vendor's that leaves, and what its runs did to the outside, in order."""

    homes: TwoHomes
    cloud: VendorCloud
    desk: Desk
    fields: dict[str, Any]
    did: list[str] = field(default_factory=list)
    ends_after: int | None = None
    """After how many things that a run does to the outside, and no run before it did, it is killed."""

    def did_now(self, what: str) -> None:
        is_repeated = what in self.did and not what.startswith("record")
        self.did.append(what)
        if self.ends_after is not None and not is_repeated:
            self.ends_after -= 1
            if self.ends_after <= 0:
                raise Killed

    @property
    def tenant_id(self) -> str:
        return str(self.fields["id"])

    def write_file(self, **changes: Any) -> None:
        self.homes.write_file(**{**self.fields, **changes})

    def look(self, read: Callable[[OpenTenant], Any]) -> Any:
        return self.homes.look(read)

    def journal(self, read: Callable[[Journal], Any]) -> Any:
        return self.look(lambda opened: read(Journal(opened.log, TODAY)))

    def read(self, step: Step, kind: type[Any]) -> list[Any]:
        found: list[Any] = self.journal(lambda journal: journal.read(step, kind))
        return found

    @property
    def uid(self) -> str:
        return f"{SLUG}-{self.tenant_id}"

    def customer(self) -> Any:
        """Return the customer as the vendor has it now; None without a live one."""
        return self.desk.account.find_customer(f"coffre:{self.tenant_id}")

    def uuid(self) -> TenantUuid:
        found = self.customer()
        assert found is not None
        uuid: TenantUuid = found.id
        return uuid

    def make_customer(self) -> None:
        def make(opened: OpenTenant) -> None:
            [part] = [part for part in opened.parts if not part.capabilities.has_buckets]
            assert isinstance(part.platform, AcronisPlatform)
            self.desk.converge(tenant_layout(part.tenant, part.platform), "Customer", "Service", "OfferingItems")

        self.look(make)

    def dismantle(self) -> UsersSuspended:
        """Do what a run does when the customer has what it wanted: disable, and prove."""

        def work(opened: OpenTenant) -> UsersSuspended:
            suspended = suspend_everywhere(opened)
            prove_owners(opened, Journal(opened.log, TODAY))
            return suspended

        done: UsersSuspended = self.look(work)
        return done

    def erase(
        self, confirm: Callable[[Any], None] = quietly, prove: Callable[[str], object] = quietly
    ) -> Waiting | None:
        with lock_tenant(self.homes.checkout, SLUG, quietly) as opened:
            return erase_tenant(opened, Journal(opened.log, TODAY), prove, quietly, quietly, confirm)

    def verify(self) -> Verified:
        with self.homes.open() as opened:
            departure: Any = SimpleNamespace(opened=opened, journal=Journal(opened.log, TODAY))
            return Verified(tuple(_look(departure, None)))

    def close(self) -> None:
        desk: Any = SimpleNamespace(tell_erased=lambda certificate: [])
        with lock_tenant(self.homes.checkout, SLUG, quietly) as opened:
            closing.close(opened, Journal(opened.log, TODAY), desk, quietly)

    def facts(self, issued_on: date = TODAY) -> CertificateFacts:
        with self.homes.open() as opened:
            return build_facts(_sources(opened, Journal(opened.log, TODAY), issued_on, KEY))


def open_leaver(
    root: Path, monkeypatch: pytest.MonkeyPatch, cloud: VendorCloud, desk: Desk, *, is_mixed: bool
) -> Leaver:
    """Return a tenant of the vendor's alone, or with a machine in a bucket too, before its departure."""
    homes, tenant_id = open_two_homes(root, monkeypatch), new_tenant().id
    monkeypatch.setitem(DRIVERS, PlatformKind.ACRONIS, AcronisDriver)
    credential = root / "acronis.json"
    credential.write_text(f'{{"client_id": "{cloud.client_id}", "client_secret": "{cloud.client_secret}"}}')
    credential.chmod(0o600)
    file = homes.root / "platform.yaml"
    settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    settings["platforms"][VENDOR] = settings_of(cloud, credential)
    file.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    contract = yaml.safe_load((homes.root / "tenants" / f"{SLUG}.yaml").read_text(encoding="utf-8"))["contract"]
    fields: dict[str, Any] = {"id": tenant_id, "contract": {**contract, "vendor": TERMS}}
    if is_mixed:
        before = {"platform": HERE, "quota": "10 GiB"}
        homes.write_file(before, id=tenant_id, machines={COMPTA: machine_at(COMPTA)})
        homes.apply()
        homes.back_up(COMPTA)
        parts = {HERE: {"quota": "8 GiB"}, VENDOR: {"quota": "2 GiB", "licences": {"workstation": 1}}}
        fields |= {"storage": {**before, "parts": parts}, "machines": {COMPTA: machine_at(COMPTA), PORTABLE: AT_VENDOR}}
    else:
        fields |= {"storage": {"platform": VENDOR, "quota": "10 GiB"}, "machines": {PORTABLE: AT_VENDOR}}
    homes.write_file(**deepcopy(fields))
    leaver = Leaver(homes, cloud, desk, fields)
    if not is_mixed:
        homes.look(
            lambda opened: ensure_secrets(opened.tenant, opened.secrets, opened.log, quietly, keys=KeyOrigin.NONE)
        )
    leaver.make_customer()
    leaving = deepcopy(LEAVING)
    if not is_mixed:
        del leaving["return"]
    leaver.fields |= {"status": "leaving", "leaving": leaving}
    leaver.write_file()
    return leaver


def watch(leaver: Leaver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Note what a run does to the outside, and leave out what needs a clock or a signature."""
    for one in (module, retired_machine):
        monkeypatch.setattr(one, "read_tenant_key", lambda *_: None)
        monkeypatch.setattr(one, "check_day_of_erasure", lambda *_: None)
    monkeypatch.setattr(closing, "issue", lambda *_: SimpleNamespace(number="CE-1", pdf="a.pdf", json="a.json"))

    def noted(owner: type[Any], name: str, describe: Callable[..., str]) -> None:
        act = getattr(owner, name)

        def acting(self: Any, *args: Any, **options: Any) -> Any:
            result = act(self, *args, **options)
            leaver.did_now(describe(self, *args))
            return result

        monkeypatch.setattr(owner, name, acting)

    noted(MemoryEraser, "delete_bucket", lambda eraser: f"delete bucket {eraser.name}")
    noted(MemoryPlatform, "delete_user", lambda platform, uid: f"delete user {uid}")
    noted(CustomerEraser, "delete", lambda eraser, proof, refuse: f"delete customer {proof.uuid}")
    noted(AcronisStorage, "delete_user", lambda storage, uid: f"delete vendor's user {uid}")
    noted(SecretStore, "destroy", lambda store, name, tenant_id, model: f"destroy {name} {model.__name__}")
    noted(TenantLog, "append", lambda log, fact, *_: f"record {getattr(fact, 'step', type(fact).__name__)}")
