"""What Coffre knows of every machine: its tenant file, its names, and the records. No machine or platform is asked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from coffre.agents.ansible.connection import connection_variables
from coffre.agents.driver import Target
from coffre.agents.kinds import with_bucket
from coffre.provisioning.enrolment.standing import EnrolmentStage
from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind
from coffre.records.facts.agents import AgentDeployed, Removal
from coffre.records.facts.enrolment import ConfigurationDelivered, EnrolmentInvited, EnrolmentRevoked
from coffre.records.facts.registry import read_fact
from coffre.spec import naming
from coffre.spec.loader import Checkout
from coffre.spec.tenant import AgentKind, Machine, PullConnection, Tenant, WinrmConnection
from coffre.tenant.lookup import find_tenant
from coffre.tenant.machines import find_connection, known_hosts_file
from coffre.tenant.past import OnNotice, open_existing_records
from coffre.workspace.clock import utc_now

_ENROLMENT = (EventKind.ENROLMENT_INVITED, EventKind.ENROLMENT_REVOKED, EventKind.CONFIGURATION_DELIVERED)
_RUNS = (EventKind.INSTALL, EventKind.UPDATE, EventKind.REMOVAL)


@dataclass(frozen=True)
class KnownMachine:
    """One machine. Values from the records (``generation`` and below) are None where nothing was recorded.

    ``bucket`` and ``uid`` are None for an agent that has none on the platform, ``uid`` also for a retired machine,
    whose user is deleted; ``installed_at`` is when the agent began to run the ``generation`` and ``agent_sha256``;
    ``commissioned_at`` is the tenant's. ``enrolment`` is the stage of a machine that nobody can reach (`via: pull`)
    until it says that its agent is installed, as far as the records know: claims lie in its bucket;
    ``invited_until`` is the end of its last invitation.
    """

    tenant: str
    machine: str
    kind: str
    os: str
    agent: str
    plan: str
    connection: Mapping[str, object]
    bucket: str | None
    uid: str | None
    retired_on: date | None
    keep_until: date | None
    generation: int | None = None
    agent_sha256: str | None = None
    agent_version: str | None = None
    installed_at: datetime | None = None
    commissioned_at: datetime | None = None
    enrolment: EnrolmentStage | None = None
    invited_until: datetime | None = None


def list_machines(checkout: Checkout, slugs: Sequence[str], on_notice: OnNotice) -> list[KnownMachine]:
    """Return every machine of these tenants, by tenant and name; unreadable records only give a notice."""
    tenants, now = [find_tenant(checkout, slug) for slug in slugs], utc_now()
    with open_existing_records(checkout, on_notice) as records:
        return [
            describe_machine(tenant, name, _events(records, tenant.id), now)
            for tenant in tenants
            for name in sorted(tenant.machines)
        ]


def describe_machine(tenant: Tenant, name: str, events: Iterable[Event], now: datetime) -> KnownMachine:
    """Combine what is known of a machine ``now``; ``events`` are its tenant's, oldest first. Pure."""
    machine = tenant.machines[name]
    retired, has_bucket = machine.retired, bool(with_bucket({name: machine}))
    commissioned_at, last = None, None
    past = list(events)
    for event in past:
        if event.kind is EventKind.COMMISSIONED:
            commissioned_at = commissioned_at or event.at
        if event.machine == name and event.kind in _RUNS and _is_of(event, machine.agent):
            last = event
    runs = None if last is None else read_fact(last)
    deployed = runs if isinstance(runs, AgentDeployed) else None
    enrolment, invited_until = None, None
    if isinstance(machine.connection, PullConnection) and deployed is None and not retired:
        facts = [read_fact(each) for each in past if each.machine == name and each.kind in _ENROLMENT]
        enrolment, invited_until = _judge_enrolment(facts, now)
    return KnownMachine(
        tenant=tenant.slug,
        machine=name,
        kind=machine.kind.value,
        os=machine.os.value,
        agent=machine.agent.value,
        plan=machine.plan,
        connection=_describe_connection(machine),
        bucket=naming.bucket_name(tenant.slug, tenant.id, name) if has_bucket else None,
        uid=None if retired or not has_bucket else naming.machine_uid(tenant, name),
        retired_on=retired.on if retired else None,
        keep_until=retired.keep_until if retired else None,
        generation=deployed.generation if deployed is not None else None,
        agent_sha256=(deployed.agent_sha256 or None) if deployed is not None else None,
        agent_version=(deployed.agent_version or None) if deployed is not None else None,
        installed_at=last.at if deployed is not None and last is not None else None,
        commissioned_at=commissioned_at,
        enrolment=enrolment,
        invited_until=invited_until,
    )


def _is_of(event: Event, agent: AgentKind) -> bool:
    """Tell whether an event is of a kind of agent: a machine that moves to another one has both for a while. Pure."""
    fact = read_fact(event)
    return isinstance(fact, AgentDeployed | Removal) and fact.agent == agent.value


def _judge_enrolment(facts: Sequence[object], now: datetime) -> tuple[EnrolmentStage, datetime | None]:
    """Return the stage of an enrolment and the end of its invitation, as `standing.judge_stage` does by a log. Pure."""
    invited = [each for each in facts if isinstance(each, EnrolmentInvited)]
    delivered = [each for each in facts if isinstance(each, ConfigurationDelivered)]
    if not invited:
        return (EnrolmentStage.ENROLLED if delivered else EnrolmentStage.NOT_INVITED), None
    invitation = invited[-1]
    until = invitation.expires_at
    if delivered and delivered[-1].invitation == invitation.invitation:
        return EnrolmentStage.ENROLLED, until
    if any(isinstance(each, EnrolmentRevoked) and each.invitation == invitation.invitation for each in facts):
        return EnrolmentStage.REVOKED, until
    return (EnrolmentStage.EXPIRED if now >= until else EnrolmentStage.INVITED), until


def build_ansible_inventory(checkout: Checkout, slugs: Sequence[str]) -> dict[str, Any]:
    """Return an Ansible inventory of the machines that SMILÉO connects to, one group per tenant, without any secret.

    Retired machines, those that only fetch their orders, and those that only the node of a site reaches are left out.
    """
    groups = {}
    for slug in slugs:
        tenant = find_tenant(checkout, slug)
        hosts = {
            f"{slug}.{name}": variables
            for name in tenant.active_machines()
            if (variables := _host_variables(checkout, tenant, name))
        }
        # Ansible allows no hyphen in a group's name.
        groups[slug.replace("-", "_")] = {"hosts": hosts}
    return {"all": {"children": groups}}


def _host_variables(checkout: Checkout, tenant: Tenant, name: str) -> dict[str, Any]:
    machine = tenant.machines[name]
    known: dict[str, Any] = {"coffre_tenant": tenant.slug, "coffre_machine": name, "coffre_os": machine.os.value}
    recorded = known_hosts_file(checkout.root, tenant.slug)
    if isinstance(machine.connection, PullConnection) or machine.connection.site is not None:
        return {}
    if isinstance(machine.connection, WinrmConnection):
        target = Target(tenant.slug, name, tenant.id, machine.connection, recorded, system=machine.os)
        return {**connection_variables(target, "ad-hoc"), **known}
    ssh, ssh_config = find_connection(checkout, tenant.slug, name)
    target = Target(tenant.slug, name, tenant.id, ssh, recorded, ssh_config, system=machine.os)
    return {**connection_variables(target, "ad-hoc"), **known}


def _describe_connection(machine: Machine) -> dict[str, object]:
    return machine.connection.model_dump(mode="json", exclude_none=True)


def _events(records: Records | None, tenant_id: str) -> list[Event]:
    return [] if records is None else records.list_events(tenant_id)
