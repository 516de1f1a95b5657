"""A tenant with a machine of each kind leaves, day by day: its bucket is ours to erase, its customer the vendor's."""

import json
from pathlib import Path

import pytest

from coffre.records.events import EventKind
from tests.e2e.acronis.conftest import CAISSE, COMPTA, MARTIN, VENDOR, VendorDesk
from tests.e2e.departure import APPROVER, ERASURE, FROZEN, LAST_OF_NOTICE, NOTICE, VERIFIER, Leaver

HOST = f"{CAISSE}.martin.example"
INSTALLED = "test -e /etc/coffre-acronis/agent.json"
BLOCK = f"""status: leaving
leaving:
  notice_on: {NOTICE}
  ends_on: {LAST_OF_NOTICE}
  requested_by: Claire Martin, gérante
  approved_by: {APPROVER}
  choice: return
  return:
    format: files
    to: {{via: directory, path: DISK}}
"""


@pytest.fixture(scope="module")
def leaver(desk: VendorDesk) -> Leaver:
    """The tenant with backups of both kinds, whose departure is declared."""
    desk.set_up(MARTIN)
    desk.coffre("backup", MARTIN, "--machine", COMPTA)
    disk = desk.home / "disque"
    disk.mkdir()
    leaver = Leaver(desk, MARTIN)
    leaver.declare(BLOCK.replace("DISK", str(disk)))
    return leaver


def test_what_we_read_is_returned_and_the_rest_is_the_customer_s_to_restore(leaver: Leaver, desk: VendorDesk) -> None:
    planned = leaver.plan(NOTICE)
    assert [(each["platform"], each["uuid"]) for each in planned["owners"]] == [(VENDOR, str(desk.customer(MARTIN).id))]
    assert {each["name"]: each["vendor"] for each in planned["machines"]} == {COMPTA: None, CAISSE: VENDOR}
    assert leaver.stage(FROZEN) == "returned"
    assert desk.customer(MARTIN).enabled, "its people restore in the portal"
    assert [event.machine for event in leaver.steps("returned")] == [COMPTA]
    assert [event.machine for event in leaver.steps("restore_left")] == [CAISSE]
    assert len(leaver.documents("*-donnees-disponibles.pdf")) == 1
    assert len(leaver.documents("*-recuperation-editeur.pdf")) == 1
    desk.on_machine(HOST, INSTALLED)


def test_both_kinds_are_erased_and_one_certificate_tells_them_apart(leaver: Leaver, desk: VendorDesk) -> None:
    uuid = str(desk.customer(MARTIN).id)
    assert leaver.stage(ERASURE) == "erased"
    assert desk.find_customer(MARTIN) is None
    desk.on_machine(HOST, f"! {INSTALLED}")
    assert {event.machine: event.details["outcome"] for event in leaver.steps("agent")} == {
        COMPTA: "removed",
        CAISSE: "removed",
    }
    assert [event.details["uuid"] for event in leaver.steps("owner_erased")] == [uuid]
    seen = leaver.offboard(ERASURE, "--verify", actor=VERIFIER)
    assert f"customer {uuid}: not listed" in seen.stdout
    assert leaver.stage(ERASURE) == "closed"
    [pdf] = leaver.documents("certificat-*.pdf")
    desk.coffre("certificate", "verify", str(pdf))
    facts = json.loads(pdf.with_suffix(".json").read_text(encoding="utf-8"))["certificate"]
    assert {each["machine"]: each.get("vendor") for each in facts["machines"]} == {COMPTA: None, CAISSE: VENDOR}
    assert facts["vendors"][0]["proved"]["fact"]["uuid"] == uuid
    assert not list(Path(desk.root, ".coffre").rglob(f"{MARTIN}*.age"))
    assert leaver.events(EventKind.LETTER)
