"""A command does and says the same wherever it is started."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from coffre.cli import surroundings
from coffre.errors import UsageError

REPOSITORY = Path(__file__).resolve().parents[3]
COFFRE = Path(sys.executable).with_name("coffre")
SHEET = ("new", "--print-sheet")
"""Prints French, accents and all."""
BARE = {"PATH": "/usr/bin:/bin"}


def start(
    *arguments: str | bytes, cwd: Path = REPOSITORY, before: Callable[[], None] | None = None, **environment: str
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [COFFRE, *arguments],
        cwd=cwd,
        env=BARE | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=before,
    )


def run(
    *arguments: str | bytes, cwd: Path = REPOSITORY, before: Callable[[], None] | None = None, **environment: str
) -> tuple[int | None, bytes, bytes]:
    process = start(*arguments, cwd=cwd, before=before, **environment)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def sheet() -> bytes:
    code, out, err = run(*SHEET, LANG="C.UTF-8")
    assert (code, err) == (0, b"")
    assert "SMILÉO".encode() in out
    return out


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"LC_ALL": "fr_FR.ISO-8859-1"},
        {"LC_ALL": "xx_YY.KOI8-R", "LANGUAGE": "ru"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1:replace", "TERM": "dumb", "CI": "true"},
        {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "TTY_COMPATIBLE": "1", "COLUMNS": "7", "TERM": "xterm-256color"},
        {"HOME": "", "TMPDIR": "/nowhere", "COLUMNS": "many", "LINES": "-1"},
        {"HOME": "relative", "TMPDIR": "relative", "XDG_CONFIG_HOME": "relative"},
    ],
    ids=lambda environment: " ".join(environment) or "bare",
)
def test_output_that_is_kept_is_the_same_everywhere(environment: dict[str, str], sheet: bytes) -> None:
    assert run(*SHEET, **environment) == (0, sheet, b"")


def close(*descriptors: int) -> Callable[[], None]:
    def before() -> None:
        for each in descriptors:
            os.close(each)

    return before


@pytest.mark.parametrize("closed", [(0,), (1,), (1, 2), (0, 1, 2)])
def test_closed_streams_are_nobody_elses_files(closed: tuple[int, ...], sheet: bytes) -> None:
    """Else the first file that is opened, as a database, gets the number and is printed into."""
    code, out, err = run(*SHEET, before=close(*closed))
    assert (code, out, err) == (0, b"" if 1 in closed else sheet, b"")


def test_a_reader_that_has_enough_is_no_failure() -> None:
    process = start(*SHEET)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as stderr:
        assert stderr.read() == b""
    assert process.wait(60) == 0


@pytest.mark.parametrize("arguments", [SHEET, ("schema",), ("--help",)])
def test_a_result_that_nothing_holds_is_a_failure(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [COFFRE, *arguments], cwd=REPOSITORY, env=BARE, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == (
        "error: the output of this command is incomplete: no space left on device\n  Completed steps stay done.\n"
    )


def test_a_terminal_gets_no_more_than_its_encoding_has() -> None:
    for character, like in {"→": "->", "é": "e", "œ": "oe", "…": "...", "\u202f": " ", "日": "\\u65e5"}.items():
        assert surroundings.roughly(character, "ascii") == like
    assert surroundings.roughly("→", "iso8859-1") == "->"


def test_on_a_terminal_nothing_is_cut_off_or_lost(sheet: bytes) -> None:
    """The terminal that someone else made non-blocking among them."""
    ours, theirs = pty.openpty()
    os.set_blocking(theirs, False)
    process = subprocess.Popen([COFFRE, *SHEET], cwd=REPOSITORY, env=BARE, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    try:
        while block := os.read(ours, 1024):
            said += block
    except OSError:  # what Linux says when the last one closed the terminal
        pass
    assert process.wait(60) == 0
    assert said.replace(b"\r\n", b"\n") == sheet
    os.close(ours)


def test_names_typed_in_another_encoding_are_understood() -> None:
    assert surroundings.in_utf_8("réparé".encode("latin-1"), "iso8859-1") == "réparé".encode()
    assert surroundings.in_utf_8("réparé".encode(), "iso8859-1") == "réparé".encode()
    assert surroundings.in_utf_8(b"\xff", "ascii") == b"\xff"


def test_an_argument_that_is_no_text_is_refused_and_a_path_is_not() -> None:
    surroundings.refuse_arguments(["restore", "--path", "/home/\udce9", "--to=./\udce9", "été"])
    for wrong in ("\udce9", "--reason=\udce9", "a/\udce9"):
        with pytest.raises(UsageError, match="is not UTF-8"):
            surroundings.refuse_arguments(["acknowledge", wrong])
    code, _, err = run("plan", b"\xe9t\xe9")
    assert code == 2
    assert b"an argument is not UTF-8: \\udce9t\\udce9" in err


@pytest.mark.parametrize(
    ("umask", "settled"), [(0o022, 0o022), (0o077, 0o077), (0o002, 0o002), (0, 0o022), (0o777, 0o077), (0o277, 0o077)]
)
def test_new_files_are_their_owners_to_use(umask: int, settled: int) -> None:
    assert surroundings.settled_umask(umask) == settled


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()

    def leave_nothing() -> None:
        os.chdir(tmp_path / "x")
        (tmp_path / "x").rmdir()

    code, _, err = run("check", before=leave_nothing)
    assert code == 2
    assert b"the current folder no longer exists" in err


@pytest.mark.parametrize("stdin", [subprocess.DEVNULL, b"\xe9\n"])
def test_a_question_that_nobody_answers_says_what_spares_it(stdin: int | bytes) -> None:
    command = [COFFRE, "acknowledge", "atelier-durand", "--machine", "atelier-01", "--reason", "x"]
    given = {"stdin": stdin} if isinstance(stdin, int) else {"input": stdin}
    done = subprocess.run(command, cwd=REPOSITORY, env=BARE, capture_output=True, check=False, **given)
    assert done.returncode == (1 if isinstance(stdin, int) else 2)
    assert (b"give --yes" if isinstance(stdin, int) else b"standard input is not UTF-8") in done.stderr
