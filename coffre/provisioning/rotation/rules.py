"""When an old key may go: what machines say in their buckets, held against the control bundle. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from coffre.secrets.bundles import ControlBundle
from coffre.secrets.minting import public_key_of
from coffre.secrets.rotations import KeyKind, Subject, is_condemned

LOCK_LIFE = timedelta(minutes=30)
"""How old a lock of restic's may get before it is a dead run's: restic's own rule; a living one renews it."""


@dataclass(frozen=True)
class Witness:
    """What a machine's bucket says: the keys it was seen to work with last, and whether a backup is under way."""

    access_key_ids: frozenset[str]
    signing_public_key: str | None
    is_at_work: bool


def is_at_work(locked_at: datetime | None, now: datetime) -> bool:
    """Tell whether somebody works in a repository, by its newest lock; both times are the server's."""
    return locked_at is not None and now - locked_at < LOCK_LIFE


def waits_for(control: ControlBundle, subject: Subject, witnesses: Mapping[str, Witness]) -> str:
    """Say what keeps a rotation from its end, in words that follow the key's name; empty when nothing does.

    ``witnesses`` are those of every machine that the key is about.
    """
    if subject.kind is KeyKind.OWNER:
        return ""
    if subject.kind is KeyKind.SIGNING:
        wanted = public_key_of(control.signing_key)
        lagging = [name for name, witness in witnesses.items() if witness.signing_public_key != wanted]
        return f"not taken yet by {', '.join(lagging)}" if lagging else ""
    name = str(subject.machine)
    if control.machine_keys[name].access_key_id not in witnesses[name].access_key_ids:
        return f"{name} has not reported with the new one yet"
    if witnesses[name].is_at_work and not is_condemned(control, subject):
        return "a backup is under way, perhaps still with the old one"
    return ""


def machines_to_move(subjects: Collection[Subject], machines: Collection[str]) -> list[str]:
    """Name the machines whose agents have to be given something new, of all that the tenant has."""
    if any(subject.kind is KeyKind.SIGNING for subject in subjects):
        return list(machines)
    return [name for name in machines if name in {subject.machine for subject in subjects}]
