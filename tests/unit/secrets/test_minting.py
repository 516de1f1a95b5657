"""What is minted has the form and the strength that it must have."""

import base64
import math
import re

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from coffre.secrets import minting


def test_access_key_has_an_id_of_twenty_capitals_and_digits_that_no_reader_takes_for_a_number() -> None:
    for _ in range(200):
        assert re.fullmatch(r"[A-Z][A-Z0-9]{19}", minting.new_access_key().access_key_id)


def test_secrets_need_no_quoting_and_carry_256_bits() -> None:
    minted = [
        minting.new_access_key().secret_access_key,
        minting.new_password(),
        minting.new_passphrase(),
    ]
    for secret in minted:
        text = secret.get_secret_value()
        assert re.fullmatch(r"[A-Za-z0-9]{40,}", text)
        assert len(text) * math.log2(62) >= 256


def test_nothing_is_minted_twice() -> None:
    assert len({minting.new_password().get_secret_value() for _ in range(500)}) == 500
    assert len({minting.new_signing_key().get_secret_value() for _ in range(500)}) == 500


def test_public_key_verifies_what_the_signing_key_signed() -> None:
    signing_key = minting.new_signing_key()
    seed = base64.b64decode(signing_key.get_secret_value(), validate=True)
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(b"orders")
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(minting.public_key_of(signing_key)))
    public.verify(signature, b"orders")  # raises when it does not fit
