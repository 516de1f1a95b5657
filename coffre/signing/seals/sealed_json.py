"""The signed JSON: facts, and a signature over the whole file with an empty signature field.

One changed byte makes it invalid, and public tools can verify it: empty the last value, then run
`openssl dgst -sha256 -verify`.
"""

import base64
import json
import re
from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from coffre.signing.seals.keys import CertifiedKey, algorithm_of, is_signed_by
from coffre.signing.seals.seal import Sealed, SealError

_SIGNATURE = re.compile(rb'"value": "([A-Za-z0-9+/]+=*)"\n  \}\n\}\n\Z')
_EMPTY = b'"value": ""\n  }\n}\n'


def write_json(facts: Mapping[str, object]) -> bytes:
    """Return facts as JSON in the canonical form of signed files."""
    return (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode()


def seal_json(facts: Mapping[str, object], key: CertifiedKey) -> bytes:
    """Return facts as signed JSON with the signature beside them; no fact may have the name "signature"."""
    signature = {
        "algorithm": key.algorithm,
        "certificates": [_write_certificate(each) for each in key.certificates],
        "value": "",
    }
    unsigned = write_json({**facts, "signature": signature})
    value = base64.b64encode(key.sign(unsigned))
    return unsigned.removesuffix(_EMPTY) + b'"value": "' + value + b'"\n  }\n}\n'


def open_json(content: bytes) -> Sealed:
    """Return the facts of a signed JSON after a check that its signature covers every byte.

    SealError when it does not; a damaged file may also raise any error of the parsers.
    """
    found = _SIGNATURE.search(content)
    if found is None:
        raise SealError("it does not end in a signature")
    unsigned = content[: found.start()] + _EMPTY
    document = json.loads(unsigned)
    signature = document["signature"]
    certificates = tuple(_read_certificate(each) for each in signature["certificates"])
    value, own = base64.b64decode(found[1], validate=True), certificates[0]
    # Base64 can encode the same bytes in several ways.
    if base64.b64encode(value) != found[1] or not is_signed_by(own, value, unsigned):
        raise SealError("its signature is not valid: it was changed after it was signed")
    if signature["algorithm"] != algorithm_of(own):
        raise SealError("its algorithm does not match its key")
    return Sealed({name: value for name, value in document.items() if name != "signature"}, certificates)


def _write_certificate(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()


def _read_certificate(text: str) -> x509.Certificate:
    return x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
