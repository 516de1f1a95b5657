"""A machine that moves from Coffre's own agent to a vendor's: its bucket is retired after the first good backup."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from coffre.agents.home import AgentOwner
from coffre.errors import RefusedError
from coffre.observation.tenant import observe
from coffre.offboarding.erase.retired_machine import refuse_unless_over
from coffre.provisioning.rules import refuse_by_departure
from coffre.provisioning.sequence import STEPS, ApplyStep
from coffre.provisioning.terms.differences import DifferenceKind, StateDifference
from coffre.provisioning.terms.done import MachineState
from coffre.provisioning.terms.notes import MachineNote, NoteKind
from coffre.records.facts.agents import Install, MachineRetired, Removal
from coffre.records.facts.departure import Stage
from coffre.spec import naming
from coffre.spec.loader import load_checkout
from coffre.supervision.observe.look import look_at_tenant
from coffre.tenant.licences import count_in_use, list_deployments
from coffre.tenant.vendors import refuse_outsider
from coffre.workspace.clock import utc_now
from tests.doubles.agent import FileKind
from tests.doubles.workshop import (
    CAISSE,
    COMPTA,
    MIXED,
    OTHER,
    SLUG,
    Workshop,
    on_host,
    open_mixed_workshop,
    three_machines,
)
from tests.unit.provisioning.test_apply_killed_in_memory import Killed, kill_at
from tests.unit.provisioning.test_away import away

TWO_LICENCES = {
    **MIXED["storage"],
    "parts": {"lab": {"quota": "6 GiB"}, "vendor": {"quota": "4 GiB", "licences": {"workstation": 2}}},
}
MOVED = {"moved_from": {"agent": "restic", "keep_until": "2099-12-31"}}
RETIRED = {"on": "2026-11-01", "keep_until": "2099-12-31"}
ARRIVES = StateDifference(DifferenceKind.ARRIVING_AGENT)
GOES = StateDifference(DifferenceKind.FORMER_AGENT)
WAITS = MachineNote(NoteKind.FORMER_AGENT, CAISSE)


@pytest.fixture
def moving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A tenant that was applied with a machine that has a bucket and a backup, which its file now moves."""
    workshop = open_mixed_workshop(tmp_path, monkeypatch)
    workshop.write_file(storage=TWO_LICENCES)
    assert workshop.apply().is_complete
    workshop.back_up(CAISSE)
    write(workshop, **MOVED)
    return workshop


def write(workshop: Workshop, agent: str = "acronis", **changes: Any) -> None:
    machine = on_host(CAISSE, agent=agent, **changes)
    workshop.write_file(storage=TWO_LICENCES, machines=three_machines(**{CAISSE: machine}))


def has_new_agent(workshop: Workshop) -> bool:
    return bool(list((workshop.root / "agents").glob(f"*.{CAISSE}")))


def back_up_anew(workshop: Workshop) -> None:
    """Have the vendor's agent make a good backup."""
    owner = AgentOwner(workshop.tenant_id, CAISSE)
    FileKind(workshop.root / "agents").back_up(owner, lambda: None, 1.0, lambda text: None, None)  # type: ignore[arg-type, return-value]


def planned(workshop: Workshop) -> tuple[Any, ...]:
    [found] = [each for each in workshop.plan().machines if each.machine == CAISSE]
    return (found.action, found.differences)


def states(workshop: Workshop) -> dict[str, MachineState]:
    outcome = workshop.apply()
    assert len({each.machine for each in outcome.machines}) == len(outcome.machines)
    return {each.machine: each.state for each in outcome.machines}


def keys_of(workshop: Workshop) -> list[str]:
    return workshop.look(lambda opened: opened.storage.list_key_ids(naming.machine_uid(opened.tenant, CAISSE)))


def licences(workshop: Workshop) -> Mapping[str, int]:
    return workshop.look(lambda opened: count_in_use(list_deployments(opened.log), utc_now()))


def test_another_agent_without_a_word_of_the_one_before_is_refused(moving: Workshop) -> None:
    write(moving)
    with pytest.raises(RefusedError, match="still has the agent restic") as refused:
        moving.plan()
    assert "moved_from: {agent: restic, keep_until: DATE}" in refused.value.hint


def test_the_agent_before_serves_until_the_new_one_has_a_good_backup(moving: Workshop) -> None:
    assert planned(moving) == ("update", (ARRIVES,))
    assert states(moving)[CAISSE] is MachineState.INSTALLED
    assert has_new_agent(moving)
    assert moving.fleet.machine(CAISSE).has_agent
    assert len(keys_of(moving)) == 1
    assert planned(moving) == ("none", ())
    assert WAITS in moving.plan().notes
    assert states(moving)[CAISSE] is MachineState.UNCHANGED
    assert moving.look(lambda opened: opened.tenant.machines[CAISSE].agent.value) == "restic"


def test_after_it_the_bucket_is_retired_and_its_backups_stay(moving: Workshop) -> None:
    moving.apply()
    before = moving.objects(CAISSE)
    back_up_anew(moving)
    assert planned(moving) == ("update", (GOES,))
    assert states(moving)[CAISSE] is MachineState.UPDATED
    assert not moving.fleet.machine(CAISSE).has_agent
    assert has_new_agent(moving)
    assert keys_of(moving) == []
    assert moving.objects(CAISSE) == before
    assert [each.fact.agent for each in moving.look(lambda opened: opened.log.list(Removal, CAISSE))] == ["restic"]
    assert not moving.plan().is_needed
    assert WAITS not in moving.plan().notes
    assert states(moving)[CAISSE] is MachineState.UNCHANGED
    assert moving.look(lambda opened: opened.tenant.machines[CAISSE].agent.value) == "acronis"
    assert moving.look(lambda opened: refuse_outsider(opened.tenant, CAISSE)) is None, "its backups can be restored"
    with pytest.raises(RefusedError, match="are kept until 2099-12-31"):
        moving.look(lambda opened: refuse_unless_over(opened.of_buckets.tenant, CAISSE, utc_now().date()))


def test_the_bucket_that_was_left_counts_in_the_use_and_the_machine_is_seen_by_its_new_agent(moving: Workshop) -> None:
    def seen() -> Any:
        return moving.look(lambda opened: (observe(opened, utc_now()), look_at_tenant(opened, {}, 1, utc_now())))

    moving.apply()
    back_up_anew(moving)
    status, look = seen()
    before = look.uses[-1].current_bytes
    assert look.machines[CAISSE].current_bytes > 0
    [row] = [each for each in status.machines if each.name == CAISSE]
    assert row.agent == "restic"
    moving.apply()
    status, look = seen()
    assert look.machines[CAISSE].current_bytes > 0
    assert look.machines[CAISSE].last_result == "success"
    assert look.machines[COMPTA].last_result == "never"
    assert abs(look.uses[-1].current_bytes - before) < 4096, "only orders and notes changed"
    [row] = [each for each in status.machines if each.name == CAISSE]
    assert (row.agent, row.last_result, row.retired) == ("acronis", "success", None)
    with_kept = moving.look(lambda opened: look_at_tenant(opened, look.watched, 1, utc_now()))
    assert with_kept.uses[-1].current_bytes == look.uses[-1].current_bytes, "also when nothing is read again"


def test_the_end_of_the_bucket_is_told_apart_from_that_of_the_machine(moving: Workshop) -> None:
    moving.apply()
    back_up_anew(moving)
    moving.apply()
    moved = moving.look(lambda opened: opened.tenant)
    closed = {CAISSE: Stage.CLOSED}
    with pytest.raises(RefusedError, match="are being erased or gone") as refused:
        refuse_by_departure(moved, None, closed)
    assert "`moved_from`" in refused.value.hint
    write(moving)
    refuse_by_departure(load_checkout(moving.root).tenants[SLUG], None, closed)
    write(moving, agent="restic")
    with pytest.raises(RefusedError, match="are being erased or gone"):
        refuse_by_departure(load_checkout(moving.root).tenants[SLUG], None, closed)


@pytest.mark.parametrize("is_vendor", [True, False], ids=["the vendor", "Ceph"])
def test_nobody_moves_while_a_part_does_not_answer(moving: Workshop, *, is_vendor: bool) -> None:
    moving.apply()
    back_up_anew(moving)
    keys = keys_of(moving)
    with away(moving.vendor if is_vendor else moving.platform):
        outcome = moving.apply()
    assert [each.machine for each in outcome.machines if each.state is MachineState.PENDING] == (
        [OTHER] if is_vendor else [COMPTA, CAISSE]
    )
    assert moving.fleet.machine(CAISSE).has_agent
    assert keys_of(moving) == keys
    assert planned(moving) == ("update", (GOES,))
    assert moving.apply().is_complete
    assert not moving.fleet.machine(CAISSE).has_agent


def test_it_uses_one_licence_throughout_and_a_retirement_frees_it(moving: Workshop) -> None:
    for _ in range(2):
        assert licences(moving) == {"workstation": 3}
        moving.apply()
    back_up_anew(moving)
    moving.apply()
    assert licences(moving) == {"workstation": 3}
    [retired] = moving.look(lambda opened: opened.log.list(MachineRetired, CAISSE))
    assert retired.fact.agent == "restic"
    write(moving, **MOVED, retired=RETIRED)
    moving.apply()
    assert licences(moving) == {"workstation": 2}
    assert not has_new_agent(moving)
    assert not moving.plan().is_needed


def test_one_that_is_retired_on_the_way_loses_both_agents(moving: Workshop) -> None:
    moving.apply()
    write(moving, **MOVED, retired=RETIRED)
    moving.apply()
    assert not has_new_agent(moving)
    assert not moving.fleet.machine(CAISSE).has_agent
    assert keys_of(moving) == []
    assert moving.objects(CAISSE)
    assert not moving.plan().is_needed


def test_when_the_word_of_it_goes_from_the_file_no_backup_goes(moving: Workshop) -> None:
    moving.apply()
    back_up_anew(moving)
    moving.apply()
    before = moving.objects(CAISSE)
    write(moving)
    with pytest.raises(RefusedError, match="has backups in its bucket"):
        moving.apply()
    assert moving.objects(CAISSE) == before


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step.do.__module__.rsplit('.', 1)[-1]}.{step.do.__name__}")
@pytest.mark.parametrize("is_due", [False, True], ids=["arriving", "due"])
def test_a_move_that_is_killed_after_any_step_is_ended_by_the_next_apply(
    moving: Workshop, monkeypatch: pytest.MonkeyPatch, step: ApplyStep, *, is_due: bool
) -> None:
    before = moving.objects(CAISSE)
    if is_due:
        moving.apply()
        back_up_anew(moving)
    with monkeypatch.context() as patched:
        kill_at(patched, sys.modules[step.do.__module__], step.do.__name__, 1)
        with pytest.raises(Killed):
            moving.apply()
    assert moving.apply().is_complete
    assert has_new_agent(moving)
    assert moving.fleet.machine(CAISSE).has_agent is not is_due
    assert (keys_of(moving) == []) is is_due
    assert moving.objects(CAISSE) == before
    installs = moving.look(lambda opened: [each.fact.agent for each in opened.log.list(Install, CAISSE)])
    assert installs == ["restic", "acronis"]
    assert licences(moving) == {"workstation": 3}
    assert not moving.plan().is_needed
