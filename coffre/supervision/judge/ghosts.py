"""Compares what is declared with what is really there: machines without an agent, buckets of no machine. Pure.

The contract counts licences by machine (articles 1a, 2 and 10): one that is paid and protects nothing, and data that
nobody declares, are both wrong.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta

from coffre.findings import Finding, FindingKind

DEPLOYED_WITHIN = timedelta(days=14)
"""A machine that is declared for longer should have its agent."""


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
