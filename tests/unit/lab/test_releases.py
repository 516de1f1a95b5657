"""Which Ceph a lab has, and where it comes from."""

import pytest
from coffre_lab import processes
from coffre_lab.ceph import bootstrap, releases
from coffre_lab.ceph.releases import NotOfferedError, ReleaseTree, find_release, list_steps, read_version

from coffre.errors import ExpectedError, UsageError

NEWER = "ceph version 21.2.0 (f817ceb7f187defb1d021d6328fa833eb8e943b3) umbrella (stable)\n"


def test_a_release_that_labs_do_not_have_is_refused_with_those_they_have():
    with pytest.raises(UsageError) as refused:
        find_release(17)
    assert (refused.value.message, refused.value.hint) == (
        "the lab does not support Ceph 17",
        "its releases: 16, 18, 20",
    )


@pytest.mark.parametrize(
    ("running", "wanted", "steps"), [(16, 16, []), (16, 18, [18]), (16, 20, [18, 20]), (18, 20, [20]), (20, 18, [])]
)
def test_no_upgrade_leaves_a_release_out(running, wanted, steps):
    assert [release.number for release in list_steps(running, wanted)] == steps


def test_a_version_is_read_from_what_ceph_prints():
    assert read_version(NEWER) == "21.2.0"
    with pytest.raises(ExpectedError, match="prints no version: Segmentation"):
        read_version("Segmentation fault\n")


def test_a_suite_that_has_moved_on_is_told_and_leaves_no_tree(tmp_path, monkeypatch):
    monkeypatch.setattr(bootstrap, "install", lambda tree, *_: tree.mkdir())
    monkeypatch.setattr(processes, "run", lambda argv, **_: NEWER if argv[0] == "chroot" else "")
    tree = ReleaseTree(tmp_path, releases.RELEASES[20])
    with pytest.raises(NotOfferedError, match=r"forky has Ceph 21\.2\.0 now, not 20"):
        tree.ensure(lambda _: None)
    assert not tree.directory.exists()
