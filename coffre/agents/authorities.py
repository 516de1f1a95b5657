"""The CA certificates with which a machine verifies the platform."""

import ssl
from pathlib import Path

from coffre.errors import ExpectedError


def read_authorities(ca_file: Path | None) -> bytes:
    """Return them in PEM: those of the platform's own authority, or those that this computer trusts."""
    source = ca_file or Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt")
    try:
        return source.read_bytes()
    except OSError as error:
        raise ExpectedError(
            f"the platform's certificate authority cannot be read: {source}: {error.strerror}",
            "Set `ca_file` of the platform to its PEM file.",
        ) from error
