"""The credentials named in tenant files: stored in the control bundle, and only used to connect to machines."""

import re

from pydantic import SecretStr

from coffre.errors import UsageError
from coffre.secrets.identifiers import SecretId, SecretKind
from coffre.spec.leaving import S3Target
from coffre.spec.tenant import PullConnection, Tenant
from coffre.tenant.estate.secrets import TenantSecrets

NAME_PATTERN = r"[a-z0-9][a-z0-9_-]{0,39}"
LIMIT_CHARACTERS = 4096


def set_credential(secrets: TenantSecrets, name: str, value: SecretStr) -> bool:
    """Store a credential under its name, in place of an earlier one; False when the stored value is the same.

    MissingCopyError before the tenant's first apply, which creates its bundle.
    """
    check_name(name)
    check_value(value)
    control = secrets.control()
    following = control.model_copy(update={"credentials": {**control.credentials, name: value}})
    replaced = [SecretId(SecretKind.CREDENTIAL, name)] if name in control.credentials else []
    return secrets.save_control(following, dropping=replaced)


def users_of(tenant: Tenant, name: str) -> list[str]:
    """Return what uses a credential: machines for their connection, and the return to a customer's bucket. Pure."""
    machines = [
        machine
        for machine, entry in tenant.machines.items()
        if not isinstance(entry.connection, PullConnection) and entry.connection.credential == name
    ]
    wanted = tenant.leaving.return_ if tenant.leaving is not None else None
    is_of_return = wanted is not None and isinstance(wanted.to, S3Target) and wanted.to.credential == name
    return [*machines, "the return"] if is_of_return else machines


def check_name(name: str) -> None:
    """Refuse a name that a tenant file cannot contain."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise UsageError("this is not a valid name of a credential", "Use a-z, 0-9, - and _, as in `credential:`.")


def check_value(value: SecretStr) -> None:
    """Refuse a value that cannot be a password: empty, of several lines, or much too long."""
    text = value.get_secret_value()
    if not text:
        raise UsageError("the value is empty", "Type it, or send it on standard input.")
    if len(text) > LIMIT_CHARACTERS or any(character in text for character in "\n\r\0"):
        raise UsageError(
            "the value cannot be a password: it has several lines or is too long",
            f"Give one line of at most {LIMIT_CHARACTERS} characters.",
        )
