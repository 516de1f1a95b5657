"""What opens the vendor's API: a data center and an API client."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from coffre.acronis.data_center import DataCenter
from coffre.acronis.identifiers import ClientId


@dataclass(frozen=True)
class Access:
    """An API client of one data center. ``ca_file`` None: the authorities that this computer trusts."""

    data_center: DataCenter
    client_id: ClientId
    client_secret: SecretStr
    ca_file: Path | None = None
