"""The rotation of a tenant's keys, as changes of its control bundle; each function returns what one save writes.

A rotation generates the new key and keeps the old one beside it. When the old key must end, it is *condemned*, and
the bundle stores this: a run killed after that never gives it to the platform again. A condemned new key must be
replaced too.

Where the platform creates the S3 keys, the caller lets it create each new one (``new_key``), and saves it at once.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import SecretStr

from coffre.secrets import minting
from coffre.secrets.bundles import ControlBundle, S3Key
from coffre.secrets.errors import MissingKeyError
from coffre.secrets.identifiers import SecretId, SecretKind, describe


class KeyKind(StrEnum):
    """The owner of a key."""

    OWNER = "owner"
    MACHINE = "machine"
    SIGNING = "signing"


@dataclass(frozen=True)
class Subject:
    """A key that can be replaced: the owner's, a machine's, or the one that signs the machines' orders."""

    kind: KeyKind
    machine: str | None = None

    @property
    def secret(self) -> SecretId:
        """Identify the newest key, as `entries` does."""
        return SecretId(_SECRET_KINDS[self.kind], self.machine)

    @property
    def old_secret(self) -> SecretId:
        """Identify the key that is being replaced."""
        return self.secret.old


_SECRET_KINDS = {
    KeyKind.OWNER: SecretKind.OWNER_KEY,
    KeyKind.MACHINE: SecretKind.MACHINE_KEY,
    KeyKind.SIGNING: SecretKind.SIGNING_KEY,
}

OWNER = Subject(KeyKind.OWNER)
SIGNING = Subject(KeyKind.SIGNING)

NewKey = Callable[[Subject], S3Key]
"""Returns the successor of an S3 key."""


def mint_key(_: Subject) -> S3Key:
    """Generate the successor of an S3 key, where keys are chosen."""
    return minting.new_access_key()


@dataclass(frozen=True)
class PendingRotation:
    """A rotation in progress; ``is_cut``: the old key is revoked, and a machine lacks the new one."""

    secret: SecretId
    machine: str | None
    is_cut: bool


def machine_key(machine: str) -> Subject:
    """Return the subject of a machine's key."""
    return Subject(KeyKind.MACHINE, machine)


def list_subjects(control: ControlBundle, machines: Iterable[str]) -> list[Subject]:
    """Return the keys of a tenant with these machines; a user that was never applied has none."""
    users = [OWNER, *map(machine_key, machines)]
    return [*(subject for subject in users if find_key(control, subject) is not None), SIGNING]


def pending_rotations(control: ControlBundle, machines: Iterable[str]) -> tuple[PendingRotation, ...]:
    """Return the rotations in progress of a tenant with these machines."""
    return tuple(
        PendingRotation(subject.secret, subject.machine, is_condemned(control, subject))
        for subject in list_subjects(control, machines)
        if is_pending(control, subject)
    )


def find_key(control: ControlBundle, subject: Subject) -> S3Key | None:
    """Return the newest S3 key of a user; None when it has none yet."""
    if subject.kind is KeyKind.OWNER:
        return control.owner_key
    return None if subject.machine is None else control.machine_keys.get(subject.machine)


def get_key(control: ControlBundle, subject: Subject) -> S3Key:
    """Return the newest S3 key of a user; MissingKeyError when it has none yet."""
    found = find_key(control, subject)
    if found is None:
        raise MissingKeyError(
            f"{describe(subject.secret)} does not exist yet: the platform creates it during an apply",
            "Run `coffre apply` for this tenant.",
        )
    return found


def find_old(control: ControlBundle, subject: Subject) -> S3Key | SecretStr | None:
    """Return the key that is being replaced; None without a rotation."""
    if subject.kind is KeyKind.OWNER:
        return control.old_owner_key
    return control.old_signing_key if subject.machine is None else control.old_machine_keys.get(subject.machine)


def is_pending(control: ControlBundle, subject: Subject) -> bool:
    """Tell whether a rotation of this key was begun, or decided, and not finished."""
    return find_old(control, subject) is not None or subject.secret in control.condemned


def is_condemned(control: ControlBundle, subject: Subject) -> bool:
    """Tell whether the key that is being replaced is revoked."""
    return subject.old_secret in control.condemned


def is_to_be_replaced_again(control: ControlBundle, subject: Subject) -> bool:
    """Tell whether the newest key is condemned too: a thief may have got it during its delivery."""
    return subject.secret in control.condemned


def trusted_key(control: ControlBundle, subject: Subject) -> S3Key:
    """Return the S3 key that the platform certainly has: the one being replaced, until it is condemned.

    MissingKeyError when there is none yet.
    """
    old = None if is_condemned(control, subject) else find_old(control, subject)
    found = get_key(control, subject) if old is None else old
    assert isinstance(found, S3Key)  # noqa: S101 - the signing key is nothing of the platform's
    return found


def signing_keys(control: ControlBundle) -> list[SecretStr]:
    """Return the keys that sign orders: the newest, and the one being replaced until it is condemned."""
    old = None if is_condemned(control, SIGNING) else control.old_signing_key
    return [control.signing_key] if old is None else [control.signing_key, old]


def start(
    control: ControlBundle, subjects: Sequence[Subject], *, now: bool, new_key: NewKey = mint_key
) -> ControlBundle:
    """Begin the rotation of these keys, all in one save; with ``now`` the replaced keys are condemned at once.

    While one of them is pending, no other rotation begins: the one in progress must be finished first. With ``now`` an
    unfinished rotation starts again: a stolen machine may already have its new key.
    """
    unfinished = [subject for subject in subjects if is_pending(control, subject)]
    decided = [s for s in unfinished if is_condemned(control, s) or is_to_be_replaced_again(control, s)]
    if decided or (unfinished and not now):
        return control
    begun = begin(control, [subject for subject in subjects if subject not in unfinished], new_key)
    if not now:
        return begun
    return _with_condemned(begun, {s.old_secret for s in subjects} | {subject.secret for subject in unfinished})


def begin(control: ControlBundle, subjects: Iterable[Subject], new_key: NewKey = mint_key) -> ControlBundle:
    """Generate a successor of each key and keep the key beside it; a condemned one stays condemned."""
    for subject in subjects:
        control = _begun(control, subject, new_key)
    return control


def give_first(control: ControlBundle, subject: Subject, key: S3Key) -> ControlBundle:
    """Add the first S3 key of a user."""
    return _with_key(control, subject, key)


def withdraw(control: ControlBundle, subject: Subject) -> ControlBundle:
    """Make the S3 key that is being replaced the only one again; the save must name its successor as dropped."""
    old = find_old(control, subject)
    assert isinstance(old, S3Key)  # noqa: S101 - asked of a user whose key is being replaced
    alone = drop(_with_key(control, subject, old), [subject])
    return alone.model_copy(update={"condemned": tuple(each for each in alone.condemned if each != subject.secret)})


def condemn(control: ControlBundle, subjects: Iterable[Subject]) -> ControlBundle:
    """Condemn the keys that are being replaced."""
    return _with_condemned(control, {subject.old_secret for subject in subjects})


def drop(control: ControlBundle, subjects: Collection[Subject]) -> ControlBundle:
    """Forget the replaced keys; the save must name them as dropped."""
    gone = {subject.old_secret for subject in subjects}
    machines = {subject.machine for subject in subjects}
    return control.model_copy(
        update={
            "old_owner_key": None if OWNER in subjects else control.old_owner_key,
            "old_signing_key": None if SIGNING in subjects else control.old_signing_key,
            "old_machine_keys": {name: key for name, key in control.old_machine_keys.items() if name not in machines},
            "condemned": tuple(secret for secret in control.condemned if secret not in gone),
        }
    )


def _begun(control: ControlBundle, subject: Subject, new_key: NewKey) -> ControlBundle:
    update: dict[str, object]
    if subject.kind is KeyKind.SIGNING:
        begun = control
        update = {"signing_key": minting.new_signing_key(), "old_signing_key": control.signing_key}
    else:
        replaced = get_key(control, subject)
        begun = _with_key(control, subject, new_key(subject))
        if subject.machine is None:
            update = {"old_owner_key": replaced}
        else:
            update = {"old_machine_keys": {**control.old_machine_keys, subject.machine: replaced}}
    renamed = (subject.old_secret if each == subject.secret else each for each in control.condemned)
    return begun.model_copy(update={**update, "condemned": tuple(sorted(renamed))})


def _with_key(control: ControlBundle, subject: Subject, key: S3Key) -> ControlBundle:
    if subject.machine is None:
        return control.model_copy(update={"owner_key": key})
    return control.model_copy(update={"machine_keys": {**control.machine_keys, subject.machine: key}})


def _with_condemned(control: ControlBundle, keys: Collection[SecretId]) -> ControlBundle:
    return control.model_copy(update={"condemned": tuple(sorted({*control.condemned, *keys}))})
