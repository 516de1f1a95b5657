"""The reports in agents' buckets, and the agents' statements on their orders: decides which are trusted."""

from datetime import datetime

from coffre.agents.applied import Applied, parse_applied
from coffre.agents.report import InvalidReportError, Report
from coffre.agents.sealing import SEALED_LIMIT_BYTES, Opener, is_sealed
from coffre.findings import SetAside
from coffre.observation.judge import identity
from coffre.observation.judge.gaps import Wanted
from coffre.observation.report_shelf import Shelf, Until, is_success
from coffre.orders.accepted_paths import find_accepted
from coffre.outside.faults import Fault
from coffre.records.memory import Memory
from coffre.spec import naming
from coffre.spec.tenant import Tenant
from coffre.storage.driver import Bucket
from coffre.storage.values import Unusable
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.estate.memory import TenantMemory
from coffre.tenant.estate.secrets import TenantSecrets
from coffre.workspace.clock import utc_now


def find_opener(secrets: TenantSecrets, machine: str) -> Opener | None:
    """Return the opener of a machine's sealed documents; None before the apply that derives its key."""
    control = secrets.find_control()
    key = control.report_keys.get(machine) if control is not None else None
    return None if key is None else Opener(key, secrets.tenant_id, machine)


def list_reports(
    buckets: TenantBuckets, secrets: TenantSecrets, memory: TenantMemory, machine: str, until: Until = is_success
) -> tuple[Report, ...]:
    """Return a machine's trusted reports, newest first, as far back as ``until``."""
    bucket = buckets.open(machine)
    shelf = Shelf(memory.recall(machine), utc_now(), find_opener(secrets, machine))
    for facts in bucket.walk_objects(naming.REPORTS_PREFIX):
        shelf.see(facts)
    return shelf.read(bucket, until).reports


def look_at_applied(
    secrets: TenantSecrets, machine: str, bucket: Bucket, memory: Memory, now: datetime
) -> Applied | SetAside | None:
    """Return a machine's statement on its last applied orders; None when it never applied any."""
    key, opener = naming.APPLIED_KEY, find_opener(secrets, machine)
    body = bucket.find(key, SEALED_LIMIT_BYTES)
    if body is None:
        return None
    if isinstance(body, Unusable):
        return SetAside(key, body.fault)
    try:
        if memory.check_in_number is not None or is_sealed(body):
            if opener is None:
                return SetAside(key, Fault.MISSEALED)
            body = opener.open(key, body)
        applied = parse_applied(body, now)
    except InvalidReportError as problem:
        return SetAside(key, problem.fault, problem.field)
    if memory.check_in_number is not None and (applied.number or 0) < memory.check_in_number:
        return SetAside(key, Fault.REPLAYED)
    return applied


def find_own_applied(
    buckets: TenantBuckets, secrets: TenantSecrets, memory: TenantMemory, machine: str
) -> Applied | None:
    """Return the result of `find_applied`, except a statement of another machine with this one's files."""
    found = find_applied(buckets, secrets, memory, machine)
    if found is None or identity.is_another_machine(memory.recall(machine), found.identity, found.at):
        return None
    return found


def find_applied(buckets: TenantBuckets, secrets: TenantSecrets, memory: TenantMemory, machine: str) -> Applied | None:
    """Return a machine's statement on its last applied orders; None when there is none, or it is not authenticated."""
    bucket = buckets.open(machine)
    found = look_at_applied(secrets, machine, bucket, memory.recall(machine), utc_now())
    return found if isinstance(found, Applied) else None


def find_wanted(tenant: Tenant, log: TenantLog, machine: str) -> Wanted:
    """Return what is wanted from a machine's paths now."""
    facts = tenant.machines[machine]
    paths = tenant.plans[facts.plan].paths_for(facts.os)
    accepted = {(word.path, word.number) for word in find_accepted(log, machine)}
    return Wanted(tenant.slug, machine, frozenset(paths), accepted)
