"""The repositories of an apply: created where none ever was, never in place of one that was seen and is gone."""

from collections.abc import Callable
from dataclasses import dataclass, field

from coffre.agents.kinds import layout_of, with_bucket, with_repository
from coffre.agents.repository import Remains
from coffre.errors import RefusedError, RemoteError
from coffre.findings import Finding
from coffre.observation import sighting
from coffre.observation.judge import continuity
from coffre.operations.acknowledge.acknowledge import begin_anew, check_reason
from coffre.operations.repository import look_at_remains, make_repository
from coffre.provisioning import rules
from coffre.provisioning.rules import RepositoryRemains
from coffre.provisioning.steps.rotation import Resumed
from coffre.provisioning.terms.context import Context, Renewal
from coffre.provisioning.terms.done import Initialised
from coffre.provisioning.terms.found import Change, ChangeKind
from coffre.records.facts.backups import Drilled, NewRepository
from coffre.spec.tenant import Tenant
from coffre.tenant.estate.buckets import ExistingBuckets, TenantBuckets
from coffre.tenant.estate.log import TenantLog, fact_of
from coffre.tenant.estate.memory import TenantMemory
from coffre.tenant.opening import OpenTenant

OnProgress = Callable[[str], None]

NOTHING = Remains(has_config=False, has_keys=False, has_backups=False)


def look(at: Context) -> list[Change]:
    """Return the repositories that would be created, and those that would start again after a loss."""
    judged = _judge(
        at.opened.tenant, at.opened.buckets, at.opened.log, at.opened.memory, at.intent.renewal, at.existing
    )
    found = ((ChangeKind.MAKE_REPOSITORY, judged.missing), (ChangeKind.BEGIN_ANEW, judged.renewed))
    return [Change(kind, tuple(machines)) for kind, machines in found if machines]


def do(at: Context, resumed: Resumed) -> Initialised:
    """Create the repository of each bucket that has none, with the owner's key after the rotation."""
    return Initialised(initialise_repositories(at.opened, at.intent.renewal, at.on_progress))


def look_at_losses(at: Context) -> tuple[Finding, ...]:
    """Remember the content of machines' buckets before any change; returns what they had before and have lost.

    RefusedError without any change when a machine is named for a new repository and has its own.
    """
    opened, renewal = at.opened, at.intent.renewal
    if renewal.is_asked:
        check_reason(renewal.reason)
    for name in renewal.machines:
        opened.machine(name)
    losses: list[Finding] = []
    for name in with_bucket(opened.tenant.active_machines()):
        if not at.existing.has(name):
            losses += continuity.judge_absence(name, opened.memory.recall(name))
            continue
        try:
            seen = sighting.look(opened.tenant, opened.buckets, opened.secrets, opened.memory, name)
        except RemoteError:
            continue  # For example, the owner's key is being replaced: a later step reports it, or can read.
        if name in renewal.machines and continuity.find_lack(seen.stored) is None:
            raise RefusedError(
                f"{opened.tenant.slug}/{name} still has its repository, with {seen.snapshots} snapshots",
                "Coffre creates no new repository in its place, and nothing was changed. `coffre status` shows whether "
                "anything is missing; `coffre acknowledge` accepts that loss.",
            )
        losses += seen.losses
    return tuple(loss for loss in losses if not (loss.machine and renewal.covers(loss.machine)))


@dataclass(frozen=True)
class _Judged:
    """Machines without a whole repository: it was never created, it is lost and given up, or it is refused."""

    missing: list[str] = field(default_factory=list)
    renewed: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def _judge(
    tenant: Tenant,
    buckets: TenantBuckets,
    log: TenantLog,
    memory: TenantMemory,
    renewal: Renewal,
    existing: ExistingBuckets,
) -> _Judged:
    """Sort the machines without a whole repository. A bucket that does not exist holds nothing."""
    judged = _Judged()
    for name, machine in with_repository(tenant.active_machines()).items():
        layout = layout_of(name, machine)
        found = look_at_remains(buckets.open(name), layout) if existing.has(name) else NOTHING
        remains = RepositoryRemains(
            found.has_config,
            found.has_keys,
            found.has_backups,
            _count_known(log, memory, name),
            may_be_copied=tenant.storage.second_copy is not None,
        )
        if remains.is_whole:
            continue
        try:
            rules.refuse_lost_repository(tenant.slug, name, remains, renews=renewal.covers(name))
        except RefusedError as problem:
            judged.refused[name] = f"{problem.message}. {problem.hint}"
            continue
        (judged.renewed if renewal.covers(name) else judged.missing).append(name)
    return judged


def initialise_repositories(opened: OpenTenant, renewal: Renewal, on_progress: OnProgress) -> dict[str, str]:
    """Create the repository of each bucket that has none; the machines themselves may not.

    Returns the refused machines, each with reason and remedy: their repository existed and is gone or incomplete.
    """
    judged = _judge(opened.tenant, opened.buckets, opened.log, opened.memory, renewal, opened.buckets.existing())
    for name in judged.renewed:
        begin_anew(opened.log, opened.memory, name, renewal.reason)
    for name in opened.tenant.active_machines():
        if name in judged.missing or name in judged.renewed:
            on_progress(f"initialising the repository of {name}")
            make_repository(opened, name)
    return judged.refused


def _count_known(log: TenantLog, memory: TenantMemory, name: str) -> int:
    """Return how many snapshots of a machine were seen and are expected."""
    known = len(memory.recall(name).expected)
    if known:
        return known
    # Records of earlier versions have no snapshots, but each drill names one.
    return int(isinstance(fact_of(log.last((Drilled, NewRepository), name)), Drilled))
