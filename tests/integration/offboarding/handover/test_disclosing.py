"""Data handed to an authority: sealed, recorded, and let through a block only for whoever ordered it."""

import base64
import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coffre.errors import RefusedError, UsageError
from coffre.offboarding.handover import disclose, return_machine
from coffre.records.events import EventKind
from coffre.records.facts.backups import PasswordUsed
from coffre.records.facts.password_uses import HandoverUse
from coffre.records.facts.registry import read_as
from tests.integration.offboarding.handover.conftest import (
    CAISSE,
    COMPTA,
    SLUG,
    Desk,
    assert_verifies,
    wanted_files,
    wanted_repository,
)

REFERENCE = "PV 2026/1432"
KEY = Ed25519PrivateKey.generate()


def seal(statement: bytes) -> bytes:
    signature = base64.b64encode(KEY.sign(statement)).decode()
    return json.dumps({"etat": statement.decode(), "signature": signature}).encode()


@pytest.fixture(scope="module")
def source(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    (folder / "factures.ods").write_bytes(b"factures" * 1000)
    for machine in (COMPTA, CAISSE):
        desk.back_up(machine, folder)
    return folder


@pytest.fixture
def blocked(desk: Desk):
    """The tenant's file says that nobody may read."""
    path = desk.root / "tenants" / f"{SLUG}.yaml"
    before = path.read_text(encoding="utf-8")
    path.write_text(f'{before}\nhold: {{kind: block_access, reference: "{REFERENCE}", since: 2026-11-20}}\n')
    yield
    path.write_text(before, encoding="utf-8")


def events(desk: Desk) -> list[dict[str, object]]:
    with desk.opened() as opened:
        found = opened.records.list_events(opened.tenant.id, EventKind.DISCLOSURE)
        assert {event.actor for event in found} <= {"test@smileo.example"}
        return [dict(event.details) for event in found]


def test_every_machine_is_handed_over_with_a_sealed_statement_of_its_hashes(desk, source, tmp_path):
    with desk.opened() as opened:
        disclosed = disclose(opened, REFERENCE, wanted_files(tmp_path), seal, desk.progress.append)
    sealed = json.loads((tmp_path / SLUG / "etat-scelle.json").read_text(encoding="utf-8"))
    KEY.public_key().verify(base64.b64decode(sealed["signature"]), sealed["etat"].encode())
    statement = json.loads(sealed["etat"])
    assert statement["reference"] == REFERENCE
    for each in statement["machines"]:
        bag = Path(each["remis_dans"])
        assert_verifies(bag)
        assert hashlib.sha256((bag / each["manifeste"]).read_bytes()).hexdigest() == each["manifeste_sha256"]
        readme = (bag / "LISEZMOI.txt").read_text(encoding="utf-8")
        assert readme.startswith(f"COMMUNICATION DE DONNÉES\n========================\n\nRéférence : {REFERENCE}\n")
        assert "courrier" not in readme + (bag / "bag-info.txt").read_text(encoding="utf-8")
        assert "fin de contrat" not in readme + (bag / "bag-info.txt").read_text(encoding="utf-8")
    assert [each["machine"] for each in statement["machines"]] == [COMPTA, CAISSE]
    assert disclosed.sealed_in == str(tmp_path / SLUG / "etat-scelle.json")


def test_it_is_recorded_before_anything_is_read_and_when_complete_with_who_and_why(desk, source, tmp_path):
    known = len(events(desk))

    def fail(text: str) -> None:
        raise InterruptedError

    with desk.opened() as opened:
        with pytest.raises(InterruptedError):
            disclose(opened, "REQ-7", wanted_files(tmp_path), seal, fail)
        assert [each["state"] for each in events(desk)[known:]] == ["begun"]
        disclosed = disclose(opened, "REQ-7", wanted_files(tmp_path), seal, desk.progress.append)
        uses = opened.records.list_events(opened.tenant.id, EventKind.PASSWORD_USED)
        letters = opened.records.list_events(opened.tenant.id, EventKind.LETTER)
    complete = events(desk)[-1]
    assert (complete["state"], complete["reference"]) == ("complete", "REQ-7")
    assert complete["statement_sha256"] == disclosed.statement_sha256
    assert [each["manifest_sha256"] for each in complete["machines"]] == [
        each.manifest_sha256 for each in disclosed.returned
    ]
    assert read_as(uses[-1], PasswordUsed).reason == HandoverUse("files", "directory", "REQ-7")
    assert letters == []


def test_a_block_lets_only_its_own_reference_through(desk, source, tmp_path, blocked):
    known = len(events(desk))
    with desk.opened() as opened:
        with pytest.raises(RefusedError, match="hold that blocks every access"):
            disclose(opened, "another request", wanted_files(tmp_path), seal, desk.progress.append)
        with pytest.raises(RefusedError, match="hold that blocks every access"):
            return_machine(opened, COMPTA, wanted_files(tmp_path), desk.progress.append)
        assert not (tmp_path / SLUG).exists()
        assert len(events(desk)) == known
        disclosed = disclose(opened, REFERENCE, wanted_repository(tmp_path), seal, desk.progress.append)
    assert [each.password_handed_out for each in disclosed.returned] == [True, True]


def test_a_disclosure_is_not_taken_for_the_return_nor_for_another(desk, source, tmp_path):
    with desk.opened() as opened:
        disclose(opened, REFERENCE, wanted_files(tmp_path), seal, desk.progress.append)
        with pytest.raises(RefusedError, match=r"complete return of .*PV 2026/1432"):
            return_machine(opened, COMPTA, wanted_files(tmp_path), desk.progress.append)
        with pytest.raises(RefusedError, match=r"complete return of .*PV 2026/1432"):
            disclose(opened, "REQ-8", wanted_files(tmp_path), seal, desk.progress.append)
        disclose(opened, REFERENCE, wanted_files(tmp_path), seal, desk.progress.append)


@pytest.mark.parametrize("reference", ["", "  ", "two\nlines", "x" * 121])
def test_what_is_no_reference_is_refused(desk, source, tmp_path, reference):
    with desk.opened() as opened, pytest.raises(UsageError, match="this is not a reference"):
        disclose(opened, reference, wanted_files(tmp_path), seal, desk.progress.append)
