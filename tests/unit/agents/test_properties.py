"""Whatever machines, buckets and repositories say: a typed value or the reader's own error, never anything else."""

import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from coffre.agents import desired
from coffre.agents.ansible.events import EventLog, find_reason, read_agent_version
from coffre.agents.applied import parse_applied
from coffre.agents.reach.ssh_errors import Account, explain_ssh, find_sudo_refusal, shorten
from coffre.agents.reach.trust import read_lines
from coffre.agents.report import InvalidReportError, parse_report
from coffre.agents.restic.backup_run import read_unit_state
from coffre.agents.restic.repository.explain import explain_exit
from coffre.agents.restic.repository.output import (
    OddOutputError,
    read_fraction,
    read_line,
    read_node,
    read_restore_summary,
    read_snapshots,
)
from coffre.agents.restic.repository.remote_restore import Program, choose_sent, read_facts
from coffre.errors import ExpectedError, RefusedError
from coffre.orders.control import GateOrder, SetAside, read_gate_order
from tests.unit.agents.test_report import REPORT

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SEED = b"\x01" * 32
APPLIED = {
    "version": 1,
    "tenant_id": "k7f3q9wz2m",
    "machine": "compta-01",
    "at": "2026-11-23T12:30:00Z",
    "generation_applied": 3,
    "access_key_id": "AK",
    "signing_public_key": "x",
}
GATE = {"closed": True, "reason": "quota", "since": "2026-11-23T12:30:00Z"}
SNAPSHOT = {"id": "a" * 64, "time": "2026-11-23T12:30:00Z", "hostname": "vm", "paths": ["/etc"]}
NODE = {"path": "/a", "type": "file", "size": 1, "mode": 420, "uid": 0, "gid": 0, "mtime": "2026-11-23T12:30:00Z"}

ODD = st.sampled_from(
    [
        None, True, -1, 0, 2**63, 2**64, 10**4000, 0.5, 1e308, float("inf"), float("nan"), "", "x", "\ud800", "\x1b[2J",
        "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2999-01-01T00:00:00Z",
        "2026-11-23", [], {}, [[]], [None], {"x": {}}, "9" * 5000,
    ]
)  # fmt: skip
ANYTHING = st.recursive(
    ODD | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
BOUNDED = settings(max_examples=200, deadline=None)


def changed(*documents):
    """Documents as they should be, with some fields of anything."""

    @st.composite
    def change(draw):
        document = dict(draw(st.sampled_from(documents)))
        for _ in range(draw(st.integers(0, 3))):
            document[draw(st.sampled_from([*document, "other"]))] = draw(ANYTHING)
        return document

    return change()


def as_json(structures):
    return structures.map(lambda value: json.dumps(value).encode())


MANGLED = st.binary(max_size=100) | st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000, b"9" * 5000, b'{"a":1,"a":2}'])


@BOUNDED
@given(MANGLED | as_json(changed(REPORT, APPLIED) | ANYTHING))
def test_reports_and_what_was_applied(body):
    for parse in (parse_report, parse_applied):
        try:
            document = parse(body, NOW)
        except InvalidReportError as problem:
            problem.message.encode()
            continue
        document.model_dump_json()


@BOUNDED
@given(MANGLED | as_json(changed(GATE) | ANYTHING))
def test_gates(body):
    gate = read_gate_order(body)
    assert isinstance(gate, GateOrder | SetAside)
    if isinstance(gate, GateOrder):
        assert gate.reason.isprintable() or gate.reason == ""


def signed(payload):
    return desired.sign(payload, SEED)


@BOUNDED
@given(
    MANGLED
    | as_json(changed({"payload": "e30=", "signatures": ["e30="]}) | ANYTHING)
    | as_json(changed({"version": 1, "generation": 3, "plan": {}}) | ANYTHING).map(
        lambda body: desired.sign(body, SEED)
    )
)
def test_orders(body):
    key = desired.raw_public_key_of(SEED)
    try:
        orders = desired.verify(body, key)
    except desired.InvalidOrdersError:
        return
    assert orders["generation"] >= 1
    desired.list_differences(orders, {})


@BOUNDED
@given(st.text(max_size=60) | changed(NODE, {"percent_done": 1, "files_restored": 1}).map(json.dumps))
def test_lines_of_restic(line):
    fields = read_line(line)
    assert 0 <= read_fraction(fields) <= 1
    for read in (read_node, read_restore_summary):
        try:
            read(fields)
        except OddOutputError:
            continue
    message, _ = explain_exit(1, [line])
    assert len(message) < 20_000


@BOUNDED
@given(st.text(max_size=60) | st.lists(changed(SNAPSHOT) | ANYTHING, max_size=4).map(json.dumps))
def test_snapshots(text):
    try:
        listed = read_snapshots(text, NOW)
    except OddOutputError:
        return
    assert all(each.taken_at.year in range(2000, 2028) for each in listed.usable)


@BOUNDED
@given(st.text(max_size=200))
def test_what_ssh_and_systemd_print(text):
    read_unit_state(text)
    read_lines(text.splitlines())
    assert isinstance(explain_ssh(text, "vm", "coffre trust"), ExpectedError)
    find_sudo_refusal(text, Account("vm", "root"))
    assert len(shorten(text, 40)) <= 40
    read_agent_version(text)
    with contextlib.suppress(RefusedError):
        choose_sent(read_facts(text), "vm", [Program("restic", Path("restic"), "a" * 64)])


RESULT = {"msg": "x", "stderr": "", "results": [{"failed": True, "msg": "y"}], "changed": True, "stdout": "{}"}


@BOUNDED
@given(changed(RESULT) | ANYTHING, st.sampled_from(["runner_on_ok", "runner_on_failed", "runner_on_unreachable"]))
def test_what_a_module_says_of_a_machine(result, kind):
    log = EventLog(lambda host, task: None)
    task = {"host": "h", "task": "role : Have the agent apply its orders", "res": result}
    log.add({"event": "playbook_on_stats", "event_data": {"processed": {"h": 1}}})
    for each in (kind, "runner_item_on_failed"):
        log.add({"event": each, "event_data": task})
    assert len(log.outcome("h").reason) <= 200_000
    if isinstance(result, dict):
        find_reason(result)
