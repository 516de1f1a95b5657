"""The rehearsal: everything that would be erased, from live facts, before approval and erasure. Changes nothing."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime

from coffre.errors import ExpectedError, RefusedError
from coffre.offboarding.approval.approval import get_approval
from coffre.offboarding.approval.people import People
from coffre.offboarding.erase.counting import count_bucket
from coffre.offboarding.erase.owners import open_eraser, refuse_at_vendor
from coffre.offboarding.lifecycle.calendar import Calendar
from coffre.offboarding.lifecycle.clock import read_today
from coffre.offboarding.lifecycle.due import gather_facts, get_leaving
from coffre.offboarding.lifecycle.evidence import Approved, BucketCount
from coffre.offboarding.lifecycle.freezing import list_buckets
from coffre.offboarding.lifecycle.journal import Journal
from coffre.offboarding.lifecycle.keeping_after import KeptRecords, judge_kinds
from coffre.offboarding.lifecycle.stages import Waiting, find_transition, is_late
from coffre.operations.holds.settle import describe_hold
from coffre.provisioning.engine.stack import state_folder
from coffre.provisioning.steps.retirement import has_agent
from coffre.records.facts.departure import Stage
from coffre.secrets.bundles import KINDS
from coffre.spec import naming
from coffre.spec.loader import Checkout
from coffre.spec.tenant import Tenant
from coffre.storage.driver import Storage
from coffre.tenant.embedded import EmbeddedProof
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.opening import OpenTenant, open_tenant


@dataclass(frozen=True)
class MachineFound:
    """One machine: its agent by the records, its last sign of life in the storage, and its bucket's current content.

    ``vendor`` is the platform that keeps its backups without a bucket; then ``bucket`` is empty. ``copied_to`` is set
    for its second copy, which has no agent.
    """

    name: str
    system: str
    is_retired: bool
    has_agent: bool
    last_seen_at: datetime | None
    bucket: str
    holds: BucketCount | None
    copied_to: str | None = None
    vendor: str | None = None


@dataclass(frozen=True)
class UserFound:
    """A user of the platform and the ids of its keys."""

    uid: str
    access_key_ids: tuple[str, ...]


@dataclass(frozen=True)
class OwnerFound:
    """An owner on a platform without buckets, with the vendor's figures of what would go with it."""

    platform: str
    uuid: str
    name: str
    used: tuple[str, ...]
    below: int


@dataclass(frozen=True)
class RecordsFound:
    """The records of one kind: their number, and whether and why they stay after the end."""

    kind: str
    count: int
    kept: KeptRecords | None


@dataclass(frozen=True)
class Rehearsal:
    """What a departure would do and erase.

    ``due`` is the next stage, and ``waiting`` its condition; ``refused`` is why it cannot begin or continue now.
    """

    tenant: str
    today: date
    stage: Stage | None
    choice: str
    calendar: Calendar
    due: Stage | None
    waiting: Waiting | None
    is_late: bool
    hold: str | None
    approved: Approved | None
    refused: str
    machines: tuple[MachineFound, ...]
    users: tuple[UserFound, ...]
    bundles: tuple[str, ...]
    records: tuple[RecordsFound, ...]
    stack_resources: int | None
    owners: tuple[OwnerFound, ...] = ()

    @property
    def total(self) -> BucketCount:
        """The content of all buckets together."""
        held = [machine.holds for machine in self.machines if machine.holds is not None]
        return BucketCount(
            objects=sum(each.objects for each in held),
            versions=sum(each.versions for each in held),
            markers=sum(each.markers for each in held),
            uploads=sum(each.uploads for each in held),
            bytes=sum(each.bytes for each in held),
        )


def rehearse(checkout: Checkout, slug: str, asked_day: date | None) -> Rehearsal:
    """Return what the departure of a tenant would do, from live facts."""
    with open_tenant(checkout, slug, lambda _: None) as opened:
        leaving = get_leaving(opened.tenant)
        journal = Journal(opened.log, read_today(opened.tenant, opened.embedded, asked_day))
        facts = gather_facts(opened.tenant, opened.checkout, opened.log, journal)
        transition = find_transition(journal.stage)
        approved, refused = _look_at_approval(opened.tenant, opened.checkout, opened.embedded, journal)
        return Rehearsal(
            tenant=slug,
            today=journal.today,
            stage=journal.stage,
            choice=leaving.choice.value,
            calendar=facts.calendar,
            due=transition.target if transition is not None else None,
            waiting=transition.wait(facts) if transition is not None else None,
            is_late=is_late(facts, journal.stage),
            hold=facts.hold,
            approved=approved,
            refused=refused,
            machines=tuple(found for home in opened.homes for found in _find_machines(home)),
            users=tuple(user for home in opened.bucket_homes for user in _find_users(home.tenant, home.storage)),
            bundles=_find_bundles(opened),
            records=_find_records(opened.tenant, opened.log),
            stack_resources=_count_resources(opened),
            owners=tuple(owner for home in opened.homes for owner in _find_owner(home)),
        )


@dataclass(frozen=True)
class MachineRehearsal:
    """What the end of one retired machine would erase, and from which day on."""

    tenant: str
    today: date
    keep_until: date
    hold: str | None
    machines: tuple[MachineFound, ...]


def rehearse_machine(checkout: Checkout, slug: str, machine: str, asked_day: date | None) -> MachineRehearsal:
    """Return what the erasure of a retired machine's backups would erase, from live facts."""
    with open_tenant(checkout, slug, lambda _: None) as found:
        opened = found.of_buckets
        retirement = opened.machine(machine).retired
        if retirement is None:
            raise RefusedError(
                f"{slug}/{machine} is in service: its backups are not erased",
                "To retire a machine, write `retired: {on: DATE, keep_until: DATE}` in the file and apply it.",
            )
        refuse_at_vendor(opened, machine)
        hold = opened.tenant.hold
        return MachineRehearsal(
            slug,
            read_today(opened.tenant, opened.embedded, asked_day),
            retirement.keep_until,
            None if hold is None else describe_hold(hold),
            tuple(_find_machine(home, machine, home.buckets.has(machine)) for home in opened.bucket_homes),
        )


def _look_at_approval(
    tenant: Tenant, checkout: Checkout, embedded: EmbeddedProof, journal: Journal
) -> tuple[Approved | None, str]:
    try:
        return get_approval(tenant, checkout, People(checkout, embedded, journal)), ""
    except ExpectedError as problem:
        return None, f"{problem.message}. {problem.hint}"


def _find_machines(home: OpenTenant) -> list[MachineFound]:
    if not home.capabilities.has_buckets:
        return [_find_at_vendor(home, name) for name in home.tenant.machines]
    standing = list_buckets(home.tenant, home.buckets)
    return [_find_machine(home, name, name in standing) for name in home.tenant.machines]


def _find_machine(home: OpenTenant, name: str, has_bucket: bool) -> MachineFound:
    machine, buckets = home.machine(name), home.buckets
    return MachineFound(
        name=name,
        system=machine.os.value,
        is_retired=machine.is_retired,
        has_agent=not home.tenant.is_copy and has_agent(home.log, name),
        last_seen_at=buckets.open(name).find_newest_at(naming.REPORTS_PREFIX) if has_bucket else None,
        bucket=buckets.name(name),
        holds=count_bucket(home.storage, buckets, name) if has_bucket else None,
        copied_to=home.tenant.copied_to,
    )


def _find_at_vendor(home: OpenTenant, name: str) -> MachineFound:
    machine, platform = home.machine(name), home.tenant.storage.platform
    is_there = has_agent(home.log, name)
    return MachineFound(name, machine.os.value, machine.is_retired, is_there, None, "", None, vendor=platform)


def _find_owner(home: OpenTenant) -> list[OwnerFound]:
    eraser = open_eraser(home)
    proof = None if eraser is None else eraser.prove()
    if proof is None:
        return []
    return [OwnerFound(home.tenant.storage.platform, proof.uuid, proof.name, proof.used, proof.below)]


def _find_bundles(opened: OpenTenant) -> tuple[str, ...]:
    found = (home.secrets.find_files(kind).places for home in opened.homes if not home.tenant.is_part for kind in KINDS)
    return tuple(dict.fromkeys(place for places in found for place in places))


def _find_users(tenant: Tenant, storage: Storage) -> tuple[UserFound, ...]:
    uids = [naming.owner_uid(tenant), *storage.list_users(f"{naming.owner_uid(tenant)}.")]
    found = [UserFound(uid, tuple(storage.list_key_ids(uid))) for uid in uids]
    known = set(storage.list_users(naming.owner_uid(tenant)))
    return tuple(user for user in found if user.uid in known)


def _find_records(tenant: Tenant, log: TenantLog) -> tuple[RecordsFound, ...]:
    records = log.find_records()
    counted = Counter(event.kind for event in records.list_events(tenant.id)) if records is not None else {}
    kept = judge_kinds()
    return tuple(RecordsFound(kind.value, count, kept.get(kind)) for kind, count in sorted(counted.items()))


def _count_resources(opened: OpenTenant) -> int | None:
    folder = state_folder(opened.checkout)
    states = [folder.read(naming.stack_name(home.tenant)) for home in opened.homes]
    counts = [len(state.resources) for state in states if state is not None]
    return sum(counts) if counts else None
