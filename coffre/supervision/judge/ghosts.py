"""Compares what is declared with what is really there: machines, buckets, users, keys. Pure.

The contract counts licences by machine (articles 1a, 2 and 10): one that is paid and protects nothing, and data that
nobody declares, are both wrong. A user or a key that nobody needs is a door that nobody watches (article 12).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from coffre.findings import Finding, FindingKind
from coffre.spec import naming

DEPLOYED_WITHIN = timedelta(days=14)
"""A machine that is declared for longer should have its agent."""
MAX_OWNERS = 20
"""So many owners of no tenant are named for a platform: lost records are one cause."""


def judge_deployment(waiting_since: Mapping[str, datetime], now: datetime) -> Iterator[Finding]:
    """Yield the machines that never had an agent although they are declared for long.

    ``waiting_since`` has the active machines without one, and since when supervision knows their storage.
    """
    for name, since in waiting_since.items():
        if now - since >= DEPLOYED_WITHIN:
            yield Finding(FindingKind.MACHINE_NOT_DEPLOYED, name, {"since": since.isoformat()})


def judge_buckets(stored_bytes: Mapping[str, int], declared: Collection[str]) -> Iterator[Finding]:
    """Yield the buckets of a tenant's owner that belong to none of its machines."""
    for bucket in sorted(set(stored_bytes) - set(declared)):
        evidence: dict[str, str | int | None] = {"bucket": bucket, "stored_bytes": stored_bytes[bucket]}
        yield Finding(FindingKind.BUCKET_NOT_DECLARED, None, evidence)


def group_users(uids: Iterable[str], known_ids: Collection[str]) -> dict[str, list[str]]:
    """Return the users whose names only Coffre gives and whose tenants are not known, by the owner in their names."""
    found: dict[str, list[str]] = {}
    for uid in uids:
        owner = naming.owner_of(uid)
        if owner is not None and naming.tenant_id_of(uid) not in known_ids:
            found.setdefault(owner, []).append(uid)
    return found


def judge_owners(users: Mapping[str, int], buckets: Mapping[str, int]) -> Iterator[Finding]:
    """Yield the owners of no tenant, by name: how many ``users`` and ``buckets`` each has."""
    owners = sorted(users)
    for owner in owners[:MAX_OWNERS]:
        evidence: dict[str, str | int | None] = {
            "user": owner,
            "users": users[owner],
            "buckets": buckets.get(owner, 0),
        }
        yield Finding(FindingKind.USER_NOT_DECLARED, None, evidence)
    more = sum(users[owner] for owner in owners[MAX_OWNERS:])
    if more:
        yield Finding(FindingKind.USER_NOT_DECLARED, None, {"user": None, "users": more, "buckets": None})


@dataclass(frozen=True)
class Account:
    """A user that a tenant should have, with its keys.

    ``machine`` is None for the owner. ``key_ids`` are those of the platform, None when it has no such user. ``key_id``
    is the newest key of the bundle; ``old_key_id`` the one that it replaces since ``old_since``.
    """

    uid: str
    machine: str | None
    key_ids: Sequence[str] | None
    key_id: str | None
    old_key_id: str | None = None
    old_since: datetime | None = None


@dataclass(frozen=True)
class KeyUse:
    """When a machine last said with which key it ran; ``key_id`` is empty where its agent does not say that."""

    key_id: str
    at: datetime


def judge_accounts(platform: str, accounts: Sequence[Account], uses: Mapping[str, KeyUse]) -> Iterator[Finding]:
    """Yield the missing users of a tenant on one platform, and the keys of its users that no bundle has.

    ``uses`` are the last words of the machines.
    """
    gone = [each.uid for each in accounts if each.key_ids is None]
    if gone:
        yield Finding(FindingKind.USERS_GONE, None, {"platform": platform, "count": len(gone), "user": gone[0]})
    for each in accounts:
        unknown = sorted(set(each.key_ids or ()) - {each.key_id, each.old_key_id})
        if not unknown:
            continue
        use = None if each.machine is None else uses.get(each.machine)
        named = use if use is not None and use.key_id in unknown else None
        evidence: dict[str, str | int | None] = {
            "user": each.uid,
            "count": len(unknown),
            "key_id": unknown[0] if named is None else named.key_id,
            "used_at": None if named is None else named.at.isoformat(),
        }
        yield Finding(FindingKind.KEY_UNKNOWN, each.machine, evidence)


def judge_unused(
    accounts: Sequence[Account],
    uses: Mapping[str, KeyUse],
    since: Mapping[str, datetime],
    unused_days: int,
    now: datetime,
) -> Iterator[Finding]:
    """Yield the keys of machines that the platform takes and that nobody used for so many days.

    ``since`` has the machines that must back up, and since when: any other has no use for its key now.
    """
    limit = timedelta(days=unused_days)
    for each in accounts:
        if each.machine is None or each.machine not in since or each.key_ids is None:
            continue
        use = uses.get(each.machine)
        last_at = None if use is None else use.at
        begun_at = since[each.machine] if last_at is None else max(last_at, since[each.machine])
        if each.key_id in each.key_ids and now - begun_at >= limit:
            yield _unused(each.machine, each.key_id, last_at, begun_at, now)
        is_replaced = use is not None and use.key_id == each.key_id and each.old_key_id in each.key_ids
        if is_replaced and each.old_since is not None and now - each.old_since >= limit:
            yield _unused(each.machine, each.old_key_id, None, each.old_since, now)


def _unused(machine: str, key_id: str | None, last_at: datetime | None, since: datetime, now: datetime) -> Finding:
    evidence: dict[str, str | int | None] = {
        "key_id": key_id,
        "used_at": None if last_at is None else last_at.isoformat(),
        "since": since.isoformat(),
        "days": (now - since).days,
    }
    return Finding(FindingKind.KEY_UNUSED, machine, evidence)
