"""Connects to a platform of platform.yaml: resolves its endpoints file and its administrator's credential."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coffre.errors import ExpectedError, InvalidFileError
from coffre.outside.structured import UnreadableJsonError, read_json_object
from coffre.spec.files import repository_file
from coffre.spec.storage_platform import CephPlatform
from coffre.spec.values.references import read_reference
from coffre.storage.ceph.storage import CephStorage
from coffre.storage.values import AccessKey, Endpoint

LIMIT_BYTES = 1024**2


def connect(platform: CephPlatform, root: Path) -> CephStorage:
    """Return the platform's storage, without a request to it. Raises ExpectedError for unreadable settings."""
    return CephStorage(read_endpoint(platform, root), read_admin_key(platform, root))


def read_endpoint(platform: CephPlatform, root: Path) -> Endpoint:
    """Resolve `endpoints:`; CA and region of platform.yaml override the endpoints file."""
    where = f"endpoints ({platform.endpoints})"
    values = _read_json(platform.endpoints, root, where)
    ca_file = platform.ca_file or values.get("ca_file")
    return Endpoint(
        url=_text(values, "endpoint", where).rstrip("/"),
        region=platform.region or values.get("region") or "default",
        ca_file=repository_file(root, ca_file) if ca_file else None,
        platform_id=values.get("fsid"),
    )


def read_admin_key(platform: CephPlatform, root: Path) -> AccessKey:
    """Resolve `admin_credential:`; errors never quote the value."""
    where = f"admin_credential ({platform.admin_credential})"
    values = _read_json(platform.admin_credential, root, where)
    return AccessKey(_text(values, "access_key_id", where), _text(values, "secret_access_key", where))


def _read_json(reference: str, root: Path, where: str) -> Mapping[str, Any]:
    try:
        values = read_json_object(read_reference(reference, root), LIMIT_BYTES)
    except ExpectedError as problem:
        hint = f"{problem.hint} If this is the embedded platform, `coffre lab up` writes it.".strip()
        raise ExpectedError(problem.message, hint) from problem
    except UnreadableJsonError as error:
        raise InvalidFileError(f"{where}: {error}", "the comments of platform.yaml describe its content") from error
    for name in ("ca_file", "region", "fsid"):
        if not isinstance(values.get(name), str | None):
            raise InvalidFileError(f"{where}: {name} is not text", "the comments of platform.yaml describe its content")
    return values


def _text(values: Mapping[str, Any], name: str, where: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidFileError(f"{where} has no {name}", "the comments of platform.yaml describe its content")
    return value
