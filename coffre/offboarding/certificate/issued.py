"""An issued certificate: its number and its two files."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """An issued certificate; ``key_sha256`` is the SHA-256 of the signer's X.509 certificate (DER).

    ``reservations`` are its reservations as French sentences; none when everything was established.
    """

    number: str
    pdf: Path
    json: Path
    key_sha256: str
    reservations: tuple[str, ...] = ()
