"""Protection plans, and where they are applied. Pure."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from coffre.acronis.identifiers import PolicyId, ResourceId, TenantNumber
from coffre.acronis.values.answers import Answered, Line

PLAN = "policy.protection.total"
"""The type of a whole plan; its parts name it in ``parent_ids``."""
MACHINE_BACKUP = "policy.backup.machine"

_Ids = Annotated[tuple[PolicyId, ...], BeforeValidator(lambda value: () if value is None else value)]
_MOST_NAMES = 40


def _name_settings(value: Any) -> list[str]:
    """Return the names of settings, and of what they hold, without any value."""
    if not isinstance(value, dict):
        return []
    below = {str(name): [str(each) for each in held] if isinstance(held, dict) else [] for name, held in value.items()}
    return sorted(path for name, held in below.items() for path in [f"{name}.{each}" for each in held] or [name])[
        :_MOST_NAMES
    ]


class Policy(Answered):
    """A plan, or a part of one."""

    id: PolicyId
    type: Line
    name: Line = ""
    enabled: bool = True
    parent_ids: _Ids = ()
    tenant_id: TenantNumber | None = None
    setting_names: Annotated[tuple[Line, ...], BeforeValidator(_name_settings), Field(alias="settings")] = ()

    @property
    def is_plan(self) -> bool:
        """Whether it is a whole plan."""
        return self.type == PLAN

    @property
    def plan_id(self) -> PolicyId:
        """The whole plan that it is, or that it belongs to: only that can be applied."""
        return self.parent_ids[0] if self.parent_ids else self.id


class AppliedPolicy(Answered):
    """The policy of an application."""

    id: PolicyId
    type: Line = ""
    parent_ids: _Ids = ()

    @property
    def plan_id(self) -> PolicyId:
        """The whole plan."""
        return self.parent_ids[0] if self.parent_ids else self.id


class AppliedContext(Answered):
    """The machine of an application."""

    id: ResourceId | None = None


class Application(Answered):
    """A policy that is applied to a machine."""

    policy: AppliedPolicy
    context: AppliedContext = AppliedContext()
    enabled: bool = True


class PolicyStatus(Answered):
    """The state of a policy on a machine; its fields are not documented, and kept as they came."""

    id: Line = ""
    policy: AppliedPolicy | None = None
    context: AppliedContext | None = None
    status: Line = ""


def flatten(items: list[Any]) -> list[Any]:
    """Return the entries of a list of lists: the applied policies of one plan come together."""
    return [entry for each in items for entry in (each if isinstance(each, list) else [each])]
