"""States that several computers share: brought before a run, saved after it, and never another's overwritten."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from coffre.errors import RemoteError
from coffre.provisioning.engine.state import DamagedStateError, StateFolder
from coffre.provisioning.engine.states import BucketStates, StackStates
from coffre.workspace.file_store import FolderStore

STACK = "boulangerie-martin"


def checkpoint(*names: str) -> bytes:
    resources = [{"urn": f"urn:pulumi::{name}", "type": "rgw:index:User", "id": name, "custom": True} for name in names]
    return json.dumps({"version": 3, "checkpoint": {"latest": {"resources": resources}}}).encode()


class Office:
    """One shared store, and computers with a checkout each."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.shared = FolderStore(base / "shared", base)

    def computer(self, name: str) -> BucketStates:
        return BucketStates(FolderStore(self.base / "shared", self.base), self.base / name)

    def run(self, name: str, *resources: str) -> None:
        """Let Pulumi on a computer leave a state with these resources."""
        with self.computer(name).opened(STACK) as folder:
            folder.write(STACK, checkpoint(*resources))

    def names(self, name: str) -> list[str]:
        found = self.computer(name).read(STACK)
        return [] if found is None else [each.name for each in found.resources]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    (tmp_path / "shared").mkdir()
    return Office(tmp_path)


@pytest.fixture(params=["folder", "bucket"])
def states(request: pytest.FixtureRequest, office: Office) -> StackStates:
    if request.param == "folder":
        return StateFolder(f"file://{office.base / 'state'}", office.base)
    return office.computer("claire")


def test_both_kinds_keep_what_a_run_leaves(states: StackStates) -> None:
    assert states.list_stacks() == []
    assert states.read(STACK) is None
    assert states.remove(STACK) == []
    with states.opened(STACK) as folder:
        assert folder.read(STACK) is None
        folder.write(STACK, checkpoint("owner"))
    with states.opened(f"{STACK}-2") as folder:
        folder.write(f"{STACK}-2", checkpoint())
    assert states.list_stacks() == [STACK, f"{STACK}-2"]
    assert states.find_urns(STACK, ["owner", "other"]) == ["urn:pulumi::owner"]
    with states.reading(STACK) as folder:
        found = folder.read(STACK)
        assert found == states.read(STACK)
        assert found is not None
        assert [each.name for each in found.resources] == ["owner"]
    assert states.list_locks(STACK) == []
    places = states.list_places(STACK)
    assert places
    assert states.remove(STACK) == places
    assert states.list_stacks() == [f"{STACK}-2"]


def test_both_kinds_name_a_damaged_state(states: StackStates, office: Office) -> None:
    with states.opened(STACK) as folder:
        folder.write(STACK, checkpoint("owner"))
    for path in office.base.rglob(f"{STACK}.json"):
        path.write_bytes(b'{"version": 3')
    with pytest.raises(DamagedStateError, match=f"the state of {STACK} is damaged: ") as refused:
        states.read(STACK)
    assert "Move it aside" in refused.value.hint
    assert f"coffre apply {STACK}" in refused.value.hint


def test_the_next_computer_goes_on_where_the_last_one_ended(office: Office) -> None:
    office.run("claire", "owner")
    with office.computer("marc").opened(STACK) as folder:
        assert folder.read_text(STACK) == checkpoint("owner")
        folder.write(STACK, checkpoint("owner", "machine"))
    with office.computer("claire").opened(STACK) as folder:
        assert folder.read_text(STACK) == checkpoint("owner", "machine")


def test_a_failed_run_saves_what_pulumi_saved(office: Office) -> None:
    def fail() -> None:
        with office.computer("claire").opened(STACK) as folder:
            folder.write(STACK, checkpoint("owner"))
            raise RemoteError("the platform is away")

    with pytest.raises(RemoteError, match="is away"):
        fail()
    assert office.names("marc") == ["owner"]


@contextmanager
def killed(office: Office, name: str, *resources: str) -> Iterator[None]:
    """A run that is killed when Pulumi has ended, before its state is saved."""
    states = office.computer(name)
    states._save = lambda stack, folder: None  # type: ignore[method-assign]
    with states.opened(STACK) as folder:
        folder.write(STACK, checkpoint(*resources))
    yield


def test_what_a_killed_run_did_not_save_is_saved_by_the_next_of_that_computer(office: Office) -> None:
    office.run("claire", "owner")
    with killed(office, "claire", "owner", "machine"):
        assert office.names("marc") == ["owner"]
    with office.computer("claire").opened(STACK) as folder:
        assert folder.read_text(STACK) == checkpoint("owner", "machine")
    assert office.names("marc") == ["owner", "machine"]


def test_the_first_run_killed_before_it_saved_anything_goes_on_too(office: Office) -> None:
    with killed(office, "claire", "owner"):
        assert office.names("marc") == []
    with office.computer("claire").opened(STACK):
        pass
    assert office.names("marc") == ["owner"]


def test_what_a_killed_run_did_not_save_gives_way_to_a_colleague_s(office: Office) -> None:
    """The colleague's run has adopted what the killed one had made."""
    office.run("claire", "owner")
    with killed(office, "claire", "owner", "machine"):
        office.run("marc", "owner", "other")
    with office.computer("claire").opened(STACK) as folder:
        assert folder.read_text(STACK) == checkpoint("owner", "other")
    assert office.names("marc") == ["owner", "other"]


def test_a_torn_state_of_a_killed_run_is_not_saved(office: Office) -> None:
    office.run("claire", "owner")
    with killed(office, "claire", "owner"):
        path = next(office.base.glob(f"claire/{STACK}/**/{STACK}.json"))
        path.write_bytes(b'{"version": 3')
    with office.computer("claire").opened(STACK) as folder:
        assert folder.read_text(STACK) == checkpoint("owner")
    assert office.names("marc") == ["owner"]


def test_a_stack_that_a_colleague_removed_is_gone_here(office: Office) -> None:
    office.run("claire", "owner")
    office.computer("marc").remove(STACK)
    with office.computer("claire").opened(STACK) as folder:
        assert folder.read(STACK) is None
    assert office.names("marc") == []


def test_a_look_brings_nothing_where_a_run_works(office: Office) -> None:
    """A plan needs no lock: it must not touch the state of an apply beside it."""
    office.run("claire", "owner")
    claire = office.computer("claire")
    with claire.opened(STACK) as running:
        running.write(STACK, checkpoint("owner", "machine"))
        with claire.reading(STACK) as looking:
            assert looking.read_text(STACK) == checkpoint("owner")
            looking.write(STACK, checkpoint())
        assert running.read_text(STACK) == checkpoint("owner", "machine")
    assert office.names("marc") == ["owner", "machine"]


def test_pulumi_finds_the_store_in_its_own_layout(office: Office) -> None:
    office.run("claire", "owner")
    assert office.shared.list_names() == [".pulumi/meta.yaml", f".pulumi/stacks/coffre/{STACK}.json"]
