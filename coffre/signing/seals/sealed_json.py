"""The signed JSON: facts, and a signature of the whole file with its own place left empty.

So one changed byte fails, and public tools can verify it: empty the last value, then `openssl dgst -sha256 -verify`.
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
    """Return facts as JSON in the one way in which sealed files have it."""
    return (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode()


def seal_json(facts: Mapping[str, object], key: CertifiedKey) -> bytes:
    """Return facts as signed JSON, the signature beside them; so none of them may be called "signature"."""
    signature = {
        "algorithm": key.algorithm,
        "certificates": [_write_certificate(each) for each in key.certificates],
        "value": "",
    }
    unsigned = write_json({**facts, "signature": signature})
    value = base64.b64encode(key.sign(unsigned))
    return unsigned.removesuffix(_EMPTY) + b'"value": "' + value + b'"\n  }\n}\n'


def open_json(content: bytes) -> Sealed:
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
    return Sealed({name: value for name, value in document.items() if name != "signature"}, certificates)


def _write_certificate(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()


def _read_certificate(text: str) -> x509.Certificate:
    return x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
