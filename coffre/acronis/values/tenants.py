"""Tenants: what they are, and what is said to create and change one. Pure."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from coffre.acronis.identifiers import ApplicationUuid, InfraUuid, LocationUuid, TenantUuid
from coffre.acronis.values.answers import Answered, Line, OptionalLine, OptionalMoment, Version, Word


class TenantKind(Word):
    """What a tenant is."""

    ROOT = "root"
    PARTNER = "partner"
    FOLDER = "folder"
    CUSTOMER = "customer"
    UNIT = "unit"
    PERSONAL = "personal"
    UNKNOWN = "unknown"


class PricingMode(Word):
    """Whether a tenant is billed."""

    TRIAL = "trial"
    PRODUCTION = "production"
    UNKNOWN = "unknown"


class MfaStatus(Word):
    """Whether the tenant's users have a second factor."""

    DISABLED = "disabled"
    FORCIBLY_DISABLED = "forcibly_disabled"
    SETUP_REQUIRED = "setup_required"
    ENABLED = "enabled"
    UNKNOWN = "unknown"


class Operation(Word):
    """What the service is doing with a whole tenant."""

    DELETING = "deleting"
    RECOVERING = "recovering"
    UNKNOWN = "unknown"


class Contact(Answered):
    """A person, or an address."""

    email: Line = ""
    firstname: Line = ""
    lastname: Line = ""
    phone: Line = ""
    address1: Line = ""
    address2: Line = ""
    city: Line = ""
    state: Line = ""
    zipcode: Line = ""
    country: Line = ""


class UpdateLock(Answered):
    """While it is on, only users of its owner may change the tenant."""

    enabled: bool = False
    owner_id: TenantUuid | None = None


class Tenant(Answered):
    """A tenant of the vendor's: a partner, a folder, a customer or a unit."""

    id: TenantUuid
    version: Version
    name: Line
    kind: TenantKind
    parent_id: TenantUuid | None = None
    customer_id: OptionalLine = None
    internal_tag: OptionalLine = None
    language: OptionalLine = None
    contact: Contact | None = None
    ancestral_access: bool = True
    enabled: bool = True
    pricing_mode: PricingMode = PricingMode.UNKNOWN
    mfa_status: MfaStatus = MfaStatus.UNKNOWN
    production_start_date: OptionalMoment = None
    has_children: bool | None = None
    deleted_at: OptionalMoment = None
    external_operation_status: Operation | None = None
    owner_id: TenantUuid | None = None
    update_lock: UpdateLock | None = None

    @property
    def is_live(self) -> bool:
        """Whether it is neither deleted nor being deleted."""
        return self.deleted_at is None and self.external_operation_status is not Operation.DELETING


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ContactDetails(_Said):
    """A contact to write; None leaves a field as it is."""

    email: str | None = None
    firstname: str | None = None
    lastname: str | None = None
    phone: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    state: str | None = None
    zipcode: str | None = None
    country: str | None = None

    def differs_from(self, contact: Contact | None) -> bool:
        """Tell whether writing these would change a contact."""
        held = contact or Contact()
        return any(getattr(held, name) != value for name, value in self.body().items())

    def body(self) -> dict[str, str]:
        """Return it as the service takes it."""
        return self.model_dump(exclude_none=True)


class NewTenant(_Said):
    """A tenant to create. It is managed by all tenants above it: self-service would hide it from its supervision."""

    name: str = Field(min_length=1, max_length=255)
    parent_id: TenantUuid
    kind: TenantKind = TenantKind.CUSTOMER
    customer_id: str = Field(min_length=1, max_length=255)
    """Our own name for it, by which it is found again."""
    language: str | None = None
    contact: ContactDetails | None = None

    def body(self) -> dict[str, Any]:
        """Return it as the service takes it: no other key is allowed."""
        return {
            "name": self.name,
            "parent_id": str(self.parent_id),
            "kind": self.kind.sent(),
            "customer_id": self.customer_id,
            "ancestral_access": True,
            **({} if self.language is None else {"language": self.language}),
            **({} if self.contact is None else {"contact": self.contact.body()}),
        }


class TenantChange(_Said):
    """What of a tenant is to be written; None leaves a field as it is."""

    name: str | None = None
    customer_id: str | None = None
    language: str | None = None
    enabled: bool | None = None
    contact: ContactDetails | None = None

    def of(self, tenant: Tenant) -> "TenantChange | None":
        """Return the part that differs from a tenant; None for nothing."""
        named = ("name", "customer_id", "language", "enabled")
        kept: dict[str, Any] = {
            name: wanted
            for name in named
            if (wanted := getattr(self, name)) is not None and wanted != getattr(tenant, name)
        }
        if self.contact is not None and self.contact.differs_from(tenant.contact):
            kept["contact"] = self.contact
        return TenantChange(**kept) if kept else None

    def body(self) -> dict[str, Any]:
        """Return it as the service takes it, without the version."""
        return self.model_dump(exclude_none=True)


class Pricing(Answered):
    """Whether a tenant is billed, and since when."""

    mode: PricingMode
    version: Version
    currency: OptionalLine = None
    production_start_date: OptionalMoment = None


class ApplicationType(Word):
    """The services."""

    PLATFORM = "platform"
    BACKUP = "backup"
    FILES_CLOUD = "files_cloud"
    NOTARY = "notary"
    PHYSICAL_DATA_SHIPPING = "physical_data_shipping"
    HCI = "hci"
    UNKNOWN = "unknown"


class Application(Answered):
    """A service of the vendor. Cyber Protection is the one of type backup."""

    id: ApplicationUuid
    name: Line = ""
    type: ApplicationType


class Location(Answered):
    """A place that has storages."""

    id: LocationUuid
    name: Line = ""
    owner_tenant_id: TenantUuid | None = None
    platform_owned: bool | None = None


class Infra(Answered):
    """A storage, or another part of the infrastructure."""

    id: InfraUuid
    name: Line = ""
    location_id: LocationUuid | None = None
    owner_tenant_id: TenantUuid | None = None
    capabilities: tuple[Line, ...] = ()
    backend_type: OptionalLine = None
    platform_owned: bool | None = None
    readonly: bool | None = None

    @property
    def is_for_backups(self) -> bool:
        """Whether backups can lie there."""
        return "backup" in self.capabilities


class ClientInfo(Answered):
    """An API client, as the service knows it."""

    client_id: Line
    tenant_id: TenantUuid
    status: Line = ""
