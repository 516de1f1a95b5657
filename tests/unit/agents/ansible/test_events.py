"""What Ansible's events come to, host by host."""

from pathlib import Path

import pytest

from coffre.agents.ansible.events import (
    APPLY,
    HIDDEN,
    SAID_BYTES,
    TELL,
    EventLog,
    HostOutcome,
    find_reason,
    one_line,
)
from coffre.agents.restic.inventory import ROLES


def outcome_of(*events, changed=0, processed=True):
    log = EventLog(lambda _host, _task: None)
    for kind, data in events:
        log.add({"event": kind, "event_data": {"host": "h", **data}})
    if processed:
        log.add({"event": "playbook_on_stats", "event_data": {"processed": {"h": 1}, "changed": {"h": changed}}})
    return log.outcome("h")


def ok(task, **result):
    return "runner_on_ok", {"task": f"restic_agent : {task}", "res": result}


def test_changes_are_named_in_order_and_once():
    outcome = outcome_of(ok("B", changed=True), ok("A", changed=False), ok("C", changed=True), ok("B", changed=True))
    assert outcome == HostOutcome(True, False, ("B", "C"))


def test_a_task_with_secrets_counts_as_changed_when_the_sums_say_so():
    """Its own event is censored and tells nothing."""
    tasks = ok("A", changed=True), ok("secret", censored="hidden"), ok("C", changed=True)
    assert outcome_of(*tasks, changed=3).changes == ("A", "secret", "C")
    assert outcome_of(*tasks, changed=2).changes == ("A", "C")


def test_the_first_failure_is_told_and_what_follows_is_not():
    outcome = outcome_of(
        ("runner_on_failed", {"task": "role : Do it", "res": {"msg": "no room"}}),
        ("runner_on_failed", {"task": "role : Clean up", "res": {"msg": "later"}}),
    )
    assert (outcome.ok, outcome.failed_task, outcome.reason) == (False, "Do it", "no room")


def test_a_failed_item_tells_more_than_its_loop():
    outcome = outcome_of(
        ("runner_item_on_failed", {"task": "Send", "res": {"msg": "no room"}}),
        ("runner_on_failed", {"task": "Send", "res": {"msg": "One or more items failed"}}),
    )
    assert outcome.reason == "no room"


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ('{"changed": false, "generation": 1, "changes": [], "agent_version": "0.2.0"}', "0.2.0"),
        ('{"changed": false, "generation": 1, "changes": []}', ""),
        ("[]", ""),
        ("not JSON", ""),
        (None, ""),
    ],
)
def test_the_agents_version_is_its_own_word(said, version):
    assert outcome_of(ok("Have the agent apply its orders", stdout=said)).agent_version == version


def test_every_role_has_the_task_in_which_the_agent_speaks():
    roles = Path(__file__).resolve().parents[4] / "playbooks" / "roles"
    files = list(roles.glob("restic_agent*/tasks/main.yml"))
    assert len(files) == len(ROLES)
    assert all(f"- name: {APPLY}\n" in file.read_text(encoding="utf-8") for file in files)


def test_what_a_machine_has_is_told_under_one_name_only_and_bounded():
    assert outcome_of(ok(TELL, stdout="host: srv-01\n")).told == "host: srv-01\n"
    assert outcome_of(ok("Another task", stdout="host: srv-01\n")).told == ""
    assert outcome_of(ok(TELL, stdout="x" * (SAID_BYTES + 1))).told == "x" * SAID_BYTES
    assert outcome_of(ok(TELL)).told == ""


def test_an_ignored_failure_is_none():
    assert outcome_of(("runner_on_failed", {"task": "T", "ignore_errors": True, "res": {"msg": "x"}})).ok


def test_an_unreachable_host_is_not_a_failed_one():
    outcome = outcome_of(("runner_on_unreachable", {"task": "T", "res": {"msg": "timed out"}}))
    assert (outcome.ok, outcome.unreachable, outcome.reason) == (False, True, "timed out")


def test_a_host_that_ansible_never_finished_did_not_go_well():
    assert outcome_of(ok("A"), processed=False).ok is False


def test_progress_names_host_and_task():
    steps = []
    log = EventLog(lambda host, task: steps.append((host, task)))
    log.add({"event": "runner_on_start", "event_data": {"host": "h", "task": "restic_agent : Do it"}})
    assert steps == [("h", "Do it")]


def test_reasons_take_the_most_telling_text():
    assert find_reason({"censored": "x", "msg": "secret"}) == HIDDEN
    assert find_reason({"msg": "non-zero return code", "stderr": "coffre-agent: no"}) == "coffre-agent: no"
    assert find_reason({"msg": "non-zero return code", "stdout": "said"}) == "said"
    assert find_reason({"msg": "disk full", "module_stderr": "Traceback"}) == "disk full"
    assert find_reason({"msg": "All items completed", "results": [{}, {"unreachable": True, "msg": "x"}]}) == "x"


def test_a_reason_becomes_one_short_line():
    assert one_line("@@@@\n first \n\n second\n") == "first second"
    assert len(one_line("x" * 1000)) == 300


@pytest.mark.parametrize(
    ("identity", "host_name"),
    [
        (
            '{"machine_id": "", "hardware_id": "", "boot_id": "", "booted_at": null, "host_name": "compta-01"}',
            "compta-01",
        ),
        ('{"host_name": "x", "of_a_newer_agent": 1}', "x"),
        ('{"machine_id": "what is no digest"}', None),
        ('"no object"', None),
        ("null", None),
    ],
)
def test_the_machine_is_the_agents_own_word(identity, host_name):
    said = f'{{"agent_version": "0.2.0", "identity": {identity}}}'
    found = outcome_of(ok("Have the agent apply its orders", stdout=said)).identity
    assert (found.host_name if found else None) == host_name


def test_an_agent_of_before_says_not_which_machine_it_is_on():
    assert outcome_of(ok("Have the agent apply its orders", stdout='{"changed": false}')).identity is None
