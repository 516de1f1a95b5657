"""A pattern that leaves nothing of a path is refused; one that leaves something is not."""

from typing import Any

import pytest

from coffre.spec.plan import OperatingSystem
from coffre.spec.problems.problems import FileProblem
from coffre.spec.rules import patterns
from coffre.spec.rules.paths import path_flaw
from coffre.spec.rules.patterns import check_patterns


def findings(patterns: list[str], *paths: str, system: OperatingSystem = OperatingSystem.LINUX) -> list[FileProblem]:
    return list(check_patterns((), {"exclude": patterns}, {system: list(paths)}))


@pytest.mark.parametrize(
    ("patterns", "path"),
    [
        (["/home"], "/home"),
        (["/home/"], "/home"),
        (["//home/./x/.."], "/home/"),
        (["home"], "/srv/home/claire"),
        (["/home/**"], "/home"),
        (["/home/*"], "/home"),
        (["/home/*"], "/home/claire"),
        (["h?me"], "/home"),
        (["[gh]ome"], "/home"),
        (["*"], "/home"),
        (["/"], "/"),
        (["/**"], "/"),
        (["/*"], "/"),
        (["*"], "/"),
        (["/home", "!/srv"], "/home"),
        (["!/home", "/home"], "/home"),
        (["/home/.*", "/home/*"], "/home"),
        (["**/claire"], "/home/claire/docs"),
        (["cl*", "!*.txt"], "/home/claire"),
    ],
)
def test_a_path_that_is_left_out_whole_is_refused(patterns: list[str], path: str) -> None:
    found = findings(patterns, path)
    assert found
    assert "nothing of it would be saved" in found[0].message
    assert found[0].hint


@pytest.mark.parametrize(
    ("patterns", "path"),
    [
        (["/home/*", "!/home/claire"], "/home"),
        (["/home", "!/home"], "/home"),
        (["/home/claire"], "/home"),
        (["/home/*/*"], "/home"),
        (["/home/[a-z]*"], "/home"),
        (["/home/.*"], "/home"),
        (["/home/?"], "/home"),
        (["*.iso", "~$*", "$RECYCLE.BIN", "Thumbs.db", "#*#", "50%_off%"], "/home"),
        (["/homework"], "/home"),
        (["ome"], "/home"),
        (["/Home"], "/home"),
        (["!*.txt"], "/home"),
    ],
)
def test_a_path_of_which_something_stays_is_not(patterns: list[str], path: str) -> None:
    assert findings(patterns, path) == []


@pytest.mark.parametrize(
    ("patterns", "says"),
    [
        (["/srv/data", "!/srv/data/keep"], "/srv/data/*"),
        (["/srv/d*", "!/srv/data/keep/deep"], "/srv/data/*"),
        (["/srv/data/*", "!/srv/data/keep/deep"], "/srv/data/keep/*"),
        (["!/srv/data/keep", "data"], "/srv/data/*"),
    ],
)
def test_what_is_taken_back_out_of_a_folder_that_stays_out_is_refused(patterns: list[str], says: str) -> None:
    [found] = findings(patterns, "/srv")
    assert "has no effect" in found.message
    assert found.hint.endswith(says)


def test_what_is_taken_back_with_its_folders_is_not() -> None:
    assert findings(["/srv/data/*", "!/srv/data/keep"], "/srv") == []
    assert findings(["/srv/*", "!/srv/data", "/srv/data/*", "!/srv/data/keep"], "/srv") == []


def test_more_than_can_be_compared_is_refused_in_a_moment() -> None:
    [found] = findings([f"*{number}*" for number in range(1001)], *[f"/srv/{number}x" for number in range(100)])
    assert "are too many to compare" in found.message


@pytest.mark.parametrize(
    ("path", "system", "says"),
    [
        ("/home/*", "linux", "no wildcards"),
        ("/home/{a,b}", "macos", "no wildcards"),
        ("~", "linux", "are not replaced"),
        ("~claire/docs", "macos", "are not replaced"),
        ("/home/$USER", "linux", "are not replaced"),
        ("/home/${user}-docs", "linux", "are not replaced"),
        ("$(hostname)", "linux", "are not replaced"),
        ("/srv/{{ inventory_hostname }}/x", "linux", "are not replaced"),
        ("$env:USERPROFILE\\Documents", "windows", "are not replaced"),
        ("%USERPROFILE%", "windows", "are not replaced"),
        ("C:\\Users\\%USERNAME%\\Documents", "windows", "are not replaced"),
        ("C:\\Users\\*", "windows", "no wildcards"),
        ('C:\\a"b', "windows", "windows does not allow"),
        ("/proc", "linux", "kernel"),
        ("//sys/./class", "linux", "kernel"),
        ("/dev/shm/../sda", "linux", "contains .."),
        ("/dev/sda", "linux", "kernel"),
    ],
)
def test_paths_that_name_nothing_are_refused(path: str, system: str, says: str) -> None:
    flaw = path_flaw(path, system)
    assert flaw is not None
    assert says in flaw[0]
    assert flaw[1]


@pytest.mark.parametrize(
    ("path", "system"),
    [
        ("/", "linux"),
        ("/", "macos"),
        ("/srv/[archive] 2026", "linux"),
        ("/srv/~old", "linux"),
        ("/srv/a$b", "linux"),
        ("/srv/50%", "linux"),
        ("/processes", "linux"),
        ("/home/dev/proc", "linux"),
        ("/dev/shm/cache", "linux"),
        ("C:\\", "windows"),
        ("C:/$Recycle.Bin", "windows"),
        ("D:\\a~1", "windows"),
    ],
)
def test_odd_paths_that_are_names_are_not(path: str, system: str) -> None:
    assert path_flaw(path, system) is None


def test_the_same_list_in_many_plans_is_compared_once_and_told_at_each(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[object] = []
    real = patterns._find_emptied

    def find_emptied(*arguments: Any) -> Any:
        compared.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(patterns, "_find_emptied", find_emptied)
    patterns._judge_on_system.cache_clear()
    paths = {OperatingSystem.LINUX: ["/home/claire"]}
    for name in ("office", "shop"):
        found = list(check_patterns(("plans", name), {"exclude": ["*.iso", "/home/claire/*"]}, paths))
        assert [each.loc for each in found] == [("plans", name, "exclude", 1)]
    assert len(compared) == 1
