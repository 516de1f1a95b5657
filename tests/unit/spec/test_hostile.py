"""Files made to hurt: each ends in problems inside the file, soon, and never in a traceback or a dead process."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from coffre.spec.loader import InvalidRepositoryError, load_checkout

MakeRoot = Callable[..., Path]
MIB = 1 << 20


def laughs() -> str:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for earlier, later in zip("abcdefghijklm", "bcdefghijklmn", strict=True):
        lines.append(f"{later}: &{later} [{', '.join([f'*{earlier}'] * 9)}]")
    return "\n".join(lines)


HOSTILE = {
    "deep brackets": "a: " + "[" * (MIB - 100),
    "deep closed brackets": "a: " + "[" * (MIB // 2 - 100) + "]" * (MIB // 2 - 100),
    "deep dashes": "- " * (MIB // 2 - 10),
    "deep question marks": "? " * (MIB // 2 - 10),
    "deep indentation": "".join(" " * depth + "a:\n" for depth in range(1400)),
    "billion laughs": laughs(),
    "recursive anchor": "a: &a [*a]\nb: &b {c: *b}",
    "tabs": "\t a\n" * 200_000,
    "long text": "name: " + "x" * (MIB - 100),
    "long number": "version: " + "9" * (MIB - 100),
    "infinities": "version: .inf\nid: .nan\nname: 1e999\nlicences: {workstation: -.inf}",
    "odd keys": "? {a: b}\n: 1\n? [c]\n: 2\n1.5: 3\n.nan: 4\n!!binary aGk=: 5\n2026-01-01: 6",
    "odd tags": "id: !!binary aGk=\nname: !!python/name:os.system\nplans: !!set {a, b}\noptions: !!omap [a: 1]",
    "odd unions": "machines: {poste-1: {connection: {via: [ssh]}}, poste-2: {connection: {via: {a: b}}}}",
    "odd paths": "plans: {one: {paths: [[1], {a: b}, ~]}, two: {paths: {linux: [1]}}, three: {paths: 1}}",
    "null byte escape": 'name: "a\\0b"',
    "lone surrogate escape": 'name: "\\ud800"',
    "braces of messages": "name: ['{value}', '{0}', '%s']\ntimezone: '{value}'",
    "too large": "#" * (MIB + 1),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_refused_in_time(text: str, make_root: MakeRoot) -> None:
    root = make_root(acme=text)
    start = time.process_time()
    with pytest.raises(InvalidRepositoryError) as refused:
        load_checkout(root)
    assert time.process_time() - start < 8
    lines = text.split("\n")
    assert len(refused.value.problems) <= 201
    for problem in refused.value.problems:
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert "\n" not in str(problem)
        assert len(str(problem)) < 500


def test_thousands_of_problems_end_with_a_word_about_the_rest(make_root: MakeRoot) -> None:
    text = "".join(f"key-{number}: 1\n" for number in range(20_000))
    with pytest.raises(InvalidRepositoryError) as refused:
        load_checkout(make_root(acme=text))
    assert len(refused.value.problems) == 201
    assert "more problems from here on" in str(refused.value.problems[-1])
