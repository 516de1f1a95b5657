"""The English words for the rotation of keys: the choice of keys and the result of each rotation."""

from typing import TYPE_CHECKING

from coffre.secrets.identifiers import SecretId, SecretKind, describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coffre.provisioning.rotation.rotate import KeyChoice
    from coffre.provisioning.rotation.rules import PendingReason
    from coffre.provisioning.rotation.tenant_rotation import KeyOutcome


def describe_choice(choice: "KeyChoice") -> str:
    """Name the chosen keys."""
    chosen = [SecretId(SecretKind.MACHINE_KEY, choice.machine)] if choice.machine else []
    chosen += [SecretId(SecretKind.OWNER_KEY)] if choice.owner else []
    chosen += [SecretId(SecretKind.SIGNING_KEY)] if choice.signing else []
    return " and ".join(map(describe, chosen)) or "every key"


def describe_cut_off(slug: str, machines: "Sequence[str]") -> str:
    """Warn which machines lose the only way on which they could get a new key, and say what brings them back."""
    names = ", ".join(machines)
    return (
        f"{slug}: nobody can reach {names} from outside, and with a revoked key no machine fetches or trusts a new "
        f"one: each must enrol again. Invite it afterwards: `coffre enrol {slug} {machines[0]} --output FOLDER`"
    )


def describe_rotation(key: "KeyOutcome") -> str:
    """Describe the result of a key's rotation in one line."""
    name = describe(key.secret) + (f" on {key.platform}" if key.platform else "")
    if key.is_done:
        return f"{name}: replaced; the platform refuses the old key"
    if not key.is_cut:
        return f"{name}: pending; the old key is still valid: {_describe_wait(key)}"
    loss = f"{key.machine} cannot back up" if key.machine else "machines without the new key take no orders"
    return f"{name}: pending; the old key is revoked and {loss} until then: {_describe_wait(key)}"


def _describe_wait(key: "KeyOutcome") -> str:
    waits_for = [] if key.waits_for is None else [_describe_reason(key.waits_for)]
    messages = (
        text if machine == key.machine else f"{machine}: {text}" for machine, text in key.machine_messages.items()
    )
    return "; ".join([*waits_for, *messages])


def _describe_reason(reason: "PendingReason") -> str:
    return _REASONS[reason.cause.value].format(machines=", ".join(reason.machines))


_REASONS = {
    "signing_key_not_taken": "not taken yet by {machines}",
    "no_report_with_new_key": "{machines} has not reported with the new one yet",
    "backup_under_way": "a backup is under way, perhaps still with the old one",
}
