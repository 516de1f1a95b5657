"""Compares what is declared with what is really there: machines without an agent, buckets and users of nobody. Pure.

The contract counts licences by machine (articles 1a, 2 and 10): one that is paid and protects nothing, and data that
nobody declares, are both wrong.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from coffre.findings import Finding, FindingKind
from coffre.spec.naming import ID_PATTERN, NAME_PATTERN

DEPLOYED_WITHIN = timedelta(days=14)
"""A machine that is declared for longer should have its agent."""
_OWNER = re.compile(rf"(?:{NAME_PATTERN})-({ID_PATTERN})(?:_copy)?")


def judge_deployment(waiting_since: Mapping[str, datetime], now: datetime) -> Iterator[Finding]:
    """Yield the machines that never had an agent although they are declared for long.

    ``waiting_since`` has the active machines without one, and since when supervision knows their storage.
    """
    for name, since in waiting_since.items():
        if now - since >= DEPLOYED_WITHIN:
            yield Finding(FindingKind.MACHINE_NOT_DEPLOYED, name, {"since": since.isoformat()})


def judge_buckets(stored_bytes: Mapping[str, int], declared: Collection[str]) -> Iterator[Finding]:
    """Yield the buckets of a tenant's owner that belong to none of its machines."""
    for bucket in sorted(set(stored_bytes) - set(declared)):
        evidence: dict[str, str | int | None] = {"bucket": bucket, "stored_bytes": stored_bytes[bucket]}
        yield Finding(FindingKind.BUCKET_NOT_DECLARED, None, evidence)


def list_unknown_owners(users: Iterable[str], tenant_ids: Collection[str]) -> list[str]:
    """Return the owners on a platform that are named as Coffre names them and belong to no known tenant.

    An owner has users of machines, or is that of a second copy: a stranger's user may have such a name by chance.
    """
    named = sorted(users)
    with_machines = {user.partition(".")[0] for user in named if "." in user}
    found = [(match[1], user) for user in named if (match := _OWNER.fullmatch(user))]
    return [
        user
        for tenant_id, user in found
        if tenant_id not in tenant_ids and (user in with_machines or user.endswith("_copy"))
    ]
