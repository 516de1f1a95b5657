"""A tenant's service in memory, for operations: without a platform, an identity or a lock."""

from pathlib import Path
from typing import Any

from coffre.records.actor import Author
from coffre.records.database.store import Records
from coffre.spec.loader import Checkout
from coffre.spec.platform import PlatformFile
from coffre.spec.tenant import Tenant
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.opening import OpenTenant
from tests.doubles.buckets import InMemoryEstate

AUTHOR = Author("claire@example.org", "1a2b3c4d5e6f")
_PLATFORM: dict[str, Any] = {
    "version": 1,
    "provider": {
        "name": "SMILÉO SAS",
        "siren": "904317252",
        "address": "8 rue des Acacias, 38000 Grenoble",
        "email": "exploitation@smileo.example",
        "phone": "+33 4 76 00 00 10",
    },
    "platforms": {
        "lab": {
            "kind": "ceph",
            "endpoints": "file:endpoints.json",
            "admin_credential": "env:NOTHING",
            "hosting": {"operator": "Alpes Hébergement SA", "site": "Meylan", "country": "FR"},
        }
    },
    "working_hours": {"days": "Mon..Fri", "opens": "08:30", "closes": "18:00"},
    "state": "file:.coffre/state",
    "records": "sqlite:.coffre/records.db",
    "secrets": ".coffre/secrets",
    "escrow": ".coffre/escrow",
}


def open_in_memory(tenant: Tenant, estate: InMemoryEstate, log: TenantLog, root: Path) -> OpenTenant:
    """Return the service of a tenant file over an estate in memory; its records are those of the log."""
    settings = PlatformFile.model_validate(_PLATFORM)
    return OpenTenant(
        checkout=Checkout(root, settings, {tenant.slug: tenant}),
        tenant=tenant,
        storage=estate.storage,
        secrets=estate.secrets,
        secret_store=None,  # type: ignore[arg-type]
        log=log,
        on_notice=lambda text: None,
    )


def log_of(tenant: Tenant, records: Records) -> TenantLog:
    """Return the log of a tenant in open records."""
    return TenantLog.read(records, tenant.id, tenant.slug, AUTHOR)
