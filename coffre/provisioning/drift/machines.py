"""Asks machines themselves what a deployment would change on them: many tenants' machines at a time, in batches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from coffre.agents import kinds
from coffre.agents.driver import AgentLook, AgentPart, DeployRequest
from coffre.agents.home import AgentOwner, SettledHome, join_homes
from coffre.agents.kinds import driver_of
from coffre.errors import ExpectedError
from coffre.provisioning.drift.values import Drift, DriftKind, Unseen, UnseenKind
from coffre.provisioning.steps.agents import find_installed, make_way, request_look
from coffre.spec.access import find_reason
from coffre.spec.loader import Checkout
from coffre.spec.tenant import AgentKind, PullConnection
from coffre.tenant.estate.buckets import ExistingBuckets
from coffre.tenant.opening import OpenTenant

BATCH = 100
"""Machines in one run of Ansible: it takes two seconds to start, and waits for the slowest."""

_KINDS = {
    AgentPart.PROGRAMS: DriftKind.PROGRAMS,
    AgentPart.CONFIGURATION: DriftKind.CONFIGURATION,
    AgentPart.SCHEDULE: DriftKind.SCHEDULE,
    AgentPart.SCHEDULE_OFF: DriftKind.SCHEDULE_OFF,
    AgentPart.ADDITION: DriftKind.SCHEDULE_ADDITION,
    AgentPart.RESTIC: DriftKind.RESTIC,
    AgentPart.ORDERS: DriftKind.ORDERS_NOT_TAKEN,
    AgentPart.STATE: DriftKind.AGENT_STATE,
}


@dataclass(frozen=True)
class MachineRequest:
    """A machine to ask, and where its agent backs up to; ``request`` is the reason where it cannot be asked."""

    slug: str
    machine: str
    kind: AgentKind
    request: DeployRequest | Unseen
    home: SettledHome

    @property
    def key(self) -> tuple[str, str]:
        return self.slug, self.machine


def collect_requests(opened: OpenTenant, existing: ExistingBuckets) -> tuple[MachineRequest, ...]:
    """Return the machines to ask: those in service that have an agent, and that can be reached from here.

    While the file blocks the machines, apply leaves their agents as they are, so none is asked.
    """
    if find_reason(opened.tenant) is not None:
        return ()
    return tuple(_collect(opened, existing))


def _collect(opened: OpenTenant, existing: ExistingBuckets) -> Iterator[MachineRequest]:
    slug = opened.tenant.slug
    for name, machine in opened.tenant.active_machines().items():
        has_storage = existing.has(name) or not driver_of(machine).needs_bucket
        if (
            not has_storage
            or find_installed(opened.log, name, machine.agent) is None
            or isinstance(machine.connection, PullConnection)
        ):
            continue
        try:
            request: DeployRequest | Unseen = request_look(opened, name)
        except ExpectedError as problem:
            request = Unseen(UnseenKind.MACHINE, name, problem.message, problem.hint)
        # What the records say of its agent is read now: they are closed when the machines are asked.
        home = opened.agents.home(machine.agent).settled([AgentOwner(opened.tenant.id, name)])
        yield MachineRequest(slug, name, machine.agent, request, home)


def look_at_machines(
    checkout: Checkout, requests: Sequence[MachineRequest], on_progress: Callable[[str], None]
) -> Mapping[tuple[str, str], list[Drift | Unseen]]:
    """Return the drift of each machine, by slug and machine; a machine that does not answer delays its batch only."""
    found: dict[tuple[str, str], list[Drift | Unseen]] = {
        each.key: [each.request] for each in requests if isinstance(each.request, Unseen)
    }
    to_ask = [(each, each.request) for each in requests if isinstance(each.request, DeployRequest)]
    for start in range(0, len(to_ask), BATCH):
        batch = to_ask[start : start + BATCH]
        on_progress(f"asking {len(batch)} of {len(to_ask)} machines")
        found |= _look_at_batch(checkout, batch)
    return found


def _look_at_batch(
    checkout: Checkout, batch: Sequence[tuple[MachineRequest, DeployRequest]]
) -> dict[tuple[str, str], list[Drift | Unseen]]:
    homes: dict[tuple[AgentKind, str], list[SettledHome]] = {}
    for each, request in batch:
        homes.setdefault((each.kind, request.target.tenant_id), []).append(each.home)
    way = make_way(checkout, lambda _: None, lambda kind, tenant_id: join_homes(homes[kind, tenant_id]))
    try:
        looks = kinds.look(((each.kind, request) for each, request in batch), way)
    except ExpectedError as problem:
        return {
            each.key: [Unseen(UnseenKind.MACHINE, each.machine, problem.message, problem.hint)] for each, _ in batch
        }
    return {each.key: list(judge_look(looks[each.key])) for each, _ in batch}


def judge_look(look: AgentLook) -> Iterator[Drift | Unseen]:
    """Yield what a look at a machine found. Pure."""
    if not look.ok:
        kind = UnseenKind.MACHINE if look.unreachable else UnseenKind.AGENT
        yield Unseen(kind, look.machine, look.message)
    for each in look.drift:
        yield Drift(_KINDS[each.part], look.machine, each.detail)
