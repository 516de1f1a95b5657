"""A tenant at a vendor's is watched: its use, its alerts, its agent, and what it means when the vendor is away."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from coffre.acronis.identifiers import TenantUuid
from coffre.agents.acronis.customer import Directory
from coffre.spec.loader import load_checkout
from coffre.spec.naming import machine_uid
from coffre.storage.acronis.layout import external_id_of
from tests.e2e.acronis.conftest import ATELIER, CAISSE, COMPTA, DURAND, GO, MARTIN, VENDOR, VendorDesk
from tests.mail_server import Inbox, serving

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")


@pytest.fixture(scope="module", autouse=True)
def inbox(desk: VendorDesk) -> Iterator[Inbox]:
    """The customers' mail."""
    inbox = Inbox()
    with serving(inbox, desk.root, "none") as block:
        with (desk.root / "platform.yaml").open("a", encoding="utf-8") as settings:
            settings.write(yaml.safe_dump({"mail": block}))
        yield inbox


def supervise(desk: VendorDesk, slug: str = DURAND, *, expect: int = 0) -> dict[str, Any]:
    """Make a pass that looks: within the hour a vendor is asked again after somebody did something only."""
    desk.coffre("advise", slug, "--text", "Keep an eye on it", "--by", "mail")
    found: dict[str, Any] = desk.json("supervise", "--json", expect=expect)
    return found


def open_findings(desk: VendorDesk) -> dict[str, dict[str, Any]]:
    return {each["kind"]: each for each in desk.json("findings", "list", "--json")}


def resource_id(desk: VendorDesk) -> str:
    """Return the machine of the tenant's agent, as the vendor's plans know it."""
    with desk.client() as client:
        external_id = external_id_of(desk.read_file(DURAND)["id"])
        [machine] = Directory(client, TenantUuid(desk.cloud.partner_id)).get(external_id).list_machines()
    return str(machine.id)


def agent_id(desk: VendorDesk) -> str:
    with desk.client() as client:
        external_id = external_id_of(desk.read_file(DURAND)["id"])
        [agent] = Directory(client, TenantUuid(desk.cloud.partner_id)).get(external_id).list_agents()
    return str(agent.id)


def test_status_shows_the_vendors_figures_and_no_gate(desk: VendorDesk) -> None:
    if desk.find_customer(DURAND) is None:
        desk.set_up(DURAND)
    quota_bytes = desk.items(DURAND)["quota_bytes"]
    desk.use(DURAND, quota_bytes // 4)
    desk.cloud.tell("back_up", resource_id=resource_id(desk), size_bytes=5 * GO)
    [seen] = desk.json("status", DURAND, "--json")
    assert (seen["used_bytes"], seen["gate"], seen["access"]) == (quota_bytes // 4 + 5 * GO, None, "open")
    [machine] = seen["machines"]
    assert machine["last_result"] == "success"
    [part] = seen["parts"]
    assert (part["platform"], part["stops_at_bytes"]) == (VENDOR, quota_bytes)
    assert part["licences_used"]["server"] == 1
    shown = " ".join(desk.coffre("status", DURAND).stdout.split())
    assert "no gate" in shown
    assert "by the vendor's own figure, which may be 6 h old" in shown
    assert "has no gate" in " ".join(desk.coffre("gate", DURAND, expect=4).output.split())


def test_the_use_is_followed_told_and_shown_everywhere(desk: VendorDesk, inbox: Inbox) -> None:
    quota_bytes = desk.items(DURAND)["quota_bytes"]
    assert supervise(desk)["unseen"] == {}
    desk.use(DURAND, quota_bytes * 92 // 100)
    opened = {each["place"]["detail"] for each in supervise(desk)["opened"] if each["place"]["kind"] == "quota_near"}
    assert opened == {"80", "90"}
    desk.use(DURAND, quota_bytes)
    assert "quota_reached" in {each["place"]["kind"] for each in supervise(desk)["opened"]}
    why = desk.coffre("why", DURAND).stdout
    assert "soit 100 %" in why
    assert "dernière sauvegarde réussie le" in why
    desk.coffre("site", "pages")
    assert list((desk.root / "pages").rglob("*.html"))
    assert desk.json("usage", DURAND, "--json")
    desk.use(DURAND, quota_bytes // 2)
    closed = {each["place"]["kind"] for each in supervise(desk)["closed"]}
    assert closed == {"quota_near", "quota_reached"}
    near, reached, over = inbox.messages
    assert {str(each["To"]) for each in inbox.messages} == {desk.read_file(DURAND)["contact"]["email"]}
    for mail, begins, share in (
        (near, "Votre espace de sauvegarde est rempli à plus de 90\u00a0%", "92"),
        (reached, "Vos sauvegardes sont arrêtées\u00a0: l’espace est plein", "100"),
    ):
        said = " ".join(mail.get_content().split())
        assert " ".join(str(mail["Subject"]).split()).startswith(" ".join(begins.split()))
        assert f"{share} Go sur 100 Go sont utilisés" in said
        assert "dans le portail Acronis, les sauvegardes qui ne vous sont plus utiles." in said
        assert "Une sauvegarde supprimée dans ce portail est définitivement perdue." in said
        assert "ne peut plus être rétablie après" not in said, "nothing can be undeleted at the vendor's"
        assert "SPÉCIMEN" not in said
    assert "portail" not in over.get_content()


def test_what_the_vendor_shows_of_agents_and_alerts_is_told_until_it_is_over(desk: VendorDesk) -> None:
    customer, machine = str(desk.customer(DURAND).id), resource_id(desk)
    alert = desk.cloud.tell(
        "raise_alert",
        tenant_id=customer,
        type="NoBackupForXDays\x1b[31m",
        severity="critical",
        details={"resourceId": machine},
    )["alert_id"]
    desk.cloud.tell("raise_activity", resource_id=machine, result="error")
    supervise(desk)
    found = open_findings(desk)
    assert found["vendor_alert"]["machine"] == ATELIER
    assert found["vendor_alert"]["evidence"]["severity"] == "critical"
    assert found["backup_failed"]["machine"] == ATELIER
    listed = desk.coffre("findings", "list").stdout
    assert "NoBackupForXDays" in listed
    assert "\x1b" not in listed
    desk.cloud.tell("dismiss_alert", alert_id=alert)
    desk.cloud.tell("raise_activity", resource_id=machine, result="ok")
    supervise(desk)
    assert not {"vendor_alert", "backup_failed"} & open_findings(desk).keys()
    desk.cloud.tell("unregister_agent", agent_id=agent_id(desk))
    supervise(desk)
    assert open_findings(desk)["agent_gone"]["machine"] == ATELIER
    desk.coffre("apply", DURAND, "--yes")
    supervise(desk)
    assert "agent_gone" not in open_findings(desk)


def test_the_parts_of_a_mixed_tenant_are_one_sum_and_each_side_has_its_own_findings(
    desk: VendorDesk, lab: Any, inbox: Inbox
) -> None:
    desk.set_up(MARTIN)
    desk.coffre("backup", MARTIN, "--machine", COMPTA)
    inbox.messages.clear()
    desk.use(MARTIN, 19 * GO)
    uid = machine_uid(load_checkout(desk.root).tenants[MARTIN], COMPTA)
    key = ("--key-type=s3", "--access-key=STRANGEKEY0123456789", f"--secret={'s' * 40}")
    lab.radosgw_admin(["key", "create", f"--uid={uid}", *key])
    supervise(desk, MARTIN)
    [seen] = desk.json("status", MARTIN, "--json")
    used = {each["platform"]: each["used_bytes"] for each in seen["parts"]}
    assert used[VENDOR] == 19 * GO
    assert used["lab"] > 0
    assert seen["used_bytes"] == sum(used.values())
    assert set(of_tenant(desk, MARTIN)) == {("part_full", VENDOR), ("key_unknown", COMPTA)}
    assert inbox.messages == [], "38 % of what is sold is used"
    why = desk.coffre("why", MARTIN).stdout
    assert COMPTA in why
    assert CAISSE in why
    desk.use(MARTIN, 10 * GO)
    lab.radosgw_admin(["key", "rm", f"--uid={uid}", "--access-key=STRANGEKEY0123456789"])
    supervise(desk, MARTIN)
    assert of_tenant(desk, MARTIN) == []


def of_tenant(desk: VendorDesk, slug: str) -> list[tuple[str, str]]:
    """Return a tenant's open findings, each with its part or its machine."""
    found = desk.json("findings", "list", slug, "--json")
    return [(each["kind"], each["machine"] or each["detail"]) for each in found]


def test_a_vendor_that_is_away_is_one_finding_and_nothing_is_fine(desk: VendorDesk) -> None:
    desk.cloud.fail("status", path="/api/.*", times=100, status=503)
    seen = supervise(desk, expect=1)
    assert list(seen["unseen"]) == [DURAND]
    assert {each["place"]["kind"] for each in seen["opened"]} == {"platform_away"}
    desk.cloud.tell("clear_faults")
    assert [each["place"]["kind"] for each in supervise(desk)["closed"]] == ["platform_away"]
    assert json.loads(desk.coffre("supervise", "--json").stdout)["unseen"] == {}
