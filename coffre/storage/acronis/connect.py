"""Opens a platform of platform.yaml: resolves its credential, and says the vendor's silence as any platform's."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from coffre.acronis.access import Access
from coffre.acronis.data_center import read_data_center
from coffre.acronis.errors import AcronisAwayError
from coffre.acronis.exchange import Exchange
from coffre.acronis.identifiers import ClientId, InvalidIdentifierError
from coffre.acronis.patience import Patience
from coffre.acronis.session import Session
from coffre.errors import InvalidFileError
from coffre.outside.structured import UnreadableJsonError, read_json_object
from coffre.spec.files import repository_file
from coffre.spec.storage_platform import AcronisPlatform
from coffre.spec.values.references import read_reference
from coffre.storage.values import PlatformAwayError

LIMIT_BYTES = 64 * 1024
_CONTENT = 'It is a JSON object: {"client_id": …, "client_secret": …}, as the portal showed them once.'


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


def open_session(access: Access, patience: Patience | None = None) -> Session:
    """Return the calls of an API client; nothing is asked before the first one."""
    return Session(Exchange(access.data_center.url, access.ca_file), access, patience)


@contextmanager
def vendor_asked() -> Iterator[None]:
    """Say as every kind of storage does that the service is away: what a call did is unknown then."""
    try:
        yield
    except AcronisAwayError as error:
        raise PlatformAwayError(error.message, error.hint) from error


def _text(values: Mapping[str, Any], name: str, where: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidFileError(f"{where} has no {name}", _CONTENT)
    return value
