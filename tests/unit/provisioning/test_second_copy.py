"""plan, apply and rotate of a tenant with a second copy, both platforms in memory; see `TwoHomes`."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from coffre.errors import RefusedError
from coffre.provisioning.changes import ResourceChange
from coffre.provisioning.exact import list_differences, load_plans, save_plans
from coffre.provisioning.rotation.rotate import KeyChoice
from coffre.provisioning.steps import second_copy
from coffre.records.facts.contract import SecondCopyChange
from coffre.secrets import rotations
from coffre.secrets.identifiers import SecretId, SecretKind
from coffre.secrets.store import SecretStore
from coffre.spec.tenant import HoldKind
from coffre.storage.platform import KeyOrigin
from coffre.storage.values import PlatformAwayError
from coffre.tenant.holds import RecordedHold, record_hold
from coffre.tenant.opening import OpenTenant
from coffre.tenant.second_copy import find_copy_platform, record_copy_platform, refuse_moved_copy
from tests.builders import tenant_with
from tests.doubles.log import InMemoryLog
from tests.doubles.storage import MemoryPlatform
from tests.doubles.two_homes import (
    CAISSE,
    COMPTA,
    SLUG,
    THERE,
    WITH_COPY,
    WITHOUT_COPY,
    TwoHomes,
    machine_at,
    open_two_homes,
)

OWNER_ONLY = KeyChoice(owner=True)
RETIRED = {"on": "2026-11-01", "keep_until": "2099-12-31"}


class Killed(BaseException):
    """The process ended here."""


@pytest.fixture(params=[KeyOrigin.GIVEN, KeyOrigin.CHOSEN])
def homes(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TwoHomes:
    """Copies on a platform that creates the keys, and on one where they are chosen."""
    return open_two_homes(tmp_path, monkeypatch, request.param)


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TwoHomes:
    return open_two_homes(tmp_path, monkeypatch)


def kinds(changes: Sequence[ResourceChange]) -> Counter[tuple[str, str]]:
    return Counter((change.operation, change.kind) for change in changes)


def be_away(monkeypatch: pytest.MonkeyPatch, platform: MemoryPlatform) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise PlatformAwayError("no answer from there")

    for name in ("find_owner", "list_owned_buckets", "list_platform_ids", "find_bucket", "list_key_ids"):
        monkeypatch.setattr(platform, name, fail)


def users(platform: MemoryPlatform) -> list[str]:
    return platform.list_users("martin")


def recorded(homes: TwoHomes) -> list[SecondCopyChange]:
    return homes.look(lambda opened: [each.fact for each in opened.log.list(SecondCopyChange)])


def assert_settled(homes: TwoHomes) -> None:
    """The copy has an owner with one key, that of its bundle, a bucket for each machine, and nothing is to do."""
    owner = homes.copy_owner
    assert users(homes.there) == [owner], "no machine has a user there"
    key = homes.copy_keys().owner_key
    assert key is not None
    assert homes.there.list_key_ids(owner) == [key.access_key_id]
    assert [homes.keys_of(homes.copied_bucket(name)) for name in (COMPTA, CAISSE)] == [[], []]
    assert len(homes.there.list_owned_buckets(owner)) == 2
    assert not homes.plan().is_needed


# plan and apply.


def test_the_first_apply_makes_what_the_plan_lists_with_a_key_of_its_own(homes: TwoHomes) -> None:
    planned = homes.plan().second_copy
    assert planned is not None
    assert (planned.platform, planned.needs_key, planned.unseen) == (THERE, True, "")
    assert kinds(planned.storage)["create", "User"] == 1
    assert kinds(planned.storage)["create", "Bucket"] == 2
    assert (users(homes.there), recorded(homes)) == ([], []), "a plan creates and records nothing"
    outcome = homes.apply()
    assert outcome.is_complete
    assert outcome.second_copy is not None
    assert (outcome.second_copy.problem, outcome.second_copy.rotated) == ("", ())
    assert kinds(outcome.second_copy.changes) == kinds(planned.storage)
    assert_settled(homes)
    own, others = homes.look(lambda opened: opened.secrets.control()), homes.copy_keys()
    assert own.owner_key != others.owner_key
    assert own.stack_passphrase != others.stack_passphrase
    assert others.machine_keys == {}
    assert recorded(homes) == [SecondCopyChange(THERE)]
    assert homes.apply().second_copy == second_copy.CopySettled(THERE)


def test_a_copy_that_a_file_names_later_comes_beside_a_service_that_stays(homes: TwoHomes) -> None:
    homes.write_file(WITHOUT_COPY)
    first = homes.apply()
    assert (first.second_copy, homes.plan().second_copy) == (None, None)
    secrets = homes.look(lambda opened: (opened.secrets.control(), opened.secrets.data()))
    homes.write_file(WITH_COPY)
    assert homes.plan().is_needed
    outcome = homes.apply()
    assert (outcome.is_complete, outcome.storage) == (True, ())
    assert_settled(homes)
    assert homes.look(lambda opened: (opened.secrets.control(), opened.secrets.data())) == secrets


def test_a_new_machine_gets_its_bucket_in_the_copy_and_a_retired_one_keeps_it(homes: TwoHomes) -> None:
    homes.apply()
    homes.write_file(
        machines={
            COMPTA: machine_at(COMPTA, retired=RETIRED),
            CAISSE: machine_at(CAISSE),
            "neuf-01": machine_at("neuf-01"),
        },
    )
    outcome = homes.apply()
    assert outcome.second_copy is not None
    assert kinds(outcome.second_copy.changes)["create", "Bucket"] == 1
    assert {operation for operation, _ in kinds(outcome.second_copy.changes)} == {"create"}
    assert len(homes.there.list_owned_buckets(homes.copy_owner)) == 3


def test_the_references_of_the_amendments_are_recorded_with_the_platform(given: TwoHomes) -> None:
    contract = {
        "reference": "BC-2026-0412",
        "signed_on": "2026-11-02",
        "in_service_on": "2026-12-01",
        "siren": "552100554",
        "amendments": [{"reference": "AV-2027-03", "signed_on": "2026-11-10"}],
    }
    given.write_file(contract=contract)
    given.apply()
    assert recorded(given) == [SecondCopyChange(THERE, ("AV-2027-03",))]


@pytest.mark.parametrize("place", range(1, 9))
def test_an_apply_that_is_killed_at_any_change_there_is_ended_by_the_next_one(
    homes: TwoHomes, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    seen = 0

    def killing(act: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any, **options: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen == place:
                raise Killed
            return act(*args, **options)

        return changed

    with monkeypatch.context() as patched:
        for name in ("add_user", "add_key", "create_key", "set_wall", "make_bucket"):
            patched.setattr(homes.there, name, killing(getattr(homes.there, name)))
        save = SecretStore.save_control
        patched.setattr(
            SecretStore,
            "save_control",
            lambda store, name, *args, **options: (
                killing(save)(store, name, *args, **options) if name != SLUG else save(store, name, *args, **options)
            ),
        )
        try:
            homes.apply()
        except Killed:
            assert recorded(homes) == [SecondCopyChange(THERE)], "the record comes before anything is created"
            assert homes.look(lambda opened: opened.secrets.find_control()) is not None
        else:
            assert seen < place
    assert homes.apply().is_complete
    assert_settled(homes)
    assert recorded(homes) == [SecondCopyChange(THERE)]


def test_a_platform_of_the_copy_that_is_away_stops_nothing_of_the_tenant_s_own(
    homes: TwoHomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        be_away(patched, homes.there)
        planned = homes.plan()
        assert planned.second_copy is not None
        assert (planned.second_copy.unseen, planned.second_copy.is_needed) == ("no answer from there", False)
        outcome = homes.apply()
        assert outcome.second_copy is not None
        assert "no answer from there" in outcome.second_copy.problem
        assert (outcome.is_complete, outcome.pending_machines, outcome.commissioned_now) == (False, [], True)
        assert recorded(homes) == []
    assert not homes.plan().storage
    assert homes.apply().is_complete
    assert_settled(homes)


def test_one_cluster_is_no_second_platform_under_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    homes = open_two_homes(tmp_path, monkeypatch, is_same=True)
    with pytest.raises(RefusedError, match="are the same one"):
        homes.plan()
    outcome = homes.apply()
    assert outcome.second_copy is not None
    assert "Name another platform in `copy:`" in outcome.second_copy.problem
    assert (outcome.is_complete, users(homes.there), recorded(homes)) == (False, [], [])
    assert homes.look_there(lambda copied: copied.secrets.find_control()) is None


def test_a_file_that_names_the_copy_no_more_is_refused_before_anything_changes(homes: TwoHomes) -> None:
    homes.apply()
    homes.write_file({**WITHOUT_COPY, "quota": "20 GiB"})
    for command in (homes.plan, homes.apply, lambda: homes.rotate(OWNER_ONLY)):
        with pytest.raises(RefusedError, match=f"its second copy is on {THERE}, but the file names no copy"):
            command()
    assert users(homes.there) == [f"{SLUG}-k7f3q9wz2m_copy"]


def test_a_machine_that_is_gone_from_the_file_is_refused_also_while_only_the_copy_has_it(homes: TwoHomes) -> None:
    homes.apply()
    homes.there.make_bucket("martin-neuf-01-0123456789", homes.copy_owner, "k7f3q9wz2m")
    outcome = homes.apply()
    assert outcome.second_copy is not None
    assert "belongs to this tenant, but no machine of the file has it" in outcome.second_copy.problem


def test_without_the_keys_of_the_copy_no_new_ones_are_made_for_what_stands_there(homes: TwoHomes) -> None:
    homes.apply()
    for folder in (homes.root / ".coffre" / "secrets", homes.root.parent / "escrow"):
        (folder / f"{SLUG}_copy.control.age").unlink()
    before = homes.there.list_key_ids(homes.copy_owner)
    outcome = homes.apply()
    assert outcome.second_copy is not None
    assert "its secret bundles are not on this computer" in outcome.second_copy.problem
    assert homes.look_there(lambda copied: copied.secrets.find_control()) is None
    assert homes.there.list_key_ids(homes.copy_owner) == before


# A hold.


def test_under_a_hold_nothing_of_the_copy_expires(homes: TwoHomes) -> None:
    homes.apply()
    assert homes.copied_bucket(COMPTA).list_expiry_rules()
    hold = RecordedHold("TJ-1", homes.checkout.tenants[SLUG].contract.signed_on, HoldKind.PRESERVE, "claire")
    homes.look(lambda opened: record_hold(opened.log, hold))
    assert homes.apply().is_complete
    assert homes.copied_bucket(COMPTA).list_expiry_rules() == []
    homes.there.state_of(homes.copied_bucket(COMPTA).name).expiry_days["somebody's"] = 1
    assert homes.apply().is_complete
    assert homes.copied_bucket(COMPTA).list_expiry_rules() == [], "also a rule that no stack knows"


# An exact plan.


def test_an_exact_plan_with_a_copy_is_saved_read_and_carried_out(homes: TwoHomes, tmp_path: Path) -> None:
    planned = homes.plan_exactly()
    save_plans(tmp_path / "a.plan", [planned])
    [read] = load_plans(tmp_path / "a.plan")
    assert read == planned
    outcome = homes.apply(planned=read)
    assert outcome.is_complete
    assert_settled(homes)


def test_a_copy_that_differs_from_its_plan_is_named(given: TwoHomes, monkeypatch: pytest.MonkeyPatch) -> None:
    given.apply()
    planned = given.plan_exactly()
    with monkeypatch.context() as patched:
        be_away(patched, given.there)
        away = given.plan_exactly()
        assert list_differences(planned, away) == ["the second copy"]
        assert list_differences(away, away) == []
    lost = given.copied_bucket(CAISSE).name
    given.there.drop(lost)
    assert f"the second copy's Bucket {lost}" in list_differences(planned, given.plan_exactly())


def test_a_key_of_the_copy_that_was_made_since_the_plan_is_a_difference(given: TwoHomes) -> None:
    planned = given.plan_exactly()
    assert planned.plan.second_copy is not None

    def make_keys(copied: OpenTenant) -> None:
        second_copy.ensure_secrets(copied.tenant, copied.secrets, copied.log, given.said.append)

    given.look_there(make_keys)
    assert "the second copy" in list_differences(planned, given.plan_exactly())


# rotate.


def test_the_owner_s_rotation_replaces_the_key_of_the_copy_too(homes: TwoHomes) -> None:
    homes.apply()
    before = homes.copy_keys().owner_key
    outcome = homes.rotate(OWNER_ONLY)
    assert [(key.secret, key.platform, key.is_done) for key in outcome.keys] == [
        (SecretId(SecretKind.OWNER_KEY), None, True),
        (SecretId(SecretKind.OWNER_KEY), THERE, True),
    ]
    after = homes.copy_keys().owner_key
    assert before != after
    assert homes.copy_keys().old_owner_key is None
    assert_settled(homes)


def test_another_key_s_rotation_leaves_the_copy_alone(homes: TwoHomes) -> None:
    homes.apply()
    before = homes.copy_keys()
    outcome = homes.rotate(KeyChoice(signing=True))
    assert {key.platform for key in outcome.keys} == {None}
    assert homes.copy_keys() == before


def test_a_copy_that_was_never_made_has_no_key_to_rotate(homes: TwoHomes) -> None:
    homes.write_file(WITHOUT_COPY)
    homes.apply()
    homes.write_file(WITH_COPY)
    assert [key.platform for key in homes.rotate(OWNER_ONLY).keys] == [None]


def test_a_rotation_that_was_killed_there_is_ended_by_the_next_apply(
    homes: TwoHomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes.apply()
    before = homes.copy_keys().owner_key

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(homes.there, "delete_key", die)
        with pytest.raises(Killed):
            homes.rotate(OWNER_ONLY)
    assert rotations.is_pending(homes.copy_keys(), rotations.OWNER)
    outcome = homes.apply()
    assert outcome.second_copy is not None
    assert [(key.platform, key.is_done) for key in outcome.second_copy.rotated] == [(THERE, True)]
    assert homes.copy_keys().owner_key != before
    assert_settled(homes)


def test_a_platform_of_the_copy_that_is_away_hides_no_result_of_the_tenant_s_own_keys(
    homes: TwoHomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes.apply()
    own = homes.look(lambda opened: opened.secrets.control().owner_key)
    with monkeypatch.context() as patched:
        be_away(patched, homes.there)
        outcome = homes.rotate(OWNER_ONLY)
    assert [key.is_done for key in outcome.keys if key.platform is None] == [True]
    assert not outcome.is_complete
    assert homes.look(lambda opened: opened.secrets.control().owner_key) != own


# What the records say of its place.


@pytest.mark.parametrize(
    ("named", "recorded_on", "said"),
    [
        (None, None, None),
        (THERE, None, None),
        (THERE, THERE, None),
        (None, THERE, "names no copy"),
        ("elsewhere", THERE, "names elsewhere"),
    ],
)
def test_a_copy_stays_where_the_records_have_it(named: str | None, recorded_on: str | None, said: str | None) -> None:
    storage = WITHOUT_COPY if named is None else {**WITHOUT_COPY, "copy": {"platform": named}}
    tenant = tenant_with(storage=storage)
    copied = tenant.copied()
    if copied is not None:
        refuse_moved_copy(copied, recorded_on)  # the copy itself names none
    if said is None:
        refuse_moved_copy(tenant, recorded_on)
        return
    with pytest.raises(RefusedError, match=said) as refused:
        refuse_moved_copy(tenant, recorded_on)
    assert f"`copy: {{platform: {THERE}}}`" in refused.value.hint


def test_the_platform_is_recorded_once_until_it_is_another() -> None:
    log, tenant = InMemoryLog(), tenant_with()
    assert find_copy_platform(log) is None
    for platform in (THERE, THERE, "elsewhere", "elsewhere"):
        record_copy_platform(log, tenant, platform)
        assert find_copy_platform(log) == platform
    assert [each.fact.platform for each in log.list(SecondCopyChange)] == [THERE, "elsewhere"]
    log.append(SecondCopyChange(None))
    assert find_copy_platform(log) is None
