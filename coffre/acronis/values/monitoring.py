"""Alerts and activities: what the vendor saw go wrong, and what its agents did. Pure."""

from typing import Annotated, Any

from pydantic import AliasChoices, AliasPath, BeforeValidator, Field

from coffre.acronis.identifiers import ActivityId, AlertId, ResourceId, TenantNumber
from coffre.acronis.unverified.machines import ACTIVITY_RESOURCE
from coffre.acronis.values.answers import Answered, Line, OptionalLine, OptionalMoment, Word


class Severity(Word):
    """How bad an alert is."""

    OK = "ok"
    INFORMATION = "information"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


class Alert(Answered):
    """An alert of the vendor's console."""

    id: AlertId
    type: Line
    """Like NoBackupForXDays."""
    severity: Severity = Severity.UNKNOWN
    created_at: OptionalMoment = Field(default=None, validation_alias=AliasChoices("createdAt", "created_at"))
    updated_at: OptionalMoment = Field(default=None, validation_alias=AliasChoices("updatedAt", "updated_at"))
    deleted_at: OptionalMoment = Field(default=None, validation_alias=AliasChoices("deletedAt", "deleted_at"))
    tenant_id: TenantNumber | None = Field(default=None, validation_alias=AliasChoices("tenantId", "tenant_id"))
    details: Annotated[dict[str, Any], BeforeValidator(lambda value: {} if value is None else value)] = Field(
        default_factory=dict, repr=False
    )

    @property
    def resource(self) -> ResourceId | None:
        """The machine of the alert; None when it names none."""
        return _resource_of(self.details.get("resourceId"))


class ResultCode(Word):
    """How an activity ended."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    UNKNOWN = "unknown"


_RESOURCE = AliasChoices(*(AliasPath(*each) for each in ACTIVITY_RESOURCE.value))


class Result(Answered):
    """The end of an activity."""

    code: ResultCode = ResultCode.UNKNOWN


class Activity(Answered):
    """Something that an agent did, like a backup. Without a result it runs still."""

    id: ActivityId
    type: Line = ""
    state: Line = ""
    policy_type: OptionalLine = Field(default=None, validation_alias=AliasChoices("policyType", "policy_type"))
    started_at: OptionalMoment = Field(default=None, validation_alias=AliasChoices("startedAt", "started_at"))
    completed_at: OptionalMoment = Field(default=None, validation_alias=AliasChoices("completedAt", "completed_at"))
    result: Result | None = None
    tenant_id: TenantNumber | None = Field(default=None, validation_alias=AliasChoices("tenantId", "tenant_id"))
    resource_id: ResourceId | None = Field(default=None, validation_alias=_RESOURCE)
    """The machine; None when the service does not name it."""

    @property
    def is_success(self) -> bool:
        """Whether it ended well; a warning is no failure."""
        return self.result is not None and self.result.code in (ResultCode.OK, ResultCode.WARNING)


def _resource_of(value: Any) -> ResourceId | None:
    try:
        return ResourceId(value)
    except ValueError:
        return None
