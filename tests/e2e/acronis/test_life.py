"""Tenants with a vendor's agents through plan, apply and drift, in order; only the vendor's cloud is a stand-in."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from coffre.acronis.values.offering import ItemChange, hard_limit
from coffre.acronis.values.tenants import TenantChange
from coffre.provisioning.engine.stack import state_folder
from coffre.spec.loader import load_checkout
from coffre.spec.storage_platform import CephPlatform
from coffre.spec.values.references import read_reference
from coffre.storage.acronis.layout import external_id_of
from tests.e2e.acronis.conftest import ATELIER, CAISSE, COMPTA, DURAND, GO, MARTIN, PLAN, VENDOR, VendorDesk
from tests.stopping import Stopping

CUSTOMER = {"Customer", "Service", "OfferingItems", "User", "AccessPolicies", "ActivationMail"}


def plan_of(desk: VendorDesk, slug: str) -> dict[str, Any]:
    [plan] = desk.json("plan", slug, "--json")
    return dict(plan)


def drift_of(desk: VendorDesk, slug: str, *options: str, expect: int = 6) -> dict[str, Any]:
    [tenant] = desk.json("drift", slug, "--json", *options, expect=expect)
    return dict(tenant)


def stacks(desk: VendorDesk, slug: str) -> list[str]:
    return sorted(name for name in state_folder(load_checkout(desk.root)).list_stacks() if name.startswith(slug))


def ceph_users(lab: Any, slug: str) -> list[str]:
    return [uid for uid in json.loads(lab.radosgw_admin(["user", "list"])) if uid.startswith(f"{slug}-")]


def assert_settled(desk: VendorDesk, slug: str) -> None:
    """Check that nothing is left to do, and that doing it writes nothing."""
    desk.cloud.tell("forget_journal")
    assert "nothing to change" in desk.coffre("plan", slug).stdout
    desk.coffre("apply", slug, "--yes")
    assert desk.writes() == []


def test_the_plan_of_a_vendors_tenant_names_its_customer_and_no_bucket_key_or_user_of_s3(desk: VendorDesk) -> None:
    plan = plan_of(desk, DURAND)
    assert {each["kind"] for each in plan["storage"]} == CUSTOMER
    assert {each["operation"] for each in plan["storage"]} == {"create"}
    assert [each["kind"] for each in plan["steps"]] == ["commission"]
    assert [(each["machine"], each["action"]) for each in plan["machines"]] == [(ATELIER, "install")]
    assert desk.find_customer(DURAND) is None, "a plan makes nothing"


def test_apply_makes_the_customer_its_licences_its_quota_and_its_agent(desk: VendorDesk, lab: Any) -> None:
    desk.coffre("apply", DURAND, "--yes", "--storage-only")
    items = desk.items(DURAND)
    assert (items["licences"], items["quota_bytes"]) == ({"servers": 1}, 100 * GO)
    assert desk.customer(DURAND).pricing_mode == "production"
    desk.make_plan(DURAND)
    assert f"{ATELIER}: installed" in " ".join(desk.coffre("apply", DURAND, "--yes").output.split())
    assert stacks(desk, DURAND) == [DURAND]
    assert ceph_users(lab, DURAND) == []
    assert_settled(desk, DURAND)


def test_what_was_sold_more_is_one_write_and_the_plan_says_it_once(desk: VendorDesk) -> None:
    contract = desk.read_file(DURAND)["contract"]
    amended = {**contract, "amendments": [{"reference": "AV-2027-01", "signed_on": "2027-02-01"}]}
    storage = {"platform": VENDOR, "quota": "150 Go"}
    desk.change(DURAND, contract=amended, storage=storage, licences={"server": 1, "workstation": 2})
    plan = plan_of(desk, DURAND)
    assert [(each["operation"], each["kind"]) for each in plan["storage"]] == [("update", "OfferingItems")]
    assert sorted(each["kind"] for each in plan["steps"]) == ["licence_change", "quota_change"]
    desk.cloud.tell("forget_journal")
    desk.coffre("plan", DURAND, "--out", "plan.json")
    desk.coffre("apply", "--yes", "--plan", "plan.json")
    assert [each.rsplit("/", 1)[-1] for each in desk.writes()] == ["offering_items"]
    items = desk.items(DURAND)
    assert (items["licences"], items["quota_bytes"]) == ({"servers": 1, "workstations": 2}, 150 * GO)
    assert_settled(desk, DURAND)


def test_less_than_is_used_is_refused_with_the_figures_and_changes_nothing(desk: VendorDesk) -> None:
    desk.use(DURAND, 120 * GO)
    desk.change(DURAND, storage={"platform": VENDOR, "quota": "110 Go"})
    refused = desk.coffre("apply", DURAND, "--yes", "--storage-only", expect=1)
    assert "120000000000 bytes in use and is to be 110000000000 bytes" in " ".join(refused.output.split())
    assert desk.items(DURAND)["quota_bytes"] == 150 * GO
    desk.use(DURAND, 0)
    desk.change(DURAND, storage={"platform": VENDOR, "quota": "150 Go"})
    assert_settled(desk, DURAND)


def test_a_suspended_tenant_is_disabled_and_no_apply_enables_it(desk: VendorDesk) -> None:
    desk.change(DURAND, status="suspended")
    assert [each["properties"][0]["path"] for each in plan_of(desk, DURAND)["storage"]] == ["enabled"]
    for _ in range(2):
        desk.coffre("apply", DURAND, "--yes")
        assert not desk.customer(DURAND).enabled
    drift_of(desk, DURAND, expect=0)
    desk.change(DURAND, status="active")
    desk.coffre("apply", DURAND, "--yes")
    assert desk.customer(DURAND).enabled
    assert_settled(desk, DURAND)


def test_what_somebody_changed_in_the_portal_is_found_named_and_put_back(desk: VendorDesk) -> None:
    customer = desk.customer(DURAND).id
    with desk.client() as client:
        client.tenants.update(customer, lambda _: TenantChange(name="Another name"))
        application = next(each.application_id for each in client.offering.read(customer))
        fewer = ItemChange(application_id=application, name="pw_base_workstations", limit=hard_limit(1))
        client.offering.update(customer, lambda _: [fewer])
        users = {each.login: each for each in client.users.list_of_tenant(customer)}
        client.users.suspend(next(each for login, each in users.items() if login.endswith(".agents")).id)
    desk.cloud.tell("forget_journal")
    found = {each["what"]: each for each in drift_of(desk, DURAND)["drift"]}
    assert set(found) == {"user", "licences", "account"}
    assert (found["licences"]["detail"], found["licences"]["expected"]) == ("licences.workstations", 2)
    assert "licences.workstations is 1 instead of 2" in desk.coffre("drift", DURAND, expect=6).output
    assert desk.writes() == [], "a look writes nothing"
    desk.coffre("apply", DURAND, "--yes")
    drift_of(desk, DURAND, expect=0)
    assert_settled(desk, DURAND)


def test_a_customer_disabled_in_the_portal_may_be_adopted_as_a_suspended_tenant(desk: VendorDesk) -> None:
    with desk.client() as client:
        client.tenants.disable(desk.customer(DURAND).id)
    said = desk.coffre("drift", DURAND, "--adopt", expect=6).output
    assert "its access is suspended; it should be open" in said
    assert "+status: suspended" in said
    desk.coffre("apply", DURAND, "--yes")
    assert desk.customer(DURAND).enabled


def test_a_tenant_of_both_kinds_has_two_stacks_and_one_quota_in_parts(desk: VendorDesk, lab: Any) -> None:
    plan = plan_of(desk, MARTIN)
    assert {each["kind"] for each in plan["storage"] if each["platform"] == VENDOR} == CUSTOMER
    assert "Bucket" in {each["kind"] for each in plan["storage"] if not each["platform"]}
    desk.set_up(MARTIN)
    assert stacks(desk, MARTIN) == [MARTIN, f"{MARTIN}_part"]
    items = desk.items(MARTIN)
    assert (items["licences"], items["quota_bytes"]) == ({"servers": 1}, 20 * GO)
    users = sorted(uid.partition(".")[2] for uid in ceph_users(lab, MARTIN))
    assert users == ["", COMPTA], f"{CAISSE} has no user of S3"
    assert_settled(desk, MARTIN)
    drift_of(desk, MARTIN, expect=0)


def test_drift_of_a_part_names_its_platform(desk: VendorDesk) -> None:
    with desk.client() as client:
        client.tenants.disable(desk.customer(MARTIN).id)
    [found] = drift_of(desk, MARTIN)["drift"]
    assert (found["what"], found["part"], found["machine"]) == ("suspension", VENDOR, None)
    desk.coffre("apply", MARTIN, "--yes")
    drift_of(desk, MARTIN, expect=0)


def test_an_apply_killed_between_the_two_stacks_is_ended_by_the_next(desk: VendorDesk) -> None:
    """The quota moves to the vendor's part, which is raised first; the run dies with the other one still as it was."""
    parts = {"lab": {"quota": "20 Go"}, VENDOR: {"quota": "30 Go", "licences": {"server": 1}}}
    desk.change(MARTIN, storage={"platform": "lab", "quota": "50 Go", "parts": parts})
    arguments = ("apply", MARTIN, "--yes", "--storage-only")
    run = Stopping(arguments, at=["update UserQuota"], cwd=desk.root, environment=desk.environment)
    assert run.reaches(), run.said
    run.kill_group()
    assert desk.items(MARTIN)["quota_bytes"] == 30 * GO, "raised before the other part is lowered"
    desk.coffre("apply", MARTIN, "--yes")
    assert_settled(desk, MARTIN)


ANSWERS = ("contract", "contact", "licences", "plans")
"""The fields of a tenant's file that no platform tells."""


@pytest.mark.parametrize(("slug", "platform"), [(DURAND, VENDOR), (MARTIN, "lab")])
def test_a_tenant_whose_file_is_lost_is_imported_from_its_platforms(desk: VendorDesk, slug: str, platform: str) -> None:
    before, file = desk.read_file(slug), desk.tenant_file(slug)
    answers: dict[str, Any] = {name: before[name] for name in ANSWERS}
    connections = {
        name: {key: each[key] for key in ("kind", "os", "connection")} for name, each in before["machines"].items()
    }
    if "parts" in before["storage"]:
        answers["storage"] = {"parts": {VENDOR: {"licences": before["storage"]["parts"][VENDOR]["licences"]}}}
        # Orders tell a plan, and neither its name nor for how long backups are kept.
        answers["plans"] = {**before["plans"], "plan-1": {"keep": dict(before["plans"][PLAN]["keep"])}}
    path = desk.home / f"{slug}.answers.yaml"
    path.write_text(yaml.safe_dump({**answers, "machines": connections}, allow_unicode=True), encoding="utf-8")
    file.unlink()
    desk.cloud.tell("forget_journal")
    desk.coffre("import", slug, "--platform", platform, "--answers", str(path), "--yes")
    assert desk.writes() == []
    after = desk.read_file(slug)
    assert after["id"] == before["id"]
    assert after["storage"]["quota"] == before["storage"]["quota"]
    assert after["storage"].get("parts") == before["storage"].get("parts")
    agents = {name: (each["agent"], each["plan"]) for name, each in after["machines"].items()}
    assert agents[ATELIER if slug == DURAND else CAISSE] == ("acronis", PLAN)
    assert_settled(desk, slug)


@contextmanager
def unwilling(desk: VendorDesk) -> Iterator[None]:
    """Have the vendor answer every call with 503."""
    desk.cloud.fail("status", ".*", status=503, times=1000)
    try:
        yield
    finally:
        desk.cloud.tell("clear_faults")


@contextmanager
def dead_address(url: str) -> Iterator[str]:
    """Give an address on the host of another one at which nobody listens."""
    host = urlsplit(url).hostname
    with socket.socket() as refusing:
        refusing.bind((host, 0))  # and never listens
        yield f"https://{host}:{refusing.getsockname()[1]}"


@contextmanager
def dead_port(desk: VendorDesk) -> Iterator[None]:
    """Have nobody listen where the vendor is."""
    with dead_address(desk.cloud.url) as dead, desk.other_settings(desk.cloud.url, dead):
        yield


@contextmanager
def dead_ceph(desk: VendorDesk) -> Iterator[None]:
    """Have nobody listen where the tenant's own platform is."""
    platform = load_checkout(desk.root).settings.platforms["lab"]
    assert isinstance(platform, CephPlatform)
    known = json.loads(read_reference(platform.endpoints, desk.root))
    with dead_address(known["endpoint"]) as dead:
        (desk.root / "dead.json").write_text(json.dumps({**known, "endpoint": dead}), encoding="utf-8")
        with desk.other_settings(f"endpoints: {platform.endpoints}", "endpoints: file:dead.json"):
            yield


@pytest.mark.parametrize("away", [unwilling, dead_port])
def test_a_vendor_that_is_away_is_said_in_one_sentence(
    desk: VendorDesk, away: Callable[[VendorDesk], AbstractContextManager[None]]
) -> None:
    with away(desk):
        said = desk.coffre("plan", DURAND, expect=1, seconds=300)
    assert len(said.output.strip().splitlines()) <= 4
    assert PLAN not in said.output


def test_a_vendor_that_is_away_stops_nothing_of_the_tenants_other_part(desk: VendorDesk) -> None:
    storage = desk.read_file(MARTIN)["storage"]
    desk.change(MARTIN, storage={**storage, "undelete_days": 20})
    unseen = f"part on {VENDOR}: NOT compared, nor are its machines ({CAISSE}): "
    with dead_port(desk):
        said = desk.coffre("plan", MARTIN, expect=1).stdout
        assert unseen in " ".join(said.split())
        assert "BucketLifecycle" in said
        said = desk.coffre("apply", MARTIN, "--yes", expect=1).stdout
        assert f"part on {VENDOR}: NOT settled: " in said
        assert f"{CAISSE}: pending: {VENDOR} does not answer" in " ".join(said.split())
        assert "BucketLifecycle" not in desk.coffre("plan", MARTIN, expect=1).stdout, "the other part is done"
        drift_of(desk, MARTIN, expect=1)
        assert COMPTA in desk.coffre("status", MARTIN, expect=1).stdout
    [compared] = desk.json("plan", "--all", "--offline", "--json")[1:]
    assert (compared["tenant"], compared["standing"]) == (MARTIN, "event"), "not as it was applied"
    desk.change(MARTIN, storage=storage)
    desk.coffre("apply", MARTIN, "--yes")
    assert_settled(desk, MARTIN)


def test_the_vendors_part_goes_on_while_the_tenants_own_platform_is_away(desk: VendorDesk) -> None:
    with desk.client() as client:
        client.tenants.disable(desk.customer(MARTIN).id)
    with dead_ceph(desk):
        said = desk.coffre("plan", MARTIN, expect=1, seconds=300).stdout
        assert f"part on lab: NOT compared, nor are its machines ({COMPTA}): " in " ".join(said.split())
        assert f"~ Customer {external_id_of(desk.read_file(MARTIN)['id'])} on {VENDOR}" in said
        said = desk.coffre("apply", MARTIN, "--yes", expect=1, seconds=300).stdout
        assert f"{COMPTA}: pending: lab does not answer" in " ".join(said.split())
        assert f"{CAISSE}: unchanged" in " ".join(said.split())
    assert desk.customer(MARTIN).enabled
    desk.coffre("apply", MARTIN, "--yes")
    assert_settled(desk, MARTIN)


@pytest.mark.parametrize("slug", [DURAND, MARTIN])
def test_no_secret_of_the_vendor_was_printed_or_kept(desk: VendorDesk, slug: str) -> None:
    secret = desk.cloud.client_secret
    assert not [said for said in desk.said if secret in said]
    kept = [path for path in (desk.root / ".coffre").rglob("*") if path.is_file() and path.stat().st_size < 1 << 20]
    assert not [path for path in kept if secret.encode() in path.read_bytes()]
    assert desk.read_file(slug)
