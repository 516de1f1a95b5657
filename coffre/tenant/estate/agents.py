"""The agents of a tenant, each with the platform that it backs up to and what the records say of it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from coffre.agents.driver import OpenedDriver
from coffre.agents.home import AgentEntry, AgentHome, AgentOwner
from coffre.agents.kinds import DRIVERS
from coffre.records.facts.agents import AgentDeployed, Install, MachineRetired, Removal, Update
from coffre.records.facts.fact import Fact
from coffre.spec.parts import as_before, is_home, leaves_bucket
from coffre.spec.storage_platform import Platform
from coffre.spec.tenant import AgentKind, Machine, PullConnection, Tenant
from coffre.tenant.estate.log import Log, RecordedFact, fact_of
from coffre.tenant.lookup import find_machine

_LIFE = (Install, Update, Removal, MachineRetired)


class TenantAgents:
    """Opens the drivers of a tenant's agents; each kind is opened once."""

    def __init__(self, tenant: Tenant, platforms: Mapping[str, Platform], root: Path, log: Log) -> None:
        self._tenant, self._platforms, self._root, self._log = tenant, platforms, root, log
        self._opened: dict[AgentKind, OpenedDriver] = {}

    def open(self, machine: str) -> OpenedDriver:
        """Return the driver of a machine's agent, with the platform that it backs up to."""
        return self.open_kind(find_machine(self._tenant, machine).agent)

    def open_kind(self, kind: AgentKind) -> OpenedDriver:
        """Return the driver of a kind, with the platform that its agents back up to."""
        if kind not in self._opened:
            self._opened[kind] = DRIVERS[kind].open(self.home(kind))
        return self._opened[kind]

    def home(self, kind: AgentKind) -> AgentHome:
        """Return the platform that agents of a kind back up to; what the records say is read when it is asked."""
        return find_home(self._tenant, self._platforms, self._root, kind, self._log)


def find_home(
    tenant: Tenant, platforms: Mapping[str, Platform], root: Path, kind: AgentKind, log: Log | None
) -> AgentHome:
    """Return the platform that a tenant's agents of a kind back up to; without a log no agent was ever deployed."""
    names = list(tenant.storage.parts) or [tenant.storage.platform]
    # `coffre check` refuses a file without one: its own platform then says why it cannot be used.
    name = next((each for each in names if is_home(kind, platforms[each])), tenant.storage.platform)

    def find(owner: AgentOwner) -> AgentEntry:
        machine = find_machine(tenant, owner.machine)
        if log is None:
            return AgentEntry(machine.plan)
        others: frozenset[str] = frozenset()
        if isinstance(machine.connection, PullConnection):
            others = frozenset(_list_ids(tenant, log, kind)) - {find_agent_id(log, owner.machine, kind)}
        return AgentEntry(machine.plan, find_agent_id(log, owner.machine, kind), others)

    return AgentHome(name, platforms[name], root, find)


def _list_ids(tenant: Tenant, log: Log, kind: AgentKind) -> Iterator[str]:
    return (found for machine in tenant.machines if (found := find_agent_id(log, machine, kind)))


def find_agent_id(log: Log, machine: str, kind: AgentKind) -> str:
    """Return the vendor's id of the agent of a kind that a machine has by the records, "" without one."""
    last = find_deployed(log, machine, kind)
    return "" if last is None else last.agent_id


def find_deployed(log: Log, machine: str, kind: AgentKind) -> AgentDeployed | None:
    """Return the last deployment of an agent of a kind; None when it was never installed, or was removed since.

    A machine that moves from one kind to another has both for a while.
    """
    last = fact_of(log.last(_LIFE, machine))
    if last is not None and not _is_of(last, kind):
        last = next((each.fact for each in reversed(log.list(_LIFE, machine)) if _is_of(each.fact, kind)), None)
    return last if isinstance(last, AgentDeployed) else None


def list_former_agents(tenant: Tenant, log: Log) -> dict[str, AgentKind]:
    """Return the machines that have an agent of another kind than the file's by the records, with that kind.

    A retired one is among them until it is removed.
    """
    facts: tuple[type[AgentDeployed | Removal], ...] = (Install, Update, Removal)
    last = {(each.machine, each.fact.agent): each.fact for each in log.list(facts)}
    return {
        name: kind
        for name, machine in tenant.machines.items()
        if name not in tenant.arriving  # both agents are the file's
        for kind in AgentKind
        if kind is not machine.agent and isinstance(last.get((name, kind.value)), AgentDeployed)
    }


def find_deployment(log: Log, machine: str, kind: AgentKind) -> RecordedFact[AgentDeployed] | None:
    """Return the last installation or update of an agent of a kind; None when it was never installed."""
    facts: tuple[type[AgentDeployed], ...] = (Install, Update)
    return next((each for each in reversed(log.list(facts, machine)) if each.fact.agent == kind.value), None)


def find_installation(log: Log, machine: str, kind: AgentKind) -> RecordedFact[Install] | None:
    """Return the installation of the agent of a kind that a machine has by the records; None without one.

    An earlier one of the same kind, which was removed since, does not count.
    """
    if find_deployed(log, machine, kind) is None:
        return None
    return next((each for each in reversed(log.list(Install, machine)) if each.fact.agent == kind.value), None)


def find_arriving(tenant: Tenant, log: Log) -> dict[str, Machine]:
    """Return the machines whose new agent arrives, as they were before: that agent still serves, by the records."""
    moving = {name: each for name, each in tenant.active_machines().items() if leaves_bucket(each)}
    before = {name: as_before(machine) for name, machine in moving.items()}
    return {name: each for name, each in before.items() if find_deployed(log, name, each.agent) is not None}


def _is_of(fact: Fact, kind: AgentKind) -> bool:
    if isinstance(fact, AgentDeployed | Removal):
        return fact.agent == kind.value
    # The retirement of a machine is recorded as its key is deleted: of a kind with a bucket.
    return DRIVERS[kind].needs_bucket
