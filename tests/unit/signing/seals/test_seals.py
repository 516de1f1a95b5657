"""Documents of any kind are sealed: JSON alone, and a PDF that carries a file of facts."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import weasyprint
from cryptography.hazmat.primitives.asymmetric import ec

from coffre.errors import RefusedError
from coffre.signing.seals.keys import CertifiedKey, _self_sign, read_signing_key
from coffre.signing.seals.seal import SealError
from coffre.signing.seals.sealed_json import open_json, seal_json, write_json
from coffre.signing.seals.sealed_pdf import open_pdf, seal_pdf
from coffre.spec.platform import PlatformFile
from tests.builders import PLATFORM

INVOICE: dict[str, Any] = {"facture": 12, "client": "Boulangerie Martin", "lignes": [{"prix": "9,00 €"}]}
FACTS_FILE = "facture.json"
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def key() -> CertifiedKey:
    made = ec.generate_private_key(ec.SECP256R1())
    return CertifiedKey(made, (_self_sign(made, "SMILÉO SAS", NOW),))


def test_any_json_is_sealed_and_one_changed_byte_fails(key: CertifiedKey) -> None:
    content = seal_json(INVOICE, key)
    sealed = open_json(content)
    assert (sealed.facts, sealed.certificates) == (INVOICE, key.certificates)
    with pytest.raises(SealError, match="changed after it was signed"):
        open_json(content.replace(b"9,00", b"8,00"))


def test_a_pdf_is_sealed_with_the_facts_that_it_carries(key: CertifiedKey) -> None:
    carried = weasyprint.Attachment(string=write_json(INVOICE), name=FACTS_FILE)
    page = weasyprint.HTML(string="<p>Facture 12").write_pdf(attachments=[carried])
    content = seal_pdf(page, key, "Facture 12")
    sealed = open_pdf(content, FACTS_FILE)
    assert (sealed.facts, sealed.certificates) == (INVOICE, key.certificates)
    with pytest.raises(SealError, match="contains no facts"):
        open_pdf(content, "faits.json")
    with pytest.raises(SealError, match="changed after it was signed"):
        open_pdf(content.replace(b"Facture 12", b"Facture 13"), FACTS_FILE)
    assert json.loads(write_json(INVOICE)) == INVOICE


def test_the_embedded_platform_alone_has_a_key_made_for_it(tmp_path: Path) -> None:
    settings = PlatformFile.model_validate(PLATFORM)
    with pytest.raises(RefusedError, match="prod is a real platform"):
        read_signing_key(settings, tmp_path, NOW, "prod", lambda: False)
    assert not list(tmp_path.iterdir())
    made = read_signing_key(settings, tmp_path, NOW, "lab", lambda: True)
    assert read_signing_key(settings, tmp_path, NOW, "lab", lambda: True).fingerprints == made.fingerprints


def test_whether_a_platform_is_embedded_is_not_asked_where_a_key_is_named(tmp_path: Path) -> None:
    own = read_signing_key(PlatformFile.model_validate(PLATFORM), tmp_path, NOW, "lab", lambda: True)
    folder = ".coffre/signing"
    signing = {"key": f"file:{folder}/lab-key.pem", "certificate": f"{folder}/lab-certificate.pem"}
    named = PlatformFile.model_validate({**PLATFORM, "offboarding": {"signing": signing}})

    def ask() -> bool:
        pytest.fail("the cluster was asked")

    assert read_signing_key(named, tmp_path, NOW, "prod", ask).fingerprints == own.fingerprints
