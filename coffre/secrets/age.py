"""Encrypts and decrypts with age; the only module that uses it."""

from collections.abc import Sequence

import pyrage
from pydantic import SecretStr
from pyrage import x25519

from coffre.secrets.errors import CorruptBundleError, WrongIdentityError

SECRET_KEY_PREFIX = "AGE-SECRET-KEY-"  # noqa: S105 (a format's prefix)

# pyrage has one exception for all errors; only its text shows the case.
_NO_MATCH = "No matching keys found"


def new_identity() -> SecretStr:
    """Generate an X25519 identity."""
    return SecretStr(str(x25519.Identity.generate()))


def public_half(identity: SecretStr) -> str:
    """Return the recipient of an identity; ValueError when the text is not an X25519 identity."""
    try:
        return str(x25519.Identity.from_str(identity.get_secret_value()).to_public())
    except pyrage.IdentityError:
        pass
    # Raised here so that the library's exception, which may quote the key, is not chained to it.
    raise ValueError("not an age X25519 identity")


def is_recipient(text: str) -> bool:
    """Whether a text is an X25519 recipient."""
    try:
        x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        return False
    return True


def seal(content: bytes, recipients: Sequence[str]) -> bytes:
    """Encrypt for all recipients."""
    sealed: bytes = pyrage.encrypt(content, [x25519.Recipient.from_str(recipient) for recipient in recipients])
    return sealed


def unseal(sealed: bytes, identities: Sequence[SecretStr], where: str) -> bytes:
    """Decrypt with the first matching identity; ``where`` names the file in messages."""
    keys = [x25519.Identity.from_str(identity.get_secret_value()) for identity in identities]
    try:
        content: bytes = pyrage.decrypt(sealed, keys)
    except pyrage.DecryptError as error:
        if str(error) == _NO_MATCH:
            raise WrongIdentityError(
                f"your identity cannot open {where}: it is encrypted for other keys, or its header is damaged",
                "Use an identity for which it is encrypted (COFFRE_IDENTITY names the file), or the recovery identity.",
            ) from None
        raise CorruptBundleError(f"{where} is damaged: it is not a complete age file") from None
    return content
