"""Creates the two files of a new repository, in place of `restic init` (format version 2, doc/design.rst of restic).

restic spends half a second of scrypt at each opening of a repository, since users choose weak passwords, and has no
option for less. Our passwords are 256 random bits, which need no scrypt cost: so every backup, drill and restore begins
without that wait. restic itself opens the repository before it is used.
"""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305
from pydantic import SecretStr

SCRYPT_N, SCRYPT_R, SCRYPT_P = 1 << 10, 8, 1
"""One MiB of memory and 3 ms."""
SALT_BYTES = 64
POLYNOMIAL_DEGREE = 53
"""The degree of the random polynomial whose remainders set restic's chunks: it must be irreducible."""

_CLAMPED = bytes([255, 255, 255, 15, 252, 255, 255, 15, 252, 255, 255, 15, 252, 255, 255, 15])


@dataclass(frozen=True)
class NewRepositoryFiles:
    """The files to write, the key file first: a key alone is no repository, a config alone is a damaged one."""

    key_name: str
    key: bytes
    config: bytes


@dataclass(frozen=True)
class SealingKey:
    """The key that seals a file: AES-256 in counter mode, authenticated by Poly1305-AES."""

    encrypt: bytes
    mac_k: bytes
    mac_r: bytes

    def seal(self, content: bytes) -> bytes:
        nonce = secrets.token_bytes(16)
        text = Cipher(algorithms.AES(self.encrypt), modes.CTR(nonce)).encryptor().update(content)
        block = Cipher(algorithms.AES(self.mac_k), modes.ECB()).encryptor()  # noqa: S305 - Poly1305-AES is defined so
        return nonce + text + Poly1305.generate_tag(_clamp(self.mac_r) + block.update(nonce), text)


def new_repository(password: SecretStr, now: datetime) -> NewRepositoryFiles:
    """Create a repository that this password opens; each call creates another one."""
    master = SealingKey(secrets.token_bytes(32), secrets.token_bytes(16), _clamp(secrets.token_bytes(16)))
    key = _make_key_file(master, password, now)
    config = {"version": 2, "id": secrets.token_hex(32), "chunker_polynomial": f"{_find_polynomial():x}"}
    return NewRepositoryFiles(hashlib.sha256(key).hexdigest(), key, master.seal(json.dumps(config).encode()))


def is_irreducible(polynomial: int) -> bool:
    """Tell whether a polynomial over the integers modulo 2, one bit per coefficient, has no divisor (Ben-Or's test)."""
    degree, power = polynomial.bit_length() - 1, 0b10
    for _ in range(degree // 2):
        power = _square(power, polynomial)
        if _common_divisor(polynomial, power ^ 0b10) != 1:
            return False
    return degree > 0


def _make_key_file(master: SealingKey, password: SecretStr, now: datetime) -> bytes:
    salt = secrets.token_bytes(SALT_BYTES)
    secret = password.get_secret_value().encode()
    derived = hashlib.scrypt(secret, salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, dklen=64)
    sealed = SealingKey(derived[:32], derived[32:48], derived[48:]).seal(
        json.dumps(
            {"mac": {"k": _text(master.mac_k), "r": _text(master.mac_r)}, "encrypt": _text(master.encrypt)}
        ).encode()
    )
    return json.dumps(
        {
            "created": now.astimezone(UTC).isoformat(),
            "username": "coffre",
            "hostname": "coffre",
            "kdf": "scrypt",
            "N": SCRYPT_N,
            "r": SCRYPT_R,
            "p": SCRYPT_P,
            "salt": _text(salt),
            "data": _text(sealed),
        }
    ).encode()


def _find_polynomial() -> int:
    """Choose a random irreducible polynomial; about one in thirty is irreducible."""
    while True:
        polynomial = 1 << POLYNOMIAL_DEGREE | secrets.randbits(POLYNOMIAL_DEGREE) | 1
        if is_irreducible(polynomial):
            return polynomial


def _square(polynomial: int, modulus: int) -> int:
    """Square over the integers modulo 2, where squaring spreads the bits, and reduce."""
    return _remainder(int("0".join(f"{polynomial:b}"), 2), modulus)


def _remainder(polynomial: int, divisor: int) -> int:
    while (excess := polynomial.bit_length() - divisor.bit_length()) >= 0:
        polynomial ^= divisor << excess
    return polynomial


def _common_divisor(left: int, right: int) -> int:
    while right:
        left, right = right, _remainder(left, right)
    return left


def _clamp(r: bytes) -> bytes:
    return bytes(each & mask for each, mask in zip(r, _CLAMPED, strict=True))


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
