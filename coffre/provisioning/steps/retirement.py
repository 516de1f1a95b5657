"""The retirement of machines: deletes users and keys at once, removes agents as soon as a machine can be reached.

A retired machine's key is invalid from the first apply on, even if the machine could not be reached: its agent may
still be there, but saves nothing. Its bucket and its repository password stay.
"""

from collections.abc import Callable, Collection

from coffre.agents import kinds
from coffre.agents.driver import DeployResult, RemoveRequest
from coffre.agents.kinds import driver_of, with_bucket, with_orders
from coffre.errors import RemoteError
from coffre.observation.reports import find_own_applied
from coffre.observation.retired import RetiredStatus, judge_retirement
from coffre.orders.control import TenantOrders
from coffre.provisioning.enrolment.scripted import forget_scripted
from coffre.provisioning.steps.agents import target_of, way_to_agents
from coffre.provisioning.terms.context import Context
from coffre.provisioning.terms.differences import DifferenceKind, StateDifference
from coffre.provisioning.terms.done import (
    Escrowed,
    Forgotten,
    KeysRevoked,
    MachineOutcome,
    MachineState,
    Provisioned,
    Published,
    RemovalsOrdered,
    ShutOut,
)
from coffre.provisioning.terms.found import MachinePlan
from coffre.records.facts.agents import Install, MachineRetired, Removal, Update
from coffre.records.facts.enrolment import ConfigurationDelivered
from coffre.secrets import rotations
from coffre.secrets.bundles import ControlBundle
from coffre.spec import naming
from coffre.spec.parts import of_buckets
from coffre.spec.tenant import AgentKind, PullConnection, Tenant
from coffre.tenant.estate.agents import find_deployed
from coffre.tenant.estate.buckets import ExistingBuckets
from coffre.tenant.estate.log import Log, TenantLog, fact_of
from coffre.tenant.estate.secrets import TenantSecrets
from coffre.tenant.lookup import find_machine, local_today
from coffre.tenant.opening import OpenTenant

OnProgress = Callable[[str], None]


def list_retired(tenant: Tenant) -> list[str]:
    """Return the retired machines of the file. Pure."""
    return [name for name, machine in tenant.machines.items() if machine.is_retired]


def list_keyless(tenant: Tenant) -> list[str]:
    """Return the machines that need no key any more: retired, or moved to an agent without a bucket. Pure."""
    return list_retired(of_buckets(tenant))


def list_with_keys(tenant: Tenant, control: ControlBundle | None) -> list[str]:
    """Return the machines that still have a key and need none any more. Pure."""
    if control is None:
        return []
    return [name for name in list_keyless(tenant) if name in control.machine_keys or name in control.old_machine_keys]


def list_leaving(tenant: Tenant, log: TenantLog, control: ControlBundle | None) -> list[str]:
    """Return the retired machines whose retirement is incomplete: they have a key, or need none and have an agent."""
    with_keys, in_need = list_with_keys(tenant, control), with_bucket(tenant.machines)
    return [
        name for name in list_retired(tenant) if name in with_keys or (name not in in_need and has_agent(log, name))
    ]


def list_to_remove(tenant: Tenant, log: TenantLog, control: ControlBundle | None) -> list[str]:
    """Return the retired machines whose agent must still be removed.

    A machine that is retired by this apply is included even if no installation was ever recorded: a failed deployment
    leaves files too.
    """
    fresh = list_with_keys(tenant, control)
    return [name for name in list_retired(tenant) if name in fresh or has_agent(log, name)]


def list_standing(tenant: Tenant, log: TenantLog, owned_buckets: ExistingBuckets) -> list[str]:
    """Return the retired machines whose agent was installed and never removed; reading creates no records."""
    in_need = with_bucket(tenant.machines)
    there = owned_buckets.among(name for name in list_retired(tenant) if name in in_need)
    return [name for name in there if has_agent(log, name)]


def list_ordered(tenant: Tenant, secrets: TenantSecrets) -> list[str]:
    """Return the retired machines that get a last order: to remove their agents."""
    return list_with_keys(tenant, secrets.find_control())


def look(at: Context) -> list[MachinePlan]:
    """Return the machines whose agent would be removed; none when agents are left unchanged."""
    if at.intent.storage_only:
        return []
    leaving = list_leaving(at.opened.tenant, at.opened.log, at.opened.secrets.find_control())
    retired = StateDifference(DifferenceKind.RETIRED)
    return [MachinePlan(name, "remove", (retired,)) for name in leaving]


def order_removals(at: Context, escrowed: Escrowed, published: Published, shut_out: ShutOut) -> RemovalsOrdered:
    """Order the agents of machines that are being retired to remove themselves, while their keys can still read it."""
    opened, control = at.opened.of_buckets, escrowed.control
    to_remove = list_to_remove(at.tenant, opened.log, control)
    retired = {name: opened.machine(name) for name in list_with_keys(at.tenant, control)}
    for name in at.existing.among(with_orders(retired)):
        TenantOrders.of(opened).write(name, replaces_foreign=at.intent.replaces_orders)
    return RemovalsOrdered(tuple(to_remove))


def revoke(at: Context, escrowed: Escrowed, removals: RemovalsOrdered) -> KeysRevoked:
    """Delete the keys of retired machines where the stack has none: a platform may keep a user that still has keys.

    Retired machines have their last orders. May run twice.
    """
    opened = at.opened.of_buckets
    if opened.capabilities.gives_keys:
        retired = {name: opened.machine(name) for name in list_keyless(at.tenant)}
        for name in with_bucket(retired):
            uid = naming.machine_uid(opened.tenant, name)
            for access_key_id in opened.storage.list_key_ids(uid):
                at.on_progress(f"{name} backs up there no more: deleting its access key {access_key_id}")
                opened.storage.delete_key(uid, access_key_id)
    return KeysRevoked()


def forget(at: Context, escrowed: Escrowed, provisioned: Provisioned) -> Forgotten:
    """Make sure that retired machines have neither user nor key on the platform, then forget the keys.

    The stack has deleted the users and keys that it knew and removed the machines from the policies. May run twice,
    also after a kill: the retirement is recorded once per key. RemoteError when the platform still has one.
    """
    opened, control = at.opened, escrowed.control
    names = list_with_keys(opened.tenant, control)
    for name in names:
        why = "is retired" if opened.machine(name).is_retired else "has moved to another agent"
        at.on_progress(f"{name} {why}: deleting its user and key")
        uid = naming.machine_uid(opened.tenant, name)
        opened.storage.delete_user(uid)
        left = opened.storage.list_key_ids(uid)
        if left:
            raise RemoteError(
                f"{opened.tenant.slug}/{name} {why}, but the platform still has its access key {', '.join(left)}",
                "Run the same command again. If the key is still there, delete the user on the platform.",
            )
        key = control.machine_keys.get(name) or control.old_machine_keys[name]
        _record_retirement(opened.tenant, opened.log, name, key.access_key_id)
    if not names:
        return Forgotten(control)
    kept = forget_keys(control, names)
    subjects = [rotations.machine_key(name) for name in names]
    dropping = [dropped for subject in subjects for dropped in (subject.secret, subject.old_secret)]
    opened.secrets.save_control(kept, dropping=dropping)
    return Forgotten(kept)


def forget_keys(control: ControlBundle, machines: Collection[str]) -> ControlBundle:
    """Return a bundle without the keys of these machines. Pure."""
    subjects = [rotations.machine_key(name) for name in machines]
    gone = {dropped for subject in subjects for dropped in (subject.secret, subject.old_secret)}
    return control.model_copy(
        update={
            "machine_keys": {name: key for name, key in control.machine_keys.items() if name not in machines},
            "old_machine_keys": {name: key for name, key in control.old_machine_keys.items() if name not in machines},
            "condemned": tuple(secret for secret in control.condemned if secret not in gone),
        }
    )


def remove_agents(opened: OpenTenant, machines: Collection[str], on_progress: OnProgress) -> tuple[MachineOutcome, ...]:
    """Remove the agents of these retired machines, and return the state of every retired machine. May run twice."""
    for name in machines:
        if not driver_of(opened.machine(name)).needs_bucket:
            _record_retirement(opened.tenant, opened.log, name, "")
    reached = [name for name in machines if not isinstance(opened.machine(name).connection, PullConnection)]
    requests = [
        RemoveRequest(target_of(opened.tenant, opened.checkout, opened.platform, opened.secrets, name))
        for name in reached
    ]
    results: dict[str, DeployResult] = kinds.remove(
        opened.tenant.machines, requests, way_to_agents(opened, on_progress)
    )
    results |= {name: ask_its_word(opened, name) for name in machines if name not in reached}
    return tuple(
        _settle_removal(opened.tenant, opened.log, name, results.get(name)) for name in list_retired(opened.tenant)
    )


def ask_its_word(opened: OpenTenant, name: str) -> DeployResult:
    """Return whether a machine that nobody can reach confirmed the removal of its agent, or its vendor removed it."""
    forgotten = forget_scripted(opened, name)
    if forgotten is not None:
        return forgotten
    is_there = opened.buckets.has(name)
    said = find_own_applied(opened.buckets, opened.secrets, opened.memory, name) if is_there else None
    is_gone = said is not None and said.removed
    why = "nobody can reach it: whoever sits before it runs `coffre-agent remove --all` (docs/pulled-machines.md)"
    return DeployResult(
        opened.tenant.slug, name, ok=is_gone, changed=is_gone, unreachable=not is_gone, message="" if is_gone else why
    )


def judge_removal(machine: str, result: DeployResult, *, has_agent: bool, retired: RetiredStatus) -> MachineOutcome:
    """Return the state of a retired machine after its removal. Pure.

    A machine that does not answer delays no apply: nothing depends on it, and many retired machines are scrapped.
    """
    message = result.message.removeprefix(f"{machine}: ")
    if result.ok:
        return MachineOutcome(machine, MachineState.REMOVED if result.changed else MachineState.RETIRED, "", retired)
    if not result.unreachable:
        return MachineOutcome(machine, MachineState.FAILED, message)
    if not has_agent:
        return MachineOutcome(machine, MachineState.RETIRED, "", retired)
    return MachineOutcome(machine, MachineState.RETIRED_UNREACHED, message, retired)


def _settle_removal(tenant: Tenant, log: TenantLog, machine: str, result: DeployResult | None) -> MachineOutcome:
    retirement = find_machine(tenant, machine).retired
    assert retirement is not None  # noqa: S101 - asked of retired machines only
    retired = judge_retirement(tenant, retirement, local_today(tenant))
    if result is None:
        return MachineOutcome(machine, MachineState.RETIRED, "", retired)
    had_agent = has_agent(log, machine)
    if result.ok and had_agent:
        log.append(Removal(result.changed, find_machine(tenant, machine).agent.value), machine)
    return judge_removal(machine, result, has_agent=had_agent, retired=retired)


def has_agent(log: Log, machine: str) -> bool:
    """Tell whether an agent of any kind was installed on a machine and, by the records, never removed.

    A machine that got its configuration by a delivery has claimed it with its agent.
    """
    last = fact_of(log.last((Install, Update, Removal, ConfigurationDelivered), machine))
    if isinstance(last, Removal):
        # A machine that moves from one kind to another has both for a while.
        return any(find_deployed(log, machine, kind) is not None for kind in AgentKind if kind.value != last.agent)
    return last is not None


def _record_retirement(tenant: Tenant, log: TenantLog, machine: str, access_key_id: str) -> None:
    """Record a retirement once; ``access_key_id`` is "" for an agent without a key. It frees the licence."""
    recorded, installed = log.last(MachineRetired, machine), log.last((Install, Update), machine)
    if recorded is not None and recorded.fact.access_key_id == access_key_id:
        is_of_this_time = access_key_id or installed is None or recorded.at >= installed.at
        if is_of_this_time:
            return
    facts = of_buckets(tenant).machines[machine]
    assert facts.retired is not None  # noqa: S101 - asked of retired machines, and of those that left their bucket
    on, agent = facts.retired.on, ""
    if not find_machine(tenant, machine).is_retired:
        on, agent = local_today(tenant), facts.agent.value  # that agent alone retires
    log.append(MachineRetired(facts.kind.value, on, facts.retired.keep_until, access_key_id, agent), machine)
