"""Generates keys and passwords from the system's random source; nothing here is stored or shown."""

import base64
import secrets
import string

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from coffre.secrets.bundles import SIGNING_SEED_BYTES, S3Key

ACCESS_KEY_ID_LENGTH = 20
SECRET_LENGTH = 43
"""The length for 256 bits with 62 different characters: only letters and digits, so that no format quotes them."""

_LETTERS_AND_DIGITS = string.ascii_letters + string.digits
_ID_CHARACTERS = string.ascii_uppercase + string.digits


def new_access_key() -> S3Key:
    """Generate an S3 key: an id of 20 capitals and digits that starts with a letter, and a secret of 256 bits."""
    first = secrets.choice(string.ascii_uppercase)
    rest = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(ACCESS_KEY_ID_LENGTH - 1))
    return S3Key(access_key_id=first + rest, secret_access_key=_new_secret())


def new_password() -> SecretStr:
    """Generate a repository password of 256 bits."""
    return _new_secret()


def new_passphrase() -> SecretStr:
    """Generate the passphrase that encrypts the secrets in a stack's state."""
    return _new_secret()


def new_signing_key() -> SecretStr:
    """Generate the base64 of an ed25519 seed."""
    return SecretStr(base64.b64encode(secrets.token_bytes(SIGNING_SEED_BYTES)).decode())


def public_key_of(signing_key: SecretStr) -> str:
    """Return the base64 of the raw ed25519 public key that belongs to a signing key."""
    seed = base64.b64decode(signing_key.get_secret_value(), validate=True)
    return base64.b64encode(Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()).decode()


def _new_secret() -> SecretStr:
    return SecretStr("".join(secrets.choice(_LETTERS_AND_DIGITS) for _ in range(SECRET_LENGTH)))
