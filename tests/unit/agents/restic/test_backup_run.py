"""Following a run, against a machine that is a script of what it answers."""

import json

import pytest

from coffre.agents.driver import RunClock
from coffre.agents.reach.ssh import CompletedRun
from coffre.agents.reach.ssh_errors import MachineUnreachableError
from coffre.agents.restic.backup_run import LOST_SECONDS, BackupRunError, read_unit_state, start_and_wait
from tests.unit.agents.test_report import REPORT

OLD, NEW, LATER = "a" * 32, "b" * 32, "c" * 32


class InMemoryMachine:
    """Answers `systemctl show` with one state after another, the last for ever; the clock moves as it sleeps."""

    name = "compta-01"

    def __init__(self, states, report_run_id=None):
        self.states = list(states)
        self.report_run_id = report_run_id
        self.started = 0
        self.now = 0.0

    def run(self, argv, timeout_seconds):
        if argv[:2] == ["systemctl", "show"]:
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            if isinstance(state, Exception):
                raise state
            return CompletedRun(0, state, "")
        if argv[:2] == ["systemctl", "start"]:
            self.started += 1
            return CompletedRun(0, "", "")
        if argv[0] == "cat":
            run_id = self.report_run_id
            return CompletedRun(0, json.dumps({**REPORT, "run_id": run_id}), "") if run_id else CompletedRun(1, "", "")
        return CompletedRun(0, "out of memory\n", "")

    def sleep(self, seconds):
        self.now += seconds

    def follow(self, deadline_seconds=1000):
        self.heard = []
        return start_and_wait(self, deadline_seconds, self.heard.append, RunClock(lambda: self.now, self.sleep))


def unit(active, invocation, load="loaded"):
    return f"LoadState={load}\nActiveState={active}\nResult=exit-code\nExecMainStatus=1\nInvocationID={invocation}\n"


def test_properties_are_read_whatever_their_order():
    state = read_unit_state(
        "InvocationID=x\nExecMainStatus=3\nActiveState=activating\nLoadState=loaded\nResult=success\n"
    )
    assert (state.is_loaded, state.is_running, state.invocation_id, state.exit_code) == (True, True, "x", "3")


def test_a_run_is_started_followed_and_reported():
    machine = InMemoryMachine(
        [unit("inactive", OLD), unit("inactive", OLD), unit("activating", NEW), unit("inactive", NEW)], NEW
    )
    assert machine.follow().run_id == NEW
    assert (machine.started, machine.heard) == (1, ["backup started"])


def test_a_failed_run_has_its_report_too():
    machine = InMemoryMachine([unit("failed", OLD), unit("failed", OLD), unit("failed", NEW)], NEW)
    assert machine.follow().run_id == NEW


def test_a_run_under_way_is_joined():
    machine = InMemoryMachine([unit("activating", NEW), unit("activating", NEW), unit("inactive", NEW)], NEW)
    assert machine.follow().run_id == NEW
    assert machine.started == 0


def test_an_old_report_is_not_taken_for_the_run_s():
    machine = InMemoryMachine([unit("inactive", OLD), unit("failed", NEW)], OLD)
    with pytest.raises(BackupRunError, match=r"ended without a report .*exit code 1: out of memory"):
        machine.follow()


def test_a_later_run_s_report_is_not_taken_for_the_one_followed():
    machine = InMemoryMachine([unit("inactive", OLD), unit("activating", NEW), unit("activating", LATER)], LATER)
    with pytest.raises(BackupRunError, match="ended without a report"):
        machine.follow()


def test_a_forgotten_invocation_is_known_by_its_new_report():
    """systemd unloads a unit that nothing refers to, and with it the id of its last run."""
    machine = InMemoryMachine([unit("inactive", ""), unit("inactive", "")])
    machine.sleep_plain = machine.sleep

    def sleep(seconds):
        machine.sleep_plain(seconds)
        machine.report_run_id = NEW

    machine.sleep = sleep
    assert machine.follow().run_id == NEW


def test_an_agent_that_is_not_there_is_said_before_anything_is_started():
    machine = InMemoryMachine([unit("inactive", "", load="not-found")])
    with pytest.raises(BackupRunError, match="the agent is not installed"):
        machine.follow()
    assert machine.started == 0


def test_the_deadline_is_kept():
    machine = InMemoryMachine([unit("inactive", OLD), unit("activating", NEW)])
    with pytest.raises(BackupRunError, match="is still running after 60 seconds"):
        machine.follow(deadline_seconds=60)
    assert machine.now < 90


def test_a_short_loss_of_the_line_is_borne_and_a_long_one_is_not():
    lost = MachineUnreachableError("gone")
    machine = InMemoryMachine([unit("inactive", OLD), lost, lost, unit("inactive", NEW)], NEW)
    assert machine.follow().run_id == NEW
    machine = InMemoryMachine([unit("inactive", OLD), lost])
    with pytest.raises(MachineUnreachableError):
        machine.follow()
    assert machine.now < LOST_SECONDS + 30
