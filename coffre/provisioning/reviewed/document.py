"""The document of a saved plan: what a review planned, and from what, signed with the key of `review.signing`."""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pydantic import TypeAdapter, ValidationError

from coffre.errors import RefusedError
from coffre.provisioning.exact import ExactPlan
from coffre.signing.seals.keys import CertifiedKey
from coffre.signing.seals.seal import SealError
from coffre.signing.seals.sealed_json import open_json, seal_json

VERSION = 1
_UNREADABLE = (ArithmeticError, AttributeError, KeyError, IndexError, RecursionError, TypeError, ValueError)
"""What parsers raise for a damaged document."""


@dataclass(frozen=True)
class ReviewedPlan:
    """A plan that a review made; its ``exact.commit`` is the one that was reviewed.

    ``is_weaker``: the file protects the customer's data less than the one before it. ``purpose`` tells the document
    from others that the same key could sign.
    """

    tenant_id: str
    planned_at: datetime
    is_weaker: bool
    exact: ExactPlan
    purpose: Literal["reviewed plan"] = "reviewed plan"
    version: int = VERSION


@dataclass(frozen=True)
class OpenedPlan:
    """A plan whose signature was verified, and the SHA-256 of its document."""

    reviewed: ReviewedPlan
    sha256: str


_ADAPTER = TypeAdapter(ReviewedPlan)


def seal_plan(plan: ReviewedPlan, key: CertifiedKey) -> str:
    """Return the signed document of a plan."""
    return seal_json(_ADAPTER.dump_python(plan, mode="json"), key).decode()


def open_plan(slug: str, document: str, certificate: x509.Certificate) -> OpenedPlan:
    """Return the plan of a document; RefusedError unless the key of this certificate signed every byte of it."""
    content = document.encode()
    try:
        # A certificate of the document itself is not parsed: whoever writes to the database chooses it.
        if json.loads(content)["signature"]["certificates"][0] != _write_certificate(certificate):
            raise _worthless(slug, "another key than that of platform.yaml signed it")
        plan = _ADAPTER.validate_json(json.dumps(open_json(content).facts))
    except SealError as problem:
        raise _worthless(slug, str(problem)) from problem
    except ValidationError as problem:
        raise _worthless(slug, "another version of Coffre wrote it") from problem
    except _UNREADABLE as problem:
        raise _worthless(slug, "it is damaged, or no plan") from problem
    if plan.version != VERSION:
        raise _worthless(slug, "another version of Coffre wrote it")
    return OpenedPlan(plan, hashlib.sha256(content).hexdigest())


def _write_certificate(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()


def _worthless(slug: str, reason: str) -> RefusedError:
    return RefusedError(
        f"{slug}: the saved plan cannot be relied on: {reason}", "Nothing was changed. Have the change planned again."
    )
