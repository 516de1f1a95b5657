"""Pulumi's state folder as it lies on disk, and what a lock proves."""

import contextlib
import json
import os
import socket
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coffre.provisioning.engine.state import (
    DamagedStateError,
    StackLock,
    StateFolder,
    has_owner,
    is_owner_gone,
    read_state,
)
from coffre.workspace import files

LOCK = StackLock("here", 4711, datetime(2026, 11, 23, tzinfo=UTC))


def document(*resources: dict[str, object], **latest: object) -> bytes:
    return json.dumps({"version": 3, "checkpoint": {"latest": {"resources": list(resources), **latest}}}).encode()


def resource(name: str, **more: object) -> dict[str, object]:
    urn = f"urn:pulumi:martin::coffre::coffre:storage:CephTenantStorage$rgw:index:User::{name}"
    return {"urn": urn, "type": "rgw:index:User", "id": name, "inputs": {"uid": name}, "custom": True, **more}


def folder_with(tmp_path: Path, text: bytes) -> StateFolder:
    state = StateFolder(f"file://{tmp_path}")
    state.file_of("martin").parent.mkdir(parents=True)
    state.file_of("martin").write_bytes(text)
    return state


def test_state_is_read_without_what_is_not_ours_and_what_waits_for_deletion() -> None:
    stack = {"urn": "urn:pulumi:martin::coffre::pulumi:pulumi:Stack::x", "type": "pulumi:pulumi:Stack"}
    state = read_state(document(stack, resource("owner"), resource("old", delete=True)))
    assert [each.resource_id for each in state.resources] == ["owner"]
    assert state.resources[0].inputs == {"uid": "owner"}
    assert not state.has_pending_operations
    assert read_state(document(pending_operations=[{"type": "creating"}])).has_pending_operations


def test_a_stack_begins_without_resources_and_keeps_what_it_has(tmp_path: Path) -> None:
    state = StateFolder(f"file://{tmp_path}")
    state.begin("martin")
    begun = state.read("martin")
    assert begun is not None
    assert (begun.resources, begun.has_pending_operations) == ((), False)
    assert state.list_stacks() == ["martin"]
    state.write("martin", document(resource("owner")))
    state.begin("martin")
    found = state.read("martin")
    assert found is not None
    assert [each.resource_id for each in found.resources] == ["owner"]


def test_digest_changes_with_any_byte() -> None:
    assert read_state(document(resource("a"))).digest != read_state(document(resource("b"))).digest


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'{"checkpoint": 3}', b'{"checkpoint": {"latest": {"resources": [1]}}}']
)
def test_a_damaged_state_says_what_to_do(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(DamagedStateError) as refused:
        folder_with(tmp_path, text).read("martin")
    assert "coffre apply martin" in refused.value.hint


def test_a_damaged_state_of_a_copy_names_the_tenant_to_apply(tmp_path: Path) -> None:
    path = folder_with(tmp_path, b"{").file_of("martin")
    copied = path.with_name("martin_copy.json")
    path.rename(copied)
    with pytest.raises(DamagedStateError, match="the state of martin_copy is damaged") as refused:
        StateFolder(f"file://{tmp_path}").read("martin_copy")
    assert f"{copied}.damaged" in refused.value.hint
    assert "`coffre apply martin`" in refused.value.hint


def test_no_state_is_none_and_a_new_stack_is_empty(tmp_path: Path) -> None:
    assert StateFolder(f"file://{tmp_path}").read("martin") is None
    empty = folder_with(tmp_path, b'{"version": 3, "checkpoint": {"latest": null}}').read("martin")
    assert empty is not None
    assert empty.resources == ()


def test_urns_are_found_by_name(tmp_path: Path) -> None:
    state = folder_with(tmp_path, document(resource("owner"), resource("other")))
    assert state.find_urns("martin", ["owner"]) == [resource("owner")["urn"]]
    assert state.find_urns("martin", ["nobody"]) == []


@pytest.mark.parametrize(
    ("host", "program", "is_gone"),
    [("here", None, True), ("here", "vim", True), ("here", "pulumi", False), ("there", None, False)],
)
def test_only_a_process_of_this_computer_can_be_known_to_be_gone(host: str, program: str | None, is_gone: bool) -> None:
    assert is_owner_gone(LOCK, host, program) is is_gone


def test_a_living_process_that_is_not_pulumi_has_only_inherited_the_number() -> None:
    assert not has_owner(StackLock(socket.gethostname(), os.getpid(), datetime.now(UTC)))


def test_a_zombie_holds_nothing() -> None:
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert not has_owner(StackLock(socket.gethostname(), ended.pid, datetime.now(UTC)))
    ended.wait()


def test_a_lock_that_cannot_be_read_belongs_to_somebody(tmp_path: Path) -> None:
    state = StateFolder(f"file://{tmp_path}")
    locks = tmp_path / ".pulumi" / "locks" / "organization" / "coffre" / "martin"
    locks.mkdir(parents=True)
    (locks / "a.json").write_text("rubbish")
    (locks / "b.json").write_text('{"pid": 5, "hostname": "there", "timestamp": "2026-11-24T00:08:39.780314057Z"}')
    rubbish, there = state.list_locks("martin")
    assert has_owner(rubbish)
    assert (there.pid, there.host, there.since.second) == (5, "there", 39)


ODD = st.sampled_from(
    [
        None,
        True,
        -1,
        float("inf"),
        "",
        "x",
        [],
        {},
        [[]],
        [{}],
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
    ]
)
DEEP = st.sampled_from([b"[" * 100_000, b'{"checkpoint":' * 50_000, b"\xff", b"9" * 5000])


@settings(max_examples=60, deadline=None)
@given(
    DEEP
    | st.dictionaries(st.sampled_from(["checkpoint", "latest", "resources", "urn", "type", "id"]), ODD).map(
        lambda changes: json.dumps(
            {"checkpoint": {"latest": {"resources": [{**resource("owner"), **changes}]}, **changes}, **changes}
        ).encode()
    ),
    DEEP
    | st.dictionaries(st.sampled_from(["timestamp", "hostname", "pid"]), ODD).map(
        lambda changes: json.dumps({"timestamp": "2026-11-23T00:00:00Z", "hostname": "h", "pid": 1, **changes}).encode()
    ),
)
def test_whatever_stands_in_the_folder_is_a_state_a_lock_or_said_to_be_damaged(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, lock: bytes
) -> None:
    folder = tmp_path_factory.mktemp("state")
    state = folder_with(folder, text)
    with contextlib.suppress(DamagedStateError):
        state.read("martin")
    locks = folder / ".pulumi" / "locks" / "organization" / "coffre" / "martin"
    locks.mkdir(parents=True)
    (locks / "one.json").write_bytes(lock)
    assert [str(each) for each in state.list_locks("martin")]


def test_two_stacks_begin_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one begins, and ends, while the first one writes what both have in common."""
    states = StateFolder(f"file://{tmp_path}")
    fill = files._fill
    begun: list[int] = []

    def fill_and_begin_another(descriptor: int, content: bytes, mode: int, *, is_durable: bool) -> None:
        fill(descriptor, content, mode, is_durable=is_durable)
        if content == b"version: 1\n" and not begun:
            begun.append(descriptor)
            states.begin("second")

    monkeypatch.setattr(files, "_fill", fill_and_begin_another)
    states.begin("first")
    assert begun
    assert states.read_text("first") is not None
    assert states.read_text("second") is not None
