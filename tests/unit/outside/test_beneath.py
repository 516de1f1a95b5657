"""Below a folder whose content somebody else made: no look follows a link, and nothing is opened that is no file."""

import hashlib
import os
import stat
from pathlib import Path

import pytest

from coffre.outside import beneath
from coffre.outside.beneath import Beneath
from coffre.outside.files import NotPlainFileError


@pytest.fixture
def outside(tmp_path):
    place = tmp_path / "outside"
    place.mkdir(mode=0o700)
    (place / "precious").write_text("ours")
    return place


@pytest.fixture
def root(tmp_path, outside):
    """A folder with a way out of every kind."""
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "file").write_bytes(b"content")
    (root / "out").symlink_to(outside)
    (root / "chain").symlink_to("out")
    (root / "up").symlink_to("..")
    (root / "loop").symlink_to("loop")
    (root / "link").symlink_to(outside / "precious")
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture
def below(root):
    with Beneath(root) as opened:
        yield opened


WAYS_OUT = tuple(
    path.encode()
    for path in (
        "out/precious",
        "chain/precious",
        "up/outside/precious",
        "../outside/precious",
        "a/../../outside/precious",
        "/etc/hosts",
        "loop/x",
        "a//b/file",
        "a/./b/file",
    )
)


@pytest.mark.parametrize("path", WAYS_OUT)
def test_nothing_is_done_through_a_way_out(below, root, outside, path):
    (root / "mine").write_text("mine")
    assert below.find(path) is None
    for act in (below.lstat, below.open_file, below.hash_file, below.unlink, below.read_link, below.attributes):
        with pytest.raises(OSError, match=r"."):
            act(path)
    for act in (lambda: below.rename(b"mine", path), lambda: below.set_time(path, 0), lambda: below.add_mode(path, 7)):
        with pytest.raises(OSError, match=r"."):
            act()
    assert (outside / "precious").read_text() == "ours"
    assert stat.S_IMODE((outside / "precious").stat().st_mode) & 7 != 7


def test_the_last_part_is_never_followed(below, outside):
    assert stat.S_ISLNK(below.lstat(b"link").st_mode)
    assert not below.is_file(b"link")
    assert below.read_link(b"link") == bytes(outside / "precious")
    below.set_time(b"link", 7)
    below.add_mode(b"link", 0o007)
    assert (outside / "precious").stat().st_mtime_ns != 7
    with pytest.raises(NotPlainFileError):
        below.open_file(b"link")
    below.unlink(b"link")
    assert (outside / "precious").exists()
    with pytest.raises(NotADirectoryError):
        below.names(b"out")


def test_a_pipe_and_a_folder_are_not_opened(below):
    for path in (b"pipe", b"a"):
        with pytest.raises(NotPlainFileError):
            below.open_file(path)


def test_files_are_read_moved_and_marked(below, root):
    assert below.hash_file(b"a/b/file") == (hashlib.sha256(b"content").hexdigest(), 7)
    os.setxattr(root / "a" / "b" / "file", "user.coffre", b"\xff")
    assert below.attributes(b"a/b/file") == {"user.coffre": b"\xff"}
    below.make_folder(b"new")
    below.make_folder(b"new")
    below.rename(b"a/b", b"new/b")
    assert below.is_file(b"new/b/file")
    assert below.find(b"a/b/file") is None, "the way that was remembered is another now"
    below.set_time(b"new/b", 10**18)
    assert (root / "new" / "b").stat().st_mtime_ns == 10**18
    below.add_mode(b"new/b/file", 0o111)
    assert stat.S_IMODE((root / "new" / "b" / "file").stat().st_mode) & 0o111 == 0o111


def test_a_walk_tells_everything_once_and_goes_into_no_link(below):
    assert sorted(path for path, _ in below.walk()) == sorted(
        [b"a", b"a/b", b"a/b/file", b"chain", b"link", b"loop", b"out", b"pipe", b"up"]
    )


def test_a_folder_that_became_a_link_is_not_gone_into(below, root, outside):
    assert below.is_file(b"a/b/file")
    (root / "a").rename(root / "was")
    (root / "a").symlink_to(outside)
    assert below.find(b"a/precious") is None


def test_descriptors_do_not_pile_up(root):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(50):
        with Beneath(root) as below:
            list(below.walk())
            for path in WAYS_OUT:
                below.find(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def make_deep(folder, depth):
    """Make folders in each other, deeper than any path can be named."""
    at = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=at)
        inner = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)


def test_removing_takes_everything_however_deep_and_nothing_outside(root, outside):
    make_deep(root / "a", 1200)
    (root / "a" / "b").chmod(0)
    beneath.remove(root)
    assert not root.exists()
    assert (outside / "precious").read_text() == "ours"
    beneath.remove(root)


def test_a_link_is_not_removed_in_place_of_a_folder(tmp_path, outside):
    (tmp_path / "link").symlink_to(outside)
    with pytest.raises(OSError, match=r"."):
        beneath.remove(tmp_path / "link")
    assert (outside / "precious").exists()
