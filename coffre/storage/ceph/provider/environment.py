"""How the provider is told where the platform is, and for whom it works."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coffre.storage.ceph.provider import names
from coffre.storage.provider import inputs
from coffre.storage.provider.fields import Field
from coffre.storage.provider.settings import Settings
from coffre.storage.values import AccessKey, Endpoint

SETTINGS = Settings(
    "rgw",
    "RGW",
    {
        "endpoint": Field(inputs.text, "The platform's address, `https://HOST:PORT`, for S3 and the Admin API alike."),
        "region": Field(inputs.text, "The region that requests are signed for.", default="default"),
        "ca_file": Field(
            inputs.any_text,
            "A file of certificates (PEM) of those who vouch for the platform's own certificate; without it the "
            "system's.",
            default="",
        ),
        "admin_access_key_id": Field(
            inputs.text, "The id of an S3 key whose user may use the Admin API: capabilities `users=*` and `buckets=*`."
        ),
        "admin_secret_access_key": Field(inputs.text, "The secret of that key.", secret=True),
        "owner": Field(
            names.uid,
            "The id of the one user for whom the provider works. It takes this user, users named `OWNER.NAME` and "
            "buckets that this user owns, and refuses all others.",
        ),
    },
)
"""What the provider is told."""


def write_environment(endpoint: Endpoint, admin_key: AccessKey, owner_uid: str) -> dict[str, str]:
    """Return the variables to start Pulumi with; the provider inherits them."""
    return SETTINGS.write(
        {
            "endpoint": endpoint.url,
            "region": endpoint.region,
            "ca_file": str(endpoint.ca_file or ""),
            "admin_access_key_id": admin_key.access_key_id,
            "admin_secret_access_key": admin_key.secret_access_key,
            "owner": owner_uid,
        }
    )


def read_environment(
    environment: Mapping[str, str], configured: Mapping[str, Any] | None = None
) -> tuple[Endpoint, AccessKey, str]:
    """Read the settings back; UsageError for one that is missing or wrong."""
    settings = SETTINGS.read(environment, configured)
    ca_file = settings["ca_file"]
    endpoint = Endpoint(settings["endpoint"], settings["region"], Path(ca_file) if ca_file else None)
    return endpoint, AccessKey(settings["admin_access_key_id"], settings["admin_secret_access_key"]), settings["owner"]
