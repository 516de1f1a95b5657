"""How the provider is told where the vendor's data center is, and for whom it works."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from coffre.acronis.access import Access
from coffre.acronis.data_center import read_data_center
from coffre.acronis.identifiers import ClientId, InvalidIdentifierError, TenantUuid
from coffre.storage.acronis.provider import names
from coffre.storage.provider import inputs
from coffre.storage.provider.fields import Field
from coffre.storage.provider.settings import Settings


def _client_id(value: Any) -> str | None:
    try:
        ClientId(value)
    except InvalidIdentifierError:
        return "must be the id of an API client"
    return None


SETTINGS = Settings(
    "acronis",
    "Acronis",
    {
        "data_center": Field(
            names.data_center, "The exact address of the data center, `https://HOST`, as the portal shows it."
        ),
        "ca_file": Field(
            inputs.any_text,
            "A file of certificates (PEM) of those who vouch for the data center's own certificate; without it the "
            "system's.",
            default="",
        ),
        "client_id": Field(_client_id, "The id of an API client of the partner."),
        "client_secret": Field(inputs.text, "The secret of that client.", secret=True),
        "partner": Field(
            names.tenant_uuid, "The UUID of the tenant directly below which the customer is.", normalise=str.lower
        ),
        "customer": Field(
            names.external_id,
            "The external id of the one customer for whom the provider works. It refuses all others.",
        ),
    },
)
"""What the provider is told."""


@dataclass(frozen=True)
class Terms:
    """The vendor's API, and the customer below a partner for whom the provider works."""

    access: Access
    partner: TenantUuid
    customer: str


def write_environment(terms: Terms) -> dict[str, str]:
    """Return the variables to start Pulumi with; the provider inherits them. One is the secret."""
    return SETTINGS.write(
        {
            "data_center": terms.access.data_center.url,
            "ca_file": str(terms.access.ca_file or ""),
            "client_id": str(terms.access.client_id),
            "client_secret": terms.access.client_secret.get_secret_value(),
            "partner": str(terms.partner),
            "customer": terms.customer,
        }
    )


def read_environment(environment: Mapping[str, str], configured: Mapping[str, Any] | None = None) -> Terms:
    """Read the settings back; UsageError for one that is missing or wrong."""
    settings = SETTINGS.read(environment, configured)
    access = Access(
        read_data_center(settings["data_center"]),
        ClientId(settings["client_id"]),
        SecretStr(settings["client_secret"]),
        Path(settings["ca_file"]) if settings["ca_file"] else None,
    )
    return Terms(access, TenantUuid(settings["partner"]), settings["customer"])
