"""Agents, and what is known of the machines they are on. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pydantic import Field, model_validator

from coffre.acronis.identifiers import AgentId, ResourceId, TenantNumber
from coffre.acronis.unverified.machines import RESOURCE_AGENT
from coffre.acronis.values.answers import Answered, Count, Line, OptionalLine, OptionalMoment, Word


class OsFamily(Word):
    """The operating systems of agents."""

    WINDOWS = "WINDOWS"
    LINUX = "LINUX"
    MACOSX = "MACOSX"
    SOLARIS = "SOLARIS"
    UNKNOWN = "unknown"


class Platform(Answered):
    """The operating system of a machine."""

    family: OsFamily = OsFamily.UNKNOWN
    arch: Line = ""
    name: Line = ""


class Release(Answered):
    """The version of an agent."""

    release_id: OptionalLine = None
    build: OptionalLine = None

    @model_validator(mode="before")
    @classmethod
    def _as_texts(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: str(each) if isinstance(each, int) else each for name, each in value.items()}
        return value


class CoreVersion(Answered):
    """The version that runs."""

    current: Release | None = None


class InstallerVersion(Answered):
    """The version of an installer, in the order in which versions are compared."""

    major: Count = 0
    minor: Count = 0
    build_number: Count = 0

    @property
    def parts(self) -> tuple[int, ...]:
        """Its numbers, the first one first."""
        return self.major, self.minor, self.build_number

    def __str__(self) -> str:
        return ".".join(str(each) for each in self.parts)


class Installer(Answered):
    """What was installed; ``latest`` is there only when it is newer."""

    current: InstallerVersion | None = None
    latest: dict[str, Any] | None = Field(default=None, repr=False)


class AgentTenant(Answered):
    """The tenant of an agent."""

    id: TenantNumber
    name: Line = ""


class Agent(Answered):
    """An agent of a machine. Host names are not unique: clones and new installations have the same."""

    id: AgentId
    hostname: Line = ""
    name: Line = ""
    online: bool = False
    enabled: bool = True
    registration_date: OptionalMoment = None
    platform: Platform = Platform()
    core_version: CoreVersion | None = None
    installer_version: Installer | None = None
    tenant: AgentTenant | None = None

    @property
    def is_outdated(self) -> bool:
        """Whether the vendor has a newer version for it."""
        return self.installer_version is not None and self.installer_version.latest is not None

    @property
    def version(self) -> str:
        """The version that runs, "" when it is not told."""
        current = self.core_version.current if self.core_version else None
        return (current.build or current.release_id or "") if current else ""


def newest_of(agents: Iterable[Agent], hostname: str) -> Agent | None:
    """Return the agent that registered last of those with this host name; None without one."""
    named = [each for each in agents if each.hostname.lower() == hostname.lower()]
    return max(named, key=lambda each: each.registration_date or datetime.min.replace(tzinfo=UTC), default=None)


class Resource(Answered):
    """What is protected: a machine, as plans know it."""

    id: ResourceId
    type: Line = ""
    name: Line = ""
    tenant_id: TenantNumber | None = None
    agent_id: AgentId | None = Field(default=None, validation_alias=RESOURCE_AGENT.value)
    attributes: dict[str, Any] = Field(default_factory=dict, repr=False)


class Health(Word):
    """How a protected machine is; what nobody knows counts as a warning."""

    OK = "ok"
    NOT_PROTECTED = "not_protected"
    IDLE = "idle"
    RUNNING = "running"
    FAILED = "failed"
    ERROR = "error"
    UNKNOWN = "unknown"


class Aggregate(Answered):
    """The health over all plans of a machine."""

    status: Health = Health.UNKNOWN


class StatusContext(Answered):
    """The machine of a status."""

    id: ResourceId
    name: Line = ""
    tenant_id: TenantNumber | None = None


class ResourceStatus(Answered):
    """The health of a machine."""

    context: StatusContext
    aggregate: Aggregate = Aggregate()

    @model_validator(mode="before")
    @classmethod
    def _with_context(cls, value: Any) -> Any:
        """Take the machine from ``context``, or from the item itself."""
        if isinstance(value, dict) and "context" not in value:
            return {**value, "context": {name: value[name] for name in ("id", "name", "tenant_id") if name in value}}
        return value
