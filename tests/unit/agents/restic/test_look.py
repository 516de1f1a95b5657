"""What a deployment that only looked says about a machine."""

import json

import pytest

from coffre.agents.ansible.events import MAX_CHANGE_LENGTH, MAX_CHANGES, read_agent_list
from coffre.agents.driver import AgentDrift, AgentPart, DeployResult
from coffre.agents.restic.look import judge_look

APPLY = "Have the agent apply its orders"


def result(*changes: str, ok: bool = True) -> DeployResult:
    return DeployResult("martin", "compta-01", ok, bool(changes), False, "" if ok else "why", changes)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ("coffre-backup.timer: rewrite", AgentPart.SCHEDULE),
        ("coffre-backup.service: write", AgentPart.SCHEDULE),
        ("systemd: reload units", AgentPart.SCHEDULE),
        ("\\Coffre\\Backup: register", AgentPart.SCHEDULE),
        ("com.coffre.backup.plist: write", AgentPart.SCHEDULE),
        ("coffre-backup.timer: enable", AgentPart.SCHEDULE_OFF),
        ("coffre-backup.timer: start", AgentPart.SCHEDULE_OFF),
        ("com.coffre.backup: load", AgentPart.SCHEDULE_OFF),
        ("credentials.json: another access key", AgentPart.CONFIGURATION),
        ("restic 0.18.1: fetch", AgentPart.RESTIC),
        ("orders: generation 7", AgentPart.ORDERS),
        ("reports: continue after number 9", AgentPart.STATE),
        ("something new", AgentPart.STATE),
    ],
)
def test_each_change_of_the_agent_has_its_part(change: str, part: AgentPart) -> None:
    assert judge_look(result(APPLY), [change]).drift == (AgentDrift(part, change),)


@pytest.mark.parametrize(
    ("task", "part"),
    [
        ("Install the agent's programs, folders and command", AgentPart.PROGRAMS),
        ("Write the agent's configuration and its credentials", AgentPart.CONFIGURATION),
        ("Write the machine's identity and the authorities that it trusts", AgentPart.CONFIGURATION),
        ("Create the directory of the programs", AgentPart.PROGRAMS),
    ],
)
def test_each_task_has_its_part(task: str, part: AgentPart) -> None:
    assert judge_look(result(task), []).drift == (AgentDrift(part, task),)


def test_a_sound_machine_has_no_drift_and_a_failed_look_says_why() -> None:
    assert judge_look(result(), []).drift == ()
    assert judge_look(result(APPLY), []).drift == (AgentDrift(AgentPart.STATE),)  # its words cannot be read
    failed = judge_look(result(ok=False), [])
    assert (failed.ok, failed.message) == (False, "why")


def test_what_others_added_is_told_although_nothing_would_be_changed() -> None:
    path = "/etc/systemd/system/coffre-backup.timer.d/off.conf"
    assert judge_look(result(), [], [path]).drift == (AgentDrift(AgentPart.ADDITION, path),)


@pytest.mark.parametrize("said", ["", "no JSON", "[]", '{"changes": 5}', '{"changes": [1, null]}'])
def test_rubbish_of_a_machine_is_no_change(said: str) -> None:
    assert read_agent_list(said, "changes") == ()


def test_what_a_machine_says_is_kept_within_bounds_and_on_one_line() -> None:
    said = json.dumps({"changes": ["x\n" * 200] * 100})
    kept = read_agent_list(said, "changes")
    assert len(kept) == MAX_CHANGES
    assert all(len(each) <= MAX_CHANGE_LENGTH and "\n" not in each for each in kept)
