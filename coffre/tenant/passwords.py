"""The one door to a customer's repository passwords: nobody passes without saying why (contract, article 12).

The secret store hands passwords out sealed, and they open for the event of their use alone.
"""

from pydantic import SecretStr

from coffre.errors import ExpectedError
from coffre.records.facts.backups import PasswordUsed
from coffre.tenant.service import Service


def use_password(service: Service, machine: str, reason: str) -> SecretStr:
    """Return a machine's repository password, after recording who uses it and why.

    The event is written first: a use that could not be recorded does not happen.
    """
    bundle = service.secrets.data()
    if machine not in bundle.repository_passwords:
        raise ExpectedError(
            f"{service.tenant.slug}/{machine} has no repository password in its secret bundle",
            "If it was backed up before, bring the bundle back from escrow; "
            f"else run `coffre apply {service.tenant.slug}`.",
        )
    return bundle.open_password(service.log.append(PasswordUsed(reason), machine))
