"""Acronis as a kind of platform: what it can, what it states, and what its check finds."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from coffre.acronis.doctor.findings import Point, Standing
from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.unverified import ASSUMPTIONS
from coffre.acronis.values.tenants import NewTenant
from coffre.errors import ExpectedError
from coffre.spec.storage_platform import AcronisPlatform, Edition
from coffre.spec.tenant import Tenant
from coffre.storage.acronis import checks
from coffre.storage.acronis.driver import AcronisDriver
from coffre.storage.acronis.layout import tenant_layout
from coffre.storage.checking import PlatformFinding, Verdict
from coffre.storage.platform import HostingCompany, MediaKeeper, PlatformDriver
from coffre.storage.values import AccessKey
from tests.acronis.customers import Desk
from tests.acronis.platforms import new_tenant
from tests.acronis.running import VendorCloud

DRIVER: PlatformDriver = AcronisDriver()
NOW = datetime(2026, 11, 30, tzinfo=UTC)


def check(platform: AcronisPlatform, *tenants: Tenant) -> dict[str, PlatformFinding]:
    told: list[str] = []
    found = DRIVER.check(platform, Path("/nowhere"), tenants, NOW, told.append)
    return {each.name: each for each in found}


def changed(platform: AcronisPlatform, **changes: object) -> AcronisPlatform:
    return platform.model_copy(update=changes)


def test_the_kind_says_what_it_can(platform: AcronisPlatform) -> None:
    assert DRIVER.capabilities.has_wall
    assert DRIVER.capabilities.bucket_limit == 0
    DRIVER.load()
    assert DRIVER.own_rights(platform).capabilities == ("partner_admin",)
    assert DRIVER.estimate(new_tenant(), platform, 30) is None
    assert DRIVER.open_probe(platform, Path()) is None
    assert not DRIVER.holds_store(platform, Path(), platform.url, AccessKey("AKIA", "x"))


def test_documents_name_the_company_that_runs_the_service(platform: AcronisPlatform) -> None:
    stated = DRIVER.describe(platform)
    assert (stated.media, stated.account) == (MediaKeeper.OPERATOR, platform.partner)
    assert stated.host == HostingCompany("Éditeur d'essai GmbH", "CH")
    assert stated.region == platform.url.removeprefix("https://")


def test_opening_a_platform_asks_nothing(platform: AcronisPlatform, cloud: VendorCloud) -> None:
    DRIVER.connect(platform, Path("/nowhere"))
    DRIVER.open_survey(platform, Path("/nowhere"))
    assert cloud.calls() == []
    missing = changed(platform, credential="env:NOTHING_OF_THIS_NAME")
    with pytest.raises(ExpectedError, match="NOTHING_OF_THIS_NAME"):
        DRIVER.connect(missing, Path("/nowhere"))


def test_a_whole_account_has_no_problem(platform: AcronisPlatform, desk: Desk) -> None:
    sold, unapplied = new_tenant(), new_tenant(slug="durand")
    desk.converge(tenant_layout(sold, platform), "Customer", "Service", "OfferingItems")
    desk.forget()
    found = check(platform, sold, unapplied)
    assert [each for each in found.values() if each.verdict in (Verdict.PROBLEM, Verdict.WARNING)] == []
    for name in ("address", "credentials", "tenant", "service", "editions", "partner", "licences", "storage"):
        assert found[name].verdict is Verdict.OK, name
    assert found["tenants"].sentence == "1 of 2 tenants are customers there"
    assert "backups lie in Partner cloud" in found["storage"].sentence
    assert desk.writes() == []


def test_what_is_configured_and_not_there_is_named(platform: AcronisPlatform, desk: Desk) -> None:
    found = check(changed(platform, storage="Cloud of nobody"))
    assert found["storage"].verdict is Verdict.PROBLEM
    assert "Partner cloud (" in found["storage"].sentence
    customer = desk.client.tenants.ensure(
        NewTenant(name="A customer", parent_id=TenantUuid(platform.partner), customer_id="other:1")
    ).value
    assert check(changed(platform, partner=str(customer.id)))["partner"].verdict is Verdict.PROBLEM
    nobody = changed(platform, partner="00000000-0000-4000-8000-0000000000ff")
    assert "portal shows it" in check(nobody)["partner"].advice


def test_an_edition_that_the_partner_cannot_give_is_a_problem(platform: AcronisPlatform) -> None:
    found = check(changed(platform, edition=Edition.BUNDLED))
    assert found["licences"].verdict is Verdict.PROBLEM
    assert "bndl_workstations" in found["licences"].sentence
    assert "there are none" in found["storage"].sentence


def test_a_customer_in_trial_is_a_warning(platform: AcronisPlatform, desk: Desk) -> None:
    sold = new_tenant()
    layout = tenant_layout(sold, platform)
    desk.client.tenants.ensure(
        NewTenant(name=layout.name, parent_id=TenantUuid(platform.partner), customer_id=layout.external_id)
    )
    found = check(platform, sold)
    assert (found["tenants"].verdict, found["tenants"].sentence) == (Verdict.WARNING, "martin are in trial still")


@pytest.mark.parametrize("content", ["", "{}", json.dumps({"client_id": "nobody", "client_secret": "wrong"})])
def test_a_wrong_credential_leaves_the_rest_out(platform: AcronisPlatform, tmp_path: Path, content: str) -> None:
    (tmp_path / "wrong.json").write_text(content)
    found = check(changed(platform, credential=f"file:{tmp_path / 'wrong.json'}"))
    assert [each.verdict for each in found.values()].count(Verdict.PROBLEM) == 1
    assert found["everything else"].verdict is Verdict.UNKNOWN
    assert not any("wrong" in each.sentence for each in found.values() if "wrong.json" not in each.sentence)


def test_a_service_that_is_away_is_one_problem(platform: AcronisPlatform) -> None:
    found = check(changed(platform, url="https://127.0.0.1:9"))
    assert found["address"].verdict is Verdict.PROBLEM
    assert found["everything else"].verdict is Verdict.UNKNOWN


def test_assumptions_that_an_account_contradicts_are_warnings() -> None:
    points = [Point(each, Standing.NOT_SEEN) for each in ASSUMPTIONS]
    points[0] = Point(ASSUMPTIONS[0], Standing.FAILS, "something else")
    points[1] = Point(ASSUMPTIONS[1], Standing.HOLDS)
    failed, summed = checks.judge_assumptions(points)
    assert (failed.name, failed.verdict) == (ASSUMPTIONS[0].name, Verdict.WARNING)
    assert failed.advice == ASSUMPTIONS[0].if_wrong
    assert "something else" in failed.sentence
    assert summed.sentence.startswith(f"1 of {len(points)} assumptions")
