"""One retired machine ends: its backups are erased once nobody keeps them any longer, and the tenant goes on."""

import json
from collections.abc import Callable

import pytest

from coffre.offboarding.handover.targets.staging import machine_root
from coffre.records.events import EventKind
from coffre.spec.naming import bucket_name
from tests.e2e.conftest import Desk
from tests.e2e.departure import AUTHOR, VERIFIER, Leaver
from tests.e2e.runbook import Runbook

SLUG, COMPTA, CAISSE = "boulangerie-martin", "compta-01", "caisse-01"
KEPT_UNTIL, DAY = "2026-12-31", "2027-01-01"
RETIRED = f"    retired: {{on: 2026-11-25, keep_until: {KEPT_UNTIL}}}\n"


@pytest.fixture(scope="module")
def leaver(make_desk: Callable[..., Desk]) -> Leaver:
    desk = make_desk(SLUG)
    desk.coffre("apply", SLUG, "--yes")
    desk.coffre("backup", SLUG)
    path = desk.tenant_file(SLUG)
    path.write_text(path.read_text(encoding="utf-8").rstrip("\n") + "\n" + RETIRED, encoding="utf-8")
    desk.coffre("apply", SLUG, "--yes")
    leaver = Leaver(desk, SLUG)
    leaver.commit(AUTHOR, "caisse-01 is retired")
    return leaver


def test_a_machine_in_service_and_one_whose_backups_are_kept_are_refused(leaver: Leaver) -> None:
    assert "in service" in leaver.offboard(DAY, "--machine", COMPTA, "--yes", expect=4).stderr
    assert DAY in leaver.offboard(KEPT_UNTIL, "--machine", CAISSE, "--yes", expect=4).stderr
    planned = json.loads(leaver.offboard(KEPT_UNTIL, "--machine", CAISSE, "--plan", "--json").stdout)
    assert planned["keep_until"] == KEPT_UNTIL
    assert planned["machines"][0]["holds"]["objects"] > 3


def test_its_backups_and_its_password_go_and_nothing_of_the_others(leaver: Leaver) -> None:
    (typed,) = Runbook.read("offboarding.md", {"TENANT": SLUG, "M": CAISSE, "MY-KEY": "paul"}).section(
        "One retired machine"
    )
    assert typed == f"coffre offboard {SLUG} --machine {CAISSE} --key paul"
    plain = machine_root(leaver.desk.root, SLUG, CAISSE) / "4be1" / "data" / "devis.odt"
    plain.parent.mkdir(parents=True)
    plain.write_text("in plain, as a killed disclosure leaves it")
    shown = leaver.offboard(DAY, "--machine", CAISSE, "--yes").stdout
    assert not plain.exists()
    assert "bucket deleted" in shown
    assert "--verify" in shown
    admin = leaver.storage.admin
    assert admin.find_bucket(bucket_name(SLUG, leaver.tenant_id, CAISSE)) is None
    assert admin.find_bucket(bucket_name(SLUG, leaver.tenant_id, COMPTA)) is not None
    destroyed = [event.details["what"] for event in leaver.steps("secret_destroyed")]
    assert destroyed == [{"kind": "repository_passwords", "machine": CAISSE}]
    refused = leaver.desk.coffre("apply", SLUG, "--yes", expect=4)
    assert f"{SLUG}/{CAISSE}" in refused.stderr


def test_verified_and_certified_it_may_leave_the_file(leaver: Leaver) -> None:
    leaver.offboard(DAY, "--machine", CAISSE, "--verify", actor=VERIFIER)
    assert leaver.stage(DAY, "--machine", CAISSE) == "closed"
    for file in leaver.documents("certificat*.*"):
        leaver.desk.coffre("certificate", "verify", str(file))
    path = leaver.desk.tenant_file(SLUG)
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index(f"  {CAISSE}:")], encoding="utf-8")
    leaver.desk.coffre("apply", SLUG, "--yes")
    leaver.desk.coffre("backup", SLUG)
    assert leaver.desk.json("plan", SLUG, "--json")[0]["is_needed"] is False
    assert leaver.events(EventKind.INSTALL)
