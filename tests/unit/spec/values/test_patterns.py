"""Patterns are read as restic reads them: what it refuses and what it leaves out is asked of the program itself."""

import itertools
import json
import os
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from coffre import toolchain
from coffre.spec.values.patterns import PatternError, find_exclusion, parse_pattern, split_path

WELL_FORMED = [
    "*.iso", "*.[bt]ak", "[^a]", "[a-z0-9]", r"\[", r"[\]]", r"[\-a]", "[[]", "[a[*]", "a]", "-", "^", "**", "/**/x",
    "!*.txt", "!", "!!x", "a/[b]/../c", "[a/../b]", "é?", "~$*.docx", "$RECYCLE.BIN", "#x#", "a**b", "//a//", "./a",
]  # fmt: skip
MALFORMED = [
    "*.[bak", "[", "[]", "[^]", "[]a]", "[-a]", "[a-]", "[a-", "[a", "[^", r"a\ "[:-1], r"[\ "[:-1], r"[a\ "[:-1],
    "!*.[bak", "/srv/[x/y]", "[a/b]", "a/[", "[/a", "**/[", "[a--]", "[a-]z]",
]  # fmt: skip


def is_malformed(pattern: str) -> bool:
    try:
        parse_pattern(pattern)
    except PatternError:
        return True
    return False


class Restic:
    """A repository of its own on this disk."""

    def __init__(self, folder: Path) -> None:
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "RESTIC_PASSWORD": "x",
            "RESTIC_REPOSITORY": str(folder / "repository"), "RESTIC_CACHE_DIR": str(folder / "cache"),
        }  # fmt: skip
        self.run("init")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(toolchain.find_tool("restic")), "--json", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=60)

    def dry_run(self, patterns: Sequence[str], *paths: Path) -> subprocess.CompletedProcess[str]:
        excludes = [f"--exclude={pattern}" for pattern in patterns]
        return self.run("backup", "--dry-run", "-vv", *excludes, "--", *map(str, paths))

    def find_malformed(self, patterns: Sequence[str], path: Path) -> set[str]:
        done = self.dry_run(patterns, path)
        if done.returncode == 0:
            return set()
        message = json.loads(done.stderr.splitlines()[-1])["message"]
        head, *named = message.split("\n")
        assert head.endswith("invalid pattern(s) provided:"), message
        return set(named)

    def list_saved(self, patterns: Sequence[str], path: Path) -> set[str]:
        done = self.dry_run(patterns, path)
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return {line["item"] for line in lines if line.get("action") in ("new", "unchanged")}


@pytest.fixture(scope="module")
def restic(tmp_path_factory: pytest.TempPathFactory) -> Restic:
    return Restic(tmp_path_factory.mktemp("restic"))


def test_restic_refuses_the_same_patterns(restic: Restic, tmp_path: Path) -> None:
    (tmp_path / "one").touch()
    chance = random.Random(7)
    tried = {"".join(chance.choices(r"[[]]^-\*?ab!/", k=chance.randint(1, 8))) for _ in range(4000)}
    tried |= {"".join(letters) for length in (1, 2, 3) for letters in itertools.product(r"[]^-\*a", repeat=length)}
    patterns = sorted({*tried, *WELL_FORMED, *MALFORMED})
    refused = restic.find_malformed(patterns, tmp_path)
    ours = {pattern for pattern in patterns if is_malformed(pattern)}
    assert {*MALFORMED} <= refused
    assert not refused & {*WELL_FORMED}
    assert refused <= ours
    # restic tries a pattern on itself, and stops at the first part that does not fit: a fault behind a star may come
    # out only when a file's name leads there, and that pattern then spoils all others on that file.
    unseen = ours - refused
    assert all("*" in pattern for pattern in unseen)
    assert len(unseen) < len(refused) / 10
    assert restic.find_malformed([pattern.replace("*", "") for pattern in sorted(unseen)], tmp_path)


CASES: list[list[str]] = [
    ["{}"], ["{}/"], ["{}/*"], ["{}/**"], ["{}/a"], ["{}/a/"], ["{}/*/b"], ["{}/**/b"], ["{}/**/b.txt"], ["{}/?"],
    ["{}/[ab]"], ["{}/[^a]"], [r"{}/\a"], [r"{}/\[x\]"], ["{}/[[]x]"], ["{}/a/**/c"], ["{}/**/**/c"], ["{}/*/*"],
    ["{}/a*"], ["{}/*a*b*"], ["{}/**", "!{}/a"], ["{}/*", "!{}/a"], ["{}/a", "!{}/a/b"], ["{}/a/*", "!{}/a/b"],
    ["!{}/a", "{}/a"], ["{}/*", "!{}/*/b", "{}/a/b/c"], ["{}/.*"], ["{}/é?"], ["{}/a/b/c/d/e/f"], ["{}/a/../b"],
    ["{}//a"], ["{}/./a"], ["{}/A"], ["{}/b.txt", "{}/a/b.txt"], ["{}/**/*.txt", "!{}/**/b.txt"],
]  # fmt: skip
_CHANCE = random.Random(11)
CASES += [
    ["{}/" + "/".join(_CHANCE.choices(["a", "b", "*", "**", "?", "[a-b]*", "c", "*.txt"], k=_CHANCE.randint(1, 5)))]
    for _ in range(60)
]
NAMES = ["a/b/c", "a/b.txt", "a/b/b.txt", "b.txt", "b/c", "[x]", "ab", "axbxb", ".hidden", "éa", "A/x", "c"]


def test_restic_leaves_out_the_same_files(restic: Restic, tmp_path: Path) -> None:
    patterns = []
    for number, case in enumerate(CASES):
        for name in NAMES:
            for place in (f"absolute{number}", f"deep/relative{number}"):
                (tmp_path / place / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / place / name).touch()
        patterns += [pattern.format(f"{tmp_path}/absolute{number}") for pattern in case]
        patterns += [pattern.format(f"relative{number}") for pattern in case]
    saved = restic.list_saved(patterns, tmp_path)
    parsed = [parse_pattern(pattern) for pattern in patterns]
    expected: set[str] = set()
    for folder, folders, files in os.walk(tmp_path):
        kept = [name for name in folders if not find_exclusion(parsed, split_path(f"{folder}/{name}"))]
        folders[:] = kept
        names = [*(f"{name}/" for name in kept), *files]
        expected |= {f"{folder}/{name}" for name in names if not find_exclusion(parsed, split_path(f"{folder}/{name}"))}
    in_question = {name for name in saved if name.startswith(f"{tmp_path}/")} - {f"{tmp_path}/"}
    assert in_question == expected
    assert len(expected) > 500


@pytest.mark.parametrize(
    ("patterns", "path", "by"),
    [
        (["/"], "/home", "/"),
        (["/**"], "/", "/**"),
        (["**"], "/", "**"),
        (["*"], "/home", "*"),
        (["*"], "/", "*"),
        (["!/home", "/home"], "/home", "/home"),
        (["/home", "!/home"], "/home", None),
        (["home"], "/home/claire", "home"),
        (["ome"], "/home", None),
        (["claire/x"], "/home/claire", None),
        (["x" * 254 + "*"], "/" + "x" * 300, None),
    ],
)
def test_the_root_and_folders_above(patterns: list[str], path: str, by: str | None) -> None:
    found = find_exclusion([parse_pattern(pattern) for pattern in patterns], split_path(path))
    assert (found.text if found else None) == by


@pytest.mark.parametrize(
    ("pattern", "path", "is_left_out"),
    [
        (r"C:\Users", r"C:\Users\claire", True),
        ("C:/Users", r"C:\Users", True),
        (r"C:\Users\*\AppData", r"C:\Users\claire\AppData", True),
        ("AppData", r"C:\Users\claire\AppData\Local", True),
        (r"c:\users", r"C:\Users", False),
        (r"\Users", r"C:\Users", False),
        (r"C:\cache\ "[:-1], r"C:\cache", True),
        ("C:/*", "C:\\", True),
    ],
)
def test_windows_has_backslashes_between_parts_and_no_escapes(pattern: str, path: str, is_left_out: bool) -> None:
    parsed = parse_pattern(pattern, on_windows=True)
    assert (find_exclusion([parsed], split_path(path, on_windows=True)) is not None) is is_left_out


@pytest.mark.parametrize(("pattern", "linux", "windows"), [(r"a\ "[:-1], True, False), (r"\[a", False, True)])
def test_a_pattern_may_be_well_formed_on_one_system_alone(pattern: str, linux: bool, windows: bool) -> None:
    assert is_malformed(pattern) is linux
    try:
        parse_pattern(pattern, on_windows=True)
    except PatternError:
        assert windows
    else:
        assert not windows


def test_hostile_patterns_cost_little() -> None:
    pattern = parse_pattern("/" + "*a" * 100 + "b")
    assert not pattern.matches(split_path("/" + "a" * 250))
    deep = parse_pattern("/" + "**/a/" * 300 + "b")
    assert not deep.matches(split_path("/" + "a/" * 1000 + "c"))
