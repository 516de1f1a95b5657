"""A tenant's keys and passwords: two encrypted bundles per tenant, each stored in two places."""
