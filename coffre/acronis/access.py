"""What opens the vendor's API: a data center and an API client, those of a platform of platform.yaml as a rule."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from coffre.acronis.data_center import DataCenter, read_data_center
from coffre.acronis.identifiers import ClientId, InvalidIdentifierError
from coffre.errors import InvalidFileError
from coffre.outside.structured import UnreadableJsonError, read_json_object
from coffre.spec.files import repository_file
from coffre.spec.storage_platform import AcronisPlatform
from coffre.spec.values.references import read_reference

LIMIT_BYTES = 64 * 1024
_CONTENT = 'It is a JSON object: {"client_id": …, "client_secret": …}, as the portal showed them once.'


@dataclass(frozen=True)
class Access:
    """An API client of one data center. ``ca_file`` None: the authorities that this computer trusts."""

    data_center: DataCenter
    client_id: ClientId
    client_secret: SecretStr
    ca_file: Path | None = None


def read_access(platform: AcronisPlatform, root: Path) -> Access:
    """Resolve `credential:`; ExpectedError for what is missing or wrong, without any value of it."""
    where = f"credential ({platform.credential})"
    try:
        values = read_json_object(read_reference(platform.credential, root), LIMIT_BYTES)
    except UnreadableJsonError as error:
        raise InvalidFileError(f"{where}: {error}", _CONTENT) from error
    try:
        client_id = ClientId(_text(values, "client_id", where))
    except InvalidIdentifierError:
        raise InvalidFileError(f"{where}: client_id is not the id of an API client", _CONTENT) from None
    ca_file = None if platform.ca_file is None else repository_file(root, platform.ca_file)
    secret = SecretStr(_text(values, "client_secret", where))
    return Access(read_data_center(platform.url), client_id, secret, ca_file)


def _text(values: Mapping[str, Any], name: str, where: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidFileError(f"{where} has no {name}", _CONTENT)
    return value
