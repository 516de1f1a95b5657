"""What the vendor's activities say of a machine's backups, as reports."""

from datetime import UTC, datetime, timedelta

import pytest

from coffre.agents.acronis.hearing import Hearing
from coffre.agents.driver import RunClock
from coffre.agents.home import AgentOwner
from coffre.agents.report import ReportResult
from coffre.errors import ExpectedError, RefusedError
from tests.unit.acronis.conftest import QUICK
from tests.unit.agents.acronis.conftest import Scene, owner_of


def resource_of(scene: Scene, host: str) -> str:
    return next(str(each.id) for each in scene.within.agents.list_machines() if each.name == host)


def hearing(scene: Scene) -> Hearing:
    return Hearing(scene.settings, QUICK)


def test_a_machine_without_an_agent_or_a_backup_has_nothing_to_say(scene: Scene) -> None:
    assert hearing(scene).hear(owner_of(scene, "srv-01")).last is None
    scene.deploy("srv-01")
    heard = hearing(scene).hear(owner_of(scene, "srv-01"))
    assert (heard.last, heard.success) == (None, None)


def test_the_last_run_and_the_last_good_one_are_told_each_machine_its_own(scene: Scene) -> None:
    scene.deploy("srv-01", "srv-02")
    first, second = (resource_of(scene, host) for host in ("srv-01", "srv-02"))
    scene.cloud.tell("back_up", resource_id=first, size_bytes=1000)
    scene.cloud.tell("back_up", resource_id=second, size_bytes=1000, result="warning")
    scene.cloud.tell("back_up", resource_id=first, size_bytes=1000, result="error")
    seen = hearing(scene)
    scene.cloud.tell("forget_journal")
    heard, other = seen.hear(owner_of(scene, "srv-01")), seen.hear(owner_of(scene, "srv-02"))
    assert heard.last is not None
    assert heard.success is not None
    assert (heard.last.result, heard.success.result) == (ReportResult.FAILED, ReportResult.SUCCESS)
    assert heard.success.finished_at < heard.last.finished_at
    assert (heard.last.tenant_id, heard.last.machine) == (scene.tenant_id, "srv-01")
    assert other.last is not None
    assert (other.last.result, other.success) == (ReportResult.PARTIAL, None)
    assert len(scene.cloud.calls("/api/task_manager/v2/activities")) == 1


def test_what_is_long_past_is_not_asked_for(scene: Scene) -> None:
    scene.deploy("srv-01")
    scene.cloud.tell("back_up", resource_id=resource_of(scene, "srv-01"), size_bytes=1000)
    later = Hearing(scene.settings, QUICK, lambda: datetime.now(UTC) + timedelta(days=100))
    assert later.hear(owner_of(scene, "srv-01")).last is None


def test_a_backup_is_started_and_followed_to_its_end(scene: Scene) -> None:
    scene.deploy("srv-01")
    resource = resource_of(scene, "srv-01")
    scene.cloud.tell("back_up", resource_id=resource, size_bytes=1, result="error")
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            scene.cloud.tell("back_up", resource_id=resource, size_bytes=1000)

    steps: list[str] = []
    report = hearing(scene).back_up(
        owner_of(scene, "srv-01"), 600, steps.append, RunClock(now=lambda: sum(waits), sleep=sleep)
    )
    assert report.result is ReportResult.SUCCESS
    assert waits == [5.0, 10.0]
    assert steps[0] == "start the protection plan"


def test_a_backup_that_does_not_end_is_joined_and_given_up_at_the_deadline(scene: Scene) -> None:
    scene.deploy("srv-01")
    waits: list[float] = []
    clock = RunClock(now=lambda: sum(waits), sleep=waits.append)
    for wanted in (["start the protection plan"], []):
        steps: list[str] = []
        with pytest.raises(ExpectedError, match="has not ended within 30 seconds"):
            hearing(scene).back_up(owner_of(scene, "srv-01"), 30, steps.append, clock)
        assert [each for each in steps if each.startswith("start")] == wanted


def test_a_machine_without_an_agent_or_offline_starts_no_backup(scene: Scene) -> None:
    with pytest.raises(RefusedError, match="has no agent at Acronis yet"):
        hearing(scene).back_up(owner_of(scene, "srv-01"), 30, lambda _: None, RunClock())
    scene.deploy("srv-01")
    scene.cloud.tell("set_online", agent_id=scene.machine("srv-01").agent_id, online=False)
    with pytest.raises(ExpectedError, match="not online at Acronis"):
        hearing(scene).back_up(owner_of(scene, "srv-01"), 30, lambda _: None, RunClock())


def test_why_nothing_is_told_counts_for_the_other_machines_of_the_customer_too(scene: Scene) -> None:
    scene.recorded |= {"srv-01": "an-agent", "srv-02": "another"}
    seen = hearing(scene)
    with pytest.raises(RefusedError, match="coffre:zzzzzzzzzz"):
        seen.hear(AgentOwner("zzzzzzzzzz", "srv-01"))
    scene.cloud.tell("forget_journal")
    with pytest.raises(RefusedError, match="coffre:zzzzzzzzzz"):
        seen.hear(AgentOwner("zzzzzzzzzz", "srv-02"))
    assert scene.cloud.calls() == []
