"""certificate verify: whether a certificate's file is whole, and whose key signed it. Offline."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from coffre.errors import ExpectedError
from coffre.offboarding.certificate.keys import fingerprint, name_signer, read_certificates
from coffre.offboarding.certificate.seal import Seal, SealError
from coffre.offboarding.certificate.sealed_json import open_json
from coffre.offboarding.certificate.sealed_pdf import open_pdf


@dataclass(frozen=True)
class Verdict:
    """What a look at a file found. ``problems`` are sentences; a valid certificate has none.

    ``is_trusted`` is None when no certificate was given to compare the signer's with: then the file is whole, but who
    made it is not known. Facts are plain JSON, there only when the file is whole.
    """

    file: Path
    is_intact: bool
    is_trusted: bool | None
    problems: tuple[str, ...]
    number: str | None = None
    signer: str | None = None
    key_sha256: str | None = None
    facts: Mapping[str, Any] | None = None

    @property
    def is_valid(self) -> bool:
        return self.is_intact and self.is_trusted is True and not self.problems


def verify_file(path: Path, trusted: Path | None) -> Verdict:
    """Look at a certificate's PDF or JSON; ``trusted`` is a PEM file with the provider's certificate, or its issuer's.

    ExpectedError when a file cannot be read at all.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ExpectedError(f"cannot read {path}: {error.strerror}", "Name a certificate's PDF or JSON.") from error
    known = None if trusted is None else read_certificates(trusted)
    try:
        seal = open_seal(content)
    except SealError as problem:
        return Verdict(path, is_intact=False, is_trusted=None, problems=(f"{path} cannot be relied on: {problem}",))
    problems = [*_look_at_dates(seal), *_look_at_pdf(seal, path)]
    is_trusted = None if known is None else is_vouched_for(seal.certificates, known)
    if is_trusted is False:
        problems.append("it is signed with a key that the certificate given does not vouch for")
    return Verdict(
        file=path,
        is_intact=True,
        is_trusted=is_trusted,
        problems=tuple(problems),
        number=seal.number,
        signer=name_signer(seal.certificates[0]),
        key_sha256=fingerprint(seal.certificates[0]),
        facts=seal.facts,
    )


def open_seal(content: bytes) -> Seal:
    """Return what a file says once its signature is proved to cover every byte; SealError otherwise."""
    try:
        return open_pdf(content) if content.startswith(b"%PDF") else open_json(content)
    except SealError:
        raise
    except Exception as error:
        # A damaged file can fail anywhere in the parsers, each with errors of its own.
        raise SealError("it is damaged, or no certificate of erasure") from error


def is_vouched_for(chain: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate]) -> bool:
    """Tell whether the first of a chain is one of the trusted certificates, or was issued below one of them. Pure."""
    current, left = chain[0], list(chain[1:])
    while True:
        if current in trusted:
            return True
        if any(_is_issued_by(current, each) for each in trusted):
            return True
        issuer = next((each for each in left if _is_issued_by(current, each)), None)
        if issuer is None:
            return False
        left.remove(issuer)
        current = issuer


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature):
        return False
    return constraints.ca


def _look_at_dates(seal: Seal) -> list[str]:
    """Say whether the signer's certificate was valid on the day that the facts name; a statement names none."""
    if seal.number is None:
        return []
    issued_on, own = date.fromisoformat(seal.facts["issued_on"]), seal.certificates[0]
    if seal.facts["specimen"] or own.not_valid_before_utc.date() <= issued_on <= own.not_valid_after_utc.date():
        return []
    return [f"it is dated {issued_on}, when the signer's certificate was not valid"]


def _look_at_pdf(seal: Seal, path: Path) -> list[str]:
    """Say whether the PDF that a JSON names, where it lies beside it, is the one that it names."""
    if seal.pdf_name is None or seal.pdf_name != Path(seal.pdf_name).name:
        return []
    beside = path.with_name(seal.pdf_name)
    if not beside.is_file() or hashlib.sha256(beside.read_bytes()).hexdigest() == seal.pdf_sha256:
        return []
    return [f"{beside} beside it is not the PDF that it names"]
