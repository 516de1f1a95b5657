"""What a failed run of Pulumi leaves of its state and locks, made usable again."""

import json
from pathlib import Path

import pytest

from coffre.provisioning.engine.engine import _explain_failure
from coffre.provisioning.engine.state import DamagedStateError, StateFolder

STACK = "boulangerie-martin"


def checkpoint(name: str) -> str:
    resource = {"urn": f"urn:pulumi::{name}", "type": "rgw:index:User", "id": name, "custom": True}
    return json.dumps({"version": 3, "checkpoint": {"latest": {"resources": [resource]}}})


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    folder = StateFolder(f"file://{tmp_path}")
    folder.file_of(STACK).parent.mkdir(parents=True)
    return folder


def test_a_torn_state_gives_way_to_the_one_before_and_is_kept(state: StateFolder) -> None:
    path = state.file_of(STACK)
    path.write_text(checkpoint("new")[:60])
    path.with_name(f"{path.name}.bak").write_text(checkpoint("before"))
    state.mend(STACK)
    found = state.read(STACK)
    assert found is not None
    assert [resource.resource_id for resource in found.resources] == ["before"]
    assert path.with_name(f"{path.name}.torn").read_text() == checkpoint("new")[:60]


def test_a_torn_first_state_is_none_and_a_torn_spare_is_not_taken(state: StateFolder) -> None:
    path = state.file_of(STACK)
    path.write_text("{")
    state.mend(STACK)
    assert state.read(STACK) is None
    path.write_text("{")
    path.with_name(f"{path.name}.bak").write_text("{")
    state.mend(STACK)
    assert state.read(STACK) is None


def test_a_sound_state_is_left_alone(state: StateFolder) -> None:
    state.file_of(STACK).write_text(checkpoint("now"))
    state.mend(STACK)
    assert [path.name for path in state.file_of(STACK).parent.iterdir()] == [f"{STACK}.json"]


def test_damage_that_no_run_of_ours_did_is_named(state: StateFolder) -> None:
    state.file_of(STACK).write_text("{")
    with pytest.raises(DamagedStateError, match="is damaged"):
        state.read(STACK)


def test_a_failure_is_told_shortly_whatever_many_resources_met_it() -> None:
    errors = [f"user {number}: RGW said no; ask later" for number in range(9)]
    told = _explain_failure(STACK, errors, "")
    assert told.message == (
        "storage of boulangerie-martin: user 0: RGW said no; ask later; user 1: RGW said no; user 2: RGW said no; "
        "and 6 more errors"
    )
    said = "code: 1\n stderr: error: 2 errors occurred:\n 1) write /a/b.json.tmp: no space left on device\n 2) Unknown"
    assert (
        "no room is left for Pulumi's state on this computer's disk (/a/b.json.tmp)"
        in _explain_failure(STACK, [], said).message
    )
    assert _explain_failure(STACK, [], "x\n stderr: error: passphrase").message.endswith(": passphrase")


def test_torn_attributes_are_removed_and_sound_ones_stay(state: StateFolder) -> None:
    """Pulumi's kill in its own write leaves them empty, and then it fails on them: "failed to load checkpoint: EOF"."""
    torn = state.file_of(STACK).with_name(f"{STACK}.json.attrs")
    sound, other = torn.with_name(f"{STACK}.json.bak.attrs"), torn.with_name("another.json.attrs")
    torn.write_bytes(b"")
    sound.write_text("{}")
    other.write_bytes(b"")
    state.remove_torn_attributes(STACK)
    assert (torn.exists(), sound.exists(), other.exists()) == (False, True, True)


def test_an_error_of_a_copy_s_stack_says_so_and_names_the_tenant_to_apply() -> None:
    told = _explain_failure("martin_copy", ["Bucket b: AccessDenied"], "")
    assert told.message == "second copy of martin: Bucket b: AccessDenied"
    assert "`coffre apply martin`" in told.hint
