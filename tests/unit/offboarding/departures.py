"""A whole departure as the journal would have it, for tests of what is written from it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from coffre.offboarding.calendar import Calendar, plan_calendar
from coffre.offboarding.evidence import Returned
from coffre.operations.service import Service
from coffre.records.actor import Author
from coffre.records.database import Records
from coffre.spec.loader import Repository
from coffre.spec.platform import PlatformFile
from coffre.spec.tenant import Tenant
from tests.builders import tenant_with

NOTICE_ON = date(2027, 1, 4)
HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

LEAVING: dict[str, Any] = {
    "notice_on": NOTICE_ON,
    "ends_on": date(2027, 2, 28),
    "requested_by": "Claire Martin, gérante",
    "approved_by": "paul@smileo.example",
    "choice": "return",
    "return": {"format": "files", "to": {"via": "directory", "path": "/mnt/disque-martin"}},
}

PLATFORM: dict[str, Any] = {
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
            "hosting": {
                "operator": "Alpes Hébergement SA",
                "site": "Centre de données de Meylan",
                "country": "FR",
                "sub_processors": [
                    {"name": "Maintenance Isère SARL", "role": "Maintenance des serveurs", "country": "FR"}
                ],
            },
        }
    },
    "working_hours": {"days": "Mon..Fri", "opens": "08:30", "closes": "18:00"},
    "state": "file:.coffre/state",
    "records": "sqlite:.coffre/records.db",
    "secrets": ".coffre/secrets",
    "escrow": ".coffre/escrow",
}


def leaving_tenant(**changes: Any) -> Tenant:
    return tenant_with(**{"status": "leaving", "leaving": LEAVING, **changes})


@contextmanager
def open_service(root: Path, tenant: Tenant, *, is_embedded: bool = False, **settings: Any) -> Iterator[Service]:
    """Open a service whose platform does not answer: real records, no storage, no secrets."""
    (root / "endpoints.json").write_text(json.dumps({"endpoint": "https://s3.smileo.example", "fsid": "f-1"}))
    if is_embedded:
        (root / "state.json").write_text(json.dumps({"fsid": "f-1"}))
    platform = PlatformFile.model_validate({**PLATFORM, **settings})
    with Records.open(platform.records, root) as records:
        yield Service(
            repository=Repository(root, platform, {tenant.slug: tenant}),
            tenant=tenant,
            storage=None,  # type: ignore[arg-type]
            secrets=None,  # type: ignore[arg-type]
            author=Author("anna@smileo.example", "1a2b3c4d5e6f"),
            open_records=lambda: records,
        )


def calendar_of(service: Service, returned_on: date | None = None) -> Calendar:
    assert service.tenant.leaving is not None
    return plan_calendar(service.tenant.leaving, service.repository.settings.offboarding, returned_on)


def moment(day: date, hour: int = 10) -> datetime:
    return datetime.combine(day, time(hour), UTC)


def returned(machine: str, **changes: Any) -> Returned:
    at = moment(date(2027, 4, 1))
    fields = {
        "machine": machine,
        "format": "files",
        "snapshots": ("86288919",),
        "target": f"/mnt/disque-martin/martin/{machine}",
        "files": 18_204,
        "bytes": 42_949_672_960,
        "manifest_sha256": HASH,
        "renamed": 0,
        "written_at": at,
        "verified_at": at + timedelta(minutes=20),
        "write_seconds": 512.0,
        "read_back_seconds": 301.5,
    }
    return Returned(**{**fields, **changes})
