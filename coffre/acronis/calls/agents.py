"""Agents, and the machines that they protect. These services know a tenant by its number."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from coffre.acronis.data_center import AGENTS, RESOURCES, path
from coffre.acronis.exchange import Query
from coffre.acronis.identifiers import AgentId, TenantNumber
from coffre.acronis.session import Session
from coffre.acronis.unverified.machines import AGENT_DELETED_BY_QUERY
from coffre.acronis.values.agents import Agent, OsFamily, Resource, ResourceStatus
from coffre.acronis.writing import remove

MACHINE = "resource.machine"
_PLAIN = re.compile("[A-Za-z0-9._-]{1,255}")
"""A host name that the service cannot read as a function, like `like(*)`."""


@dataclass(frozen=True)
class AgentFilter:
    """Which agents to list; None does not choose."""

    tenant: TenantNumber | None = None
    """This tenant and those below it. Else all that the token reaches."""
    hostname: str | None = None
    """Exactly this host name."""
    online: bool | None = None
    os_family: OsFamily | None = None
    up_to_date: bool | None = None


class Agents:
    """The calls about agents and machines."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list_all(self, chosen: AgentFilter | None = None) -> Iterator[Agent]:
        """Yield agents. Those of tenants that block the access from above are not among them."""
        chosen, doing = chosen or AgentFilter(), "list agents"
        name = chosen.hostname
        query: Query = {
            "tenant_id": None if chosen.tenant is None else TenantNumber.text(chosen.tenant),
            "hostname": name if name and _PLAIN.fullmatch(name) else None,
            "online": chosen.online,
            "os_family": None if chosen.os_family is None else chosen.os_family.sent(),
            "up_to_date": chosen.up_to_date,
        }
        for agent in self._session.parts(doing, Agent, self._session.pages(doing, path(AGENTS, "agents"), query)):
            if name is None or agent.hostname.lower() == name.lower():
                yield agent

    def delete(self, agent: AgentId) -> bool:
        """Cancel the registration of an agent; False when it was gone already. Its software and backups stay."""
        doing, query = f"delete agent {agent}", {AGENT_DELETED_BY_QUERY.value: AgentId.text(agent)}
        return remove(lambda: self._session.set(doing, "DELETE", path(AGENTS, "agents"), query))

    def list_machines(self) -> Iterator[Resource]:
        """Yield the machines that can be protected."""
        doing = "list machines"
        query: Query = {"type": MACHINE, "include_attributes": True}
        yield from self._session.parts(doing, Resource, self._session.pages(doing, path(RESOURCES, "resources"), query))

    def list_statuses(self) -> Iterator[ResourceStatus]:
        """Yield the health of the machines."""
        doing = "list the states of machines"
        pages = self._session.pages(doing, path(RESOURCES, "resource_statuses"))
        yield from self._session.parts(doing, ResourceStatus, pages)
