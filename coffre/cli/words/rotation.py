"""The English words for the rotation of keys: the choice of keys and the result of each rotation."""

from typing import TYPE_CHECKING

from coffre.secrets.identifiers import SecretId, SecretKind, describe

if TYPE_CHECKING:
    from coffre.provisioning.rotation.rotate import Choice, KeyOutcome


def describe_choice(choice: "Choice") -> str:
    """Name the chosen keys."""
    chosen = [SecretId(SecretKind.MACHINE_KEY, choice.machine)] if choice.machine else []
    chosen += [SecretId(SecretKind.OWNER_KEY)] if choice.owner else []
    chosen += [SecretId(SecretKind.SIGNING_KEY)] if choice.signing else []
    return " and ".join(map(describe, chosen)) or "every key"


def describe_rotation(key: "KeyOutcome") -> str:
    """Describe the result of a key's rotation in one line."""
    name = describe(key.secret)
    if key.is_done:
        return f"{name}: replaced; the platform refuses the old key"
    if not key.is_cut:
        return f"{name}: pending; the old key is still valid: {key.message}"
    loss = f"{key.machine} cannot back up" if key.machine else "machines without the new key take no orders"
    return f"{name}: pending; the old key is revoked and {loss} until then: {key.message}"
