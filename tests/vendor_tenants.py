"""Tenants with a vendor's agent, on all their machines or on one of them, and the platforms that they are on."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from coffre.spec.tenant import Tenant
from tests.builders import PLATFORM, machine_with, tenant_with

EDITOR: dict[str, Any] = {
    "kind": "acronis",
    "url": "https://eu2-cloud.acronis.example",
    "credential": "env:NOTHING",
    "partner": "0b8c1f5e-2a64-4c1e-9d5b-1f2e3d4c5b6a",
    "storage": "Partner cloud",
    "agents_email": "agents@smileo.example",
    "vendor": {"name": "Acronis International GmbH", "country": "CH"},
    "hosting": deepcopy(PLATFORM["platforms"]["lab"]["hosting"]),
}
PLATFORMS: dict[str, Any] = {**PLATFORM, "platforms": {**PLATFORM["platforms"], "editor": EDITOR}}
"""A platform.yaml with a platform that has buckets, `lab`, and one of a vendor, `editor`."""

CONTRACT: dict[str, Any] = {
    "reference": "BC-2026-0412",
    "signed_on": "2026-11-02",
    "in_service_on": "2026-12-01",
    "siren": "552100554",
    "vendor": {"order": "CMD-88231", "terms_accepted_on": "2026-11-03"},
}
PARTS: dict[str, Any] = {"lab": {"quota": "6 GiB"}, "editor": {"quota": "4 GiB", "licences": {"workstation": 1}}}


def list_machines(agents: Mapping[str, str], site: str = "martin.example") -> dict[str, Any]:
    """Return machines by the kinds of their agents, each at an address of its own at a site."""
    return {
        name: machine_with(agent=agent, connection={"via": "ssh", "host": f"{name}.{site}", "user": "root"})
        for name, agent in agents.items()
    }


def vendors_fields(**changes: Any) -> dict[str, Any]:
    """Return what differs from the example tenant where all machines have a vendor's agent, some of it replaced."""
    machines = list_machines({"compta-01": "acronis", "caisse-01": "acronis"})
    storage = {"platform": "editor", "quota": "10 GiB"}
    return {"contract": deepcopy(CONTRACT), "storage": storage, "machines": machines, **changes}


def mixed_fields(**changes: Any) -> dict[str, Any]:
    """Return the same where compta-01 has SMILÉO's own agent, and caisse-01 the vendor's."""
    machines = list_machines({"compta-01": "restic", "caisse-01": "acronis"})
    storage = {"platform": "lab", "quota": "10 GiB", "parts": deepcopy(PARTS)}
    return vendors_fields(**{"storage": storage, "machines": machines, **changes})


def vendors_tenant(**changes: Any) -> Tenant:
    """Return a tenant with a vendor's agent on all its machines."""
    return tenant_with(**vendors_fields(**changes))


def mixed_tenant(**changes: Any) -> Tenant:
    """Return a tenant with a vendor's agent on one of its machines."""
    return tenant_with(**mixed_fields(**changes))
