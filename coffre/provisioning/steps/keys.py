"""Access keys that the platform creates: a user's key comes after the user, and is in escrow before the next one.

Where keys are chosen, they come with the users; here those are deleted that no bundle has.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from pydantic import SecretStr

from coffre.agents.kinds import with_bucket
from coffre.provisioning.terms.context import Context, OnProgress
from coffre.provisioning.terms.done import Forgotten, Keyed, Reopened
from coffre.provisioning.terms.found import OWNER, Change, ChangeKind
from coffre.records.facts.agents import KeyRotated
from coffre.secrets import rotations
from coffre.secrets.bundles import ControlBundle, S3Key
from coffre.secrets.rotations import Subject
from coffre.spec import naming
from coffre.spec.tenant import Tenant
from coffre.storage.driver import Storage
from coffre.tenant.opening import OpenTenant


class KeyState(StrEnum):
    """What the platform has of the newest key of a user."""

    THERE = "there"
    NEW = "new"
    """There never was one."""
    LOST = "lost"
    """The bundle has one, and the platform does not."""


@dataclass(frozen=True)
class UserKeys:
    """A user's keys in the bundle, compared with those on the platform.

    ``is_old_lost``: the platform no longer has the key that is being replaced. ``unknown`` are the ids of keys that the
    bundle does not have: a kill between the creation and the save leaves one.
    """

    state: KeyState
    is_old_lost: bool
    unknown: tuple[str, ...]


def judge_keys(control: ControlBundle, subject: Subject, live_ids: Collection[str]) -> UserKeys:
    """Compare a user's keys with those on the platform. Pure."""
    key, old = rotations.find_key(control, subject), rotations.find_old(control, subject)
    state = KeyState.NEW
    if key is not None:
        state = KeyState.THERE if key.access_key_id in live_ids else KeyState.LOST
    is_old_lost = isinstance(old, S3Key) and old.access_key_id not in live_ids
    return UserKeys(state, is_old_lost, _unknown(control, subject, live_ids))


def look(at: Context) -> list[Change]:
    """Return the users for which the platform would create a key, or whose unknown keys would be deleted."""
    opened = at.opened
    subjects, control = list_users(opened), opened.secrets.find_control()
    gives_keys = opened.capabilities.gives_keys
    if control is None:
        return [Change(ChangeKind.NEW_KEYS, tuple(map(name_of, subjects)))] if gives_keys else []
    found = {
        name_of(subject): judge_keys(control, subject, opened.storage.list_key_ids(uid_of(opened.tenant, subject)))
        for subject in subjects
    }
    changed = {ChangeKind.DELETE_KEYS: tuple(name for name, keys in found.items() if keys.unknown)}
    if gives_keys:
        changed = {
            ChangeKind.NEW_KEYS: tuple(name for name, keys in found.items() if keys.state is KeyState.NEW),
            ChangeKind.REPLACE_KEYS: tuple(name for name, keys in found.items() if keys.state is KeyState.LOST),
            **changed,
        }
    return [Change(kind, names) for kind, names in changed.items() if names]


def opens_buckets(at: Context) -> bool:
    """Tell whether the owner's key opens the existing buckets: the owner is not suspended, and has the key.

    Where keys are chosen a missing one is a missing resource of the stack.
    """
    opened = at.opened
    owner = opened.storage.survey_user(opened.buckets.owner_uid) if at.existing else None
    if owner is None:
        return True
    if owner.is_suspended or not opened.capabilities.gives_keys:
        return not owner.is_suspended
    control = opened.secrets.control()
    if rotations.find_key(control, rotations.OWNER) is None:
        return False
    return rotations.trusted_key(control, rotations.OWNER).access_key_id in owner.key_ids


def reopen(at: Context) -> Reopened:
    """Let the owner's key open its buckets before anything reads them: it may be lost, or the owner suspended."""
    opened = at.opened
    is_needed = opened.capabilities.gives_keys and bool(at.existing)
    if is_needed:
        settle_key(opened, opened.secrets.control(), rotations.OWNER, at.on_progress)
    if at.existing and opened.storage.suspend_user(opened.buckets.owner_uid, False):
        at.on_progress(f"enabled user {opened.buckets.owner_uid}, which somebody suspended")
    return Reopened(is_owner_settled=is_needed)


def do(at: Context, reopened: Reopened, forgotten: Forgotten) -> Keyed:
    """Let the platform create the key of each user that has none, and save each before the next one. May run twice.

    Where keys are chosen, those that no bundle has are deleted.
    """
    control, storage = forgotten.control, at.opened.storage
    for subject in list_users(at.opened):
        if not at.opened.capabilities.gives_keys:
            uid = uid_of(at.tenant, subject)
            _delete(storage, uid, _unknown(control, subject, storage.list_key_ids(uid)), at.on_progress)
        # A platform may list a key only some time after its creation: no user is looked at twice.
        elif subject != rotations.OWNER or not reopened.is_owner_settled:
            control = settle_key(at.opened, control, subject, at.on_progress)
    return Keyed(control)


def settle_key(opened: OpenTenant, control: ControlBundle, subject: Subject, on_progress: OnProgress) -> ControlBundle:
    """Return the saved bundle with a key of a user that the platform has. May run twice, also after a kill."""
    uid = uid_of(opened.tenant, subject)
    found = judge_keys(control, subject, opened.storage.list_key_ids(uid))
    _delete(opened.storage, uid, found.unknown, on_progress)
    match found.state:
        case KeyState.NEW:
            first = rotations.give_first(control, subject, _create(opened.storage, uid, on_progress))
            opened.secrets.save_control(first)
            return first
        case KeyState.LOST:
            return _replace_lost(opened, control, subject, on_progress)
        case KeyState.THERE if found.is_old_lost and not rotations.is_condemned(control, subject):
            # The rotation in progress goes on with the new key alone.
            condemned = rotations.condemn(control, [subject])
            opened.secrets.save_control(condemned)
            return condemned
    return control


def create_successor(
    storage: Storage, control: ControlBundle, uid: str, subject: Subject, on_progress: OnProgress
) -> S3Key:
    """Let the platform create another key of a user, after deleting those that the bundle does not have.

    A platform limits the number of keys of a user, often to two.
    """
    _delete(storage, uid, _unknown(control, subject, storage.list_key_ids(uid)), on_progress)
    return _create(storage, uid, on_progress)


def uid_of(tenant: Tenant, subject: Subject) -> str:
    """Return the user of the platform that has an S3 key. Pure."""
    return naming.owner_uid(tenant) if subject.machine is None else naming.machine_uid(tenant, subject.machine)


def _replace_lost(
    opened: OpenTenant, control: ControlBundle, subject: Subject, on_progress: OnProgress
) -> ControlBundle:
    """Begin a rotation from a key that the platform no longer has: it ends once the machine uses the new one.

    After each save a kill leaves two copies that agree.
    """
    uid = uid_of(opened.tenant, subject)
    if rotations.find_old(control, subject) is not None:
        control = _end_rotation(opened, control, subject)
    replaced = rotations.get_key(control, subject)
    key = _create(opened.storage, uid, on_progress)
    begun = rotations.begin(control, [subject], lambda _: key)
    if replaced.access_key_id not in opened.storage.list_key_ids(uid):
        begun = rotations.condemn(begun, [subject])
    opened.secrets.save_control(begun)
    fact = KeyRotated(subject.secret.kind.value, "begun", key.access_key_id, replaced.access_key_id)
    opened.log.append(fact, subject.machine)
    return begun


def _end_rotation(opened: OpenTenant, control: ControlBundle, subject: Subject) -> ControlBundle:
    """Leave the rotation to a key that is lost: with the key before it, unless that one is condemned."""
    old = rotations.find_old(control, subject)
    if isinstance(old, S3Key) and rotations.is_condemned(control, subject):
        opened.storage.delete_key(uid_of(opened.tenant, subject), old.access_key_id)
        ended = rotations.drop(control, [subject])
    else:
        ended = rotations.withdraw(control, subject)
    opened.secrets.save_control(ended, dropping=[subject.secret, subject.old_secret])
    return ended


def list_users(opened: OpenTenant) -> list[Subject]:
    """Return the users of a tenant that have a key: its owner, and each machine in service that has a bucket.

    None where the platform has no keys.
    """
    if not opened.capabilities.has_keys:
        return []
    return [rotations.OWNER, *map(rotations.machine_key, with_bucket(opened.tenant.active_machines()))]


def name_of(subject: Subject) -> str:
    """Return the machine of a user, OWNER for the tenant itself. Pure."""
    return subject.machine or OWNER


def _unknown(control: ControlBundle, subject: Subject, live_ids: Iterable[str]) -> tuple[str, ...]:
    keys = (rotations.find_key(control, subject), rotations.find_old(control, subject))
    known = {key.access_key_id for key in keys if isinstance(key, S3Key)}
    return tuple(each for each in live_ids if each not in known)


def _delete(storage: Storage, uid: str, access_key_ids: Iterable[str], on_progress: OnProgress) -> None:
    for access_key_id in access_key_ids:
        on_progress(f"deleting the access key {access_key_id} of {uid}, which is in no bundle")
        storage.delete_key(uid, access_key_id)


def _create(storage: Storage, uid: str, on_progress: OnProgress) -> S3Key:
    on_progress(f"the platform creates an access key of {uid}")
    created = storage.create_key(uid)
    return S3Key(access_key_id=created.access_key_id, secret_access_key=SecretStr(created.secret_access_key))
