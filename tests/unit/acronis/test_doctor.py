"""The doctor: reads only, says in plain words what fails, and goes through every assumption one by one."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from coffre.acronis.client import AcronisClient
from coffre.acronis.doctor.findings import Standing, Verdict
from coffre.acronis.doctor.judging import judge
from coffre.acronis.doctor.looking import InCustomer, Seen, look
from coffre.acronis.doctor.points import judge_points
from coffre.acronis.errors import CredentialRefusedError, GoneError, RightRefusedError
from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.unverified import ASSUMPTIONS
from coffre.acronis.unverified.assumption import ShownBy
from coffre.acronis.values.monitoring import Activity
from coffre.acronis.values.offering import ItemType
from coffre.acronis.values.registration import OwnerScope
from coffre.acronis.values.tenants import Tenant, TenantKind
from coffre.cli.main import app
from tests.acronis.running import VendorCloud, vendor_cloud
from tests.unit.acronis.test_machines import Site, site  # noqa: F401 - a fixture

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def running_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorCloud]:
    """A stand-in of its own: what other tests leave in theirs would be found here."""
    with vendor_cloud(tmp_path_factory.mktemp("doctor")) as cloud:
        yield cloud


@pytest.fixture
def seen(client: AcronisClient, cloud: VendorCloud, site: Site) -> Seen:  # noqa: F811
    """A whole partner's account, with a customer that has a machine."""
    token = site.calls.registration.create(site.customer.id, 3600, [OwnerScope(site.personal)]).value
    _, machine = site.register(token, "srv-1")
    site.calls.policies.apply(site.plan, machine)
    cloud.tell("back_up", resource_id=str(machine), size_bytes=1)
    return look(client, cloud.url, site.customer.id)


def verdicts(seen: Seen) -> dict[str, Verdict]:
    return {each.name: each.verdict for each in judge(seen)}


def standings(seen: Seen) -> dict[str, Standing]:
    return {each.assumption.name: each.standing for each in judge_points(seen)}


def test_a_whole_account_has_no_problem_and_every_point_that_reading_shows_holds(seen: Seen) -> None:
    found = verdicts(seen)
    assert found.pop("rights to change") is Verdict.UNKNOWN
    assert set(found.values()) == {Verdict.OK}
    points = standings(seen)
    assert set(points) == {each.name for each in ASSUMPTIONS}
    readable = {each.name for each in ASSUMPTIONS if each.shown_by is ShownBy.READING}
    of_nothing_there = {"disaster-recovery-types", "advanced-packs"}
    assert {name for name, standing in points.items() if standing is Standing.HOLDS} == readable - of_nothing_there
    assert {name for name, standing in points.items() if standing is Standing.OPEN} == set(points) - readable


def test_the_names_of_a_plans_settings_are_told_without_their_values(seen: Seen) -> None:
    [point] = [each for each in judge_points(seen) if each.assumption.name == "plan-settings"]
    assert point.evidence == "seen: alone, made_up.here, made_up.too"


def test_it_reads_only(client: AcronisClient, cloud: VendorCloud, customer: Tenant) -> None:
    cloud.tell("forget_journal")
    look(client, cloud.url, customer.id)
    changing = {each["path"] for each in cloud.calls() if each["method"] != "GET"}
    assert changing <= {"/api/2/idp/token"}


def test_each_thing_that_is_wrong_is_said_by_itself(seen: Seen) -> None:
    assert isinstance(seen.own, Tenant)
    assert isinstance(seen.within, InCustomer)
    assert isinstance(seen.offers, list)
    refused = RightRefusedError("list agents: refused", "Check the role.", status=403)
    cases = {
        "tenant": replace(seen, own=seen.own.model_copy(update={"kind": TenantKind.CUSTOMER})),
        "service": replace(seen, services=[]),
        "licences": replace(seen, offers=[each for each in seen.offers if each.name != "pw_base_storage"]),
        "storages": replace(seen, offers=[each for each in seen.offers if each.infra_id is None]),
        "editions": replace(seen, offers=[]),
        "installer": replace(seen, installer=refused),
        "reading agents": replace(seen, within=replace(seen.within, agents=refused)),
        "reading": replace(seen, within=refused),
    }
    for name, wrong in cases.items():
        assert verdicts(wrong)[name] is Verdict.PROBLEM
    assert verdicts(replace(seen, within=None))["reading"] is Verdict.UNKNOWN


def test_what_depends_on_a_refusal_is_left_out(seen: Seen) -> None:
    refused = CredentialRefusedError("take a token: refused", "Check the secret.", status=401)
    assert verdicts(Seen(seen.url, refused)) == {"address": Verdict.PROBLEM, "everything else": Verdict.UNKNOWN}
    assert verdicts(Seen(seen.url, None, refused)) == {
        "address": Verdict.OK,
        "credentials": Verdict.PROBLEM,
        "everything else": Verdict.UNKNOWN,
    }
    assert Standing.HOLDS not in standings(Seen(seen.url, None, refused)).values()


def test_an_assumption_that_is_false_is_seen(seen: Seen) -> None:
    assert isinstance(seen.within, InCustomer)
    assert isinstance(seen.offers, list)
    assert isinstance(seen.within.usages, list)
    gone = GoneError("not found", status=404)
    unnamed = Activity.model_validate({"id": "a1", "state": "completed"})
    legacy = [each.model_copy(update={"edition": "standard"}) for each in seen.within.usages]
    public = seen.offers[0].model_copy(update={"name": "pw_base_public_ips", "type": ItemType.COUNT})
    cases = {
        "token-path": replace(seen, client=gone),
        "item-names": replace(seen, offers=seen.offers[:1]),
        "disaster-recovery-types": replace(seen, offers=[public]),
        "policy-version": replace(seen, within=replace(seen.within, plans=gone)),
        "activity-resource": replace(seen, within=replace(seen.within, activities=[unnamed])),
        "usages-of-all-editions": replace(seen, within=replace(seen.within, usages=legacy)),
        "download-link": replace(seen, installer=gone),
    }
    for name, wrong in cases.items():
        assert standings(wrong)[name] is Standing.FAILS


def run(cloud: VendorCloud, monkeypatch: pytest.MonkeyPatch, *more: str, secret: str | None = None) -> Result:
    monkeypatch.setenv("ACRONIS_SECRET", secret or cloud.client_secret)
    known = ["--url", cloud.url, "--client", cloud.client_id, "--secret", "env:ACRONIS_SECRET"]
    return CliRunner().invoke(app, ["acronis", "doctor", *known, "--ca-file", str(cloud.ca_file), *more])


def test_the_command_shows_findings_and_every_point(
    cloud: VendorCloud, customer: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run(cloud, monkeypatch, "--customer", str(customer.id))
    assert done.exit_code == 0, done.output
    assert "OK       credentials       the API client is accepted" in done.stdout
    assert all(each.assumed in done.stdout for each in ASSUMPTIONS)
    assert cloud.client_secret not in done.output
    values = json.loads(run(cloud, monkeypatch, "--json").stdout)
    assert {each["name"] for each in values["points"]} == {each.name for each in ASSUMPTIONS}


def test_a_refused_client_ends_with_1_and_without_the_list(cloud: VendorCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(cloud, monkeypatch, secret="not-the-secret")
    assert done.exit_code == 1
    assert "PROBLEM  credentials" in done.stdout
    assert "everything else" in done.stdout
    assert ASSUMPTIONS[0].assumed not in done.stdout
    assert "not-the-secret" not in done.output


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--url", "http://dc.example"], "not the address"),
        (["--secret", "the-secret-itself"], "no reference"),
        (["--client", "a b"], "not the id of an API client"),
        (["--customer", "10584816"], "not the UUID"),
    ],
)
def test_a_wrong_option_is_said_and_nothing_is_asked(
    more: list[str], words: str, cloud: VendorCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run(cloud, monkeypatch, *more)
    assert done.exception is not None
    assert words in getattr(done.exception, "message", "")
    assert "the-secret-itself" not in f"{done.output}{vars(done.exception)}"
    assert cloud.calls() == []


def test_the_page_lists_every_assumption() -> None:
    page = (ROOT / "docs/acronis.md").read_text(encoding="utf-8").partition("\n## What nobody has verified\n")[2]
    rows = [f"| {each.assumed} | {each.if_wrong} | {each.shown_by.value} |" for each in ASSUMPTIONS]
    assert [row for row in page.splitlines() if row.startswith("| ")][2:] == rows


def test_a_customer_is_chosen_by_itself_when_none_is_named(
    client: AcronisClient, cloud: VendorCloud, customer: Tenant
) -> None:
    found = look(client, cloud.url).within
    assert isinstance(found, InCustomer)
    assert found.customer.kind is TenantKind.CUSTOMER
    assert isinstance(look(client, cloud.url, TenantUuid("00000000-0000-4000-8000-00000000dead")).within, GoneError)
