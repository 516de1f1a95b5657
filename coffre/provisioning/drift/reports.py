"""Looks at a tenant's agents by its records, the orders in the buckets, and the machines' own sealed statements."""

from collections.abc import Iterator

from coffre.agents.applied import Applied
from coffre.agents.desired import InvalidOrdersError
from coffre.agents.kinds import driver_of
from coffre.errors import RemoteError
from coffre.findings import SetAside
from coffre.observation.judge import identity
from coffre.observation.reports import look_at_applied
from coffre.orders.deliveries import find_last
from coffre.orders.generations import find_due
from coffre.provisioning.drift.values import Drift, DriftKind, Unseen, UnseenKind
from coffre.provisioning.enrolment.programs import RunningAgent, choose_program
from coffre.provisioning.steps import deployment
from coffre.provisioning.terms.context import FULLY, Context
from coffre.provisioning.terms.differences import (
    ENROLMENT,
    ConnectionDifference,
    Difference,
    DifferenceKind,
    OrdersFieldDifference,
    UndeliveredDifference,
)
from coffre.records.facts.agents import AgentDeployed
from coffre.secrets import rotations
from coffre.secrets.bundles import ControlBundle, S3Key
from coffre.secrets.minting import public_key_of
from coffre.spec.access import find_reason
from coffre.spec.tenant import PullConnection
from coffre.storage.values import PlatformAwayError
from coffre.tenant.estate.agents import find_deployment
from coffre.tenant.estate.buckets import ExistingBuckets
from coffre.tenant.estate.log import fact_of
from coffre.tenant.opening import OpenTenant
from coffre.workspace.clock import utc_now


def look_at_reports(opened: OpenTenant, existing: ExistingBuckets) -> list[Drift | Unseen]:
    """Return the drift of every machine in service. Writes nothing, and connects to no machine.

    While the file blocks the machines, apply leaves their agents as they are, so they have none.
    """
    if find_reason(opened.tenant) is not None:
        return []
    at = Context(opened, FULLY, existing, lambda _: None)
    return [each for name in opened.tenant.active_machines() for each in _look_at(at, name)]


def _look_at(at: Context, name: str) -> list[Drift | Unseen]:
    """Return the drift of one machine; that its bucket refuses to be read stops no other machine."""
    try:
        return list(_compare(at, name))
    except PlatformAwayError:
        raise
    except RemoteError as refusal:
        return [Unseen(UnseenKind.STORAGE, name, refusal.message)]


def _compare(at: Context, name: str) -> Iterator[Drift | Unseen]:
    opened = at.opened
    if driver_of(opened.machine(name)).needs_bucket and not at.existing.has(name):
        return  # that is drift of the storage
    try:
        planned = deployment.compare_agent(at, name)
    except InvalidOrdersError as problem:
        yield Drift(DriftKind.ORDERS, name, problem.fault.value)
        return
    if planned.action == "install" and find_last(opened.log, name) is None:
        yield Drift(DriftKind.AGENT_MISSING, name)
        return
    found = [_translate(name, each) for each in planned.differences if each.kind not in ENROLMENT]
    said = _find_statement(opened, name) if driver_of(opened.machine(name)).takes_orders else None
    if not isinstance(said, Applied):
        yield from found
        yield from () if said is None else (said,)
        return
    # A machine fetches its orders by itself, of which the records know nothing: what it says is newer.
    known = {DriftKind.ORDERS_NOT_TAKEN}
    installed = fact_of(find_deployment(opened.log, name, opened.machine(name).agent))
    if _has_taken_program(opened, name, said):
        known, installed = known | {DriftKind.AGENT_PROGRAM}, None
    yield from (each for each in found if each.what not in known)
    yield from judge_statement(name, said, opened.secrets.control(), installed, find_due(opened.log, name))


def _has_taken_program(opened: OpenTenant, name: str, said: Applied) -> bool:
    """Tell whether a machine that nobody can reach runs the program that it is to run: it replaced its own."""
    machine = opened.machine(name)
    if not isinstance(machine.connection, PullConnection):
        return False
    program = choose_program(opened, name, RunningAgent(said.agent_sha256, said.agent_version))
    return program is not None and program.sha256 == said.agent_sha256


def _translate(machine: str, difference: Difference) -> Drift:
    match difference:
        case OrdersFieldDifference():
            return Drift(DriftKind.ORDERS, machine, difference.field)
        case UndeliveredDifference():
            return Drift(DriftKind.ORDERS_NOT_TAKEN, machine, "", difference.generation)
        case ConnectionDifference():
            return Drift(DriftKind.CONNECTION, machine, "", difference.wanted, difference.recorded)
    kind = DriftKind.AGENT_PROGRAM if difference.kind is DifferenceKind.AGENT_PROGRAM else DriftKind.ORDERS
    return Drift(kind, machine, "" if kind is DriftKind.AGENT_PROGRAM else difference.kind.value)


def _find_statement(opened: OpenTenant, name: str) -> Applied | Unseen:
    """Return what the machine says that it applied; Unseen without a statement that can be trusted."""
    memory = opened.memory.recall(name)
    said = look_at_applied(opened.secrets, name, opened.buckets.open(name), memory, utc_now())
    if said is None:
        return Unseen(UnseenKind.NO_STATEMENT, name)
    if isinstance(said, SetAside):
        return Unseen(UnseenKind.STATEMENT_ASIDE, name, said.fault.value)
    if identity.is_another_machine(memory, said.identity, said.at):
        return Unseen(UnseenKind.OTHER_MACHINE, name)
    return said


def judge_statement(
    name: str, said: Applied, control: ControlBundle, installed: AgentDeployed | None, due: int
) -> Iterator[Drift]:
    """Yield how a machine's own statement differs from its plan. Pure.

    With the generation ``due`` or a later one it has all its orders.
    """
    if said.generation_applied < due:
        yield Drift(DriftKind.ORDERS_NOT_TAKEN, name, "", due, said.generation_applied)
    if installed is not None and installed.agent_version and said.agent_version != installed.agent_version:
        yield Drift(DriftKind.AGENT_VERSION, name, "", installed.agent_version, said.agent_version)
    subject = rotations.machine_key(name)
    keys = (rotations.find_key(control, subject), rotations.find_old(control, subject))
    key_ids = [key.access_key_id for key in keys if isinstance(key, S3Key)]
    if said.access_key_id not in key_ids:
        yield Drift(DriftKind.AGENT_KEY, name, "", key_ids[0] if key_ids else None, said.access_key_id)
    signers = [public_key_of(key) for key in rotations.signing_keys(control)]
    if said.signing_public_key not in signers:
        yield Drift(DriftKind.AGENT_SIGNER, name)
