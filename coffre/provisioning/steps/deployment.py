"""The agents of all machines: what apply would do to each, and its state afterwards."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from coffre.agents.desired import InvalidOrdersError
from coffre.agents.kinds import driver_of
from coffre.orders.control import Orders, TenantOrders, plan_orders
from coffre.provisioning.enrolment.standing import EnrolmentStage, judge_stage
from coffre.provisioning.steps.agents import (
    Installed,
    deploy,
    describe_way,
    digest_inputs,
    find_installed,
    find_kept_agent,
    find_way,
    lacks_only_renewal,
    leave,
    wanted_on,
)
from coffre.provisioning.steps.moves import deploy_arriving, is_former_due, remove_former_agents
from coffre.provisioning.steps.retirement import remove_agents
from coffre.provisioning.steps.rotation import Resumed
from coffre.provisioning.terms.context import Context
from coffre.provisioning.terms.differences import (
    ConnectionDifference,
    Difference,
    DifferenceKind,
    OrdersFieldDifference,
    StateDifference,
    UndeliveredDifference,
)
from coffre.provisioning.terms.done import (
    Deployed,
    Escrowed,
    Initialised,
    MachineOutcome,
    MachineState,
    Ordered,
    RemovalsOrdered,
)
from coffre.provisioning.terms.found import MachinePlan
from coffre.spec.access import find_reason
from coffre.spec.tenant import PullConnection
from coffre.tenant.estate.agents import list_former_agents
from coffre.tenant.opening import OpenTenant
from coffre.workspace.clock import utc_now


def look(at: Context) -> list[MachinePlan]:
    """Return what would be done to each machine in service; none when agents are left unchanged."""
    if at.intent.storage_only:
        return []
    active = at.tenant.active_machines()
    if find_reason(at.tenant) is not None:
        # Without access: their agents are left unchanged.
        return [MachinePlan(name, "none", ()) for name in active]
    return [look_at(at, name) for name in active if name not in at.unseen_machines]


def look_at(at: Context, name: str) -> MachinePlan:
    """Return what would be done to one machine, by its records and the orders in its bucket."""
    digest = digest_inputs(at.opened, name)
    if name in at.tenant.arriving:
        both = f"{digest} {digest_inputs(at.opened.as_arrived, name)}"
        digest = hashlib.sha256(both.encode()).hexdigest()
    return replace(compare_machine(at, name), inputs_sha256=digest)


def compare_machine(at: Context, name: str) -> MachinePlan:
    """Return the same without a digest of its inputs, which only a saved plan needs."""
    plan = compare_agent(at, name)
    more: tuple[Difference, ...] = ()
    if name in at.tenant.arriving and not at.unseen:
        new = compare_agent(replace(at, opened=at.opened.as_arrived), name)
        more = () if new.action == "none" else (StateDifference(DifferenceKind.ARRIVING_AGENT), *new.differences)
    elif plan.action != "install" and name in list_former_agents(at.tenant, at.opened.log) and is_former_due(at, name):
        more = (StateDifference(DifferenceKind.FORMER_AGENT),)
    if not more:
        return plan
    return replace(
        plan, action="update" if plan.action == "none" else plan.action, differences=(*plan.differences, *more)
    )


def compare_agent(at: Context, name: str) -> MachinePlan:
    """Return what would be done to the agent of the file; another one that the machine has is no part of it."""
    opened, intent = at.opened, at.intent
    machine = opened.machine(name)
    has_its_storage = at.existing.has(name) or not driver_of(machine).needs_bucket
    installed = find_installed(opened.log, name, machine.agent) if has_its_storage else None
    if installed is None:
        return MachinePlan(name, "install", _compare_enrolment(opened, name))
    orders = None
    if driver_of(machine).takes_orders:
        try:
            standing = TenantOrders.of(opened).read(name)
        except InvalidOrdersError:
            if not intent.replaces_orders:
                raise
            untrusted = StateDifference(DifferenceKind.ORDERS_UNTRUSTED)
            return MachinePlan(name, "update", (untrusted,))
        orders = plan_orders(opened.tenant, opened.log, name, standing)
    differences = (
        *_compare(orders, installed, wanted_on(opened, name, orders, find_kept_agent(opened, name))),
        *_compare_ways(find_way(opened.log, name), describe_way(opened.machine(name).connection)),
    )
    return MachinePlan(name, "update" if differences else "none", differences)


def _compare_enrolment(opened: OpenTenant, name: str) -> tuple[Difference, ...]:
    """Return what a machine that nobody can reach waits for before its agent is installed; none for another."""
    if not isinstance(opened.machine(name).connection, PullConnection):
        return ()
    if judge_stage(opened.log, name, utc_now()) in (EnrolmentStage.INVITED, EnrolmentStage.ENROLLED):
        return (StateDifference(DifferenceKind.ENROLMENT_BEGUN),)
    return (StateDifference(DifferenceKind.ENROLMENT_NEEDED),)


def _compare_ways(recorded: str | None, wanted: str) -> tuple[Difference, ...]:
    """Return the change of a machine's connection: its agent, and its password, would be sent to another address."""
    return () if recorded is None or recorded == wanted else (ConnectionDifference(recorded, wanted),)


def _compare(orders: Orders | None, installed: Installed, wanted: Installed | None) -> tuple[Difference, ...]:
    if wanted is None:
        return (StateDifference(DifferenceKind.ORDERS_LOST),)
    due, fields = (orders.due, orders.differences) if orders is not None else (0, ())
    differences: list[Difference] = [OrdersFieldDifference(field) for field in fields]
    is_renewal = lacks_only_renewal(installed, replace(wanted, agent_sha256=installed.agent_sha256), due)
    if not differences and wanted.generation != installed.generation and not is_renewal:
        differences.append(UndeliveredDifference(wanted.generation))
    if wanted.agent_sha256 != installed.agent_sha256:
        differences.append(StateDifference(DifferenceKind.AGENT_PROGRAM))
    if wanted.plan != installed.plan:
        differences.append(StateDifference(DifferenceKind.PLAN))
    return tuple(differences)


def do(
    at: Context, removals: RemovalsOrdered, resumed: Resumed, initialised: Initialised, ordered: Ordered
) -> Deployed:
    """Remove the agents of retired machines, and install or repair those of machines in service.

    Machines whose repository is refused are left unchanged, and wait where their part does not answer.
    """
    refused = [MachineOutcome(name, MachineState.REFUSED, why) for name, why in initialised.refused.items()]
    if at.intent.storage_only:
        return Deployed(tuple(refused))
    # The successor of a retired machine may use its host: its agent comes after the removal of the other one.
    to_remove = [name for name in removals.to_remove if name not in at.unseen_machines]
    retired = remove_agents(at.opened, to_remove, at.on_progress)
    active = at.tenant.active_machines()
    fit = [name for name in active if name not in initialised.refused and name not in at.unseen_machines]
    agents = _settle_agents(at, resumed, {name: ordered.orders.get(name) for name in fit})
    if find_reason(at.tenant) is None:
        agents = deploy_arriving(at, resumed.secrets, agents)
    waiting = _list_waiting(at, [*active, *removals.to_remove])
    done = [each for each in (*agents, *refused, *retired) if each.machine not in waiting]
    return Deployed((*remove_former_agents(at, tuple(done)), *waiting.values()))


def do_beside(at: Context, escrowed: Escrowed) -> Deployed:
    """Install or repair the agents of machines in service whose part answers, while the tenant's own platform is away.

    Nothing is removed: what a machine needs before it is retired may be read in its bucket alone.
    """
    if at.intent.storage_only:
        return Deployed(())
    active, reason = at.tenant.active_machines(), find_reason(at.tenant)
    names = [name for name in active if name not in at.unseen_machines]
    if reason is None:
        agents = deploy(at.opened, escrowed, dict.fromkeys(names), at.on_progress, only=names)
    else:
        agents = tuple(left for left in leave(at.opened.tenant, reason) if left.machine in names)
    return Deployed((*agents, *_list_waiting(at, list(active)).values()))


def _list_waiting(at: Context, machines: Sequence[str]) -> dict[str, MachineOutcome]:
    """Return those of the machines whose part of the space does not answer: nothing is done to them."""
    return {
        name: MachineOutcome(name, MachineState.PENDING, f"{part.platform} does not answer")
        for part in at.unseen
        for name in part.machines
        if name in machines
    }


def _settle_agents(at: Context, resumed: Resumed, orders: Mapping[str, Orders | None]) -> tuple[MachineOutcome, ...]:
    """Deploy the agents of machines in service.

    While the machines have no access, a deployment could not be tested, and the current agents do no harm: only
    machines that a rotation waits for are deployed, since they can still read orders and write reports.
    """
    reason, rotation = find_reason(at.tenant), resumed.rotation
    if reason is None:
        return deploy(at.opened, resumed.secrets, orders, at.on_progress, only=orders)
    moved = {outcome.machine: outcome for outcome in rotation.move_agents(rotation.all_keys())}
    return tuple(moved.get(left.machine, left) for left in leave(at.opened.tenant, reason) if left.machine in orders)
