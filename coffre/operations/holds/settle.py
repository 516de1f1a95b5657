"""Holds: during a hold nothing of the tenant is deleted, neither by Coffre nor by the platform itself.

A hold forbids the deletion of *data*. Keys are not data: a machine may be retired and a key rotated under a hold.
A frozen retention is less: no rule removes anything of that machine, and a person still may.
"""

from collections.abc import Collection, Iterable

from coffre.errors import ExpectedError, RefusedError
from coffre.records.facts.contract import HoldInFile
from coffre.spec.tenant import Hold, Tenant
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.holds import name_reference


def refuse_if_held(tenant: Tenant, doing: str) -> None:
    """Refuse to delete anything of a tenant under a hold: every function that deletes data calls this first. Pure.

    The file alone is enough, before or after it is carried out. ``doing`` is worded like "erasing the bucket of M".
    """
    if tenant.hold is not None:
        raise RefusedError(
            f"{tenant.slug} is under a hold ({describe_hold(tenant.hold)}): {doing} is refused",
            "Ask the person who ordered the hold. When it is lifted, remove `hold:` from the tenant file and run "
            "`coffre apply`.",
        )


def describe_hold(hold: Hold | HoldInFile) -> str:
    """Name a hold in a sentence. Pure."""
    name = name_reference(hold.reference, is_confidential=hold.is_confidential)
    return f"{name}, since {hold.since:%Y-%m-%d}, {hold.kind.value}"


def settle_expiry(tenant: Tenant, buckets: TenantBuckets, machines: Collection[str] | None = None) -> None:
    """Make sure that no bucket that keeps everything has a rule that deletes, and read that back. May run twice.

    ``machines`` are those with a bucket, by default all machines of the file that have one on the platform.

    ExpectedError when a rule is still there: then the hold, or the frozen retention, is not in force.
    """
    if tenant.hold is None and not tenant.frozen_machines:
        return
    there = buckets.existing().among(tenant.machines) if machines is None else machines
    names = [name for name in there if tenant.keeps_all(name)]
    for name in names:
        bucket = buckets.open(name)
        # The stack has removed the rules that it knew.
        if bucket.list_expiry_rules():
            bucket.clear_expiry_rules()
    left = find_expiring(buckets, names)
    if left:
        why = "a frozen retention" if tenant.hold is None else f"the hold ({describe_hold(tenant.hold)})"
        raise ExpectedError(
            f"{tenant.slug}: {why} is NOT in force yet: rules that delete exist on "
            + ", ".join(f"{name} ({', '.join(rules)})" for name, rules in left.items()),
            "Somebody else changes the lifecycle of these buckets: find out who, then run the same command again.",
        )


def find_expiring(buckets: TenantBuckets, machines: Iterable[str]) -> dict[str, list[str]]:
    """Return the machines whose bucket has rules that delete, with the rules' names, read from the platform."""
    rules = {name: list(buckets.open(name).list_expiry_rules()) for name in machines}
    return {name: found for name, found in rules.items() if found}
