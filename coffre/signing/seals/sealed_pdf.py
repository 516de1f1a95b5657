"""The signed PDF (PAdES baseline B): pyHanko signs and validates; this module checks the part between the signed ones.

A signature covers a whole PDF except its own place. That place must contain exactly the signature, in the form in
implies, written in the one way in which this module writes it: so one changed byte fails there too.
"""

import asyncio
import io
import json
from collections.abc import Coroutine
from typing import Any

from asn1crypto import algos, cms, keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from coffre.signing.seals.keys import CertifiedKey, name_signer
from coffre.signing.seals.seal import Sealed, SealError

_FIELD = "Signature"
_DIGEST = "sha256"


def seal_pdf(content: bytes, key: CertifiedKey, reason: str) -> bytes:
    """Return a PDF with a signature that allows no later change."""
    own, *others = (_to_asn1(each) for each in key.certificates)
    store = SimpleCertificateStore.from_certs(others)  # type: ignore[no-untyped-call]
    private_key = key.key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pdf_signer = signers.SimpleSigner(own, keys.PrivateKeyInfo.load(private_key), store, embed_roots=True)
    metadata = signers.PdfSignatureMetadata(
        field_name=_FIELD,
        md_algorithm=_DIGEST,
        subfilter=fields.SigSeedSubFilter.PADES,
        reason=reason,
        name=name_signer(key.certificates[0]),
        certify=True,
        docmdp_permissions=fields.MDPPerm.NO_CHANGES,
    )
    signing = signers.async_sign_pdf(IncrementalPdfFileWriter(io.BytesIO(content)), metadata, pdf_signer)
    sealed = _run(signing)
    return bytes(sealed.getvalue())


def open_pdf(content: bytes, facts_file: str) -> Sealed:
    """Return the facts attached to a signed PDF, after a check that its signature covers every byte.

    SealError when it does not; a damaged file may also raise any error of the parsers.
    """
    reader = PdfFileReader(io.BytesIO(content))
    found = reader.embedded_signatures
    if len(found) != 1:
        raise SealError(f"it has {len(found)} signatures instead of one")
    signature = found[0]
    certificates = _check_container(content, signature)
    status = _run(_validate(signature, certificates[0]))
    if not (status.intact and status.valid) or status.coverage is not SignatureCoverageLevel.ENTIRE_FILE:
        raise SealError("its signature is not valid: it was changed after it was signed")
    return Sealed(json.loads(_read_enclosed(reader, facts_file)), certificates)


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run pyHanko on its own event loop: asyncio.run would leave the thread without a loop, which Pulumi expects."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


async def _validate(signature: Any, own: x509.Certificate) -> Any:
    # Other code decides whether the signer is trusted; here only the signature is checked.
    context = ValidationContext(trust_roots=[_to_asn1(own)], allow_fetching=False)
    return await async_validate_pdf_signature(
        signature, signer_validation_context=context, key_usage_settings=KeyUsageConstraints(key_usage=[])
    )


def _check_container(content: bytes, signature: Any) -> tuple[x509.Certificate, ...]:
    """Check the part between the signed ones, byte by byte; return its certificates, the signer's first."""
    start, first, second, last = (int(each) for each in signature.byte_range)
    if start != 0 or not 0 < first < second or second + last != len(content):
        raise SealError("its signature does not cover the whole file")
    container = _rebuild(signature.signed_data)
    digits = container.dump().hex().upper().encode()
    room = second - first - 2
    if content[first:second] != b"<" + digits.ljust(room, b"0") + b">":
        raise SealError("its signature is not in its original form")
    signer_certificate = signature.signer_cert
    chain = [each.chosen for each in container["content"]["certificates"]]
    ordered = [signer_certificate, *(each for each in chain if each.dump() != signer_certificate.dump())]
    return tuple(x509.load_der_x509_certificate(each.dump()) for each in ordered)


def _rebuild(found: cms.SignedData) -> cms.ContentInfo:
    """Return the signature's container again, from verified parts only: signed attributes, signature, certificates.

    The signature covers the attributes, which name the digest and the signer's certificate. The facts in the PDF name
    the other certificates, and the caller compares them. Any other content of a container is left out.
    """
    (info,) = found["signer_infos"]
    own = next(each.chosen for each in found["certificates"] if _is_named(each.chosen, info["sid"]))
    digest = algos.DigestAlgorithm({"algorithm": _DIGEST})
    rebuilt = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                {"issuer_and_serial_number": {"issuer": own.issuer, "serial_number": own.serial_number}}
            ),
            "digest_algorithm": digest,
            "signature_algorithm": _signature_algorithm(own),
            "signed_attrs": info["signed_attrs"],
            "signature": info["signature"].native,
        }
    )
    return cms.ContentInfo(
        {
            "content_type": "signed_data",
            "content": cms.SignedData(
                {
                    "version": "v1",
                    "digest_algorithms": cms.DigestAlgorithms((digest,)),
                    "encap_content_info": {"content_type": "data"},
                    "certificates": found["certificates"],
                    "signer_infos": [rebuilt],
                }
            ),
        }
    )


def _signature_algorithm(own: asn1_x509.Certificate) -> algos.SignedDigestAlgorithm:
    name = "sha256_rsa" if own.public_key.algorithm == "rsa" else "sha256_ecdsa"
    return algos.SignedDigestAlgorithm({"algorithm": name})


def _is_named(certificate: asn1_x509.Certificate, sid: cms.SignerIdentifier) -> bool:
    named = sid.chosen
    return bool(named["serial_number"].native == certificate.serial_number and named["issuer"] == certificate.issuer)


def _read_enclosed(reader: PdfFileReader, name: str) -> bytes:
    """Return a file attached to the PDF."""
    names = reader.root["/Names"]["/EmbeddedFiles"]["/Names"]
    for place in range(1, len(names), 2):
        description = names[place]
        if description["/UF"] == name:
            return bytes(description["/EF"]["/F"].data)
    raise SealError("it contains no facts")


def _to_asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))
