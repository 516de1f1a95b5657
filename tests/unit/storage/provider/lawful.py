"""Inputs that each provider takes, the smallest ones, by package and resource."""

from typing import Any

from coffre.storage.acronis.provider.dispatch import PACKAGE as ACRONIS
from coffre.storage.ceph.provider.dispatch import PACKAGE as RGW
from coffre.storage.provider.package import Package
from tests.unit.storage.ceph.provider.test_fields import LAWFUL as LAWFUL_OF_RGW

CUSTOMER = {"customer": "coffre:k7f3q9wz2m"}
PARTNER = "0e0f2a52-1d0b-4b44-b1f1-8b2f7f5f0001"
LAWFUL_OF_ACRONIS: dict[str, dict[str, Any]] = {
    "Customer": {
        "parent": PARTNER,
        "external_id": "coffre:k7f3q9wz2m",
        "name": "Boulangerie Martin",
        "contact": {"email": "contact@martin.example"},
    },
    "Service": CUSTOMER,
    "OfferingItems": {
        **CUSTOMER,
        "storage": "Partner cloud",
        "licences": {"workstations": 12},
        "quota_bytes": 100 * 10**9,
    },
    "User": {
        **CUSTOMER,
        "login": "martin.agents",
        "email": "agents@smileo.example",
        "firstname": "Agents",
        "lastname": "Martin",
    },
    "AccessPolicies": {**CUSTOMER, "login": "martin.agents", "roles": {"backup_user": "personal"}},
    "ActivationMail": {**CUSTOMER, "login": "martin.admin"},
}

LAWFUL: dict[Package, dict[str, dict[str, Any]]] = {RGW: LAWFUL_OF_RGW, ACRONIS: LAWFUL_OF_ACRONIS}
