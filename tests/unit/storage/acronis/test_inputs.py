"""What inputs the resources of the provider for Acronis take: a wrong one is told by its property."""

from typing import Any

import pytest

from coffre.acronis.names import external_id_of
from coffre.storage.acronis.layout import administrator, agent_owner
from coffre.storage.acronis.provider import names
from coffre.storage.acronis.provider.dispatch import RESOURCES
from tests.unit.storage.provider.lawful import LAWFUL_OF_ACRONIS


def checked(kind: str, **changes: Any) -> Any:
    return RESOURCES[f"acronis:index:{kind}"].check({**LAWFUL_OF_ACRONIS[kind], **changes})


@pytest.mark.parametrize("kind", LAWFUL_OF_ACRONIS)
def test_lawful_inputs_pass_and_checking_again_changes_nothing(kind: str) -> None:
    inputs, failures = checked(kind)
    assert failures == []
    assert RESOURCES[f"acronis:index:{kind}"].check(inputs) == (inputs, [])


@pytest.mark.parametrize(
    ("kind", "field", "value", "words"),
    [
        ("Customer", "parent", "10584816", "UUID of a tenant"),
        ("Customer", "external_id", "k7f3q9wz2m", "NAMESPACE:NAME"),
        ("Customer", "external_id", "coffre:a b", "NAMESPACE:NAME"),
        ("Customer", "name", "two\nlines", "one line"),
        ("Customer", "name", "two  spaces", "one line"),
        ("Customer", "name", "x" * 256, "255 characters"),
        ("Customer", "name", "‮evil", "control characters"),
        ("Customer", "contact", {"firstname": "Anne"}, "must have an email"),
        ("Customer", "contact", {"email": "a@b.example", "fax": "1"}, "entries that a contact does not have: fax"),
        ("Customer", "contact", {"email": "a@b.example", "phone": ""}, "phone must be one line"),
        ("Customer", "language", "français", "a language"),
        ("Customer", "mode", "free", "one of production, trial"),
        ("Customer", "enabled", 1, "true or false"),
        ("Service", "type", "notary", "must be 'backup'"),
        ("OfferingItems", "edition", "pck_per_gigabite", "one of pck_per_workload, pck_per_gigabyte, bundled"),
        ("OfferingItems", "licences", {}, "not empty"),
        ("OfferingItems", "licences", {"workstations": 0}, "at least 1 for workstations"),
        ("OfferingItems", "licences", {"workstations": True}, "at least 1 for workstations"),
        ("OfferingItems", "licences", {"storage": 5}, "that is quota_bytes"),
        ("OfferingItems", "licences", {"Work Stations": 5}, "without their prefix"),
        ("OfferingItems", "quota_bytes", 0, "at least 1"),
        ("User", "login", "élodie", "ASCII letters"),
        ("User", "email", "nobody", "NAME@HOST"),
        ("AccessPolicies", "roles", {"root": "customer"}, "must name roles of partner_admin"),
        ("AccessPolicies", "roles", {"unknown": "customer"}, "must name roles of"),
        ("AccessPolicies", "roles", {"backup_user": "customer"}, "backup_user in the place 'personal'"),
        ("AccessPolicies", "roles", {"company_admin": "personal"}, "company_admin in the place 'customer'"),
        ("ActivationMail", "number", 0, "at least 1"),
    ],
)
def test_a_wrong_value_is_told_by_property(kind: str, field: str, value: Any, words: str) -> None:
    _, failures = checked(kind, **{field: value})
    assert [failure.property for failure in failures] == [field]
    assert words in failures[0].reason


REPLACES = {
    "Customer": {"parent": "1" * 8 + "-1111-1111-1111-" + "1" * 12, "external_id": "coffre:other"},
    "Service": {"customer": "coffre:other"},
    "OfferingItems": {"customer": "coffre:other", "edition": "bundled", "storage": "Other"},
    "User": {"customer": "coffre:other", "login": "other"},
    "AccessPolicies": {"customer": "coffre:other", "login": "other"},
    "ActivationMail": {"customer": "coffre:other", "login": "other"},
}


@pytest.mark.parametrize("kind", RESOURCES)
def test_what_replaces_and_what_does_not(kind: str) -> None:
    resource, name = RESOURCES[kind], kind.rsplit(":", 1)[-1]
    assert {field for field in resource.fields if resource.fields[field].replaces} == set(REPLACES[name])
    for field, value in REPLACES[name].items():
        [change] = resource.diff(checked(name)[0], checked(name, **{field: value})[0])
        assert (change.path, change.replaces) == (field, True)


def test_the_users_of_a_customer_have_logins_that_come_from_its_id_alone() -> None:
    owner = agent_owner("k7f3q9wz2m", "a@b.example")
    admin = administrator("k7f3q9wz2m", "c@d.example", "Anne", "Durand")
    assert (owner.login, admin.login) == ("coffre.k7f3q9wz2m.agents", "coffre.k7f3q9wz2m.admin")
    assert names.login(owner.login) is names.login(admin.login) is None
    assert names.external_id(external_id_of("k7f3q9wz2m")) is None
    assert (owner.activation_mails, admin.activation_mails) == (0, 1)
    assert names.roles(owner.roles) is names.roles(admin.roles) is None
