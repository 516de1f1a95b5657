"""A machine forges snapshots in its own repository: nothing of them leaves it, and by itself the cage holds too."""

import json
import os
import stat
from pathlib import Path

import pytest

from coffre.agents.repository import HostileSnapshotError
from coffre.agents.restic.repository.cage import Cage
from coffre.agents.restic.repository.listing import MAX_DEPTH
from coffre.agents.restic.repository.repository import ResticError, ResticRepository
from coffre.errors import RefusedError
from coffre.storage.s3.client import make_client
from tests.forge import BAIT, Forge, escaping_tree, file, folder, link, node, unlinking_tree
from tests.integration.agents.scene import CAISSE


@pytest.fixture(scope="module")
def repository(scene):
    return scene.repository(CAISSE)


@pytest.fixture
def forge(scene):
    """The machine itself, with its own key."""
    forge = Forge(make_client(scene.endpoint, scene.keys[CAISSE]), scene.bucket(CAISSE), password(scene))
    yield forge
    forge.s3 = scene.owner
    forge.wipe()


def password(scene):
    return scene.passwords[CAISSE].get_secret_value()


@pytest.fixture
def outside(tmp_path):
    """A private folder that no restore has any business in."""
    place = tmp_path / "outside"
    place.mkdir(mode=0o700)
    (place / "precious").write_text("ours")
    return place


def assert_untouched(outside):
    assert stat.S_IMODE(outside.stat().st_mode) == 0o700
    assert [each.name for each in outside.iterdir()] == ["precious"]
    assert (outside / "precious").read_text() == "ours"
    assert not (outside / "precious").is_symlink()


def twins(forge, outside):
    """A name that only bytes tell from another one, twice: a folder, then a link."""
    inner = forge.tree(file("planted", forge.data(BAIT), len(BAIT)))
    return forge.tree(
        folder("caf\\xe8", inner), folder("caf\\xe9", inner), link("caf\\xe9", outside), folder("caf\\xe9", inner)
    )


def repeated_key(forge, outside):
    """A node whose JSON says its name twice: Go takes the last one."""
    inner = forge.tree(file("planted", forge.data(BAIT), len(BAIT)))
    twice = json.dumps(link("escape", outside)).replace('"name"', '"name": "harmless", "name"')
    return forge.tree(twice, folder("escape", inner))


def other_case_of_a_key(forge, outside):
    """A node whose keys are in capitals: Go takes them all the same."""
    inner = forge.tree(file("planted", forge.data(BAIT), len(BAIT)))
    shouted = {key.upper(): value for key, value in link("escape", outside).items()}
    return forge.tree(shouted, folder("escape", inner))


def chain_of_links(forge, outside):
    inner = forge.tree(file("planted", forge.data(BAIT), len(BAIT)))
    return forge.tree(link("a", outside), link("b", "a"), folder("b", inner), folder("c", inner))


def hard_link_to_what_is_outside(forge, outside):
    same = {"inode": 9, "device_id": 9, "links": 2}
    inner = forge.tree(file("precious", forge.data(BAIT), len(BAIT), **same))
    return forge.tree(folder("x", inner), link("x", outside), file("y", forge.data(BAIT), len(BAIT), **same))


def file_here_and_folder_there(forge, outside):
    inner = forge.tree(file("planted", forge.data(BAIT), len(BAIT)))
    return forge.tree(file("x", forge.data(BAIT), len(BAIT)), folder("x", inner), link("x", outside))


def named(name):
    def make(forge, outside):
        return forge.tree(file(name, forge.data(BAIT), len(BAIT)), link("z", outside))

    make.__name__ = f"named {name!r}"
    return make


def newline_twice(forge, outside):
    inner = forge.tree(node("precious", "socket"))
    return forge.tree(folder("a\\nb", inner), link("a\\nb", outside))


FORGERIES = (
    escaping_tree,
    unlinking_tree,
    twins,
    repeated_key,
    other_case_of_a_key,
    chain_of_links,
    hard_link_to_what_is_outside,
    file_here_and_folder_there,
    newline_twice,
    named(""),
    named("."),
    named(".."),
    named("\\x2e\\x2e"),
    named("../escape"),
    named("a\\x2fb"),
    named("a\\u002fb"),
    named("a\\x00b"),
    named("n" * 5000),
)


@pytest.mark.parametrize("make", FORGERIES, ids=lambda make: make.__name__)
def test_a_forged_snapshot_is_refused_by_its_id_before_anything_is_written(repository, forge, outside, tmp_path, make):
    snapshot = forge.snapshot(make(forge, outside))
    target = tmp_path / "target"
    target.mkdir()
    with pytest.raises((HostileSnapshotError, ResticError), match=snapshot):
        repository.restore(snapshot, target)
    assert list(target.iterdir()) == []
    assert_untouched(outside)


@pytest.mark.parametrize("content", [b"no JSON", b"", b'{"nodes":7}', b'{"nodes":[{"name":"a"}]}', b'{"nodes":[null]}'])
def test_a_tree_that_is_none_is_told_by_the_snapshots_id(repository, forge, tmp_path, content):
    snapshot = forge.snapshot(forge.raw_tree(content))
    with pytest.raises((HostileSnapshotError, ResticError), match=snapshot):
        repository.restore(snapshot, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_tree_without_end_is_refused_where_it_becomes_absurd(repository, forge, tmp_path):
    tree = forge.tree()
    for _ in range(MAX_DEPTH + 1):
        tree = forge.tree(folder("d", tree))
    with pytest.raises(HostileSnapshotError, match="folders"):
        repository.restore(forge.snapshot(tree), tmp_path)


def test_nothing_of_a_forged_snapshot_is_streamed(repository, forge, outside):
    snapshot = forge.snapshot(escaping_tree(forge, outside))
    with pytest.raises(HostileSnapshotError, match=snapshot):
        b"".join(repository.dump(snapshot, b"/a-source"))


def test_equal_folders_and_names_that_only_bytes_tell_apart_are_honest(repository, forge, tmp_path):
    inner = forge.tree(file("caf\\xe8", forge.data(BAIT), len(BAIT)), file("caf\\xe9", forge.data(b"other"), 5))
    snapshot = forge.snapshot(forge.tree(folder("a", inner), folder("b\\xff", inner), folder("b\\n\\xff", inner)))
    listed = [path for _, path in repository.ls_bytes(snapshot)]
    assert b"/b\xff/caf\xe9" in listed
    repository.restore(snapshot, tmp_path)
    assert Path(os.fsdecode(bytes(tmp_path) + b"/b\n\xff/caf\xe9")).read_bytes() == b"other"
    assert b"".join(repository.dump(snapshot, b"/b\n\xff/caf\xe8")) == BAIT


def test_what_may_mean_another_snapshot_is_not_taken(repository, forge, tmp_path):
    snapshot = forge.snapshot(forge.tree())
    for meant in ("latest", snapshot[:8], f"{snapshot}:/a", "--help", ""):
        with pytest.raises(ResticError, match="not the full id"):
            repository.restore(meant, tmp_path)


def test_the_cage_holds_when_nothing_is_checked(repository, forge, outside, tmp_path, monkeypatch):
    """What a mistake in the check would leave to it."""
    monkeypatch.setattr(ResticRepository, "check_snapshot", lambda self, snapshot: None)
    target = tmp_path / "target"
    target.mkdir()
    mounts = Path("/proc/self/mountinfo").read_text()
    with pytest.raises(ResticError, match="errors"):
        repository.restore(forge.snapshot(escaping_tree(forge, outside)), target)
    assert_untouched(outside)
    assert (target / "escape").is_symlink(), "the forgery works: without the cage it would have reached outside"
    assert (target / "a-source").exists()
    assert Path("/proc/self/mountinfo").read_text() == mounts


def test_without_the_right_to_make_a_cage_root_restores_nothing(repository, forge, tmp_path, monkeypatch):
    snapshot = forge.snapshot(forge.tree(file("a", forge.data(BAIT), len(BAIT))))
    real = Cage.around

    def without_rights(self, program, arguments):
        inner, line = real(self, program, arguments)
        return Path("/usr/bin/setpriv"), ["--bounding-set=-sys_admin", "--inh-caps=-sys_admin", str(inner), *line]

    monkeypatch.setattr(Cage, "around", without_rights)
    with pytest.raises(RefusedError, match="a mount namespace of its own: Operation not permitted") as refused:
        repository.restore(snapshot, tmp_path)
    assert "CAP_SYS_ADMIN" in refused.value.hint
    assert list(tmp_path.iterdir()) == []


def test_attributes_that_only_the_system_may_set_come_back(repository, forge, tmp_path):
    attribute = {"name": "trusted.overlay.opaque", "value": "eQ=="}
    extended = {"extended_attributes": [attribute]}
    tree = forge.tree({**folder("layer", forge.tree()), **extended})
    repository.restore(forge.snapshot(tree), tmp_path)
    assert os.getxattr(tmp_path / "layer", "trusted.overlay.opaque") == b"y"
