"""The agents of a tenant's machines: deployed, checked, and recorded as installed with the orders they applied."""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from pydantic import SecretStr

from coffre import toolchain
from coffre.agents import kinds
from coffre.agents.ansible.connection import WINRM_PORT
from coffre.agents.driver import (
    DeployRequest,
    DeployResult,
    Target,
)
from coffre.agents.identity import MachineIdentity
from coffre.agents.kinds import driver_of
from coffre.errors import RefusedError
from coffre.operations.acknowledge.replaced_machine import meet
from coffre.orders.control import Orders, wanted_orders
from coffre.orders.deliveries import find_last
from coffre.outside.text import one_line
from coffre.provisioning.enrolment.programs import RunningAgent, choose_program
from coffre.provisioning.enrolment.pulled import hear
from coffre.provisioning.enrolment.scripted import find_enrolled
from coffre.provisioning.steps.setup import make_setup, use_its_password
from coffre.provisioning.terms.done import Escrowed, MachineOutcome, MachineState
from coffre.records.facts.agents import Install, Update
from coffre.secrets.bundles import ControlBundle
from coffre.secrets.minting import public_key_of
from coffre.spec.files import repository_file
from coffre.spec.loader import Checkout
from coffre.spec.storage_platform import Platform
from coffre.spec.tenant import AgentKind, Connection, Machine, PullConnection, SshConnection, Tenant
from coffre.storage.values import PROGRAMS_BUCKET, Endpoint
from coffre.tenant.estate.agents import find_deployed
from coffre.tenant.estate.log import Log
from coffre.tenant.estate.secrets import TenantSecrets
from coffre.tenant.lookup import find_machine
from coffre.tenant.machines import find_site, find_ssh_config, known_hosts_file, slugs_by_id
from coffre.tenant.opening import OpenTenant
from coffre.workspace.paths import RUN_FOLDER

NAME_LIMIT = 64
"""How much of a machine's own name is shown."""


@dataclass(frozen=True)
class Installed:
    """What a machine runs: the generation of its orders, or the name of its plan, and the agent's program."""

    generation: int
    agent_sha256: str
    plan: str = ""


def wanted_on(
    opened: OpenTenant, name: str, orders: Orders | None, agent_sha256: str | None = None
) -> Installed | None:
    """Return what a machine should run by its orders and the available agent; None before its first orders.

    ``orders`` is None for an agent that takes none: it runs generation 0, and follows a plan by its name.
    ``agent_sha256`` is of another agent than the available one, see `find_kept_agent`.
    """
    generation = orders.generation if orders is not None else 0
    if generation is None:
        return None
    machine = opened.machine(name)
    sha256 = agent_sha256 or opened.agents.open(name).find_build(machine.os).agent_sha256
    return Installed(generation, sha256, "" if driver_of(machine).takes_orders else machine.plan)


def find_kept_agent(opened: OpenTenant, name: str) -> str | None:
    """Return the SHA-256 of the agent that stays on a machine that nobody can reach; None when it takes another.

    It stays where it takes no program by deliveries, or is of a later version than this computer has.
    """
    log, machine = opened.log, opened.machine(name)
    runs = find_deployed(log, name, machine.agent)
    if not isinstance(machine.connection, PullConnection) or runs is None:
        return None
    last = find_last(log, name)
    takes_programs = last is not None and last.agent_sha256 != ""
    version = runs.agent_version or ""
    if takes_programs and choose_program(opened, name, RunningAgent(runs.agent_sha256, version)) is not None:
        return None
    return runs.agent_sha256


def digest_inputs(opened: OpenTenant, name: str) -> str:
    """Return a digest of all inputs of a machine except its secrets: programs, settings, orders, its address."""
    machine = opened.machine(name)
    driver = driver_of(machine)
    control = opened.secrets.find_control()
    inputs: dict[str, object] = {
        "connection": machine.connection.model_dump(mode="json"),
        "programs": opened.agents.open(name).find_build(machine.os).programs_sha256,
    }
    if driver.needs_bucket:
        endpoint = opened.storage.endpoint
        inputs |= {
            "endpoint": [endpoint.url, endpoint.region, opened.buckets.name(name), *_other_programs(endpoint)],
            "authority": toolchain.sha256_file(endpoint.ca_file) if endpoint.ca_file else None,
            "signing_public_key": public_key_of(control.signing_key) if control else None,
            "orders": wanted_orders(opened.tenant, opened.log, name) if driver.takes_orders else None,
        }
    if not driver.takes_orders:
        inputs["plan"] = machine.plan
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def _other_programs(endpoint: Endpoint) -> list[str]:
    """Return the bucket of programs where it is not the one that every agent knows: those keep their digest."""
    return [] if endpoint.programs_bucket == PROGRAMS_BUCKET else [endpoint.programs_bucket]


def find_installed(log: Log, machine: str, agent: AgentKind) -> Installed | None:
    """Return what a machine runs of an agent by the records; None when it was never installed, or was removed since."""
    last = find_deployed(log, machine, agent)
    return None if last is None else Installed(last.generation, last.agent_sha256, last.plan)


def deploy(
    opened: OpenTenant,
    secrets: Escrowed,
    orders: Mapping[str, Orders | None],
    on_progress: Callable[[str], None],
    *,
    only: Collection[str] | None = None,
) -> tuple[MachineOutcome, ...]:
    """Install or repair the agent of every machine, or of ``only`` some, and record what each runs. May run twice.

    A machine that nobody can reach gets a delivery in its bucket, and says itself what it runs.
    """
    names = [name for name in opened.tenant.active_machines() if only is None or name in only]
    pulled = [name for name in names if isinstance(opened.machine(name).connection, PullConnection)]
    locked = {name: lacking for name in names if (lacking := _missing_credential(opened.tenant, secrets, name))}
    requests = [_request(opened, secrets, name) for name in names if name not in locked and name not in pulled]
    results = kinds.deploy(opened.tenant.machines, requests, way_to_agents(opened, on_progress))
    settled = {name: _settle(opened, result, orders[name]) for name, result in results.items()}
    for name in pulled:
        scripts = opened.agents.open(name).scripts
        if scripts is None:
            settled[name] = _settle_pulled(opened, secrets.control, name, orders[name])
            continue
        found = find_enrolled(opened, scripts, name)
        settled[name] = found if isinstance(found, MachineOutcome) else _settle(opened, found, orders[name])
    return tuple(settled.get(name) or MachineOutcome(name, MachineState.PENDING, locked[name]) for name in names)


def _settle_pulled(opened: OpenTenant, control: ControlBundle, name: str, orders: Orders | None) -> MachineOutcome:
    """Leave a machine what it needs, record what it says that it runs, and return its state.

    Another machine's word under its name is named, and recorded nowhere.
    """
    heard, log, machine = hear(opened, control, name), opened.log, opened.machine(name)
    slug, installed, said = opened.tenant.slug, find_installed(log, name, machine.agent), heard.applied
    if heard.other is not None:
        return judge_identity(
            slug, heard.outcome, meet(opened.memory, name, heard.other.identity), heard.other.identity
        )
    if said is None:
        return heard.outcome
    # An older agent does not say which program it is.
    agent_sha256 = said.agent_sha256 or (installed.agent_sha256 if installed else "")
    runs, way = Installed(said.generation_applied, agent_sha256), describe_way(machine.connection)
    if installed != runs or find_way(log, name) != way:
        kind = Install if installed is None else Update
        log.append(
            kind(
                machine.kind.value,
                agent_sha256,
                said.agent_version,
                way,
                generation=runs.generation,
                agent=machine.agent.value,
            ),
            name,
        )
    differs = meet(opened.memory, name, said.identity)
    outcome = judge_pulled(heard.outcome, installed, runs, orders.due if orders is not None else 0)
    return judge_identity(slug, outcome, differs, said.identity)


def judge_pulled(outcome: MachineOutcome, installed: Installed | None, runs: Installed, due: int) -> MachineOutcome:
    """Return the state of a machine that says what it runs; with the generation ``due`` it has all its orders. Pure."""
    if not outcome.is_complete:
        return outcome
    if runs.generation < due:
        return MachineOutcome(outcome.machine, MachineState.AWAITED, f"generation {due} of its orders")
    if outcome.state is MachineState.AWAITED:
        return outcome
    if installed is None:
        return MachineOutcome(outcome.machine, MachineState.INSTALLED)
    return MachineOutcome(outcome.machine, MachineState.UNCHANGED if installed == runs else MachineState.UPDATED)


def way_to_agents(opened: OpenTenant, on_progress: Callable[[str], None]) -> kinds.Way:
    """Return what every kind needs to connect to the agents of a tenant."""
    return make_way(opened.checkout, on_progress, lambda kind, _: opened.agents.home(kind))


def make_way(checkout: Checkout, on_progress: Callable[[str], None], home_of: kinds.HomeOf) -> kinds.Way:
    """Return the same for agents of any tenants; ``home_of`` says where they back up to."""
    return kinds.Way(
        checkout.root / RUN_FOLDER,
        slugs_by_id(checkout),
        lambda machine, text: on_progress(f"{machine}: {text}"),
        home_of,
    )


def _missing_credential(tenant: Tenant, secrets: Escrowed, name: str) -> str:
    """Say that a machine's password is not in the bundle, and how to store it; empty when nothing is missing."""
    credential = credential_name(find_machine(tenant, name))
    if credential is None or credential in secrets.control.credentials:
        return ""
    return f"the secret {credential!r} is not in the bundle. Run `coffre secrets set {tenant.slug} {credential}`"


def credential_name(machine: Machine) -> str | None:
    """Return the name of the secret for the connection to a machine, None when there is none. Pure."""
    return None if isinstance(machine.connection, PullConnection) else machine.connection.credential


def _settle(opened: OpenTenant, result: DeployResult, orders: Orders | None) -> MachineOutcome:
    name, log = result.machine, opened.log
    machine = opened.machine(name)
    deployed = find_deployed(log, name, machine.agent)
    installed = find_installed(log, name, machine.agent)
    wanted, way = wanted_on(opened, name, orders), describe_way(machine.connection)
    outcome = judge_machine(result, installed, wanted, orders.due if orders is not None else 0)
    is_other = deployed is None or deployed.agent_id != result.agent_id
    if wanted is not None and result.ok and (installed != wanted or is_other or find_way(log, name) != way):
        kind = Install if installed is None else Update
        fact = kind(
            licence=machine.kind.value,
            generation=wanted.generation,
            agent_sha256=wanted.agent_sha256,
            agent_version=result.agent_version,
            connection=way,
            agent_id=result.agent_id,
            plan=wanted.plan,
            agent=machine.agent.value,
        )
        log.append(fact, name)
    differs = meet(opened.memory, name, result.identity) if result.ok else ()
    return judge_identity(opened.tenant.slug, outcome, differs)


def judge_identity(
    slug: str, outcome: MachineOutcome, differs: Sequence[str], said: MachineIdentity | None = None
) -> MachineOutcome:
    """Report when the machine with the agent is another one than the accepted machine, by its own name. Pure."""
    if not differs:
        return outcome
    what = "it ran at the same time as the accepted one" if "start" in differs else f"other {' and '.join(differs)}"
    name = "" if said is None or not said.host_name else f"; it calls itself {one_line(said.host_name, NAME_LIMIT)!r}"
    message = (
        f"it is not the accepted one ({what}{name}); it backs up, but its backups are not accepted. If it replaces the "
        f"accepted one: `coffre apply {slug} --replace-machine {outcome.machine} --reason TEXT` "
        "(docs/replace-a-machine.md)"
    )
    return MachineOutcome(outcome.machine, MachineState.OTHER, message)


def lacks_only_renewal(installed: Installed | None, wanted: Installed | None, due: int) -> bool:
    """Tell whether a machine has all its orders, and newer ones only renew them. Pure."""
    if installed is None or wanted is None or installed.agent_sha256 != wanted.agent_sha256:
        return False
    return 0 < due <= installed.generation < wanted.generation


def describe_way(connection: Connection) -> str:
    """Return the connection to a machine in one line: protocol, user, address. Pure."""
    if isinstance(connection, PullConnection):
        return connection.via
    port = connection.port if isinstance(connection, SshConnection) else WINRM_PORT
    site = f" at {connection.site}" if connection.site is not None else ""
    return f"{connection.via} {connection.user}@{connection.host}:{port}{site}"


def find_way(log: Log, machine: str) -> str | None:
    """Return the last recorded connection to a machine; None when none was recorded."""
    last = log.last((Install, Update), machine)
    return None if last is None else last.fact.connection


def target_of(tenant: Tenant, checkout: Checkout, platform: Platform, secrets: TenantSecrets, name: str) -> Target:
    """Return a machine and its connection, in the form of the agents' driver."""
    slug, machine = tenant.slug, find_machine(tenant, name)
    if isinstance(machine.connection, PullConnection):
        raise RefusedError(
            f"nobody can reach {slug}/{name} from outside (`via: pull`)", "It finds its orders at its next run."
        )
    root = checkout.root
    recorded = known_hosts_file(root, slug)
    authorities = repository_file(root, recorded.with_name(f"{slug}.pem"))
    site = find_site(checkout, machine.connection.site) if machine.connection.site is not None else None
    return Target(
        slug,
        name,
        tenant.id,
        machine.connection,
        recorded,
        find_ssh_config(checkout, platform) if isinstance(machine.connection, SshConnection) and site is None else None,
        system=machine.os,
        credential=_find_credential(tenant, secrets, name),
        authorities=authorities if authorities.is_file() else None,
        site=site,
    )


def _find_credential(tenant: Tenant, secrets: TenantSecrets, name: str) -> SecretStr | None:
    credential = credential_name(find_machine(tenant, name))
    if credential is None:
        return None
    value = secrets.control().credentials.get(credential)
    if value is None:
        raise RefusedError(
            f"{tenant.slug}/{name}: the secret {credential!r} that its `credential` names is not in the bundle",
            f"Run `coffre secrets set {tenant.slug} {credential}`.",
        )
    return value


def leave(tenant: Tenant, why: str) -> tuple[MachineOutcome, ...]:
    """Return the outcome of every machine in service when the agents are left unchanged, with the reason."""
    return tuple(MachineOutcome(name, MachineState.LEFT, why) for name in tenant.active_machines())


def judge_machine(
    result: DeployResult, installed: Installed | None, wanted: Installed | None, due: int = 0
) -> MachineOutcome:
    """Return the state of a machine after its deployment. Pure.

    A machine that did not answer is pending when it waits for something: its agent, a newer one, or newer orders. With
    the generation ``due`` or a later one it has all its orders.
    """
    name = result.machine
    message = result.message.removeprefix(f"{name}: ")
    is_renewal = lacks_only_renewal(installed, wanted, due)
    if result.unreachable:
        waits_for_nothing = installed == wanted or is_renewal
        return MachineOutcome(name, MachineState.UNREACHED if waits_for_nothing else MachineState.PENDING, message)
    if not result.ok:
        return MachineOutcome(name, MachineState.FAILED, message)
    if installed is None:
        return MachineOutcome(name, MachineState.INSTALLED)
    if is_renewal:
        return MachineOutcome(name, MachineState.RENEWED)
    return MachineOutcome(name, MachineState.UPDATED if result.changed else MachineState.UNCHANGED)


def request_look(opened: OpenTenant, name: str) -> DeployRequest:
    """Return the request to look at a machine's agent: without the password of its repository, so no use of one."""
    return _make_request(opened, opened.secrets.control(), name, None)


def _request(opened: OpenTenant, secrets: Escrowed, name: str) -> DeployRequest:
    return _make_request(opened, secrets.control, name, use_its_password(opened, name))


def _make_request(opened: OpenTenant, control: ControlBundle, name: str, password: SecretStr | None) -> DeployRequest:
    target = target_of(opened.tenant, opened.checkout, opened.platform, opened.secrets, name)
    setup = make_setup(opened, control, name, password)
    return DeployRequest(target, setup.storage, setup.trust, setup.seen)
