"""A program that we start finds the same environment wherever we were started."""

import os
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from coffre.errors import ExpectedError
from coffre.outside import processes
from coffre.outside.environment import child_environment, expand_home, find_home, home, temporary_folder


def test_language_temporary_folder_and_proxies_are_decided_here() -> None:
    operators = {
        "PATH": "/opt/bin",
        "LANG": "fr_FR.ISO-8859-1",
        "LANGUAGE": "fr",
        "LC_MESSAGES": "de_DE",
        "LC_ALL": "POSIX",
        "HOME": "/home/claire",
        "TMPDIR": "/nowhere",
        "TMP": "/nowhere",
        "https_proxy": "http://proxy:3128",
        "NO_PROXY": "*",
        "SSH_AUTH_SOCK": "/run/agent",
        "AWS_PROFILE": "x",
    }
    assert child_environment(operators, without=["AWS_"]) == {
        "PATH": "/opt/bin",
        "LC_ALL": "C.UTF-8",
        "HOME": "/home/claire",
        "TMPDIR": tempfile.gettempdir(),
        "SSH_AUTH_SOCK": "/run/agent",
    }


def test_nothing_at_all_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    settled = child_environment({})
    assert "/usr/sbin" in settled["PATH"]
    assert settled["HOME"] == pwd.getpwuid(os.getuid()).pw_dir


def test_a_program_without_an_environment_of_its_own_gets_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.ISO-8859-1")
    done = processes.run([sys.executable, "-c", "import os; print(os.environ['LC_ALL'])"], processes.Limits(30))
    assert done.stdout == b"C.UTF-8\n"


@pytest.mark.parametrize("named", ["", "relative", "./x"])
def test_a_home_that_is_no_absolute_path_is_none(named: str) -> None:
    assert find_home({"HOME": named}) == Path(pwd.getpwuid(os.getuid()).pw_dir)


def test_a_user_whom_nobody_knows_has_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_uid: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert find_home({"HOME": "/srv/x"}) == Path("/srv/x")
    assert "HOME" not in child_environment({})
    with pytest.raises(ExpectedError, match="has no home"):
        home({})


def test_a_tilde_is_the_home() -> None:
    assert expand_home(Path("~/.ssh/key"), {"HOME": "/home/claire"}) == Path("/home/claire/.ssh/key")
    assert expand_home(Path("~"), {"HOME": "/home/claire"}) == Path("/home/claire")
    assert expand_home(Path("~paul/key"), {"HOME": "/home/claire"}) == Path("~paul/key")
    assert expand_home(Path("/a/~"), {}) == Path("/a/~")


PROGRAM = "from coffre.outside.environment import temporary_folder; print(temporary_folder())"


def find_temporary(folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_temporary_folder_that_is_not_there_is_replaced_by_the_systems(tmp_path: Path) -> None:
    spaced = tmp_path / "a b é"
    spaced.mkdir()
    assert find_temporary(tmp_path, TMPDIR="/nowhere") == "/tmp"
    assert find_temporary(tmp_path, TMPDIR=str(spaced)) == str(spaced)
    assert find_temporary(tmp_path, TMPDIR=".") == str(tmp_path)


def test_the_current_folder_is_no_temporary_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where nothing else can be written Python falls back to it: a checkout, or a customer's disk."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ExpectedError, match="no temporary folder is writable"):
        temporary_folder()
