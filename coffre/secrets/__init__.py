"""Where a tenant's keys and passwords live: two encrypted bundles a tenant, each kept in two places."""
