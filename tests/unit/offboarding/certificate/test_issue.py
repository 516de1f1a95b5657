"""A certificate of erasure: made from evidence alone, once, in two files that one changed byte makes worthless."""

import asyncio
import base64
import json
import random
import string
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pypdf
import pytest
import weasyprint
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from coffre.errors import ExpectedError, RefusedError
from coffre.offboarding.certificate.issue import issue
from coffre.offboarding.certificate.issued import Certificate
from coffre.offboarding.certificate.sealed import (
    FACTS_FILE,
    open_seal,
    read_tenant_key,
    seal_certificate,
    seal_statement,
)
from coffre.offboarding.certificate.verify import verify_file
from coffre.offboarding.erase.checks import Absent, ErasureCheck, ErasureLook
from coffre.offboarding.lifecycle.evidence import BucketCount, BucketErased, Flaws, Locked, Step, Verified
from coffre.offboarding.lifecycle.journal import Journal
from coffre.records.chain.heads import is_genuine, read_heads
from coffre.records.facts.contract import Disclosed, DisclosureState, HoldPlaced
from coffre.signing.seals import keys
from coffre.signing.seals.keys import CertifiedKey
from coffre.signing.seals.seal import SealError
from coffre.signing.seals.sealed_json import write_json
from coffre.signing.seals.sealed_pdf import seal_pdf
from coffre.spec.storage_platform import AwsPlatform
from coffre.spec.tenant import HoldKind
from coffre.tenant.opening import OpenTenant
from coffre.workspace.paths import LAB_CERTIFICATE, LAB_KEY
from tests.builders import PLATFORM
from tests.unit.offboarding.departures import (
    ended_on,
    leaving_tenant,
    moment,
    open_tenant,
    returned,
    verify_and_clear,
    write_whole_departure,
)

TODAY = ended_on(5)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[OpenTenant]:
    with open_tenant(tmp_path, leaving_tenant(), is_embedded=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> tuple[Certificate, Path]:
    """Return a certificate of a whole departure, made once for the tests that only read it, and whose key signed it."""
    root = tmp_path_factory.mktemp("issued")
    with open_tenant(root, leaving_tenant(), is_embedded=True) as opened:
        return issue_whole(opened), root / LAB_CERTIFICATE


def issue_whole(opened: OpenTenant, **changes: Any) -> Certificate:
    journal = write_whole_departure(opened, **changes)
    verify_and_clear(opened, journal)
    return issue(opened, journal, TODAY)


def text_of(path: Path) -> str:
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(path).pages)
    return " ".join(text.replace("\u00a0", " ").split())


def facts_of(certificate: Certificate) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(certificate.json.read_text(encoding="utf-8"))["certificate"]
    return found


def test_both_files_verify_and_say_the_same(issued: tuple[Certificate, Path]) -> None:
    certificate, own = issued
    pdf, signed_json = verify_file(certificate.pdf, own), verify_file(certificate.json, own)
    assert pdf.is_valid
    assert signed_json.is_valid
    assert pdf.facts == signed_json.facts == facts_of(certificate)
    assert pdf.number == certificate.number == "CE-2027-K7F3Q9WZ2M-01"
    enclosed = pypdf.PdfReader(certificate.pdf).attachments[FACTS_FILE][0]
    assert json.loads(enclosed) == facts_of(certificate)


def test_on_a_cloud_account_region_company_and_the_fate_of_its_media_are_named(tmp_path: Path) -> None:
    aws = {
        "kind": "aws",
        "account": "123456789012",
        "region": "eu-west-3",
        "hosting": {**PLATFORM["platforms"]["lab"]["hosting"], "operator": "Amazon Web Services", "site": "Paris"},
    }
    with open_tenant(tmp_path, leaving_tenant(), offboarding=write_key(tmp_path)) as opened:
        opened.checkout.settings.platforms["lab"] = AwsPlatform.model_validate(aws)
        certificate = issue_whole(opened)
    text = text_of(certificate.pdf)
    assert "compte 123456789012, région eu-west-3" in text
    assert "Amazon Web Services EMEA SARL (LU) : hébergement des sauvegardes" in text
    assert "Maintenance Isère SARL (FR) : Maintenance des serveurs" in text
    assert "NIST SP 800-88" in text
    assert "Les disques de la plate-forme" not in text
    assert facts_of(certificate)["site"]["host"] == {"name": "Amazon Web Services EMEA SARL", "country": "LU"}


def test_an_issued_certificate_is_returned_and_not_made_again(opened: OpenTenant) -> None:
    certificate = issue_whole(opened)
    before = certificate.pdf.read_bytes(), certificate.json.read_bytes()
    journal = Journal(opened.log, ended_on(9))
    assert issue(opened, journal, ended_on(9)) == certificate
    assert (certificate.pdf.read_bytes(), certificate.json.read_bytes()) == before
    assert len(journal.steps(Step.CERTIFIED)) == 1


def test_everything_a_lawyer_asks_for_is_on_the_page(issued: tuple[Certificate, Path]) -> None:
    text = text_of(issued[0].pdf)
    for words in (
        "Certificat d’effacement",
        "effacées logiquement et rendues illisibles",
        "Les supports de stockage, partagés et toujours en service, n’ont pas été détruits.",
        "2 408 objets courants",
        "Alpes Hébergement SA",
        "Maintenance Isère SARL",
        "paul@smileo.example (déclaré), sur la demande enregistrée par anna@smileo.example (déclaré)",
        "sous un autre nom que celui de qui a procédé à l’effacement, ce qui est déclaré et que rien ne prouve",
        "les copies du mot de passe remises au client avec ses données (compta-01)",
        "31 décembre 2037",
        "git",
    ):
        assert words in text
    assert text.count("non reçu") == 3  # twice in the table, once where it is explained
    assert "None" not in text
    assert "coffre-fort" not in text.lower()


def test_a_day_set_by_hand_or_a_trial_platform_shows_as_a_specimen(
    issued: tuple[Certificate, Path], tmp_path: Path
) -> None:
    assert "SPÉCIMEN, sans valeur probante" in text_of(issued[0].pdf)
    assert len(facts_of(issued[0])["specimen"]) == 2
    with open_tenant(tmp_path, leaving_tenant(), offboarding=write_key(tmp_path)) as opened:
        today = datetime.now(UTC).date()
        journal = Journal(opened.log, today)
        journal.note(Step.VERIFIED, Verified((ErasureCheck(ErasureLook.USER, "x", True, Absent()),)))
        certificate = issue(opened, journal, today)
        assert facts_of(certificate)["specimen"] == []
        assert "SPÉCIMEN" not in text_of(certificate.pdf)


def test_missing_evidence_is_a_reservation_and_never_filled_in(opened: OpenTenant) -> None:
    left_out = {Step.BUCKET_ERASED, Step.RETURNED, Step.AGENT, Step.USER_DELETED}
    certificate = issue_whole(opened, without=frozenset(left_out))
    text = text_of(certificate.pdf)
    for sentence in (
        "L’effacement des sauvegardes de la machine compta-01 n’est pas établi.",
        "La restitution des données de la machine compta-01 n’est pas établie.",
        "Le retrait de l’agent de la machine compta-01 n’est pas établi.",
        "La suppression des comptes et des clés d’accès n’est pas établie.",
    ):
        assert sentence in certificate.reservations
        assert sentence in text
    assert text.count("non établi") > len(left_out)
    assert "L’effacement n’y est pas établi en totalité" in text
    assert "certifie que" not in text


def test_nothing_recorded_gives_a_document_that_says_so(opened: OpenTenant) -> None:
    certificate = issue(opened, Journal(opened.log, TODAY), TODAY)
    assert "L’effacement n’a pas été vérifié." in certificate.reservations
    assert "certifie que" not in text_of(certificate.pdf)


def test_a_locked_object_is_named_with_the_day_on_which_its_lock_ends(opened: OpenTenant) -> None:
    journal = write_whole_departure(opened)
    left = BucketCount(versions=4, bytes=512)
    locked = Locked(4, moment(ended_on(20)))
    journal.note(Step.BUCKET_ERASED, BucketErased("compta-01", "b", BucketCount(), left, False, locked), "compta-01")
    verify_and_clear(opened, journal)
    certificate = issue(opened, journal, TODAY)
    (sentence,) = [each for each in certificate.reservations if "verrou" in each]
    assert "20\u00a0mai\u00a02027" in sentence
    assert "certifie que" not in text_of(certificate.pdf)


def test_what_a_returned_repository_lacks_is_a_reservation(opened: OpenTenant) -> None:
    journal = write_whole_departure(opened)
    flawed = returned("compta-01", format="repository", flaws=Flaws(foreign=1200, damaged=1, is_whole=False))
    journal.note(Step.RETURNED, flawed, "compta-01")
    verify_and_clear(opened, journal)
    said = [each.replace("\u00a0", " ").replace("\u202f", " ") for each in issue(opened, journal, TODAY).reservations]
    for sentence in (
        "La restitution de la machine compta-01 laisse de côté 1 200 objets étrangers à la sauvegarde.",
        "La restitution de la machine compta-01 joint à part du dépôt 1 objet abîmé.",
        "Le dépôt restitué de la machine compta-01 n’est pas entier, selon le logiciel restic.",
    ):
        assert sentence in said


def test_what_a_target_did_not_take_is_a_reservation_and_what_lies_apart_is_none(opened: OpenTenant) -> None:
    journal = write_whole_departure(opened)
    journal.note(Step.RETURNED, returned("compta-01", flaws=Flaws(apart=812, left_out=2)), "compta-01")
    verify_and_clear(opened, journal)
    said = [each.replace("\u00a0", " ").replace("\u202f", " ") for each in issue(opened, journal, TODAY).reservations]
    (sentence,) = [each for each in said if "laisse de côté" in each]
    assert sentence == ("La restitution de la machine compta-01 laisse de côté 2 éléments, dont la liste a été remise.")
    assert not any("812" in each for each in said)


def test_a_verification_by_whoever_erased_is_a_reservation(opened: OpenTenant) -> None:
    journal = write_whole_departure(opened)
    verify_and_clear(opened, journal, actor=opened.log.author.actor)
    certificate = issue(opened, journal, TODAY)
    assert any("par une autre personne" in each for each in certificate.reservations)


def test_a_confidential_order_of_an_authority_is_not_told_to_the_customer(opened: OpenTenant) -> None:
    journal = write_whole_departure(opened)
    opened.log.append(HoldPlaced("REQ-2027-17", date(2027, 3, 1), HoldKind.BLOCK_ACCESS))
    opened.log.append(Disclosed("REQ-2027-17", DisclosureState.COMPLETE))
    verify_and_clear(opened, journal)
    certificate = issue(opened, journal, TODAY)
    assert b"REQ-2027-17" not in certificate.json.read_bytes()
    assert "REQ-2027-17" not in text_of(certificate.pdf)


def test_one_changed_byte_of_the_json_fails(issued: tuple[Certificate, Path]) -> None:
    content = issued[0].json.read_bytes()
    begin = content.index(b'"signature"')
    places = [*range(0, begin, 97), *range(begin, len(content))]
    assert [place for place in places if is_accepted(content, place)] == []


def test_one_changed_byte_of_the_pdf_fails_also_inside_the_signature_and_its_padding(
    issued: tuple[Certificate, Path],
) -> None:
    content = issued[0].pdf.read_bytes()
    begin = content.rindex(b"/Contents <")
    end = content.index(b">", begin)
    padding = content.index(b"0" * 64, begin)
    rest = random.Random(7)
    places = [
        *range(begin, padding, 7),
        *range(padding, end, 97),
        *range(end - 2, end + 40),
        *(rest.randrange(len(content)) for _ in range(60)),
    ]
    assert [place for place in places if is_accepted(content, place)] == []


@pytest.mark.parametrize("more", [b"\n", b"\0", b"%%EOF\n"])
def test_something_added_to_a_file_fails(issued: tuple[Certificate, Path], more: bytes) -> None:
    for path in (issued[0].pdf, issued[0].json):
        assert is_rejected(path.read_bytes() + more)


def test_letters_of_another_case_in_the_signature_fail(issued: tuple[Certificate, Path]) -> None:
    """The same signature, written in another way: what is not as it was made is not accepted."""
    content = issued[0].pdf.read_bytes()
    begin = content.rindex(b"/Contents <") + len(b"/Contents <")
    end = content.index(b">", begin)
    assert is_rejected(content[:begin] + content[begin:end].lower() + content[end:])


def is_accepted(content: bytes, place: int) -> bool:
    changed = bytearray(content)
    changed[place] ^= 0x01
    return not is_rejected(bytes(changed))


def is_rejected(content: bytes) -> bool:
    try:
        open_seal(content)
    except SealError:
        return True
    return False


def test_a_certificate_signed_by_somebody_else_is_whole_and_not_valid(
    issued: tuple[Certificate, Path], tmp_path: Path
) -> None:
    forger = make_signer(ec.generate_private_key(ec.SECP256R1()), "SMILÉO SAS")
    forged = tmp_path / "forged.json"
    forged.write_bytes(seal_certificate(facts_of(issued[0]), issued[0].pdf.name, "ab" * 32, forger))
    verdict = verify_file(forged, issued[1])
    assert (verdict.is_intact, verdict.is_trusted, verdict.is_valid) == (True, False, False)


def test_a_pdf_that_names_other_certificates_than_it_is_signed_with_fails() -> None:
    facts = {"number": "CE-2026-K7F3Q9WZ2M-01", "proof": {"signers": ["ab" * 32]}}
    carried = weasyprint.Attachment(string=write_json(facts), name=FACTS_FILE)
    page = weasyprint.HTML(string="<p>Certificat").write_pdf(attachments=[carried])
    with pytest.raises(SealError, match="its certificates differ"):
        open_seal(seal_pdf(page, make_signer(ec.generate_private_key(ec.SECP256R1()), "SMILÉO SAS"), "Certificat"))


def test_a_signed_statement_verifies_and_one_changed_byte_of_it_fails(tmp_path: Path) -> None:
    signer = make_signer(ec.generate_private_key(ec.SECP256R1()), "SMILÉO SAS")
    write_key(tmp_path, signer)
    sealed = tmp_path / "statement.json"
    sealed.write_bytes(seal_statement('{"reference": "REQ-1", "who": "Société"}'.encode(), signer))
    verdict = verify_file(sealed, tmp_path / "signing.pem")
    assert verdict.is_valid
    assert verdict.facts == {"reference": "REQ-1", "who": "Société"}
    content = sealed.read_bytes()
    assert [place for place in range(len(content)) if is_accepted(content, place)] == []


def test_signing_and_verifying_leave_the_threads_event_loop_alone(opened: OpenTenant) -> None:
    """Pulumi asks for it in the same process. In a thread of its own, for loops are a thread's."""

    def sign_and_verify() -> bool:
        own = asyncio.new_event_loop()
        asyncio.set_event_loop(own)
        try:
            open_seal(issue(opened, Journal(opened.log, TODAY), TODAY).pdf.read_bytes())
            return asyncio.get_event_loop_policy().get_event_loop() is own
        finally:
            own.close()

    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(sign_and_verify).result()


def test_the_same_signature_in_another_base64_fails() -> None:
    """The last letter before the padding has bits that no byte is made of."""
    signer = make_signer(rsa.generate_private_key(65537, 2048), "SMILÉO SAS")
    content = seal_statement(b"{}", signer)
    value = str(json.loads(content)["signature"]["value"])
    assert value.endswith("==")
    others = [value[:-3] + letter + "==" for letter in string.ascii_letters + string.digits if letter != value[-3]]
    (same, *_) = [other for other in others if base64.b64decode(other) == base64.b64decode(value)]
    assert is_rejected(content.replace(value.encode(), same.encode()))


def test_public_tools_verify_the_json(issued: tuple[Certificate, Path], tmp_path: Path) -> None:
    """As the certificate says: the signature is of the same file with its own value left empty."""
    content = issued[0].json.read_text(encoding="utf-8")
    value = json.loads(content)["signature"]["value"]
    (tmp_path / "unsigned.json").write_text(content.replace(value, ""), encoding="utf-8")
    (tmp_path / "signature").write_bytes(base64.b64decode(value))
    key = subprocess.run(["openssl", "x509", "-in", issued[1], "-noout", "-pubkey"], capture_output=True, check=True)
    (tmp_path / "key.pem").write_bytes(key.stdout)
    command = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "unsigned.json"]
    assert b"Verified OK" in subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout


def test_without_a_certificate_to_compare_with_nothing_is_valid(issued: tuple[Certificate, Path]) -> None:
    verdict = verify_file(issued[0].pdf, None)
    assert (verdict.is_intact, verdict.is_trusted, verdict.is_valid) == (True, None, False)


def test_the_pdf_beside_a_json_must_be_the_one_that_it_names(issued: tuple[Certificate, Path], tmp_path: Path) -> None:
    copy = tmp_path / issued[0].json.name
    copy.write_bytes(issued[0].json.read_bytes())
    assert verify_file(copy, issued[1]).is_valid
    (tmp_path / issued[0].pdf.name).write_bytes(b"%PDF-1.7 another")
    assert not verify_file(copy, issued[1]).is_valid


def test_the_lab_key_is_made_once_and_for_its_owner_alone(opened: OpenTenant) -> None:
    root, now = opened.checkout.root, datetime.now(UTC)
    first, second = (
        read_tenant_key(opened.tenant, opened.checkout, opened.embedded, now),
        read_tenant_key(opened.tenant, opened.checkout, opened.embedded, now),
    )
    assert first.fingerprints == second.fingerprints
    assert (root / LAB_KEY).stat().st_mode & 0o077 == 0
    assert sorted(each.name for each in (root / LAB_KEY).parent.iterdir()) == [LAB_CERTIFICATE.name, LAB_KEY.name]


def test_a_real_platform_without_a_key_is_refused_with_what_to_write(tmp_path: Path) -> None:
    with open_tenant(tmp_path, leaving_tenant()) as opened:
        journal = write_whole_departure(opened)
        with pytest.raises(RefusedError, match="names no signing key") as caught:
            issue(opened, journal, TODAY)
        assert "offboarding.signing" in caught.value.hint
        assert not journal.steps(Step.CERTIFIED)


def make_signer(key: keys.PrivateKey, name: str, now: datetime | None = None) -> CertifiedKey:
    return CertifiedKey(key, (keys._self_sign(key, name, now or datetime.now(UTC)),))  # type: ignore[arg-type]


def write_key(root: Path, signer: CertifiedKey | None = None, **changes: Any) -> dict[str, Any]:
    """Write a key and its certificate, return the block of platform.yaml that names them."""
    made = signer or make_signer(rsa.generate_private_key(65537, 2048), "SMILÉO SAS")
    encryption = changes.get("encryption", serialization.NoEncryption())
    pem = made.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    (root / "signing.key").write_bytes(pem)
    certificates = changes.get("certificates", made.certificates)
    (root / "signing.pem").write_bytes(b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates))
    return {"signing": {"key": "file:signing.key", "certificate": "signing.pem"}}


def test_a_key_of_platform_yaml_signs_rsa_too(tmp_path: Path) -> None:
    with open_tenant(tmp_path, leaving_tenant(), offboarding=write_key(tmp_path)) as opened:
        certificate = issue_whole(opened)
    for path in (certificate.pdf, certificate.json):
        assert verify_file(path, tmp_path / "signing.pem").is_valid
    assert facts_of(certificate)["proof"]["signature_algorithm"] == "RSA-SHA256"
    assert is_rejected(certificate.pdf.read_bytes().replace(b"ETSI.CAdES.detached", b"ETSI.CAdES.detacheD"))


@pytest.mark.parametrize(
    ("fault", "words"),
    [("other", "do not belong together"), ("expired", "is valid from"), ("locked", "protected by a passphrase")],
)
def test_a_signing_key_that_cannot_serve_is_named(tmp_path: Path, fault: str, words: str) -> None:
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    made_at = datetime.now(UTC) - timedelta(days=4000 if fault == "expired" else 0)
    changes: dict[str, Any] = {
        "other": {"certificates": make_signer(other, "SMILÉO SAS").certificates},
        "locked": {"encryption": serialization.BestAvailableEncryption(b"x")},
    }.get(fault, {})
    block = write_key(tmp_path, make_signer(key, "SMILÉO SAS", made_at), **changes)
    with (
        open_tenant(tmp_path, leaving_tenant(), offboarding=block) as opened,
        pytest.raises(ExpectedError, match=words),
    ):
        read_tenant_key(opened.tenant, opened.checkout, opened.embedded, datetime.now(UTC))


def test_the_head_of_the_records_is_in_it_and_can_be_held_against_them(issued: tuple[Certificate, Path]) -> None:
    certificate, _ = issued
    (head,) = read_heads(certificate.json.read_text())
    assert is_genuine(head)
    assert head.position > 0
    assert facts_of(certificate)["proof"]["records"]["hash"] == head.hash
    assert "Registre du prestataire" in text_of(certificate.pdf)
