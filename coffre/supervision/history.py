"""How much a tenant held on each day, from the records: by machine, or in all where machines have no buckets."""

from collections.abc import Sequence
from datetime import date

from coffre.records.activity import Usage
from coffre.records.database.store import Records
from coffre.spec.storage_platform import BUCKETLESS, HOME_OF_AGENT
from coffre.spec.tenant import Tenant


def list_history(records: Records, tenant: Tenant, first: date, last: date) -> Sequence[Usage]:
    """Return the current bytes of each day, both days included.

    A vendor tells what all machines use together, and no more: then the days are those of the whole tenant, at 00:00.
    """
    if not any(HOME_OF_AGENT.get(machine.agent) in BUCKETLESS for machine in tenant.machines.values()):
        return records.list_usage(tenant.id, first, last)
    return [
        Usage(tenant.id, "", each.day, each.current_bytes, each.stored_bytes, each.measured_at)
        for each in records.list_midnights(tenant.id, first, last)
    ]
