"""The agents of a tenant's machines: deployed, judged, and recorded as installed with the orders they took."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from coffre import toolchain
from coffre.agents.driver import DeployRequest, DeployResult, MachineStorage, Target
from coffre.agents.restic.agents import AGENT, ResticAgents
from coffre.operations.control import Orders
from coffre.operations.machines import find_connection, known_hosts_file
from coffre.operations.passwords import use_password
from coffre.operations.service import RUN_FOLDER, Service
from coffre.provisioning.keys import Secrets
from coffre.records.events import EventKind
from coffre.secrets.minting import public_key_of


class MachineState(StrEnum):
    """How a machine stands after an apply. `pending` and `failed` are tried again by the next one."""

    INSTALLED = "installed"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    UNREACHED = "not reached, nothing waits for it"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True)
class MachineOutcome:
    """One machine after an apply, and why it is pending or failed."""

    machine: str
    state: MachineState
    message: str = ""

    @property
    def is_complete(self) -> bool:
        return self.state not in (MachineState.PENDING, MachineState.FAILED)


@dataclass(frozen=True)
class Installed:
    """What a machine runs: the generation of its orders, and the agent's program."""

    generation: int
    agent_sha256: str


def wanted_on(orders: Orders) -> Installed | None:
    """Return what a machine should run by its orders and the agent at hand; None before its first orders."""
    if orders.generation is None:
        return None
    return Installed(orders.generation, toolchain.sha256_file(toolchain.find_tool(AGENT)))


def find_installed(service: Service, machine: str) -> Installed | None:
    """Return what a machine was last recorded to run; None: it was never installed."""
    # An update is always recorded after the installation.
    found = [
        service.records.find_last(service.tenant.id, kind, machine) for kind in (EventKind.UPDATE, EventKind.INSTALL)
    ]
    last = next((event.details for event in found if event is not None), None)
    return None if last is None else Installed(int(str(last["generation"])), str(last.get("agent_sha256", "")))


def deploy(
    service: Service, secrets: Secrets, orders: Mapping[str, Orders], on_progress: Callable[[str], None]
) -> tuple[MachineOutcome, ...]:
    """Install or repair every machine's agent, and record what each runs from now on. May run twice."""
    requests = [_request(service, secrets, name) for name in service.tenant.machines]
    driver = ResticAgents(service.repository.root / RUN_FOLDER)
    results = driver.deploy(requests, lambda machine, text: on_progress(f"{machine}: {text}"))
    return tuple(_settle(service, result, wanted_on(orders[result.machine])) for result in results)


def _settle(service: Service, result: DeployResult, wanted: Installed | None) -> MachineOutcome:
    installed = find_installed(service, result.machine)
    outcome = judge_machine(result, installed, wanted)
    if wanted is not None and result.ok and installed != wanted:
        kind = EventKind.INSTALL if installed is None else EventKind.UPDATE
        licence = service.machine(result.machine).kind.value
        service.record(kind, result.machine, licence=licence, **asdict(wanted))
    return outcome


def judge_machine(result: DeployResult, installed: Installed | None, wanted: Installed | None) -> MachineOutcome:
    """Say how a machine stands after its deployment. Pure.

    A machine that did not answer is pending when it waits for something: its agent, a newer one, or newer orders.
    """
    name = result.machine
    message = result.message.removeprefix(f"{name}: ")
    if result.unreachable:
        return MachineOutcome(name, MachineState.UNREACHED if installed == wanted else MachineState.PENDING, message)
    if not result.ok:
        return MachineOutcome(name, MachineState.FAILED, message)
    if installed is None:
        return MachineOutcome(name, MachineState.INSTALLED)
    return MachineOutcome(name, MachineState.UPDATED if result.changed else MachineState.UNCHANGED)


def _request(service: Service, secrets: Secrets, name: str) -> DeployRequest:
    slug, endpoint = service.tenant.slug, service.storage.endpoint
    connection, ssh_config = find_connection(service.repository, slug, name)
    key = secrets.control.machine_keys[name]
    return DeployRequest(
        target=Target(slug, name, connection, known_hosts_file(service.repository.root, slug), ssh_config),
        tenant_id=service.tenant.id,
        storage=MachineStorage(
            endpoint_url=endpoint.url,
            region=endpoint.region,
            bucket=service.bucket_name(name),
            ca_file=endpoint.ca_file,
            access_key_id=key.access_key_id,
            secret_access_key=key.secret_access_key,
            repository_password=use_password(service, name, "install the agent"),
        ),
        signing_public_key=base64.b64decode(public_key_of(secrets.control.signing_key)),
    )
