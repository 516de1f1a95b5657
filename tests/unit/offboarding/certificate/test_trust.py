"""Whose certificate is believed: nothing that a folder brings along, nobody below an issuer but the one expected."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from coffre.cli.main import app
from coffre.offboarding.certificate.sealed import seal_certificate
from coffre.offboarding.certificate.verify import verify_file
from coffre.signing.seals.keys import CertifiedKey, _self_sign, name_signer
from coffre.workspace.paths import LAB_CERTIFICATE

REPOSITORY = Path(__file__).resolve().parents[4]
FACTS: dict[str, Any] = {
    "number": "CE-2026-K7F3Q9WZ2M-01",
    "issued_on": datetime.now(UTC).date().isoformat(),
    "specimen": [],
    "controller": {"name": "Boulangerie Martin SARL", "contract": "BC-1"},
    "processor": {"name": "SMILÉO SAS", "siren": "904317252"},
    "basis": {"approved": {"fact": {"approved_by": "paul@smileo.example"}}},
    "machines": [],
    "verification": {"is_by_another": True, "seen": {"by": "marc@smileo.example"}, "failed_before": 0},
    "reservations": [],
}
"""Of a certificate as it was before people signed: it calls the verifier another person, by name."""


def make_certificate(
    names: dict[x509.ObjectIdentifier, str], key: ec.EllipticCurvePrivateKey, issuer: CertifiedKey | None = None
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(kind, value) for kind, value in names.items()])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name if issuer is None else issuer.certificates[0].subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .sign(key if issuer is None else issuer.key, hashes.SHA256())  # type: ignore[arg-type]
    )


def make_signer(common_name: str, issuer: CertifiedKey | None = None) -> CertifiedKey:
    key = ec.generate_private_key(ec.SECP256R1())
    own = make_certificate({NameOID.COMMON_NAME: common_name, NameOID.ORGANIZATION_NAME: "SMILÉO SAS"}, key, issuer)
    return CertifiedKey(key, (own, *(issuer.certificates if issuer is not None else ())))


def trial_signer() -> CertifiedKey:
    key = ec.generate_private_key(ec.SECP256R1())
    return CertifiedKey(key, (_self_sign(key, "SMILÉO SAS", datetime.now(UTC)),))


def write(path: Path, signer: CertifiedKey, **changes: Any) -> Path:
    path.write_bytes(seal_certificate({**FACTS, **changes}, "none.pdf", "ab" * 32, signer))
    return path


def write_pem(path: Path, certificate: x509.Certificate) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path


def write_key(path: Path, signer: CertifiedKey) -> None:
    pem = signer.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(pem)


def folder_with(folder: Path, signing: str = "", *, lab: bool = True) -> Path:
    """Make a folder that looks like a repository: with a platform.yaml, and the record of a lab."""
    text = (REPOSITORY / "platform.yaml").read_text(encoding="utf-8")
    text = text if lab else text.replace("    lab: true ", "    # lab ")
    text = text.replace("offboarding:  ", f"offboarding:\n{signing}  #") if signing else text
    (folder / ".coffre" / "lab").mkdir(parents=True)
    (folder / ".coffre" / "lab" / "state.json").write_text("{}")
    (folder / "tenants").mkdir()
    (folder / "platform.yaml").write_text(text, encoding="utf-8")
    return folder


def verify(folder: Path, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(app, ["certificate", "verify", *arguments])
    return result.exit_code, result.output


@pytest.mark.parametrize("is_trial", [True, False])
def test_an_archive_with_a_certificate_of_its_own_is_believed_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_trial: bool
) -> None:
    """A customer unpacks what somebody sent: platform.yaml, a lab's certificate, and a certificate of erasure by it."""
    forger = trial_signer() if is_trial else make_signer("Certificats")
    archive = folder_with(tmp_path / "archive")
    write_pem(archive / LAB_CERTIFICATE, forger.certificates[0])
    code, said = verify(archive, str(write(archive / "c.json", forger)), monkeypatch=monkeypatch)
    assert code == 1
    assert "vouched" not in said


def test_an_archive_that_brings_a_signing_key_along_is_believed_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forger, ours = make_signer("Certificats"), make_signer("Certificats")
    outside = tmp_path / "ours.key"
    write_key(outside, ours)
    for number, key in enumerate(("file:signing.key", f"file:{outside}", "file:sub/../signing.key")):
        block = f'  signing: {{key: "{key}", certificate: signing.pem}}\n'
        archive = folder_with(tmp_path / f"archive-{number}", block)
        write_key(archive / "signing.key", forger)
        write_pem(archive / "signing.pem", forger.certificates[0])
        code, said = verify(archive, str(write(archive / "c.json", forger)), monkeypatch=monkeypatch)
        assert code == 1
        assert "vouched" not in said


def test_whoever_has_the_key_at_hand_compares_with_their_own_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = make_signer("Certificats")
    write_key(tmp_path / "ours.key", ours)
    root = folder_with(tmp_path / "desk", f'  signing: {{key: "file:{tmp_path}/ours.key", certificate: signing.pem}}\n')
    own = write_pem(root / "signing.pem", ours.certificates[0])
    code, said = verify(root, str(write(root / "c.json", ours)), monkeypatch=monkeypatch)
    assert code == 0
    assert f"vouched for by {own}" in said


def test_a_specimen_verifies_in_its_lab_and_nobody_vouches_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = trial_signer()
    root = folder_with(tmp_path / "lab")
    write_pem(root / LAB_CERTIFICATE, signer.certificates[0])
    specimen = str(write(root / "c.json", signer, specimen=["essai"]))
    code, said = verify(root, specimen, monkeypatch=monkeypatch)
    assert code == 0
    assert "vouched" not in said
    assert "SPECIMEN" in said
    real = folder_with(tmp_path / "real", lab=False)
    write_pem(real / LAB_CERTIFICATE, signer.certificates[0])
    assert verify(real, specimen, monkeypatch=monkeypatch)[0] == 1


def test_a_trial_key_signs_nothing_but_specimens_whatever_is_named(tmp_path: Path) -> None:
    signer = trial_signer()
    pem = write_pem(tmp_path / "lab.pem", signer.certificates[0])
    verdict = verify_file(write(tmp_path / "c.json", signer), pem)
    assert not verdict.is_valid
    assert verdict.is_trial
    assert verify_file(write(tmp_path / "s.json", signer, specimen=["essai"]), pem).is_valid


def test_below_an_issuer_only_the_expected_name_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The issuer gives every employee a certificate; one of them signs."""
    issuer = make_signer("Autorité SMILÉO")
    right, employee = make_signer("Certificats SMILÉO", issuer), make_signer("Paul Petit", issuer)
    pem = write_pem(tmp_path / "issuer.pem", issuer.certificates[0])
    forged, genuine = write(tmp_path / "f.json", employee), write(tmp_path / "g.json", right)
    name = name_signer(right.certificates[0])
    for file, signer_name in ((forged, None), (forged, name), (genuine, None)):
        verdict = verify_file(file, pem, signer_name)
        assert (verdict.is_trusted, verdict.is_valid, verdict.vouched_by) == (False, False, None)
    assert verify_file(genuine, pem, name).is_valid
    assert verify_file(genuine, write_pem(tmp_path / "own.pem", right.certificates[0])).is_valid
    code, said = verify(tmp_path, str(forged), "--certificate", str(pem), monkeypatch=monkeypatch)
    assert code == 1
    assert "Paul Petit" in said
    assert f"vouched for by {pem}" not in said


def test_a_certificate_of_before_verifies_and_its_people_are_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = make_signer("Certificats")
    pem = write_pem(tmp_path / "own.pem", signer.certificates[0])
    old = write(tmp_path / "old.json", signer)
    code, said = verify(tmp_path, str(old), "--certificate", str(pem), monkeypatch=monkeypatch)
    assert code == 0
    assert "approved       by paul@smileo.example (declared)" in said
    assert "declared; no proof that the eraser is a different person" in said
    assert "another person" not in said
    result = CliRunner().invoke(app, ["certificate", "verify", str(old), "--certificate", str(pem), "--json"])
    assert json.loads(result.stdout)["vouched_by"] == str(pem)
