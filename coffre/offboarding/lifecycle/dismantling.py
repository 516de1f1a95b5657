"""Removes the agents of a leaving tenant from its machines; each run tries unreached machines again."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from coffre.agents import kinds
from coffre.agents.applied import Applied
from coffre.agents.desired import InvalidOrdersError
from coffre.agents.driver import DeployResult, RemoveRequest
from coffre.agents.kinds import with_bucket
from coffre.errors import ExpectedError
from coffre.observation.reports import find_own_applied
from coffre.offboarding.lifecycle.evidence import Agent, AgentOutcome, UsersSuspended
from coffre.offboarding.lifecycle.freezing import list_buckets
from coffre.orders.control import TenantOrders
from coffre.provisioning.enrolment.scripted import forget_scripted
from coffre.provisioning.steps.agents import target_of, way_to_agents
from coffre.provisioning.steps.retirement import has_agent
from coffre.records.facts.agents import Removal
from coffre.spec import naming
from coffre.spec.tenant import AgentKind, Tenant
from coffre.storage.driver import Storage
from coffre.tenant.estate.agents import list_former_agents
from coffre.tenant.opening import OpenTenant

OnProgress = Callable[[str], None]

GONE = (AgentOutcome.REMOVED, AgentOutcome.REMOVED_ITSELF, AgentOutcome.NEVER_INSTALLED)


def remove_agents(opened: OpenTenant, names: Sequence[str], on_progress: OnProgress) -> list[Agent]:
    """Order the agents of these machines to remove themselves, and remove the reachable ones. May run twice.

    A machine that moves to another agent has both, and is rid of both.
    A machine that does not answer finds the order in its bucket at its next run, and confirms it there.
    """
    standing = list_buckets(opened.tenant, opened.buckets)
    generations: dict[str, int | None] = {}
    for name in names:
        if name in standing and not opened.of_buckets.machine(name).is_retired:
            _tell_replaced(opened, name, on_progress)
            generations[name] = TenantOrders.of(opened).write(name, removes=True, replaces_foreign=True).generation
    results = _remove(opened, dict.fromkeys(names), on_progress)
    arriving = {name: each.agent for name, each in opened.tenant.arriving.items()}
    former = {**list_former_agents(opened.tenant, opened.log), **arriving}
    former = {name: kind for name, kind in former.items() if name in names}
    for name, result in _remove(opened, former, on_progress).items():
        if result.ok:
            opened.log.append(Removal(result.changed, former[name].value), name)
        else:
            results[name] = result
    return [_settle(opened, name, results.get(name), generations.get(name), name in standing) for name in names]


def _remove(
    opened: OpenTenant, names: Mapping[str, AgentKind | None], on_progress: OnProgress
) -> dict[str, DeployResult]:
    """Remove the agents of these machines that can be reached: of a kind, or of the file's one."""
    results: dict[str, DeployResult] = {}
    asked = []
    for name, kind in names.items():
        forgotten = forget_scripted(opened, name, kind)
        if forgotten is not None:
            results[name] = forgotten
            continue
        try:
            asked.append(
                RemoveRequest(target_of(opened.tenant, opened.checkout, opened.platform, opened.secrets, name))
            )
        except ExpectedError as problem:
            on_progress(f"{name}: {problem.message}")
    machines = {
        name: machine if names.get(name) is None else machine.model_copy(update={"agent": names[name]})
        for name, machine in opened.tenant.machines.items()
    }
    return results | kinds.remove(machines, asked, way_to_agents(opened, on_progress))


def _tell_replaced(opened: OpenTenant, name: str, on_progress: OnProgress) -> None:
    """Report foreign or older orders: they are replaced, so that they cannot block a departure."""
    try:
        TenantOrders.of(opened).read(name)
    except InvalidOrdersError as problem:
        on_progress(f"{name}: {problem.message}; the order to remove the agent overwrites it")


def judge_agent(result: DeployResult | None, *, removed_itself: bool, was_installed: bool) -> AgentOutcome:
    """Return the outcome for a machine's agent. Pure."""
    if result is not None and result.ok:
        return AgentOutcome.REMOVED if was_installed or result.changed else AgentOutcome.NEVER_INSTALLED
    if removed_itself:
        return AgentOutcome.REMOVED_ITSELF
    return AgentOutcome.UNREACHED if was_installed else AgentOutcome.NEVER_INSTALLED


def followed_removal(applied: Applied | None, ordered_generation: int | None) -> bool:
    """Tell whether a machine confirmed the removal of its agent, by these orders or earlier ones of that kind. Pure."""
    if applied is None or not applied.removed:
        return False
    return ordered_generation is None or applied.generation_applied >= ordered_generation


def suspend_everywhere(opened: OpenTenant) -> UsersSuspended:
    """Suspend the users of the tenant's machines, and its owner where that is what a platform can suspend.

    A vendor's customer is disabled only now: before, its people restore from its portal. May run twice.
    """
    found = [
        suspend_users(part.tenant, part.storage, with_bucket(part.tenant.active_machines())) for part in opened.parts
    ]
    owners = [part for part in opened.parts if part.capabilities.suspends_owner]
    return UsersSuspended(
        (*(uid for each in found for uid in each.uids), *(uid for uid in map(_suspend_owner, owners) if uid))
    )


def _suspend_owner(part: OpenTenant) -> str | None:
    """Suspend the owner on one platform; returns it when it is suspended by the platform's answer."""
    uid = part.buckets.owner_uid
    part.storage.suspend_user(uid, True)
    owner = part.storage.find_owner(uid, exact=False)
    return uid if owner is not None and owner.suspended else None


def suspend_users(tenant: Tenant, storage: Storage, machines: Iterable[str]) -> UsersSuspended:
    """Suspend the existing users of these machines on the platform. May run twice."""
    uids = [naming.machine_uid(tenant, name) for name in machines]
    for uid in uids:
        storage.suspend_user(uid, True)
    found = {uid: storage.find_owner(uid, exact=False) for uid in uids}
    return UsersSuspended(tuple(uid for uid, facts in found.items() if facts is not None and facts.suspended))


def _settle(
    opened: OpenTenant, name: str, result: DeployResult | None, generation: int | None, has_bucket: bool
) -> Agent:
    bucket = opened.buckets.open(name) if has_bucket else None
    last_seen_at = bucket.find_newest_at(naming.REPORTS_PREFIX) if bucket is not None else None
    was_installed = has_agent(opened.log, name)
    outcome = judge_agent(
        result,
        removed_itself=name not in list_former_agents(opened.tenant, opened.log)
        and followed_removal(
            find_own_applied(opened.buckets, opened.secrets, opened.memory, name) if bucket is not None else None,
            generation,
        ),
        was_installed=was_installed,
    )
    if outcome in GONE and was_installed:
        agent = opened.machine(name).agent.value
        opened.log.append(Removal(result is not None and result.changed, agent), name)
    system = opened.machine(name).os.value
    return Agent(name, system, outcome, last_seen_at)
