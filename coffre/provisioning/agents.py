"""The agents of a tenant's machines: deployed, judged, and recorded as installed with the orders they took."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from coffre.agents.driver import DeployRequest, DeployResult, MachineStorage, Target
from coffre.agents.restic.agents import ResticAgents
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


def deploy(
    service: Service, secrets: Secrets, orders: Mapping[str, Orders], on_progress: Callable[[str], None]
) -> tuple[MachineOutcome, ...]:
    requests = [_request(service, secrets, name) for name in service.tenant.machines]
    results = ResticAgents(service.repository.root / RUN_FOLDER).deploy(
        requests, lambda machine, text: on_progress(f"{machine}: {text}")
    )
    outcomes = []
    for result in results:
        generation = orders[result.machine].generation
        applied = applied_generation(service, result.machine)
        outcome = judge_machine(result, applied_generation=applied, wanted_generation=generation)
        if outcome.state is MachineState.INSTALLED:
            licence = service.machine(result.machine).kind.value
            service.record(EventKind.INSTALL, result.machine, licence=licence, generation=generation)
        elif outcome.is_complete and applied != generation and not result.unreachable:
            service.record(EventKind.UPDATE, result.machine, generation=generation)
        outcomes.append(outcome)
    return tuple(outcomes)


def applied_generation(service: Service, machine: str) -> int | None:
    """Return the generation of orders that a machine was last seen to have taken; None: never installed."""
    found = [
        service.records.find_last(service.tenant.id, kind, machine) for kind in (EventKind.UPDATE, EventKind.INSTALL)
    ]
    return next((int(str(event.details["generation"])) for event in found if event is not None), None)


def judge_machine(
    result: DeployResult, *, applied_generation: int | None, wanted_generation: int | None
) -> MachineOutcome:
    """Say how a machine stands after its deployment. Pure.

    A machine that did not answer is pending when it waits for something: its agent, or orders it has not taken.
    """
    name = result.machine
    message = result.message.removeprefix(f"{name}: ")
    if result.unreachable:
        waits = applied_generation is None or applied_generation != wanted_generation
        return MachineOutcome(name, MachineState.PENDING if waits else MachineState.UNREACHED, message)
    if not result.ok:
        return MachineOutcome(name, MachineState.FAILED, message)
    if applied_generation is None:
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
