"""A look at many tenants: as each alone, with few requests for all of them."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from coffre.acronis.identifiers import TenantUuid
from coffre.spec import naming
from coffre.spec.storage_platform import AcronisPlatform
from coffre.storage.acronis.connect import open_session
from coffre.storage.acronis.declaration import AcronisDeclaration
from coffre.storage.acronis.driver import AcronisDriver
from coffre.storage.acronis.remembering import Memory
from coffre.storage.acronis.storage import AcronisStorage
from coffre.storage.acronis.survey import AcronisSurvey
from coffre.storage.platform import placeholder_keys
from coffre.storage.survey import HomeSurvey, Part, SurveyedUser
from coffre.storage.values import PlatformAwayError
from tests.acronis.customers import QUICK, Desk, access_of
from tests.acronis.platforms import new_tenant, platform_of
from tests.acronis.running import VendorCloud
from tests.unit.storage.acronis.test_declaration import recorded

TENANTS = 3


@pytest.fixture(scope="module")
def applied(running_cloud: VendorCloud, tmp_path_factory: pytest.TempPathFactory) -> list[AcronisDeclaration]:
    """Several tenants that were applied; no test changes them for good."""
    platform, found = platform_of(running_cloud, tmp_path_factory.mktemp("vendor")), []
    with Desk.open(running_cloud) as desk:
        for number in range(TENANTS):
            tenant = new_tenant(name=f"Client {number}")
            found.append(AcronisDriver().declare(tenant, platform, Path("/nowhere"), placeholder_keys(tenant, ())))
            desk.converge(found[-1].customer)
    return found


@pytest.fixture
def survey(cloud: VendorCloud, platform: AcronisPlatform) -> Iterator[AcronisSurvey]:
    with closing(AcronisSurvey(open_session(access_of(cloud), QUICK), TenantUuid(platform.partner))) as opened:
        yield opened


def look(survey: AcronisSurvey, declaration: AcronisDeclaration) -> HomeSurvey:
    return survey.look(declaration, recorded(declaration), lambda _: None)


def asked(desk: Desk) -> Counter[str]:
    """Count the calls by their path without ids."""
    paths = [each["path"].removeprefix("/api/2/") for each in desk.cloud.calls()]
    return Counter("/".join(part for part in path.split("/") if "-" not in part or part.isalpha()) for path in paths)


def test_a_look_has_the_customer_and_its_drift(
    applied: list[AcronisDeclaration], desk: Desk, survey: AcronisSurvey
) -> None:
    first, second, *_ = applied
    desk.client.tenants.disable(desk.tenant(second.customer).id)
    assert look(survey, first) == HomeSurvey((), {first.owner_uid: SurveyedUser(first.owner_uid, False, ())})
    seen, alone = look(survey, second), second.find_drift(recorded(second), lambda _: None)
    desk.client.tenants.enable(desk.tenant(second.customer).id)
    assert list(seen.drift) == alone
    assert [each.part for each in seen.drift] == [Part.SUSPENSION]
    assert seen.users == {second.owner_uid: SurveyedUser(second.owner_uid, True, ())}


def test_a_tenant_that_was_never_applied_has_nothing(survey: AcronisSurvey, platform: AcronisPlatform) -> None:
    tenant = new_tenant()
    declaration = AcronisDriver().declare(tenant, platform, Path("/nowhere"), placeholder_keys(tenant, ()))
    assert survey.look(declaration, (), lambda _: None) == HomeSurvey()


def test_what_is_the_same_for_all_is_asked_once_also_by_many_threads(
    desk: Desk, survey: AcronisSurvey, applied: list[AcronisDeclaration]
) -> None:
    with ThreadPoolExecutor(TENANTS) as threads:
        seen = list(threads.map(lambda each: look(survey, each), applied))
    assert [list(each.drift) for each in seen] == [[]] * TENANTS
    calls = asked(desk)
    assert (calls["tenants"], calls["tenants/offering_items"], calls["applications"], calls["tenants/infra"]) == (
        1,
        1,
        1,
        1,
    )
    users = len(applied[0].customer.users)
    assert calls["tenants/users"] == TENANTS
    assert calls["users/access_policies"] == TENANTS * users
    assert desk.writes() == []


def test_owners_are_those_of_one_look_each_in_few_calls(
    desk: Desk, survey: AcronisSurvey, storage: AcronisStorage, applied: list[AcronisDeclaration]
) -> None:
    owners = survey.list_owners()
    calls = asked(desk)
    assert calls["tenants"] == calls["tenants/offering_items"] == 1
    assert calls["tenants/usages"] <= 1 + len(owners) // 100
    assert "tenants/usages" in calls
    by_id = {naming.tenant_id_of(uid): facts for uid, facts in owners.items()}
    for declaration in applied:
        alone = storage.find_owner(declaration.owner_uid)
        seen = by_id[naming.tenant_id_of(declaration.owner_uid)]
        assert alone is not None
        assert (seen.wall_bytes, seen.used_bytes, seen.suspended) == (alone.wall_bytes, alone.used_bytes, False)
        assert seen.wall_bytes == declaration.customer.quota_bytes


@pytest.mark.parametrize("path", ["/api/2/tenants/offering_items", "/api/2/tenants/usages"])
def test_where_the_lists_of_many_are_not_understood_each_is_read_alone(
    desk: Desk, survey: AcronisSurvey, applied: list[AcronisDeclaration], path: str
) -> None:
    desk.cloud.fail("status", path, status=404, times=1)
    owners = {naming.tenant_id_of(uid): facts for uid, facts in survey.list_owners().items()}
    for declaration in applied:
        facts = owners[naming.tenant_id_of(declaration.owner_uid)]
        assert facts.wall_bytes == declaration.customer.quota_bytes


def test_a_service_that_is_away_is_a_platform_that_is_away(
    desk: Desk, survey: AcronisSurvey, applied: list[AcronisDeclaration]
) -> None:
    desk.cloud.fail("status", "/api/2/tenants.*", status=503, times=1000)
    with pytest.raises(PlatformAwayError):
        look(survey, applied[0])
    with pytest.raises(PlatformAwayError):
        survey.list_owners()
    desk.cloud.tell("clear_faults")
    assert look(survey, applied[0]).drift == ()


def test_a_question_that_failed_is_asked_again() -> None:
    memory, answers = Memory(), iter([LookupError, 7, 8])

    def ask() -> int:
        answer = next(answers)
        if not isinstance(answer, int):
            raise answer
        return answer

    with pytest.raises(LookupError):
        memory.once("x", ask)
    assert (memory.once("x", ask), memory.once("x", ask)) == (7, 7)
