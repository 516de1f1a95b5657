"""A machine that moves from a vendor's agent to Coffre's own: the old one goes after the first good backup."""

import sys
from pathlib import Path
from typing import Any

import pytest

from coffre.errors import RefusedError
from coffre.provisioning.sequence import STEPS, ApplyStep
from coffre.provisioning.terms.differences import DifferenceKind, StateDifference
from coffre.provisioning.terms.done import MachineState
from coffre.provisioning.terms.notes import MachineNote, NoteKind
from coffre.records.facts.agents import Install, MachineRetired, Removal
from coffre.spec.tenant import AgentKind
from coffre.tenant.estate.agents import list_former_agents
from coffre.tenant.licences import count_in_use, list_deployments
from coffre.workspace.clock import utc_now
from tests.doubles.agent import FileAgents
from tests.doubles.workshop import OTHER, RETIRED, Workshop, on_host, open_mixed_workshop, three_machines
from tests.forge import forged_report
from tests.unit.provisioning.test_apply_killed_in_memory import Killed, kill_at

MOVED = {"moved_from": {"agent": "acronis", "keep_until": "2099-12-31"}}
GOES = StateDifference(DifferenceKind.FORMER_AGENT)


@pytest.fixture
def moving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A tenant that was applied with a machine of the vendor's, which its file now moves."""
    workshop = open_mixed_workshop(tmp_path, monkeypatch)
    assert workshop.apply().is_complete
    write(workshop, **MOVED)
    return workshop


def write(workshop: Workshop, **changes: Any) -> None:
    workshop.write_file(machines=three_machines(**{OTHER: on_host(OTHER, **changes)}))


def has_former_agent(workshop: Workshop) -> bool:
    return bool(list((workshop.root / "agents").glob(f"*.{OTHER}")))


def back_up(workshop: Workshop, *, is_stored: bool = True) -> None:
    """Have the new agent report a success, and store its snapshot, unless told otherwise."""
    snapshot = workshop.back_up(OTHER) if is_stored else "ab" * 32
    workshop.estate.bucket(OTHER).put(*forged_report(workshop.tenant_id, OTHER, snapshot))


def planned(workshop: Workshop) -> tuple[Any, ...]:
    [found] = [each for each in workshop.plan().machines if each.machine == OTHER]
    return (found.action, found.differences)


def states(workshop: Workshop) -> dict[str, MachineState]:
    return {each.machine: each.state for each in workshop.apply().machines}


def removals(workshop: Workshop) -> list[str]:
    return [each.fact.agent for each in workshop.look(lambda opened: list(opened.log.list(Removal, OTHER)))]


def test_another_agent_without_a_word_of_the_one_before_is_refused(moving: Workshop) -> None:
    write(moving)
    with pytest.raises(RefusedError, match="still has the agent acronis") as refused:
        moving.plan()
    assert "moved_from: {agent: acronis, keep_until: DATE}" in refused.value.hint
    assert has_former_agent(moving)


def test_the_former_agent_stays_until_both_witnesses_have_seen_a_backup_of_the_new_one(moving: Workshop) -> None:
    assert planned(moving) == ("install", ())
    assert states(moving)[OTHER] is MachineState.INSTALLED
    assert has_former_agent(moving)
    assert planned(moving) == ("none", ())
    assert MachineNote(NoteKind.FORMER_AGENT, OTHER) in moving.plan().notes
    back_up(moving, is_stored=False)
    assert planned(moving) == ("none", ()), "a run of which the bucket knows nothing is no backup"
    assert states(moving)[OTHER] is MachineState.UNCHANGED
    assert has_former_agent(moving)
    back_up(moving)
    assert planned(moving) == ("update", (GOES,))
    assert not [each for each in moving.plan().notes if isinstance(each, MachineNote)]
    assert states(moving)[OTHER] is MachineState.UPDATED
    assert not has_former_agent(moving)
    assert moving.fleet.machine(OTHER).has_agent
    assert removals(moving) == ["acronis"]
    assert not moving.plan().is_needed
    assert states(moving)[OTHER] is MachineState.UNCHANGED


def test_it_uses_one_licence_throughout_and_a_retirement_frees_it(moving: Workshop) -> None:
    def licences() -> Any:
        return moving.look(lambda opened: count_in_use(list_deployments(opened.log), utc_now()))

    for _ in range(2):
        assert licences() == {"workstation": 3}
        moving.apply()
    back_up(moving)
    moving.apply()
    assert licences() == {"workstation": 3}
    write(moving, **MOVED, retired=RETIRED)
    moving.apply()
    assert licences() == {"workstation": 2}


def test_when_the_word_of_it_goes_from_the_file_nothing_else_goes(moving: Workshop) -> None:
    moving.apply()
    write(moving)
    with pytest.raises(RefusedError, match="still has the agent acronis"):
        moving.apply()
    write(moving, **MOVED)
    back_up(moving)
    moving.apply()
    customers = {uid: dict(each.made) for uid, each in moving.vendor.customers.items()}
    write(moving)
    assert moving.apply().is_complete
    assert {uid: dict(each.made) for uid, each in moving.vendor.customers.items()} == customers


def test_one_that_is_retired_on_the_way_loses_both_agents(moving: Workshop) -> None:
    moving.apply()
    write(moving, **MOVED, retired=RETIRED)
    moving.apply()
    assert not has_former_agent(moving)
    assert not moving.fleet.machine(OTHER).has_agent
    assert moving.estate.bucket(OTHER).list_objects("")
    assert not moving.plan().is_needed


def test_a_machine_of_a_vendor_that_is_retired_uses_no_licence_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop = open_mixed_workshop(tmp_path, monkeypatch)
    workshop.apply()
    write(workshop, agent="acronis", retired=RETIRED)
    for _ in range(2):
        workshop.apply()
    recorded = workshop.look(lambda opened: list(opened.log.list(MachineRetired, OTHER)))
    assert [each.fact.access_key_id for each in recorded] == [""]
    assert workshop.look(lambda opened: count_in_use(list_deployments(opened.log), utc_now())) == {"workstation": 2}
    write(workshop, agent="acronis")
    workshop.apply()
    assert workshop.look(lambda opened: count_in_use(list_deployments(opened.log), utc_now())) == {"workstation": 3}


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step.do.__module__.rsplit('.', 1)[-1]}.{step.do.__name__}")
def test_a_move_that_is_killed_after_any_step_is_ended_by_the_next_apply(
    moving: Workshop, monkeypatch: pytest.MonkeyPatch, step: ApplyStep
) -> None:
    with monkeypatch.context() as patched:
        kill_at(patched, sys.modules[step.do.__module__], step.do.__name__, 1)
        with pytest.raises(Killed):
            moving.apply()
    assert moving.apply().is_complete
    assert has_former_agent(moving)
    assert moving.fleet.machine(OTHER).has_agent
    installs = moving.look(lambda opened: [each.fact.agent for each in opened.log.list(Install, OTHER)])
    assert installs == ["acronis", "restic"]
    former = moving.look(lambda opened: list_former_agents(opened.tenant, opened.log))
    assert former == {OTHER: AgentKind.ACRONIS}
    assert not moving.plan().is_needed


@pytest.mark.parametrize("has_removed", [False, True])
def test_a_removal_that_is_killed_is_ended_and_recorded_once_by_the_next_apply(
    moving: Workshop, monkeypatch: pytest.MonkeyPatch, *, has_removed: bool
) -> None:
    moving.apply()
    back_up(moving)
    with monkeypatch.context() as patched:
        kill_at(patched, FileAgents, "remove", 1, after=has_removed)
        with pytest.raises(Killed):
            moving.apply()
    assert has_former_agent(moving) is not has_removed
    assert planned(moving) == ("update", (GOES,))
    assert moving.apply().is_complete
    assert not has_former_agent(moving)
    assert removals(moving) == ["acronis"]
    assert not moving.plan().is_needed
