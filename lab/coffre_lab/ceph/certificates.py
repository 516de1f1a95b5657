"""The lab's own certificate authority and the certificate of its gateway."""

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from coffre_lab.state import write_file

VALID_DAYS = 3650


@dataclass(frozen=True)
class Certificates:
    """The files of the lab's certificates: ``ca.pem`` for clients, ``gateway.pem`` (key and certificate) for RGW."""

    directory: Path

    @property
    def ca_file(self) -> Path:
        """The authority's certificate, for clients."""
        return self.directory / "ca.pem"

    @property
    def gateway_file(self) -> Path:
        """The gateway's private key and certificate in one file, as RGW's front end wants it."""
        return self.directory / "gateway.pem"

    def ensure(self, addresses: Sequence[str], now: datetime.datetime) -> None:
        """Make both once. The authority's private key is not kept: a lab never issues a second certificate."""
        if self.gateway_file.exists() and self.ca_file.exists():
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        ca_pem, gateway_pem = issue(addresses, now)
        write_file(self.ca_file, ca_pem)
        write_file(self.gateway_file, gateway_pem, 0o600)


def issue(addresses: Sequence[str], now: datetime.datetime) -> tuple[str, str]:
    """Return a new authority's certificate, and a key with the certificate for those addresses, as PEM texts."""
    first, names = addresses[0], [x509.IPAddress(ipaddress.ip_address(each)) for each in dict.fromkeys(addresses)]
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Coffre lab authority {first}")])
    ca_key_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = (
        _start(ca_name, ca_name, ca_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(ca_key_id, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, first)])
    certificate = (
        _start(name, ca_name, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_key_id), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    ca_pem = ca.public_bytes(serialization.Encoding.PEM).decode()
    return ca_pem, (key_pem + certificate.public_bytes(serialization.Encoding.PEM)).decode()


def _start(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, now: datetime.datetime
) -> x509.CertificateBuilder:
    """Begin a certificate, valid one hour earlier for machines with a slow clock."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
