"""Our own names for what is a customer's at the vendor's: the rooms of the kind find it by them. Pure."""

NAMESPACE = "coffre"
"""What our external ids begin with, so that they are told from those of others."""


def external_id_of(tenant_id: str) -> str:
    """Return the external id of a tenant of Coffre's."""
    return f"{NAMESPACE}:{tenant_id}"


def agents_login(tenant_id: str) -> str:
    """Return the login of the user to whom a customer's agents belong."""
    return f"{NAMESPACE}.{tenant_id}.agents"
