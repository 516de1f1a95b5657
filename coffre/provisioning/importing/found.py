"""A tenant that a platform has and no file describes: what platform, secrets and records still tell of it."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from coffre.agents import desired
from coffre.errors import RefusedError, UsageError
from coffre.records.actor import read_author
from coffre.records.facts.agents import AgentDeployed, Install, MachineRetired, Removal, Update
from coffre.records.facts.contract import Commissioned, LicenceChange, OptionChange, QuotaChange
from coffre.secrets import minting
from coffre.secrets.bundles import ControlBundle, DataBundle
from coffre.secrets.errors import ForeignBundleError
from coffre.secrets.store import OnNotice, SecretStore
from coffre.spec import naming
from coffre.spec.loader import Checkout
from coffre.spec.naming import ID_PATTERN
from coffre.spec.quota import find_sold_bytes
from coffre.storage.driver import Bucket, Storage
from coffre.storage.kinds import driver_of
from coffre.storage.values import OwnerFacts
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.estate.log import TenantLog, fact_of
from coffre.tenant.estate.secrets import StoredSecrets
from coffre.tenant.holds import list_recorded
from coffre.tenant.opening import open_secrets, open_storage
from coffre.tenant.past import open_existing_records


@dataclass(frozen=True)
class Identity:
    """The parts of a tenant's names on a platform."""

    slug: str
    id: str
    is_copy: bool = False
    is_part: bool = False


@dataclass(frozen=True)
class FoundMachine:
    """A machine with a bucket, or one whose agent keeps none and that the records know. Without a user it is retired.

    ``orders`` is the payload of its orders that this tenant's key signed, None without any. ``bucket`` is empty, and
    ``has_user`` true, for a machine without a bucket; ``deployed`` is then what the records have of its agent.
    """

    name: str
    bucket: str
    has_user: bool
    orders: Mapping[str, Any] | None
    deployed: AgentDeployed | None = None


@dataclass(frozen=True)
class PastFacts:
    """What the records know of a tenant; nothing where they are lost.

    ``is_held``: by a confidential hold. ``retired`` has the last day of a licence and that of the backups, by machine,
    ``deployed`` the agents that are on machines.
    """

    quota_bytes: int | None = None
    licences: Mapping[str, int] | None = None
    options: Sequence[str] | None = None
    is_commissioned: bool = False
    is_held: bool = False
    retired: Mapping[str, tuple[date, date]] = field(default_factory=dict)
    deployed: Mapping[str, AgentDeployed] = field(default_factory=dict)


@dataclass(frozen=True)
class FoundPart:
    """A part of a tenant's space; its quota is None where nothing tells it. ``licences`` are those granted, by kind."""

    quota_bytes: int | None
    licences: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class FoundTenant:
    """A tenant as its platform has it. ``quota_bytes`` and ``undelete_days`` are None where nothing tells them.

    ``is_kept``: some bucket expires nothing, as under a hold. ``is_shut_out``: no machine gets to its repository.
    ``copy_platform`` has a second copy of it. ``parts`` are by platform, where a vendor's has a part.
    ``licences_granted`` are those of the platform itself, where it sells them.
    """

    identity: Identity
    platform: str
    owner: OwnerFacts
    machines: Sequence[FoundMachine]
    quota_bytes: int | None
    undelete_days: int | None
    is_kept: bool
    is_shut_out: bool
    copy_platform: str | None = None
    parts: Mapping[str, FoundPart] = field(default_factory=dict)
    licences_granted: Mapping[str, int] = field(default_factory=dict)
    past: PastFacts = field(default_factory=PastFacts)


def find_on_platform(
    checkout: Checkout, slug: str, platform: str, tenant_id: str | None, on_notice: OnNotice
) -> FoundTenant:
    """Read what a platform has under a tenant's name, and what secrets and records know; changes nothing.

    RefusedError when Coffre made nothing of this name there, when the secrets are lost, or for a bucket of nobody.
    """
    storage, settings = open_storage(checkout, platform), checkout.settings.platforms[platform]
    can, store = driver_of(settings).capabilities, open_secrets(checkout, on_notice)
    ids = _list_ids(storage, slug) if can.has_buckets else _list_ids_by_bundle(storage, slug, store)
    identity = Identity(slug, _choose_id(ids, slug, platform, tenant_id))
    uid = naming.owner_uid(identity)
    owner = storage.find_owner(uid)
    if owner is None:
        raise _refuse_absent(slug, platform)
    secrets = StoredSecrets(store, identity)
    control, data = secrets.find_control(), secrets.find_data()
    if control is None or data is None:
        raise RefusedError(
            f"{uid} is on {platform}, but there is no bundle of its keys and passwords here or in the escrow",
            "Restore the escrow, or a bundle of `coffre secrets export`, then run the same command again. Without the "
            "passwords nobody can read the backups: new ones would hide that.",
        )
    users = {each.removeprefix(f"{uid}.") for each in storage.list_users(f"{uid}.")}
    names = name_buckets(identity, owner.buckets, users, control, data)
    opened = TenantBuckets(identity, storage, secrets)
    buckets = {name: opened.open_named(bucket) for name, bucket in names.items()}
    days = [bucket.undelete_days() for bucket in buckets.values()]
    known = [each for each in days if each is not None]
    past = _read_past(checkout, identity, on_notice)
    sold = None if owner.wall_bytes is None else find_sold_bytes(owner.wall_bytes, settings)
    in_use = [name for name in names if name in users]
    machines = [
        FoundMachine(name, bucket, name in users, read_orders(buckets[name], control, identity, name))
        for name, bucket in names.items()
    ]
    elsewhere = _find_parts(checkout, identity) if can.has_buckets else {}
    if elsewhere or not can.has_buckets:
        without = {name: agent for name, agent in sorted(past.deployed.items()) if name not in names}
        machines += [FoundMachine(name, "", True, None, agent) for name, agent in without.items()]
    if not can.has_buckets:
        _refuse_part(checkout, slug, platform, uid)
    quota_bytes, own = _share_out(past.quota_bytes, sold, elsewhere)
    return FoundTenant(
        identity,
        platform,
        owner,
        tuple(machines),
        quota_bytes=quota_bytes,
        undelete_days=min(known, default=None),
        is_kept=len(known) < len(days),
        is_shut_out=(can.suspends_owner and owner.suspended)
        or (bool(in_use) and all(buckets[name].is_suspended() for name in in_use)),
        copy_platform=_find_copy(checkout, identity, platform) if can.has_buckets else None,
        parts={platform: FoundPart(own), **elsewhere} if elsewhere else {},
        past=past,
        licences_granted=_find_granted(owner),
    )


def name_buckets(
    identity: Identity,
    buckets: Sequence[str],
    users: set[str],
    control: ControlBundle,
    data: DataBundle,
) -> dict[str, str]:
    """Return the bucket of each machine by the machine's name, which a bucket's own name does not give. Pure.

    RefusedError when a bucket is no known machine's, or a machine with a user has none.
    """
    known = {*users, *control.machine_keys, *data.repository_passwords}
    by_bucket = {naming.bucket_name(identity.slug, identity.id, name): name for name in sorted(known)}
    nobodys = sorted(set(buckets) - set(by_bucket))
    if nobodys:
        raise RefusedError(
            f"{naming.owner_uid(identity)} owns {', '.join(nobodys)}, which belongs to no machine that the platform or "
            "the bundles know",
            "Find out whose it is first: a file without its machine would be refused by every apply.",
        )
    missing = sorted(name for bucket, name in by_bucket.items() if name in users and bucket not in buckets)
    if missing:
        raise RefusedError(
            f"{', '.join(missing)} of {identity.slug} has a user and no bucket: its backups are gone",
            "Find out who deleted it, or delete that user, then run the same command again.",
        )
    return {by_bucket[bucket]: bucket for bucket in sorted(buckets)}


def read_orders(bucket: Bucket, control: ControlBundle, identity: Identity, machine: str) -> Mapping[str, Any] | None:
    """Return a machine's orders; None when there are none that this tenant's key signed for this machine.

    The host of the storage could write others: these tell nothing.
    """
    document = bucket.find(naming.DESIRED_KEY, desired.LIMIT_BYTES)
    if not isinstance(document, bytes):
        return None
    keys = [control.signing_key, *([control.old_signing_key] if control.old_signing_key is not None else [])]
    try:
        orders = desired.verify(document, *(base64.b64decode(minting.public_key_of(key)) for key in keys))
    except desired.InvalidOrdersError:
        return None
    return orders if (orders.get("tenant_id"), orders.get("machine")) == (identity.id, machine) else None


def _list_ids(storage: Storage, slug: str) -> list[str]:
    """Return the ids of the owners of this name."""
    rests = [uid.removeprefix(f"{slug}-") for uid in storage.list_users(f"{slug}-")]
    return sorted(rest for rest in rests if re.fullmatch(ID_PATTERN, rest))


def _list_ids_by_bundle(storage: Storage, slug: str, store: SecretStore) -> list[str]:
    """Return the ids of the owners whose bundle has this name: a vendor keeps a customer's id, and no slug."""
    ids = {tenant_id for uid in storage.list_users("") if (tenant_id := naming.tenant_id_of(uid)) is not None}
    return sorted(each for each in ids if _has_bundle(store, slug, each))


def _has_bundle(store: SecretStore, slug: str, tenant_id: str) -> bool:
    try:
        return store.find_control(slug, tenant_id) is not None
    except ForeignBundleError:
        return False


def _choose_id(ids: Sequence[str], slug: str, platform: str, wanted: str | None) -> str:
    """Return the id of the only owner of this name, or the wanted one when there are several."""
    if wanted is not None and wanted in ids:
        return wanted
    if not ids or wanted is not None:
        raise _refuse_absent(slug, platform)
    if len(ids) > 1:
        raise UsageError(
            f"{platform} has several tenants called {slug}: {', '.join(ids)}", "Name one of the ids with --id."
        )
    return ids[0]


def _refuse_absent(slug: str, platform: str) -> RefusedError:
    return RefusedError(
        f"{platform} has no owner that Coffre made for {slug}: it would be called {slug}-ID",
        "If the customer's storage was made by hand or by another tool, `--owner USER` shows it and says what to do.",
    )


def _find_copy(checkout: Checkout, identity: Identity, platform: str) -> str | None:
    """Return the other platform that has a second copy of the tenant; a vendor's has none."""
    uid, every = naming.owner_uid(Identity(identity.slug, identity.id, is_copy=True)), checkout.settings.platforms
    others = (name for name in every if name != platform and driver_of(every[name]).capabilities.has_buckets)
    return next((name for name in others if uid in open_storage(checkout, name).list_users(uid)), None)


def _refuse_part(checkout: Checkout, slug: str, platform: str, uid: str) -> None:
    """Refuse to take a vendor's part for the whole of a tenant that another platform has too."""
    for name, each in checkout.settings.platforms.items():
        if driver_of(each).capabilities.has_buckets and open_storage(checkout, name).find_owner(uid) is not None:
            raise UsageError(
                f"{slug} is on {platform} and on {name}, which has its buckets",
                f"Give --platform {name}: its part on {platform} comes with it.",
            )


def _share_out(
    recorded: int | None, sold: int | None, others: Mapping[str, FoundPart]
) -> tuple[int | None, int | None]:
    """Return the sold quota of a tenant and that of its own part, in bytes; None where nothing tells them. Pure.

    ``recorded`` is the quota by the records, ``sold`` that of the own part by its wall.
    """
    known = [each.quota_bytes for each in others.values() if each.quota_bytes is not None]
    if len(known) < len(others):
        return recorded, sold
    whole = recorded or (None if sold is None else sold + sum(known))
    return whole, None if whole is None else whole - sum(known)


def _find_granted(owner: OwnerFacts) -> dict[str, int]:
    return {kind: each.granted for kind, each in owner.licences.items() if each.granted}


def _find_parts(checkout: Checkout, identity: Identity) -> dict[str, FoundPart]:
    """Return the hard quota and the licences of a tenant at each vendor's platform that has it as a customer."""
    found = {}
    for name, platform in checkout.settings.platforms.items():
        if not driver_of(platform).capabilities.has_buckets:
            owner = open_storage(checkout, name).find_owner(naming.owner_uid(identity))
            if owner is not None:
                found[name] = FoundPart(owner.wall_bytes, _find_granted(owner))
    return found


def _read_past(checkout: Checkout, identity: Identity, on_notice: OnNotice) -> PastFacts:
    with open_existing_records(checkout, on_notice) as records:
        if records is None:
            return PastFacts()
        log = TenantLog.read(records, identity.id, identity.slug, read_author(checkout.root))
        quota, licences = fact_of(log.last(QuotaChange)), fact_of(log.last(LicenceChange))
        options = fact_of(log.last(OptionChange))
        return PastFacts(
            None if quota is None else quota.quota_bytes,
            None if licences is None else licences.licences,
            None if options is None else options.options,
            log.has(Commissioned),
            bool(list_recorded(log)),
            {
                str(each.machine): (each.fact.on, each.fact.keep_until)
                for each in log.list(MachineRetired)
                if not each.fact.agent
            },
            _list_deployed(log),
        )


def _list_deployed(log: TenantLog) -> dict[str, AgentDeployed]:
    """Return what is on each machine by the records."""
    facts: tuple[type[AgentDeployed | Removal], ...] = (Install, Update, Removal)
    last = {(str(each.machine), each.fact.agent): each for each in log.list(facts)}
    standing = sorted(last.items(), key=lambda each: each[1].id or 0)
    # A machine that moves to another agent has both for a while: the newer one is the file's.
    return {name: each.fact for (name, _), each in standing if isinstance(each.fact, AgentDeployed)}
