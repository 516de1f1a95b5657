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
from coffre.records.facts.agents import MachineRetired
from coffre.records.facts.contract import Commissioned, LicenceChange, OptionChange, QuotaChange
from coffre.secrets import minting
from coffre.secrets.bundles import ControlBundle, DataBundle
from coffre.secrets.store import OnNotice
from coffre.spec import naming
from coffre.spec.loader import Checkout
from coffre.spec.naming import ID_PATTERN
from coffre.spec.quota import find_sold_bytes
from coffre.storage.driver import Bucket, Storage
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
    """A machine with a bucket. Without a user it is retired.

    ``orders`` is the payload of its orders that this tenant's key signed, None without any.
    """

    name: str
    bucket: str
    has_user: bool
    orders: Mapping[str, Any] | None


@dataclass(frozen=True)
class PastFacts:
    """What the records know of a tenant; nothing where they are lost.

    ``is_held``: by a confidential hold. ``retired`` has the last day of a licence and that of the backups, by machine.
    """

    quota_bytes: int | None = None
    licences: Mapping[str, int] | None = None
    options: Sequence[str] | None = None
    is_commissioned: bool = False
    is_held: bool = False
    retired: Mapping[str, tuple[date, date]] = field(default_factory=dict)


@dataclass(frozen=True)
class FoundTenant:
    """A tenant as its platform has it. ``quota_bytes`` and ``undelete_days`` are None where nothing tells them.

    ``is_kept``: some bucket expires nothing, as under a hold. ``is_shut_out``: no machine gets to its repository.
    ``copy_platform`` has a second copy of it.
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
    past: PastFacts = field(default_factory=PastFacts)


def find_on_platform(
    checkout: Checkout, slug: str, platform: str, tenant_id: str | None, on_notice: OnNotice
) -> FoundTenant:
    """Read what a platform has under a tenant's name, and what secrets and records know; changes nothing.

    RefusedError when Coffre made nothing of this name there, when the secrets are lost, or for a bucket of nobody.
    """
    storage = open_storage(checkout, platform)
    identity = Identity(slug, _choose_id(storage, slug, platform, tenant_id))
    uid = naming.owner_uid(identity)
    owner = storage.find_owner(uid)
    if owner is None:
        raise _refuse_absent(slug, platform)
    secrets = StoredSecrets(open_secrets(checkout, on_notice), identity)
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
    settings = checkout.settings.platforms[platform]
    sold = None if owner.wall_bytes is None else find_sold_bytes(owner.wall_bytes, settings)
    in_use = [name for name in names if name in users]
    return FoundTenant(
        identity,
        platform,
        owner,
        tuple(
            FoundMachine(name, bucket, name in users, read_orders(buckets[name], control, identity, name))
            for name, bucket in names.items()
        ),
        quota_bytes=past.quota_bytes or sold,
        undelete_days=min(known, default=None),
        is_kept=len(known) < len(days),
        is_shut_out=bool(in_use) and all(buckets[name].is_suspended() for name in in_use),
        copy_platform=_find_copy(checkout, identity, platform),
        past=past,
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


def _choose_id(storage: Storage, slug: str, platform: str, wanted: str | None) -> str:
    """Return the id of the only owner of this name, or the wanted one when there are several."""
    rests = [uid.removeprefix(f"{slug}-") for uid in storage.list_users(f"{slug}-")]
    ids = sorted(rest for rest in rests if re.fullmatch(ID_PATTERN, rest))
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
    """Return the other platform that has a second copy of the tenant."""
    uid = naming.owner_uid(Identity(identity.slug, identity.id, is_copy=True))
    others = (name for name in checkout.settings.platforms if name != platform)
    return next((name for name in others if uid in open_storage(checkout, name).list_users(uid)), None)


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
            {str(each.machine): (each.fact.on, each.fact.keep_until) for each in log.list(MachineRetired)},
        )
