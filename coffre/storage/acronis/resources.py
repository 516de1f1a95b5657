"""The Pulumi resources of our own provider for Acronis, as a program declares them.

All of them name the customer by its external id, and the provider finds it, so what needs to be there first is said
with ``depends_on``: customer before service before offering items, user before roles before the activation mail.
"""

from collections.abc import Mapping

import pulumi
from pulumi import Input, Output, ResourceOptions


class Customer(pulumi.CustomResource):
    """A customer's tenant; ``parent_uuid`` is that of the tenant directly above it."""

    uuid: Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        parent_uuid: Input[str],
        external_id: Input[str],
        name: Input[str],
        contact: Mapping[str, Input[str]],
        language: Input[str],
        enabled: Input[bool] = True,
        opts: ResourceOptions | None = None,
    ) -> None:
        values = {
            "parent": parent_uuid,
            "external_id": external_id,
            "name": name,
            "contact": dict(contact),
            "language": language,
            "mode": "production",
            "enabled": enabled,
            "uuid": None,
        }
        super().__init__("acronis:index:Customer", resource_name, values, opts)


class Service(pulumi.CustomResource):
    """The binding of Cyber Protection to a customer."""

    def __init__(self, resource_name: str, *, customer: Input[str], opts: ResourceOptions | None = None) -> None:
        super().__init__("acronis:index:Service", resource_name, {"customer": customer, "type": "backup"}, opts)


class OfferingItems(pulumi.CustomResource):
    """A customer's edition, licences, storage and quota."""

    storage_uuid: Output[str]
    storage_name: Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        customer: Input[str],
        edition: Input[str],
        storage: Input[str],
        licences: Mapping[str, Input[int]],
        quota_bytes: Input[int],
        opts: ResourceOptions | None = None,
    ) -> None:
        values = {
            "customer": customer,
            "edition": edition,
            "storage": storage,
            "licences": dict(licences),
            "quota_bytes": quota_bytes,
            "storage_uuid": None,
            "storage_name": None,
        }
        super().__init__("acronis:index:OfferingItems", resource_name, values, opts)


class User(pulumi.CustomResource):
    """A user of a customer, without roles."""

    uuid: Output[str]
    personal_tenant: Output[str]

    def __init__(
        self,
        resource_name: str,
        *,
        customer: Input[str],
        login: Input[str],
        email: Input[str],
        firstname: Input[str],
        lastname: Input[str],
        language: Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        values = {
            "customer": customer,
            "login": login,
            "email": email,
            "firstname": firstname,
            "lastname": lastname,
            "language": language,
            "enabled": True,
            "uuid": None,
            "personal_tenant": None,
        }
        super().__init__("acronis:index:User", resource_name, values, opts)


class AccessPolicies(pulumi.CustomResource):
    """Roles of a user."""

    def __init__(
        self,
        resource_name: str,
        *,
        customer: Input[str],
        login: Input[str],
        roles: Mapping[str, Input[str]],
        opts: ResourceOptions | None = None,
    ) -> None:
        values = {"customer": customer, "login": login, "roles": dict(roles)}
        super().__init__("acronis:index:AccessPolicies", resource_name, values, opts)


class ActivationMail(pulumi.CustomResource):
    """The mail with which a user sets its password; a higher ``number`` has it sent again."""

    def __init__(
        self,
        resource_name: str,
        *,
        customer: Input[str],
        login: Input[str],
        number: Input[int] = 1,
        opts: ResourceOptions | None = None,
    ) -> None:
        values = {"customer": customer, "login": login, "number": number}
        super().__init__("acronis:index:ActivationMail", resource_name, values, opts)
