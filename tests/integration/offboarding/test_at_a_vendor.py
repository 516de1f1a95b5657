"""A tenant of a vendor's leaves, from its letter to the signed certificate, by the commands' own functions.

The vendor is the stand-in in its own process; git, the OpenSSH keys of three people, letters and the certificate are
real. Nothing here is the embedded platform, so the clocks are real too: only the day of the first stages is set.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pypdf
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa

from coffre.errors import RefusedError
from coffre.offboarding.approval.approving import approve
from coffre.offboarding.certificate.attesting import attest
from coffre.offboarding.certificate.verify import verify_file
from coffre.offboarding.erase.verification import verify_erasure
from coffre.offboarding.lifecycle import procedure
from coffre.offboarding.lifecycle.procedure import DepartureOutcome, Manner, offboard, open_departure
from coffre.records.facts.departure import Attested, Stage
from tests.acronis.customers import Desk
from tests.acronis.running import VendorCloud, vendor_cloud
from tests.doubles.two_homes import SLUG
from tests.signers import Person, SignedRepository, make_person
from tests.unit.offboarding.certificate.test_issue import make_signer, write_key
from tests.unit.offboarding.vendor_leavers import PORTABLE, Leaver, open_leaver, quietly

ANNA, PAUL, MARC = "anna@smileo.example", "paul@smileo.example", "marc@smileo.example"
NOTICE_DAYS_AGO, TOLD_DAYS_AGO = 150, 20


def ago(days: int) -> date:
    return datetime.now(UTC).date() - timedelta(days=days)


class Office:
    """Three people with keys, and the checkout of a tenant that leaves."""

    def __init__(self, leaver: Leaver, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.leaver, self.monkeypatch = leaver, monkeypatch
        self.people = {address: make_person(keys, address) for address in (ANNA, PAUL, MARC)}
        root = leaver.homes.root
        file = root / "platform.yaml"
        signer = make_signer(rsa.generate_private_key(65537, 2048), "SMILÉO SAS")
        settings = {**yaml.safe_load(file.read_text(encoding="utf-8")), "offboarding": write_key(root, signer)}
        file.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
        self.git = SignedRepository(root)
        entries = "".join(person.entry() for person in self.people.values())
        (root / ".gitignore").write_text(".coffre/\nsigning.key\n", encoding="utf-8")
        active = {name: value for name, value in leaver.fields.items() if name not in ("status", "leaving")}
        leaver.homes.write_file(**deepcopy(active))
        self.git.commit(self.people[ANNA], "whose keys count", allowed_signers=entries)

    def manner(self, who: str | None = None) -> Manner:
        key = None if who is None else self.person(who).key
        return Manner(on_progress=quietly, confirm=quietly, key=key)

    def person(self, address: str) -> Person:
        return self.people[address]

    def declare(self) -> None:
        """Write the departure with days that are over, and commit it signed."""
        leaving = {**self.leaver.fields["leaving"], "notice_on": ago(NOTICE_DAYS_AGO), "ends_on": ago(100)}
        contract = {**self.leaver.fields["contract"], "signed_on": ago(800)}
        contract["vendor"] = {**contract["vendor"], "terms_accepted_on": ago(800)}
        self.leaver.fields |= {"leaving": leaving, "contract": contract}
        self.leaver.write_file()
        self.git.commit(self.people[ANNA], "the customer leaves")

    @contextmanager
    def on(self, day: date) -> Iterator[None]:
        """Have commands take a day as today."""
        with self.monkeypatch.context() as patch:
            patch.setattr(procedure, "read_today", lambda *_: day)
            yield

    def run(self, who: str | None = None) -> DepartureOutcome:
        return offboard(self.leaver.homes.checkout, SLUG, None, self.manner(who))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorCloud]:
    with vendor_cloud(tmp_path_factory.mktemp("acronis")) as running:
        running.tell("set_settings", usage_lag_seconds=0)
        yield running
        running.assert_all_as_described()


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cloud: VendorCloud) -> Iterator[Office]:
    with Desk.open(cloud) as desk:
        leaver = open_leaver(tmp_path, monkeypatch, cloud, desk, is_mixed=False)
        cloud.tell("set_usage", tenant_id=str(leaver.uuid()), name="pw_base_workstations", value=1)
        yield Office(leaver, tmp_path / "keys", monkeypatch)


def read(path: Path) -> str:
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(path).pages)
    return " ".join(text.replace("\u00a0", " ").split())


def test_a_tenant_of_a_vendor_leaves_to_its_signed_certificate(office: Office, tmp_path: Path) -> None:
    leaver, told_on = office.leaver, ago(TOLD_DAYS_AGO)
    office.declare()
    with office.on(told_on):
        approve(leaver.homes.checkout, SLUG, None, office.manner(PAUL))
        told = office.run()
    assert told.stage is Stage.RETURNED
    assert leaver.customer().enabled, "the customer restores in the portal now"
    [letter] = [Path(each) for each in told.documents if "recuperation-editeur" in each]
    text = read(letter)
    assert "il vous revient de les rétablir depuis le portail de l’éditeur" in text
    assert leaver.cloud.url in text
    assert PORTABLE in text
    [first] = [Path(each) for each in told.documents if "accuse-de-reception" in each]
    assert "Nous vous remettrons" not in read(first)
    assert told.waiting is not None
    assert told.waiting.until == told_on + timedelta(days=15), "the retrieval period runs from the letter"

    receipt = tmp_path / "recu.pdf"
    receipt.write_bytes(b"%PDF-1.4 signed by the customer")
    with open_departure(leaver.homes.checkout, SLUG, "offboard --attest", None, office.manner()) as departure:
        attest(
            departure.opened.tenant,
            departure.opened.checkout,
            departure.journal,
            Attested.DATA_RECOVERED,
            receipt,
            ago(6),
        )
    with pytest.raises(RefusedError, match="a person who erases must sign"):
        office.run()
    assert not leaver.customer().enabled, "dismantled, and nothing more without a signature"

    erased = office.run(ANNA)
    assert (erased.stage, leaver.customer()) == (Stage.ERASED, None)
    with pytest.raises(RefusedError, match="another person"):
        verify_erasure(leaver.homes.checkout, SLUG, None, None, office.manner(ANNA))
    verified = verify_erasure(leaver.homes.checkout, SLUG, None, None, office.manner(MARC))
    assert verified.verified.is_passed
    assert verified.is_proved

    closed = office.run()
    assert closed.stage is Stage.CLOSED
    [pdf] = [Path(each) for each in closed.documents if "certificat-" in each and each.endswith(".pdf")]
    assert verify_file(pdf, leaver.homes.root / "signing.pem").is_valid
    assert verify_file(pdf.with_suffix(".json"), leaver.homes.root / "signing.pem").is_valid
    certificate = read(pdf)
    for words in (
        "ont été supprimées par l’éditeur de leur agent",
        "GmbH (CH) : édition de l’agent et service de sauvegarde",
        "pw_base_workstations 1, d’après l’éditeur",
        "Le client a récupéré ses données recu.pdf",
        "Rétablissement possible par l’éditeur",
        "peut encore rétablir l’espace supprimé",
        "Les comptes de l’espace du client chez l’éditeur ont été supprimés avec lui",
    ):
        assert words in certificate, words
    assert "Relecture complète avec la clé du propriétaire" not in certificate
    facts = json.loads(pdf.with_suffix(".json").read_text(encoding="utf-8"))["certificate"]
    [vendor] = facts["vendors"]
    assert vendor["erased"]["fact"]["deleted_at"]
    assert vendor["proved"]["is_proved"] is False, "the proof is a run's, not a person's"
    assert vendor["erased"]["is_proved"]
    [reservation] = facts["reservations"]
    assert "peut encore rétablir" in reservation, "the one thing that is not settled yet"
    [letter] = [Path(each) for each in closed.documents if "effacement" in Path(each).name and "certificat" not in each]
    assert "GmbH ont été supprimées par cet éditeur à notre demande" in read(letter)
    assert list((leaver.homes.root / ".coffre" / "secrets").glob(f"{SLUG}*.age")) == []
