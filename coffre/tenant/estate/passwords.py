"""The only access to a customer's repository passwords: each use is recorded with its reason (contract, article 12).

The secret store returns sealed passwords, and only the event of their use unseals them.
"""

from pydantic import SecretStr

from coffre.errors import ExpectedError
from coffre.records.facts.backups import PasswordUsed
from coffre.records.facts.password_uses import PasswordReason
from coffre.tenant.estate.log import Log
from coffre.tenant.estate.secrets import TenantSecrets


def use_password(secrets: TenantSecrets, log: Log, machine: str, reason: PasswordReason) -> SecretStr:
    """Return a machine's repository password, after recording who uses it and why.

    The event is written first: if it cannot be recorded, the password is not used.
    """
    bundle = secrets.data()
    if machine not in bundle.repository_passwords:
        raise ExpectedError(
            f"{log.slug}/{machine} has no repository password in its secret bundle",
            f"If it was backed up before, restore the bundle from escrow; otherwise run `coffre apply {log.slug}`.",
        )
    return bundle.open_password(log.append(PasswordUsed(reason), machine))
