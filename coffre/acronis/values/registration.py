"""Registration tokens: what lets a machine's agent join a customer. Pure."""

from dataclasses import dataclass

from pydantic import Field, SecretStr

from coffre.acronis.identifiers import PolicyId, RegistrationTokenNumber, TenantNumber, TenantUuid
from coffre.acronis.values.answers import Answered, Line, Moment, OptionalMoment

LONGEST_SECONDS = 365 * 86400


@dataclass(frozen=True)
class OwnerScope:
    """The agent belongs to a user, whose personal tenant this is."""

    personal_tenant: TenantUuid

    def __str__(self) -> str:
        return f"urn:acronis.com:tenant-id:{TenantUuid.text(self.personal_tenant)}:backup_agent_admin"


@dataclass(frozen=True)
class PlanScope:
    """The plan is applied to the machine when it registers."""

    tenant: TenantNumber
    plan: PolicyId

    def __str__(self) -> str:
        return (
            "urn:acronis.com::policy_management:"
            f"{TenantNumber.text(self.tenant)}|{PolicyId.text(self.plan)}:apply_revoke"
        )


Scope = OwnerScope | PlanScope


class RegistrationToken(Answered):
    """A registration token. This answer is the documented one that has both ids of a tenant."""

    id: RegistrationTokenNumber
    token: SecretStr = Field(default=SecretStr(""), max_length=256)
    """The secret itself; "" where a list leaves it out."""
    expires_at: Moment
    created_at: OptionalMoment = None
    tenant_id: TenantNumber | None = None
    tenant_uuid: TenantUuid | None = None
    scopes: tuple[Line, ...] = ()
