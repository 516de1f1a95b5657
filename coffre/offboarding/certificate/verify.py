"""certificate verify: checks that a certificate's file is intact, and finds the signer. Offline."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from coffre.errors import ExpectedError
from coffre.offboarding.certificate.sealed import SealedFacts, open_seal
from coffre.outside.files import read_plain
from coffre.signing.seals.keys import fingerprint, is_trial, name_signer, read_certificates
from coffre.signing.seals.seal import SealError

LIMIT_BYTES = 64 << 20
"""A certificate has about 100 kB."""


@dataclass(frozen=True)
class CertificateVerdict:
    """The result for a file. ``problems`` are sentences; a valid certificate has none.

    ``is_trusted`` is None without a trusted certificate to compare with: then the file is intact, but its signer is
    unknown. ``vouched_by`` is the trusted file. ``is_trial``: an embedded platform's key signed, which never proves
    anything. Facts are plain JSON, present only when the file is intact.
    """

    file: Path
    is_intact: bool
    is_trusted: bool | None
    problems: tuple[str, ...]
    number: str | None = None
    signer: str | None = None
    key_sha256: str | None = None
    facts: Mapping[str, Any] | None = None
    vouched_by: Path | None = None
    is_trial: bool = False

    @property
    def is_valid(self) -> bool:
        return self.is_intact and self.is_trusted is True and not self.problems


def verify_file(path: Path, trusted: Path | None, signer_name: str | None = None) -> CertificateVerdict:
    """Verify a certificate's PDF or JSON; ``trusted`` is a PEM file with the provider's certificate, or its issuer's.

    An issuer signs certificates for many holders: then ``signer_name`` must be exactly the signer's name.
    ExpectedError when a file cannot be read.
    """
    try:
        content = read_plain(path.resolve(), LIMIT_BYTES)
    except OSError as error:
        why = error.strerror or str(error)
        raise ExpectedError(f"cannot read {path}: {why}", "Name a certificate's PDF or JSON.") from error
    known = None if trusted is None else read_certificates(trusted)
    try:
        seal = open_seal(content)
    except SealError as problem:
        return CertificateVerdict(
            path, is_intact=False, is_trusted=None, problems=(f"{path} cannot be relied on: {problem}",)
        )
    own = seal.certificates[0]
    problems = [*_look_at_dates(seal), *_look_at_pdf(seal, path), *_look_at_trial(seal)]
    distrust = "" if known is None else why_not_vouched_for(seal.certificates, known, signer_name)
    if distrust:
        problems.append(distrust)
    return CertificateVerdict(
        file=path,
        is_intact=True,
        is_trusted=None if known is None else not distrust,
        problems=tuple(problems),
        number=seal.number,
        signer=name_signer(own),
        key_sha256=fingerprint(own),
        facts=seal.facts,
        vouched_by=None if distrust else trusted,
        is_trial=is_trial(own),
    )


def why_not_vouched_for(
    chain: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate], signer_name: str | None = None
) -> str:
    """Explain why the trusted certificates do not cover the first of a chain; an empty text when they do. Pure.

    They do when it is one of them, or when one of them issued it to exactly the expected name.
    """
    own = chain[0]
    if own in trusted:
        return ""
    if not _is_below(chain, trusted):
        return "it is signed with a key that does not belong to the given certificate"
    name = name_signer(own)
    if signer_name == name:
        return ""
    if signer_name is not None:
        return f"it is signed by {name!r}, not by {signer_name!r}"
    return (
        f"the given certificate is an issuer's, which may have many signers; the signer is {name!r}: if this is the "
        f"expected signer, give --signer {name!r} too, or the signer's own certificate"
    )


def _is_below(chain: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate]) -> bool:
    current, left = chain[0], list(chain[1:])
    while True:
        if any(_is_issued_by(current, each) for each in trusted):
            return True
        issuer = next((each for each in left if _is_issued_by(current, each)), None)
        if issuer is None:
            return False
        left.remove(issuer)
        current = issuer


def _look_at_trial(seal: SealedFacts) -> list[str]:
    """Report a file that an embedded platform's key signed without the mark of a specimen."""
    if seal.number is None or seal.facts.get("specimen") or not is_trial(seal.certificates[0]):
        return []
    return ["it is signed with the test key of an embedded platform, and is not marked as a specimen"]


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature):
        return False
    return constraints.ca


def _look_at_dates(seal: SealedFacts) -> list[str]:
    """Check that the signer's certificate was valid on the day of the facts; a statement has no day."""
    if seal.number is None:
        return []
    issued_on, own = date.fromisoformat(seal.facts["issued_on"]), seal.certificates[0]
    if seal.facts["specimen"] or own.not_valid_before_utc.date() <= issued_on <= own.not_valid_after_utc.date():
        return []
    return [f"it is dated {issued_on}, when the signer's certificate was not valid"]


def _look_at_pdf(seal: SealedFacts, path: Path) -> list[str]:
    """Check that the PDF beside a JSON is the one that it names."""
    if seal.pdf_name is None or seal.pdf_name != Path(seal.pdf_name).name:
        return []
    beside = path.with_name(seal.pdf_name)
    if not beside.is_file() or hashlib.sha256(beside.read_bytes()).hexdigest() == seal.pdf_sha256:
        return []
    return [f"{beside} beside it is not the PDF that it names"]
