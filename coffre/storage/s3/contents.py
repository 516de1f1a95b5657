"""The XML of S3's listings of versions and uploads, and of its bulk deletion. Pure.

It is small for speed: a bucket holds millions of keys, and botocore needs five times the cycles for each (measured).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from coffre.errors import RemoteError
from coffre.storage.s3.answers import moment, reading
from coffre.storage.values import ObjectVersion, RefusedDelete, Upload

MAX_SIZE_DIGITS = 19

_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_KEPT = {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}


@dataclass(frozen=True)
class VersionsPage:
    """One page of a listing of versions, in the order of the bucket's index: by key, newest first."""

    versions: Sequence[ObjectVersion]
    is_truncated: bool


@dataclass(frozen=True)
class UploadsPage:
    """One page of a listing of unfinished uploads."""

    uploads: Sequence[Upload]
    is_truncated: bool


def read_versions(answer: bytes) -> VersionsPage:
    """Read an answer to ListObjectVersions with ``encoding-type=url``; RemoteError for anything else."""
    root = _parse(answer, "ListVersionsResult")
    entries = (each for each in root if each.tag.removeprefix(_NAMESPACE) in ("Version", "DeleteMarker"))
    with reading("list versions"):
        return VersionsPage([_read_version(each) for each in entries], _text(root, "IsTruncated") == "true")


def read_uploads(answer: bytes) -> UploadsPage:
    """Read an answer to ListMultipartUploads with ``encoding-type=url``; RemoteError for anything else."""
    root = _parse(answer, "ListMultipartUploadsResult")
    found = [Upload(unquote(_text(each, "Key")), _text(each, "UploadId")) for each in root.iter(f"{_NAMESPACE}Upload")]
    return UploadsPage(found, _text(root, "IsTruncated") == "true")


def is_writable_in_xml(key: str) -> bool:
    """Tell whether a request's XML can contain a key: S3 allows characters that XML 1.0 cannot express."""
    return _NOT_XML.search(key) is None


def write_delete(versions: Sequence[ObjectVersion]) -> bytes:
    """Return the body of a DeleteObjects, every entry with its version: without one S3 would add a delete marker."""
    entries = (
        f"<Object><Key>{escape(each.key, _KEPT)}</Key><VersionId>{escape(each.version_id)}</VersionId></Object>"
        for each in versions
    )
    return f"<Delete>{''.join(entries)}</Delete>".encode()


def read_refused(answer: bytes, asked: Sequence[ObjectVersion]) -> list[RefusedDelete]:
    """Return the requested versions that an answer to DeleteObjects does not confirm as deleted.

    A version that the answer does not mention counts as not confirmed.
    """
    root = _parse(answer, "DeleteResult")
    confirmed: set[tuple[str, str]] = set()
    codes: dict[tuple[str, str], str] = {}
    for each in root:
        named = (_text(each, "Key"), _text(each, "VersionId"))
        if each.tag.removeprefix(_NAMESPACE) == "Deleted":
            confirmed.add(named)
        else:
            codes[named] = _text(each, "Code")
    return [
        RefusedDelete(version, codes.get((version.key, version.version_id), "no answer"))
        for version in asked
        if (version.key, version.version_id) not in confirmed
    ]


def _parse(answer: bytes, wanted: str) -> ElementTree.Element:
    try:
        # The platform's answer to our signed request, over TLS; expat fetches nothing and limits its expansions.
        root = ElementTree.fromstring(answer)  # noqa: S314
    except ElementTree.ParseError as problem:
        raise _unlike(wanted, "it is not complete XML") from problem
    tag = root.tag.removeprefix(_NAMESPACE)
    if tag != wanted:
        raise _unlike(wanted, f"it is {tag}")
    return root


def _unlike(wanted: str, why: str) -> RemoteError:
    return RemoteError(
        f"the platform's answer is not S3's {wanted}: {why}",
        "Check what is between this computer and the platform, then run the same command again.",
    )


def _read_version(entry: ElementTree.Element) -> ObjectVersion:
    is_marker = entry.tag.endswith("DeleteMarker")
    return ObjectVersion(
        key=unquote(_text(entry, "Key")),
        version_id=_text(entry, "VersionId"),
        modified_at=moment(datetime.fromisoformat(_text(entry, "LastModified"))),
        is_latest=_text(entry, "IsLatest") == "true",
        is_marker=is_marker,
        size_bytes=0 if is_marker else _size(_text(entry, "Size")),
        etag="" if is_marker else _text(entry, "ETag").strip('"'),
    )


def _size(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > MAX_SIZE_DIGITS:
        raise ValueError("no size")
    return int(text)


def _text(element: ElementTree.Element, name: str) -> str:
    return element.findtext(f"{_NAMESPACE}{name}") or ""
