"""How the provider is told where the platform is, and for whom it works.

Each setting is a variable of the environment, none of which enters a state, or a setting of Pulumi (`rgw:endpoint`),
which Pulumi keeps in the state of the stack, a secret one encrypted.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coffre.errors import UsageError
from coffre.storage.ceph.provider import inputs
from coffre.storage.ceph.provider.fields import UNKNOWN, Field, check
from coffre.storage.values import AccessKey, Endpoint

SETTINGS: Mapping[str, Field] = {
    "endpoint": Field(inputs.text, "The platform's address, `https://HOST:PORT`, for S3 and the Admin API alike."),
    "region": Field(inputs.text, "The region that requests are signed for.", default="default"),
    "ca_file": Field(
        inputs.any_text,
        "A file of certificates (PEM) of those who vouch for the platform's own certificate; without it the system's.",
        default="",
    ),
    "admin_access_key_id": Field(
        inputs.text, "The id of an S3 key whose user may use the Admin API: capabilities `users=*` and `buckets=*`."
    ),
    "admin_secret_access_key": Field(inputs.text, "The secret of that key.", secret=True),
    "owner": Field(
        inputs.uid,
        "The id of the one user for whom the provider works. It takes this user, users named `OWNER.NAME` and buckets "
        "that this user owns, and refuses all others.",
    ),
}
"""What the provider is told, as a table of fields; one without a default has to be there."""


def variable(setting: str) -> str:
    """Return the environment variable of a setting."""
    return f"COFFRE_RGW_{setting.upper()}"


def write_environment(endpoint: Endpoint, admin_key: AccessKey, owner_uid: str) -> dict[str, str]:
    """Return the variables to start Pulumi with; the provider inherits them."""
    settings = {
        "endpoint": endpoint.url,
        "region": endpoint.region,
        "ca_file": str(endpoint.ca_file or ""),
        "admin_access_key_id": admin_key.access_key_id,
        "admin_secret_access_key": admin_key.secret_access_key,
        "owner": owner_uid,
    }
    return {variable(name): value for name, value in settings.items()}


def read_environment(
    environment: Mapping[str, str], configured: Mapping[str, Any] | None = None
) -> tuple[Endpoint, AccessKey, str]:
    """Read the settings back: what Pulumi was told (``configured``) goes before the variable of the same setting.

    Raises UsageError naming the variables of those that are missing, or what is wrong with one.
    """
    told = {name: value for name, value in (configured or {}).items() if value is not UNKNOWN}
    given = {name: told.get(name) or environment.get(variable(name)) or None for name in SETTINGS}
    settings, failures = check(SETTINGS, given)
    missing = [variable(failure.property) for failure in failures if given[failure.property] is None]
    if missing:
        raise UsageError(
            f"the RGW provider is not told where the platform is and whom it works for: {', '.join(missing)} not set",
            "`coffre plan` and `coffre apply` set them; for programs of your own see docs/provider.md",
        )
    for failure in failures:
        raise UsageError(f"the RGW provider's setting {failure.property} {failure.reason}", "see docs/provider.md")
    ca_file = settings["ca_file"]
    endpoint = Endpoint(settings["endpoint"], settings["region"], Path(ca_file) if ca_file else None)
    return endpoint, AccessKey(settings["admin_access_key_id"], settings["admin_secret_access_key"]), settings["owner"]
