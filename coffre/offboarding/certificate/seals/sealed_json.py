"""The signed JSON: facts, the PDF that says the same, and a signature of the whole file with its own place left empty.

So one changed byte fails, and public tools can verify it: empty the last value, then `openssl dgst -sha256 -verify`.
"""

import base64
import json
import re
from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from coffre.offboarding.certificate.seals.keys import Signer, algorithm_of, is_signed_by
from coffre.offboarding.certificate.seals.seal import Seal, SealError

_SIGNATURE = re.compile(rb'"value": "([A-Za-z0-9+/]+=*)"\n  \}\n\}\n\Z')
_EMPTY = b'"value": ""\n  }\n}\n'


def write_facts(facts: Mapping[str, object]) -> bytes:
    """Return facts alone as the JSON that the PDF carries."""
    return (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode()


def seal_json(facts: Mapping[str, object], pdf_name: str, pdf_sha256: str, signer: Signer) -> bytes:
    """Return the signed JSON of facts, which names the PDF of the same certificate by its SHA-256."""
    return _seal({"certificate": facts, "pdf": {"name": pdf_name, "sha256": pdf_sha256}}, signer)


def seal_statement(statement: bytes, signer: Signer) -> bytes:
    """Return a statement (a JSON object) as signed JSON; `certificate verify` reads it as it does certificates."""
    return _seal({"statement": json.loads(statement)}, signer)


def open_json(content: bytes) -> Seal:
    """Return what a signed JSON says once its signature is proved to cover every byte.

    SealError when it does not; a damaged file may also fail in the parsers, with any error of theirs.
    """
    found = _SIGNATURE.search(content)
    if found is None:
        raise SealError("it does not end in a signature")
    unsigned = content[: found.start()] + _EMPTY
    document = json.loads(unsigned)
    signature = document["signature"]
    certificates = tuple(_read_certificate(each) for each in signature["certificates"])
    value, own = base64.b64decode(found[1], validate=True), certificates[0]
    # Base64 can write the same bytes in more than one way.
    if base64.b64encode(value) != found[1] or not is_signed_by(own, value, unsigned):
        raise SealError("its signature does not fit: it was changed after it was signed")
    if signature["algorithm"] != algorithm_of(own):
        raise SealError("it names another algorithm than its key's")
    if "statement" in document:
        return Seal(None, document["statement"], certificates)
    facts, pdf = document["certificate"], document["pdf"]
    return Seal(str(facts["number"]), facts, certificates, pdf_name=str(pdf["name"]), pdf_sha256=str(pdf["sha256"]))


def _seal(parts: Mapping[str, object], signer: Signer) -> bytes:
    signature = {
        "algorithm": signer.algorithm,
        "certificates": [_write_certificate(each) for each in signer.certificates],
        "value": "",
    }
    unsigned = write_facts({**parts, "signature": signature})
    value = base64.b64encode(signer.sign(unsigned))
    return unsigned.removesuffix(_EMPTY) + b'"value": "' + value + b'"\n  }\n}\n'


def _write_certificate(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()


def _read_certificate(text: str) -> x509.Certificate:
    return x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
