"""A customer with licences, a quota, an owner of agents and an administrator on Acronis Cyber Protect Cloud.

Nothing of Coffre but its Pulumi provider: the properties are those of its schema.
"""

from typing import Any

import pulumi


def declare(kind: str, name: str, /, *after: pulumi.Resource, **properties: Any) -> pulumi.CustomResource:
    """Declare a resource of the provider, to be made after the others."""
    options = pulumi.ResourceOptions(depends_on=list(after))
    return pulumi.CustomResource(f"acronis:index:{kind}", name, properties, options)


config = pulumi.Config()
customer, email = config.require("customer"), config.require("email")

# Tenant before service before licences: nobody can use anything before its limit is there.
tenant = declare(
    "Customer",
    "customer",
    parent=config.require("partner"),
    external_id=customer,
    name=config.require("name"),
    contact={"email": email},
    language="fr",
)
service = declare("Service", "service", tenant, customer=customer)
items = declare(
    "OfferingItems",
    "items",
    service,
    customer=customer,
    storage=config.require("storage"),
    licences={"workstations": config.get_int("workstations") or 5},
    quota_bytes=config.get_int("quota_bytes") or 100 * 1000**3,
)

# The user to whom the machines' agents will belong. Nobody logs in with it.
owner_login = f"{customer.replace(':', '.')}.agents"
owner = declare(
    "User", "owner", items, customer=customer, login=owner_login, email=email, firstname="Agents", lastname="Owner"
)
declare("AccessPolicies", "owner-roles", owner, customer=customer, login=owner_login, roles={"backup_user": "personal"})

# The customer's administrator. The mail with which it sets its password comes after its role.
admin_login = f"{customer.replace(':', '.')}.admin"
admin = declare(
    "User", "admin", items, customer=customer, login=admin_login, email=email, firstname="Anne", lastname="Durand"
)
admin_roles = declare(
    "AccessPolicies", "admin-roles", admin, customer=customer, login=admin_login, roles={"company_admin": "customer"}
)
declare("ActivationMail", "admin-mail", admin_roles, customer=customer, login=admin_login)

pulumi.export("customer", customer)
pulumi.export("administrator", admin_login)
