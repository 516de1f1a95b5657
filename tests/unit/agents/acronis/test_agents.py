"""Agents that are installed, found, repaired, updated and removed, at a vendor that answers as the reference says."""

import pytest

from coffre.acronis.values.registration import OwnerScope
from tests.unit.agents.acronis.conftest import PLAN, Scene, note_of


def test_a_machine_without_an_agent_gets_one_online_with_its_plan(scene: Scene) -> None:
    (result,) = scene.deploy("srv-01")
    assert (result.ok, result.changed, result.message) == (True, True, "")
    assert result.agent_id == scene.machine("srv-01").agent_id
    assert result.agent_version == "26.2.41800"
    assert "Apply the protection plan" in result.changes
    assert scene.applied("srv-01") == [scene.plan_id]
    assert scene.machine("srv-01").parts == ["look", "main", "note"]


def test_a_second_deployment_asks_and_changes_nothing(scene: Scene) -> None:
    scene.deploy("srv-01")
    scene.cloud.tell("forget_journal")
    (result,) = scene.deploy("srv-01")
    assert (result.ok, result.changed, result.changes) == (True, False, ())
    written = [(each["method"], each["path"]) for each in scene.cloud.calls() if each["method"] != "GET"]
    assert [each for each in written if "/idp/token" not in each[1]] == []
    assert scene.machine("srv-01").parts[-1] == "look"


def test_each_machine_has_a_token_of_its_own_and_none_is_left(scene: Scene) -> None:
    scene.deploy("srv-01", "srv-02")
    secrets = [*scene.machine("srv-01").secrets, *scene.machine("srv-02").secrets]
    assert len(set(secrets)) == 2
    assert scene.tokens() == []
    assert not any(secret in str(inventory) for secret in secrets for inventory in scene.runs.inventories)


@pytest.mark.parametrize("refusal", ["no room", "the agent is already registered in a different tenant."])
def test_a_failed_installation_leaves_no_token_and_says_why(scene: Scene, refusal: str) -> None:
    scene.machine("srv-01").refusal = refusal
    (result,) = scene.deploy("srv-01")
    assert not result.ok
    assert scene.tokens() == []
    wanted = "belongs to another customer at Acronis" if "tenant" in refusal else "“Run the installer” failed: no room"
    assert wanted in result.message


def test_an_installation_that_does_not_register_is_a_failure(scene: Scene) -> None:
    scene.machine("srv-01").comes_online = False
    (result,) = scene.deploy("srv-01")
    assert not result.ok
    assert "does not come online at Acronis" in result.message
    assert scene.tokens() == []
    assert "note" not in scene.machine("srv-01").parts


def test_one_machine_that_is_away_holds_up_no_other(scene: Scene) -> None:
    scene.machine("srv-01").is_away = True
    away, there = scene.deploy("srv-01", "srv-02")
    assert (away.ok, away.unreachable) == (False, True)
    assert there.ok


def test_the_agent_of_another_tenant_or_machine_is_refused_before_anything_is_asked(scene: Scene) -> None:
    scene.machine("srv-01").note = note_of("zzzzzzzzzz", "srv-01")
    scene.machine("srv-02").open_note = note_of(scene.tenant_id, "srv-09")
    first, second = scene.deploy("srv-01", "srv-02")
    assert "the agent of srv-01 of an unknown tenant (zzzzzzzzzz) is installed there" in first.message
    assert "the agent of srv-09 of durand is installed there" in second.message
    assert scene.machine("srv-01").parts == scene.machine("srv-02").parts == ["look"]
    assert not any(each["path"].endswith("/registration_tokens") for each in scene.cloud.calls())


def test_a_clone_is_refused_by_the_vendor_and_said_so(scene: Scene, cloud, tmp_path) -> None:  # type: ignore[no-untyped-def]
    other = Scene(cloud, scene.client, tmp_path)
    (first,) = other.deploy("srv-01")
    scene.machine("srv-01").agent_id = first.agent_id
    (result,) = scene.deploy("srv-01")
    assert "its agent belongs to another customer at Acronis" in result.message
    assert scene.tokens() == []


def test_two_machines_of_one_name_are_told_apart_by_doing_one_after_the_other(scene: Scene) -> None:
    scene.machine("srv-01", "debian")
    scene.machine("srv-02", "debian")
    results = scene.deploy("srv-01", "srv-02")
    assert [each.ok for each in results] == [True, True]
    assert [each.agent_id for each in results] == [scene.machine(name).agent_id for name in ("srv-01", "srv-02")]
    assert [each.changed for each in scene.deploy("srv-01", "srv-02")] == [False, False]


def test_an_older_agent_is_updated_and_a_newer_one_is_left(scene: Scene) -> None:
    scene.deploy("srv-01")
    again = {"address": scene.cloud.url, "hostname": "srv-01", "agent_id": scene.machine("srv-01").agent_id}
    token = scene.within.registration.create(scene.personal, 600, [OwnerScope(scene.personal)]).value
    for release, parts in (("25.9.1", ["look", "main"]), ("27.0.1", ["look"])):
        scene.cloud.tell("register_agent", **again, token=token.token.get_secret_value(), release=release)
        (drift,) = [[each.detail for each in look.drift] for look in scene.look("srv-01")]
        assert drift == (["25.9.1 -> 26.2.41800"] if parts[-1] == "main" else [])
        scene.machine("srv-01").parts.clear()
        assert scene.deploy("srv-01")[0].ok
        assert scene.machine("srv-01").parts == parts


def test_an_agent_that_is_offline_is_started_and_one_that_stays_so_is_a_failure(scene: Scene) -> None:
    scene.deploy("srv-01")
    machine = scene.machine("srv-01")
    for comes_online in (True, False):
        scene.cloud.tell("set_online", agent_id=machine.agent_id, online=False)
        machine.stopped, machine.comes_online = ["acronis_mms"], comes_online
        machine.parts.clear()
        (result,) = scene.deploy("srv-01")
        assert machine.parts == ["look", "start"]
        assert result.ok == comes_online
    assert scene.tokens() == []


def test_a_look_tells_what_differs_and_changes_nothing(scene: Scene) -> None:
    machine = scene.machine("srv-01")
    (missing,) = scene.look("srv-01")
    assert [(each.part.value, each.detail) for each in missing.drift] == [("programs", "missing")]
    scene.deploy("srv-01")
    assert scene.look("srv-01")[0].drift == ()
    scene.cloud.tell("set_online", agent_id=machine.agent_id, online=False)
    resource = next(iter(scene.within.agents.list_machines())).id
    scene.within.policies.revoke(next(iter(scene.within.policies.list_all())).plan_id, resource)
    machine.note = note_of(scene.tenant_id, "srv-01", "another")
    scene.cloud.tell("forget_journal")
    (look,) = scene.look("srv-01")
    assert [(each.part.value, each.detail) for each in look.drift] == [
        ("state", "offline"), ("schedule", "plan not applied"), ("configuration", "note")
    ]  # fmt: skip
    assert {each["method"] for each in scene.cloud.calls() if "/idp/" not in each["path"]} == {"GET"}
    scene.within.agents.delete(next(iter(scene.within.agents.list_all())).id)
    scene.recorded.clear()
    assert [each.detail for each in scene.look("srv-01")[0].drift] == ["not registered"]


def test_a_removal_revokes_before_it_uninstalls_and_deletes_what_is_still_listed(scene: Scene) -> None:
    scene.deploy("srv-01", "srv-02")
    scene.cloud.tell("forget_journal")
    (result,) = scene.remove("srv-01")
    assert result.ok
    assert result.changes == ("Revoke the protection plans", "Uninstall the agent")
    assert scene.applied("srv-01") == []
    assert [each.hostname for each in scene.within.agents.list_all()] == ["srv-02"]
    assert scene.applied("srv-02") == [scene.plan_id]
    assert scene.remove("srv-01")[0].changes == ()
    scene.machine("srv-02").release = ""  # somebody removed it by hand: nothing unregisters there any more
    assert "Delete the agent from the vendor's list" in scene.remove("srv-02")[0].changes
    assert list(scene.within.agents.list_all()) == []


def test_a_removal_keeps_to_its_order_when_a_step_fails(scene: Scene) -> None:
    scene.deploy("srv-01")
    scene.machine("srv-01").refusal = "the uninstaller broke"
    (result,) = scene.remove("srv-01")
    assert not result.ok
    assert [each.hostname for each in scene.within.agents.list_all()] == ["srv-01"]
    scene.machine("srv-01").parts.clear()
    scene.cloud.fail("status", ".*/policy_management/.*", status=503, times=100)
    (result,) = scene.remove("srv-01")
    assert not result.ok
    assert scene.machine("srv-01").parts == ["look"]


def test_an_agent_that_is_nobodys_of_ours_stays(scene: Scene) -> None:
    scene.machine("srv-01").release = "26.2.41800"
    (result,) = scene.remove("srv-01")
    assert (result.ok, result.changed) == (True, False)
    assert scene.machine("srv-01").release


def test_without_plan_customer_user_or_licence_the_machine_says_what_is_missing(scene: Scene) -> None:
    scene.plan = "Every night"
    (result,) = scene.deploy("srv-01")
    assert "no protection plan named 'Every night'" in result.message
    assert scene.machine("srv-01").parts == ["look"]
    scene.plan, scene.login = PLAN, "nobody"
    assert "has no user nobody" in scene.deploy("srv-01")[0].message
    scene.tenant_id = "zzzzzzzzzz"
    scene.machine("srv-01")
    assert "no customer with the external id coffre:zzzzzzzzzz" in scene.deploy("srv-01")[0].message


def test_a_licence_too_few_is_said_and_the_agent_stays_registered(cloud, scene: Scene, tmp_path) -> None:  # type: ignore[no-untyped-def]
    small = Scene(cloud, scene.client, tmp_path, licences=1)
    first, second = small.deploy("srv-01", "srv-02")
    assert first.ok
    assert "QuotaReached" in second.message
    assert second.agent_id
    assert small.tokens() == []


def test_another_installation_there_is_waited_for_by_people(scene: Scene) -> None:
    scene.machine("srv-01").is_locked = True
    assert "/tmp/trueimage_inst.lock" in scene.deploy("srv-01")[0].message
    assert scene.machine("srv-01").parts == ["look"]


def test_another_file_than_the_chosen_installer_goes_nowhere(scene: Scene) -> None:
    (scene.folder / "installer.bin").write_bytes(b"another one")
    (result,) = scene.deploy("srv-01")
    assert "is not the chosen installer of Acronis" in result.message
    assert scene.machine("srv-01").parts == ["look"]


def test_a_token_that_the_vendor_does_not_delete_is_said(scene: Scene) -> None:
    scene.cloud.fail("status", ".*/registration_tokens/[0-9]+", status=403, times=100)
    (result,) = scene.deploy("srv-01")
    assert not result.ok
    assert "did not delete the registration token" in result.message


def test_many_machines_go_in_batches_of_what_ansible_does_at_once(scene: Scene) -> None:
    names = [f"srv-{number:02}" for number in range(25)]
    assert all(each.ok for each in scene.deploy(*names))
    assert [len(each) for each in scene.runs.plays] == [25, 20, 5, 25]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_a_run_that_is_broken_off_leaves_no_token(scene: Scene, error: type[BaseException]) -> None:
    def broken_off(_given: object) -> None:
        raise error

    scene.machine("srv-01")._main = broken_off  # type: ignore[assignment]
    with pytest.raises(error):
        scene.deploy("srv-01")
    assert scene.tokens() == []


def test_a_vendor_that_goes_away_in_the_middle_is_said_and_the_next_run_finishes(scene: Scene) -> None:
    scene.machine("srv-01")
    scene.cloud.fail("status", ".*/policy_management/v4/applications", status=503, times=100)
    (result,) = scene.deploy("srv-01")
    assert not result.ok
    assert "cannot serve now" in result.message
    assert scene.tokens() == []
    scene.cloud.tell("clear_faults")
    (result,) = scene.deploy("srv-01")
    assert (result.ok, result.changes) == (True, ("Apply the protection plan", "Note whose the agent is"))


def test_a_vendor_that_is_away_is_waited_for_once_and_no_machine_is_touched(scene: Scene) -> None:
    scene.cloud.fail("status", ".*/api/2/tenants", status=503, times=100)
    scene.cloud.tell("forget_journal")
    results = scene.deploy("srv-01", "srv-02", "srv-03")
    assert [each.ok for each in results] == [False] * 3
    assert len(scene.cloud.calls("/api/2/tenants")) == 4
    assert scene.runs.plays == []
