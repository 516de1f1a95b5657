"""What answers each call, a module for each part of the API."""

from tests.acronis.answers import (  # noqa: F401 - each registers its calls
    agents,
    downloads,
    identity,
    monitoring,
    offering,
    plans,
    registration,
    services,
    tenants,
    usages,
    users,
)
