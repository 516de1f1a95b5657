"""A tenant and a platform as their files say them, for tests that change one thing of it."""

from copy import deepcopy
from typing import Any

import yaml

from coffre.spec.tenant import Tenant

_MACHINE = {
    "kind": "workstation",
    "os": "linux",
    "agent": "restic",
    "plan": "office",
    "connection": {"via": "ssh", "host": "compta-01.martin.example", "user": "root"},
}

_TENANT = {
    "slug": "martin",
    "version": 1,
    "id": "k7f3q9wz2m",
    "name": "Boulangerie Martin SARL",
    "contract": {
        "reference": "BC-2026-0412",
        "signed_on": "2026-11-02",
        "in_service_on": "2026-12-01",
        "siren": "552100554",
    },
    "contact": {"name": "Claire Martin", "email": "claire@martin.example", "phone": "+33 4 76 00 00 00"},
    "storage": {"platform": "lab", "quota": "10 GiB"},
    "licences": {"workstation": 2},
    "plans": {"office": {"paths": ["/home"], "schedule": ["Mon..Fri 12:30"], "keep": {"daily": 30}}},
    "machines": {"compta-01": _MACHINE, "caisse-01": _MACHINE},
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
"""A platform.yaml with one platform, for tests that change one thing of it."""

AWS_PLATFORM: dict[str, Any] = {
    **PLATFORM,
    "platforms": {
        "lab": {
            "kind": "aws",
            "account": "123456789012",
            "region": "eu-west-3",
            "hosting": PLATFORM["platforms"]["lab"]["hosting"],
        }
    },
}
"""The same with a platform that creates the access keys and has no wall."""

VENDOR: dict[str, Any] = {
    "kind": "acronis",
    "url": "https://vendor.invalid",
    "credential": "env:NOTHING",
    "partner": "3f0e2e0c-4b5e-4c31-9c3b-7a1d2b9f4e11",
    "storage": "Partner cloud",
    "agents_email": "agents@smileo.example",
    "vendor": {"name": "Éditeur GmbH", "country": "CH"},
    "hosting": deepcopy(PLATFORM["platforms"]["lab"]["hosting"]),
}
"""A vendor's platform: it has neither buckets nor access keys."""

ACRONIS_PLATFORM: dict[str, Any] = {**PLATFORM, "platforms": {"lab": VENDOR}}
"""The same with a vendor's platform alone."""

MIXED_PLATFORM: dict[str, Any] = {**PLATFORM, "platforms": {**PLATFORM["platforms"], "vendor": VENDOR}}
"""The same with both: one that has buckets, and a vendor's."""

VENDOR_ORDER = {"order": "CMD-2026-118", "terms_accepted_on": "2026-11-02"}
"""What the contract of a tenant with a vendor's agents names."""


def contract_with(**changes: Any) -> dict[str, Any]:
    """Return the example contract's fields, some replaced."""
    return {**deepcopy(_TENANT["contract"]), **changes}  # type: ignore[dict-item]


def tenant_with(**changes: Any) -> Tenant:
    """Return the example tenant with top-level fields replaced."""
    return Tenant.model_validate({**deepcopy(_TENANT), **changes})


def machine_with(**changes: Any) -> dict[str, Any]:
    """Return the example machine's fields, some replaced."""
    return {**deepcopy(_MACHINE), **changes}


def tenant_file(**changes: Any) -> str:
    """Return the text of the example tenant's file, with top-level fields replaced."""
    fields = {**deepcopy(_TENANT), **changes}
    del fields["slug"]
    return str(yaml.dump(fields, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False))
