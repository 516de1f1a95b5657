"""Decides when an old key can be revoked: compares the content of machines' buckets with the control bundle. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from coffre.secrets.bundles import ControlBundle
from coffre.secrets.minting import public_key_of
from coffre.secrets.rotations import KeyKind, Subject, is_condemned

LOCK_LIFE = timedelta(minutes=30)
"""The age from which a lock of a repository is stale: a running backup renews its lock."""


@dataclass(frozen=True)
class KeyUse:
    """The content of a machine's bucket: the keys that it last used, and whether a backup is in progress."""

    access_key_ids: frozenset[str]
    signing_public_key: str | None
    is_at_work: bool


def is_at_work(locked_at: datetime | None, now: datetime) -> bool:
    """Tell whether a process works in a repository, by its newest lock; both times are the server's."""
    return locked_at is not None and now - locked_at < LOCK_LIFE


class PendingCause(StrEnum):
    """Why a rotation cannot end yet."""

    SIGNING_KEY_NOT_TAKEN = "signing_key_not_taken"
    NO_REPORT_WITH_NEW_KEY = "no_report_with_new_key"
    BACKUP_UNDER_WAY = "backup_under_way"


@dataclass(frozen=True)
class PendingReason:
    """What a rotation waits for, and the machines that must act first."""

    cause: PendingCause
    machines: tuple[str, ...]


def waits_for(control: ControlBundle, subject: Subject, key_uses: Mapping[str, KeyUse]) -> PendingReason | None:
    """Return what prevents the end of a rotation; None when nothing does.

    ``key_uses`` are those of every machine that uses the key.
    """
    if subject.kind is KeyKind.OWNER:
        return None
    if subject.kind is KeyKind.SIGNING:
        wanted = public_key_of(control.signing_key)
        lagging = tuple(name for name, key_use in key_uses.items() if key_use.signing_public_key != wanted)
        return PendingReason(PendingCause.SIGNING_KEY_NOT_TAKEN, lagging) if lagging else None
    name = str(subject.machine)
    if control.machine_keys[name].access_key_id not in key_uses[name].access_key_ids:
        return PendingReason(PendingCause.NO_REPORT_WITH_NEW_KEY, (name,))
    if key_uses[name].is_at_work and not is_condemned(control, subject):
        return PendingReason(PendingCause.BACKUP_UNDER_WAY, (name,))
    return None


def machines_to_move(subjects: Collection[Subject], machines: Collection[str]) -> list[str]:
    """Return the machines of the tenant whose agents need an update for these keys."""
    if any(subject.kind is KeyKind.SIGNING for subject in subjects):
        return list(machines)
    return [name for name in machines if name in {subject.machine for subject in subjects}]
