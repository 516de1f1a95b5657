"""How the provider is told where the platform is, and for whom it works: variables, none of which enters a state."""

from collections.abc import Mapping
from pathlib import Path

from coffre.errors import UsageError
from coffre.storage.driver import AccessKey, Endpoint

_URL = "COFFRE_RGW_ENDPOINT"
_REGION = "COFFRE_RGW_REGION"
_CA_FILE = "COFFRE_RGW_CA_FILE"
_KEY_ID = "COFFRE_RGW_ADMIN_ACCESS_KEY_ID"
_SECRET = "COFFRE_RGW_ADMIN_SECRET_ACCESS_KEY"  # noqa: S105 -- the variable's name
_OWNER = "COFFRE_RGW_OWNER"


def write_environment(endpoint: Endpoint, admin_key: AccessKey, owner_uid: str) -> dict[str, str]:
    """Return the variables to start Pulumi with; the provider inherits them."""
    return {
        _URL: endpoint.url,
        _REGION: endpoint.region,
        _CA_FILE: str(endpoint.ca_file or ""),
        _KEY_ID: admin_key.access_key_id,
        _SECRET: admin_key.secret_access_key,
        _OWNER: owner_uid,
    }


def read_environment(environment: Mapping[str, str]) -> tuple[Endpoint, AccessKey, str]:
    """Read the variables back; raises UsageError naming those that are missing."""
    missing = [name for name in (_URL, _KEY_ID, _SECRET, _OWNER) if not environment.get(name)]
    if missing:
        raise UsageError(
            f"the RGW provider is not told where the platform is and whom it works for: {', '.join(missing)} not set",
            "use `coffre plan` and `coffre apply`, which set them",
        )
    ca_file = environment.get(_CA_FILE)
    endpoint = Endpoint(environment[_URL], environment.get(_REGION) or "default", Path(ca_file) if ca_file else None)
    return endpoint, AccessKey(environment[_KEY_ID], environment[_SECRET]), environment[_OWNER]
