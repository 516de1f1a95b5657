"""The key that signs documents: the one of platform.yaml, or on the embedded platform a test key made here once.

A key on a token (PKCS#11) would need another kind of reference in platform.yaml, read in `_read` like
the others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from coffre.errors import ExpectedError, RefusedError
from coffre.outside.files import read_plain
from coffre.spec.platform import PlatformFile, Signing
from coffre.spec.storage_platform import Platform
from coffre.spec.values.references import read_reference
from coffre.workspace.files import write_once
from coffre.workspace.paths import LAB_CERTIFICATE, LAB_KEY

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_LAB_DAYS = 3650
_PEM_LIMIT_BYTES = 1 << 20
_LAB_NAME = "Clé d’essai sans valeur"


@dataclass(frozen=True)
class CertifiedKey:
    """A private key and its X.509 certificates, its own first."""

    key: PrivateKey
    certificates: tuple[x509.Certificate, ...]

    @property
    def algorithm(self) -> str:
        return algorithm_of(self.certificates[0])

    @property
    def fingerprints(self) -> tuple[str, ...]:
        return tuple(fingerprint(each) for each in self.certificates)

    def sign(self, content: bytes) -> bytes:
        """Return the signature of some bytes (SHA-256; PKCS#1 v1.5 with RSA, ASN.1 with ECDSA, as openssl has them)."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(content, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(content, ec.ECDSA(hashes.SHA256()))


def read_signing_key(
    settings: PlatformFile, root: Path, now: datetime, platform: str, is_embedded: Callable[[], bool]
) -> CertifiedKey:
    """Return the key that signs documents about a platform's tenant; ExpectedError describes what is wrong with it.

    When platform.yaml names no key, the platform must be the embedded one. RefusedError on a real platform: a test key
    would prove nothing there.
    """
    named = NamedKey(settings.offboarding.signing, "offboarding.signing")
    return _read_named(named, settings, root, now, platform, is_embedded)


def read_plan_key(
    settings: PlatformFile, root: Path, now: datetime, platform: str, is_embedded: Callable[[], bool]
) -> CertifiedKey:
    """Return the key that signs the plans of reviews, with the rules of `read_signing_key`.

    It is another one than that of certificates: a pipeline uses it for each pull request.
    """
    named = NamedKey(settings.review.signing, "review.signing")
    return _read_named(named, settings, root, now, platform, is_embedded)


def read_plan_certificate(
    settings: PlatformFile, root: Path, platform: str, is_embedded: Callable[[], bool]
) -> x509.Certificate:
    """Return the certificate of the key that signs the plans of reviews: who applies them needs no private key."""
    signing = settings.review.signing
    if signing is not None:
        return read_certificates(root / signing.certificate)[0]
    if not is_embedded():
        raise _lacking(platform, "review.signing")
    return read_certificates(root / LAB_CERTIFICATE)[0]


@dataclass(frozen=True)
class NamedKey:
    """A key of platform.yaml and the name of its setting."""

    signing: Signing | None
    setting: str


def _read_named(
    named: NamedKey,
    settings: PlatformFile,
    root: Path,
    now: datetime,
    platform: str,
    is_embedded: Callable[[], bool],
) -> CertifiedKey:
    if named.signing is not None:
        return _check(_read(named.signing, named.setting, root), now, f"platform.yaml, {named.setting}")
    if not is_embedded():
        raise _lacking(platform, named.setting)
    return _check(_ensure_lab_key(root, settings.provider.name, now), now, str(LAB_KEY))


def _lacking(platform: str, setting: str) -> RefusedError:
    return RefusedError(
        f"{platform} is a real platform, and platform.yaml names no signing key",
        f'Write {setting}: {{key: "file:PATH", certificate: PATH}}, both in PEM.',
    )


def find_own_certificate(settings: PlatformFile, root: Path) -> Path | None:
    """Return the provider's own certificate; None without proof that it belongs to the operator of this computer.

    A folder from another person may contain anything, also a platform.yaml. So the private key must be present, outside
    the folder, and belong to the certificate. The test key of an embedded platform is in its own folder and proves
    nothing.
    """
    signing = settings.offboarding.signing
    if signing is None:
        is_lab = any(
            platform.is_marked_embedded and _has_record(platform, root) for platform in settings.platforms.values()
        )
        path = root / LAB_CERTIFICATE
        return path if is_lab and path.is_file() and is_trial(read_certificates(path)[0]) else None
    if not _is_outside(signing.key, root):
        return None
    try:
        sealing = _read(signing, "offboarding.signing", root)
    except ExpectedError:
        return None
    is_own = sealing.certificates[0].public_key() == sealing.key.public_key()
    return root / signing.certificate if is_own else None


def is_trial(certificate: x509.Certificate) -> bool:
    """Tell whether Coffre made a certificate for an embedded platform: it proves nothing."""
    return any(each.value == _LAB_NAME for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME))


def _is_outside(reference: str, root: Path) -> bool:
    if not reference.startswith("file:"):
        return True
    return not (root / reference.removeprefix("file:")).resolve().is_relative_to(root.resolve())


def _has_record(platform: Platform, root: Path) -> bool:
    record = platform.embedded_record
    return record is not None and (root / record).is_file()


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of a certificate (DER), in hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def name_signer(certificate: x509.Certificate) -> str:
    """Return the names of a certificate's holder: common name, then organization."""
    kinds = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
    names = [str(each.value) for kind in kinds for each in certificate.subject.get_attributes_for_oid(kind)]
    return ", ".join(dict.fromkeys(names)) or certificate.subject.rfc4514_string()


def algorithm_of(certificate: x509.Certificate) -> str:
    """Name the signature algorithm of a certificate's key."""
    return "RSA-SHA256" if isinstance(certificate.public_key(), rsa.RSAPublicKey) else "ECDSA-SHA256"


def is_signed_by(certificate: x509.Certificate, signature: bytes, content: bytes) -> bool:
    """Tell whether a certificate's key made a signature of some bytes."""
    key = certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, content, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, content, ec.ECDSA(hashes.SHA256()))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def read_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """Return the certificates of a PEM file; ExpectedError when it has no readable one."""
    try:
        return tuple(x509.load_pem_x509_certificates(read_plain(path.resolve(), _PEM_LIMIT_BYTES)))
    except OSError as error:
        why = error.strerror or str(error)
        raise ExpectedError(f"cannot read {path}: {why}", "Name a PEM file with a certificate.") from error
    except ValueError as error:
        raise ExpectedError(f"{path} contains no certificate", "Name a PEM file with a certificate.") from error


def _read(signing: Signing, setting: str, root: Path) -> CertifiedKey:
    text = read_reference(signing.key, root)
    try:
        key = serialization.load_pem_private_key(text.encode(), None)
    except TypeError as error:
        raise ExpectedError(
            f"the key of {setting} is protected by a passphrase",
            "Name an unprotected key that only the user who runs Coffre can read.",
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ExpectedError(f"the key of {setting} is not a private key in PEM", "Name one.") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ExpectedError(f"the key of {setting} is neither RSA nor ECDSA", "PDF readers support only these.")
    return CertifiedKey(key, read_certificates(root / signing.certificate))


def _check(sealing: CertifiedKey, now: datetime, where: str) -> CertifiedKey:
    own = sealing.certificates[0]
    if own.public_key() != sealing.key.public_key():
        raise ExpectedError(f"{where}: key and certificate do not belong together", "Put its own certificate first.")
    if not own.not_valid_before_utc <= now <= own.not_valid_after_utc:
        raise ExpectedError(
            f"{where}: the certificate is valid from {own.not_valid_before_utc:%Y-%m-%d} "
            f"to {own.not_valid_after_utc:%Y-%m-%d} only",
            "Have it renewed, then run the same command again.",
        )
    return sealing


def _ensure_lab_key(root: Path, provider: str, now: datetime) -> CertifiedKey:
    """Return the embedded platform's own test key, created at the first call; its certificate says so."""
    key_file, certificate_file = root / LAB_KEY, root / LAB_CERTIFICATE
    key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not key_file.exists():
        write_once(key_file, _key_pem(ec.generate_private_key(ec.SECP256R1())))
    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101 - made above
    if not certificate_file.exists():
        write_once(certificate_file, _self_sign(key, provider, now).public_bytes(serialization.Encoding.PEM))
    return CertifiedKey(key, read_certificates(certificate_file))


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _self_sign(key: ec.EllipticCurvePrivateKey, provider: str, now: datetime) -> x509.Certificate:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, provider[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, _LAB_NAME),
        ]
    )
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - timedelta(hours=1))
        .not_valid_after(now.astimezone(UTC) + timedelta(days=_LAB_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
