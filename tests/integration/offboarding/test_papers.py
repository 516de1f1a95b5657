"""Every paper for customers, judged by veraPDF: PDF/A for archives, and tagged so that it can be read aloud."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pypdf
import pytest
import weasyprint

from coffre.correspondence.pages import render_pdf
from coffre.observation.judge.uplink import Uploads
from coffre.offboarding.notices.letters import LetterKind, write_letter
from coffre.operations.welcome.paper import STYLE_SHEETS, collect
from coffre.spec.loader import load_checkout
from coffre.spec.platform import PlatformFile
from tests.unit.offboarding.certificate.test_issue import issue_whole, write_key
from tests.unit.offboarding.departures import leaving_tenant, open_tenant
from tests.unit.offboarding.notices.test_letters import TODAY, facts_of
from tests.vendor_tenants import PLATFORMS, mixed_tenant

ROOT = Path(__file__).resolve().parents[3]
JUDGE = Path(sys.prefix) / "verapdf.jar"
LETTER, CERTIFICATE = "3b", "4f"


def judge(flavour: str, papers: Sequence[Path]) -> Mapping[str, bool]:
    """Return whether each paper conforms to a flavour of PDF/A."""
    command = ["java", "-cp", JUDGE, "org.verapdf.apps.GreenfieldCliWrapper", "--format", "json", "-f", flavour]
    done = subprocess.run([*command, *papers], capture_output=True, text=True, check=False, timeout=300)
    found = {}
    for job in json.loads(done.stdout)["report"]["jobs"]:
        [result] = job["validationResult"]
        found[Path(job["itemDetails"]["name"]).name] = result["compliant"]
    assert len(found) == len(papers)
    return found


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    with open_tenant(tmp_path_factory.mktemp("letters"), leaving_tenant()) as opened:
        facts = facts_of(opened)
        return [
            write_letter(opened.tenant, opened.checkout, opened.embedded, kind, TODAY, facts) for kind in LetterKind
        ]


@pytest.fixture(scope="module")
def welcome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    checkout = load_checkout(ROOT)
    facts = collect(
        checkout.tenants["boulangerie-martin"],
        checkout,
        date(2026, 12, 1),
        date(2026, 12, 2),
        Uploads(),
        is_specimen=True,
    )
    path = tmp_path_factory.mktemp("welcome") / "bienvenue.pdf"
    path.write_bytes(render_pdf("bienvenue/bienvenue.html.j2", STYLE_SHEETS, facts))
    return path


@pytest.fixture(scope="module")
def vendors_welcome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The welcome paper of a tenant with a vendor's agent on one of its machines."""
    checkout = replace(load_checkout(ROOT), settings=PlatformFile.model_validate(PLATFORMS))
    facts = collect(mixed_tenant(), checkout, date(2026, 12, 1), date(2026, 12, 2), Uploads(), is_specimen=True)
    path = tmp_path_factory.mktemp("welcome") / "vendors.pdf"
    path.write_bytes(render_pdf("bienvenue/bienvenue.html.j2", STYLE_SHEETS, facts))
    return path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    """A specimen that the lab's own key signs (EC), and a certificate of a key of platform.yaml (RSA)."""
    specimen, real = tmp_path_factory.mktemp("specimen"), tmp_path_factory.mktemp("real")
    with open_tenant(specimen, leaving_tenant(), is_embedded=True) as opened:
        first = issue_whole(opened).pdf
    with open_tenant(real, leaving_tenant(), offboarding=write_key(real)) as opened:
        return [first, issue_whole(opened).pdf.rename(real / "rsa.pdf")]


def test_letters_and_the_welcome_paper_are_for_archives(
    letters: Sequence[Path], welcome: Path, vendors_welcome: Path
) -> None:
    papers = [*letters, welcome, vendors_welcome]
    assert judge(LETTER, papers) == {each.name: True for each in papers}


def test_certificates_are_for_archives_also_after_their_signature(certificates: Sequence[Path]) -> None:
    assert judge(CERTIFICATE, certificates) == {each.name: True for each in certificates}


def test_the_judge_refuses_a_page_that_is_not(tmp_path: Path, certificates: Sequence[Path]) -> None:
    (plain := tmp_path / "plain.pdf").write_bytes(weasyprint.HTML(string="<p>x").write_pdf())
    assert judge(LETTER, [plain, certificates[0]]) == {"plain.pdf": False, certificates[0].name: False}


def test_each_paper_is_tagged_and_says_its_language(
    letters: Sequence[Path], certificates: Sequence[Path], welcome: Path
) -> None:
    for each in [*letters, *certificates, welcome]:
        root = pypdf.PdfReader(each).root_object
        assert root["/MarkInfo"]["/Marked"], each.name
        assert root["/StructTreeRoot"]["/K"], each.name
        assert str(root["/Lang"]).startswith("fr"), each.name
