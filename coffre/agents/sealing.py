"""Opens what agents seal for SMILÉO alone: reports and check-ins, encrypted and authenticated by their machine. Pure.

The key is derived from the machine's repository password, which neither the storage host nor another machine knows. A
seal binds tenant, machine and object key: a document opens nowhere else. The name of its object has a tag of the
machine, so that a listing shows which reports are its own. The agent's side is agent/internal/report.
"""

import base64
import hmac
import re
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from coffre.agents.report import LIMIT_BYTES, InvalidReportError
from coffre.outside.faults import Fault
from coffre.outside.structured import UnreadableJsonError, read_json_object
from coffre.spec import naming

VERSION = 2
"""The version of the envelope; a report in clear has version 1."""

SEALED_LIMIT_BYTES = 2 * LIMIT_BYTES
"""The largest envelope that is read: base64 adds a third."""

_KEY_LABEL = b"coffre report key 1"
_BOUND_LABEL = "coffre report 2"
_NAME_KEY_LABEL = b"coffre report name key 1"
_NAME_LABEL = "coffre report name 1"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_NAME = re.compile(
    re.escape(naming.REPORTS_PREFIX)
    + r"(?P<said>(?P<number>[0-9]{10,18})-[0-9a-f]{32})(-(?P<tag>[0-9a-f]{32}))?\.sealed"
)


class UnsealedReportError(InvalidReportError):
    """A document in clear from a machine that seals; or one that this machine did not seal for this object key."""


def derive_key(repository_password: SecretStr) -> SecretStr:
    """Return a machine's report key, base64: it opens reports, but no backup."""
    derivation = HKDF(hashes.SHA256(), _KEY_BYTES, salt=None, info=_KEY_LABEL)
    return SecretStr(base64.b64encode(derivation.derive(repository_password.get_secret_value().encode())).decode())


def read_number(object_key: str) -> int | None:
    """Return the number at the start of a sealed report's key; None for another object. The number is not verified."""
    match = _NAME.fullmatch(object_key)
    return int(match["number"]) if match else None


def read_tag(object_key: str) -> str | None:
    """Return the tag in a sealed report's key; None without one, as in the names of earlier agent versions."""
    match = _NAME.fullmatch(object_key)
    return match["tag"] if match else None


class Opener:
    """Opens the sealed documents of one machine."""

    def __init__(self, key: SecretStr, tenant_id: str, machine: str) -> None:
        raw = base64.b64decode(key.get_secret_value(), validate=True)
        self._aead = AESGCM(raw)
        self._name_key = HKDF(hashes.SHA256(), _KEY_BYTES, salt=None, info=_NAME_KEY_LABEL).derive(raw)
        self._whose = f"{tenant_id}\n{machine}"

    def report_key(self, number: int, run_id: str) -> str:
        """Return the object key under which the machine stores its report of that number."""
        said = f"{number:010d}-{run_id}"
        return f"{naming.REPORTS_PREFIX}{said}-{self._tag(said)}.sealed"

    def is_own_name(self, object_key: str) -> bool:
        """Tell whether the machine itself created this name of a report: only it knows a name before it is used."""
        match = _NAME.fullmatch(object_key)
        return match is not None and hmac.compare_digest(match["tag"] or "", self._tag(match["said"]))

    def _tag(self, said: str) -> str:
        text = f"{_NAME_LABEL}\n{self._whose}\n{said}"
        return hmac.new(self._name_key, text.encode(), sha256).digest()[:_TAG_BYTES].hex()

    def open(self, object_key: str, document: bytes) -> bytes:
        """Return what the machine sealed under this object key; InvalidReportError for any other document.

        The fault is UNSEALED for a document in clear, MISSEALED for one that this machine did not seal, or not for this
        key: forged, another machine's, or its own from another place.
        """
        try:
            envelope = read_json_object(document, SEALED_LIMIT_BYTES)
        except UnreadableJsonError as problem:
            raise InvalidReportError(f"{object_key} cannot be read: {problem}", fault=problem.fault) from None
        sealed = envelope.get("sealed")
        if not isinstance(sealed, str):
            raise UnsealedReportError(
                f"{object_key} is not sealed, but its machine seals its reports", fault=Fault.UNSEALED
            )
        try:
            closed = base64.b64decode(sealed, validate=True)
            nonce, text = closed[:_NONCE_BYTES], closed[_NONCE_BYTES:]
            return self._aead.decrypt(nonce, text, f"{_BOUND_LABEL}\n{self._whose}\n{object_key}".encode())
        except (ValueError, InvalidTag):
            raise UnsealedReportError(
                f"{object_key} was not sealed by its machine for this object key", fault=Fault.MISSEALED
            ) from None


def is_sealed(document: bytes) -> bool:
    """Tell whether a document has the form of a sealed one, by any author."""
    try:
        return isinstance(read_json_object(document, SEALED_LIMIT_BYTES).get("sealed"), str)
    except UnreadableJsonError:
        return False
