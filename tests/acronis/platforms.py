"""A platform of platform.yaml behind which the stand-in is, and tenants that are sold on it."""

import json
import secrets
import string
from pathlib import Path
from typing import Any

from coffre.spec.storage_platform import AcronisPlatform
from coffre.spec.tenant import Tenant
from tests.acronis.running import VendorCloud
from tests.builders import PLATFORM, tenant_with


def platform_of(cloud: VendorCloud, root: Path, **changes: Any) -> AcronisPlatform:
    """Return the platform as its file says it; its credential is written below ``root``."""
    credential = root / "acronis.json"
    credential.write_text(json.dumps({"client_id": cloud.client_id, "client_secret": cloud.client_secret}))
    credential.chmod(0o600)
    return AcronisPlatform.model_validate({**settings_of(cloud, credential), **changes})


def settings_of(cloud: VendorCloud, credential: Path) -> dict[str, Any]:
    """Return the block of platform.yaml."""
    return {
        "kind": "acronis",
        "url": cloud.url,
        "credential": f"file:{credential}",
        "ca_file": str(cloud.ca_file),
        "partner": cloud.partner_id,
        "storage": "Partner cloud",
        "agents_email": "supervision@smileo.example",
        "vendor": {"name": "Éditeur d'essai GmbH", "country": "CH"},
        "hosting": PLATFORM["platforms"]["lab"]["hosting"],
    }


def new_tenant(**changes: Any) -> Tenant:
    """Return a tenant with an id of its own, twelve workstations, two servers and 100 Go."""
    alphabet = string.ascii_lowercase[6:]
    values = {
        "id": "".join(secrets.choice(alphabet) for _ in range(10)),
        "storage": {"platform": "vendor", "quota": "100 Go"},
        "licences": {"workstation": 12, "server": 2},
    }
    return tenant_with(**{**values, **changes})
