"""Signed heads: the head of the chain at some time, signed, as one line for anchors outside the database. Pure.

A person who can change the database can recalculate the whole chain. A head out of their reach shows this.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import SecretStr

from coffre.records.chain.canonical import write_canonical
from coffre.records.chain.links import Tip

FORM = 1
LINE_LIMIT_CHARACTERS = 2000
"""A head has about 400 characters; a longer line is not a head."""
_STATEMENT = "coffre-records-head"


@dataclass(frozen=True)
class Head:
    """The signed head of a chain. ``public_key`` and ``signature`` are base64 (ed25519, raw)."""

    database_id: str
    position: int
    hash: str
    signed_at: datetime
    public_key: str
    signature: str


def sign_head(tip: Tip, key: SecretStr, now: datetime) -> Head:
    """Sign the head of a chain with the records key, the base64 of an ed25519 seed."""
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(key.get_secret_value(), validate=True))
    public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
    head = Head(tip.database_id, tip.position, tip.hash, now, public, "")
    return Head(**{**vars(head), "signature": base64.b64encode(private.sign(_statement(head))).decode()})


def is_genuine(head: Head) -> bool:
    """Tell whether a head's own key signed it; the owner of that key is checked elsewhere."""
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(head.public_key, validate=True))
        public.verify(base64.b64decode(head.signature, validate=True), _statement(head))
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def write_head(head: Head) -> str:
    """Return a head as one line of JSON."""
    fields = {**vars(head), "signed_at": head.signed_at.astimezone(UTC).isoformat(timespec="microseconds")}
    return json.dumps({"form": FORM, **fields})


def read_heads(text: str) -> list[Head]:
    """Return every head in a text: an anchor's lines, a mail, a certificate's JSON."""
    whole = _find_in_document(text)
    return whole if whole else [head for line in text.splitlines() if (head := _read_line(line)) is not None]


def _find_in_document(text: str) -> list[Head]:
    """Return the head of a certificate."""
    try:
        document = json.loads(text)
        found = _read_fields(document.get("certificate", document)["proof"]["records"])
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return []
    return [] if found is None else [found]


def _read_line(line: str) -> Head | None:
    line = line.strip()
    if not line.startswith("{") or len(line) > LINE_LIMIT_CHARACTERS:
        return None
    try:
        return _read_fields(json.loads(line))
    except (RecursionError, ValueError):
        return None


def _read_fields(fields: object) -> Head | None:
    if not isinstance(fields, dict) or fields.get("form", FORM) != FORM:
        return None
    texts = [fields.get(name) for name in ("database_id", "hash", "signed_at", "public_key", "signature")]
    position = fields.get("position")
    if not isinstance(position, int) or isinstance(position, bool) or not all(isinstance(each, str) for each in texts):
        return None
    database_id, found, at, public_key, signature = (str(each) for each in texts)
    try:
        signed_at = datetime.fromisoformat(at).astimezone(UTC)
    except (OverflowError, ValueError):
        return None
    return Head(database_id, position, found, signed_at, public_key, signature)


def _statement(head: Head) -> bytes:
    values = [_STATEMENT, FORM, head.database_id, head.position, head.hash, head.signed_at]
    return write_canonical(values).encode()
