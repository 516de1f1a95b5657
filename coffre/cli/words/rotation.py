"""How the rotation of keys is shown: what is to be replaced, and what each rotation came to."""

from typing import TYPE_CHECKING

from coffre.secrets.identifiers import SecretId, SecretKind, describe

if TYPE_CHECKING:
    from coffre.provisioning.rotation.rotate import Choice, KeyOutcome


def describe_choice(choice: "Choice") -> str:
    """Name what is chosen."""
    chosen = [SecretId(SecretKind.MACHINE_KEY, choice.machine)] if choice.machine else []
    chosen += [SecretId(SecretKind.OWNER_KEY)] if choice.owner else []
    chosen += [SecretId(SecretKind.SIGNING_KEY)] if choice.signing else []
    return " and ".join(map(describe, chosen)) or "every key"


def describe_rotation(key: "KeyOutcome") -> str:
    """Say in one line how the rotation of a key went."""
    name = describe(key.secret)
    if key.is_done:
        return f"{name}: replaced, the old one is refused"
    if not key.is_cut:
        return f"{name}: pending, the old one still counts: {key.message}"
    loss = f"{key.machine} cannot back up" if key.machine else "machines without the new one take no orders"
    return f"{name}: pending, the old one is cut and {loss} until then: {key.message}"
