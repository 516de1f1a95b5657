"""A whole departure as the journal would have it, for tests of what is written from it."""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from coffre.offboarding.erase.checks import (
    Absent,
    ErasureCheck,
    ErasureLook,
    Left,
    RepositoryPasswords,
    RestoreAnswer,
    RestoreTried,
    ServiceKeys,
    ToldByLetter,
)
from coffre.offboarding.lifecycle.calendar import Calendar, plan_calendar
from coffre.offboarding.lifecycle.evidence import (
    Agent,
    AgentOutcome,
    Approved,
    Attestation,
    BucketCount,
    BucketErased,
    ErasureBegan,
    Removed,
    Returned,
    SecretDestroyed,
    Step,
    UserDeleted,
    UsersSuspended,
    Verified,
)
from coffre.offboarding.lifecycle.journal import Journal
from coffre.records.actor import Author
from coffre.records.chain.heads import Head
from coffre.records.chain.links import Tip
from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind, check_recordable
from coffre.records.facts.departure import Attested
from coffre.secrets import minting
from coffre.secrets.bundles import PROVIDER, ProviderBundle
from coffre.spec.loader import Checkout
from coffre.spec.platform import PlatformFile
from coffre.spec.tenant import Tenant
from coffre.tenant.departure import Stage
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.opening import OpenTenant
from tests.builders import PLATFORM, tenant_with

NOTICE_ON = date(2027, 1, 4)
HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

LEAVING: dict[str, Any] = {
    "notice_on": NOTICE_ON,
    "ends_on": date(2027, 2, 28),
    "requested_by": "Claire Martin, gérante",
    "approved_by": "paul@smileo.example",
    "choice": "return",
    "return": {"format": "files", "to": {"via": "directory", "path": "/mnt/disque-martin"}},
}


def leaving_tenant(**changes: Any) -> Tenant:
    return tenant_with(**{"status": "leaving", "leaving": LEAVING, **changes})


class InMemoryRecords:
    """Events as the records have them, without a disk: each goes the way of JSON and back."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def append(self, event: Event) -> Event:
        check_recordable(event)
        details = json.loads(json.dumps(event.details))
        self._events.append(replace(event, details=details, id=len(self._events) + 1))
        return self._events[-1]

    def read_tip(self) -> Tip:
        return Tip("00", len(self._events), "00")

    def list_heads(self) -> list[Head]:
        return []

    def add_head(self, head: Head, place: str) -> None:
        pass

    def select_events(
        self,
        tenant_id: str | None,
        kinds: Collection[EventKind],
        machine: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Event]:
        assert since is until is None, "no test of departures asks for a time"
        return [
            event
            for event in self._events
            if tenant_id in (None, event.tenant_id) and event.kind in kinds and machine in (None, event.machine)
        ]

    def find_last(self, tenant_id: str, kind: EventKind, machine: str | None = None) -> Event | None:
        return next(reversed(self.list_events(tenant_id, kind, machine)), None)

    def list_events(self, tenant_id: str, kind: EventKind | None = None, machine: str | None = None) -> list[Event]:
        return [
            event
            for event in self._events
            if event.tenant_id == tenant_id and kind in (None, event.kind) and machine in (None, event.machine)
        ]


@dataclass
class Cluster:
    """A platform that says which one it is and what time it is there, and nothing else."""

    ids: tuple[str, ...] = ("f-1",)
    ahead: timedelta = timedelta()

    def list_platform_ids(self) -> tuple[str, ...]:
        return self.ids

    def probe_server_time(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class ProviderSecrets:
    """The provider's own keys, and no tenant's."""

    def __init__(self) -> None:
        self._provider = ProviderBundle(tenant_id=PROVIDER, records_key=minting.new_signing_key())

    def find_provider(self) -> ProviderBundle:
        return self._provider

    def save_provider(self, bundle: ProviderBundle) -> bool:
        is_new, self._provider = bundle != self._provider, bundle
        return is_new


@contextmanager
def open_tenant(
    root: Path, tenant: Tenant, *, is_embedded: bool = False, records: Records | None = None, **settings: Any
) -> Iterator[OpenTenant]:
    """Open a service without storage and secrets, and with records in memory unless others are given."""
    (root / "endpoints.json").write_text(json.dumps({"endpoint": "https://s3.smileo.example", "fsid": "f-1"}))
    (root / "state.json").write_text(json.dumps({"fsid": "f-1"}))
    lab = {**PLATFORM["platforms"]["lab"], "lab": is_embedded}
    platform = PlatformFile.model_validate({**PLATFORM, "platforms": {"lab": lab}, **settings})
    kept: Any = records or InMemoryRecords()
    yield OpenTenant(
        checkout=Checkout(root, platform, {tenant.slug: tenant}),
        tenant=tenant,
        storage=Cluster(),  # type: ignore[arg-type]
        secrets=None,  # type: ignore[arg-type]
        secret_store=ProviderSecrets(),  # type: ignore[arg-type]
        log=TenantLog.read(kept, tenant.id, tenant.slug, Author("anna@smileo.example", "1a2b3c4d5e6f")),
        on_notice=lambda text: None,
    )


def copy_event(opened: OpenTenant, kind: EventKind, details: Mapping[str, object]) -> None:
    """Add an event as somebody does who writes into the database by other means than Coffre."""
    author, tenant = opened.log.author, opened.tenant
    opened.records.append(
        Event(tenant.id, tenant.slug, kind, datetime.now(UTC), author.actor, author.commit, details=details)
    )


def calendar_of(opened: OpenTenant, returned_on: date | None = None) -> Calendar:
    assert opened.tenant.leaving is not None
    return plan_calendar(opened.tenant.leaving, opened.checkout.settings.offboarding, returned_on)


def moment(day: date, hour: int = 10) -> datetime:
    return datetime.combine(day, time(hour), UTC)


def returned(machine: str, **changes: Any) -> Returned:
    at = moment(date(2027, 4, 1))
    fields = {
        "machine": machine,
        "format": "files",
        "snapshots": ("86288919",),
        "target": f"/mnt/disque-martin/martin/{machine}",
        "files": 18_204,
        "bytes": 42_949_672_960,
        "manifest_sha256": HASH,
        "renamed": 0,
        "written_at": at,
        "verified_at": at + timedelta(minutes=20),
        "write_seconds": 512.0,
        "read_back_seconds": 301.5,
    }
    return Returned(**{**fields, **changes})


def ended_on(day: int) -> date:
    return date(2027, 5, day)


def write_whole_departure(opened: OpenTenant, *, without: frozenset[Step] = frozenset()) -> Journal:
    """Write the journal of a departure that went as it should, one machine out of reach; some steps can be left out."""
    tenant = opened.tenant
    journal = Journal(opened.log, NOTICE_ON)
    count = BucketCount(objects=1204, versions=310, markers=12, uploads=1, bytes=42_949_672_960)

    def note(step: Step, evidence: object, machine: str | None = None) -> None:
        if step not in without:
            journal.note(step, evidence, machine)

    note(
        Step.APPROVED,
        Approved(
            "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d",
            ("anna@smileo.example",),
            "paul@smileo.example",
            "Claire Martin, gérante",
            "return",
            NOTICE_ON,
            date(2027, 2, 28),
        ),
    )
    journal.enter(Stage.NOTIFIED)
    journal.enter(Stage.SERVING)
    journal.today = date(2027, 3, 31)
    journal.enter(Stage.FROZEN)
    for name in tenant.machines:
        note(Step.RETURNED, returned(name, password_handed_out=name == "compta-01"), name)
    journal.enter(Stage.RETURNED)
    journal.today = date(2027, 4, 12)
    note(Step.ATTESTED, Attestation(Attested.DATA_RECOVERED, "recu-martin.pdf", HASH[::-1], date(2027, 4, 10)))
    journal.enter(Stage.ACKNOWLEDGED)
    outcomes = {"compta-01": AgentOutcome.REMOVED, "caisse-01": AgentOutcome.UNREACHED}
    for name, outcome in outcomes.items():
        told = ToldByLetter(on=date(2027, 4, 30)) if outcome is AgentOutcome.UNREACHED else None
        note(Step.AGENT, Agent(name, "linux", outcome, moment(date(2027, 3, 30)), told), name)
    journal.today = ended_on(1)
    note(Step.USERS_SUSPENDED, UsersSuspended(tuple(f"{opened.buckets.owner_uid}.{name}" for name in tenant.machines)))
    journal.enter(Stage.DISMANTLED)
    for name in tenant.machines:
        bucket = opened.buckets.name(name)
        note(
            Step.ERASURE_BEGAN,
            ErasureBegan(name, bucket, f"a1b2c3d4.{len(name)}.1", opened.buckets.owner_uid, tenant.id, count),
            name,
        )
        note(Step.BUCKET_ERASED, BucketErased(name, bucket, count, BucketCount(), True), name)
    places = ("secrets/martin.data.age", "escrow/martin.data.age")
    note(Step.SECRET_DESTROYED, SecretDestroyed(RepositoryPasswords(), places, HASH))
    for uid in (
        f"{opened.buckets.owner_uid}.compta-01",
        f"{opened.buckets.owner_uid}.caisse-01",
        opened.buckets.owner_uid,
    ):
        note(Step.USER_DELETED, UserDeleted(uid, (uid[-6:].upper().replace("-", "K") + "7Q2M4X",)))
    journal.enter(Stage.ERASED)
    return journal


def verify_and_clear(opened: OpenTenant, journal: Journal, actor: str = "paul@smileo.example") -> None:
    """Add a verification by another person, and what goes last."""
    checks = tuple(
        ErasureCheck(look, opened.buckets.name(name), True, seen)
        for name in opened.tenant.machines
        for look, seen in (
            (ErasureLook.BUCKET, Absent()),
            (
                ErasureLook.RESTORE,
                RestoreTried(answer=RestoreAnswer.REFUSED, said="restic failed: Stat: Access Denied."),
            ),
        )
    )
    other = replace(opened, log=replace(opened.log, author=Author(actor, "1a2b3c4d5e6f")))
    looking = Journal(other.log, ended_on(4))
    looking.note(
        Step.VERIFIED, Verified((*checks, ErasureCheck(ErasureLook.USER, opened.buckets.owner_uid, True, Absent())))
    )
    journal.today = ended_on(5)
    journal.enter(Stage.VERIFIED)
    journal.note(Step.STACK_REMOVED, Removed((".coffre/state/.pulumi/stacks/coffre/martin.json",)))
    places = ("secrets/martin.control.age", "escrow/martin.control.age")
    journal.note(Step.SECRET_DESTROYED, SecretDestroyed(ServiceKeys(), places, HASH))
    journal.note(Step.LOCAL_REMOVED, Removed(()))
    journal.note(Step.FINAL_CHECK, Verified((ErasureCheck(ErasureLook.STACK, "martin", True, Left()),)))
