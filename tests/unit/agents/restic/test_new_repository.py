"""A repository made here, as restic itself sees it."""

import json
import subprocess

import pytest
from pydantic import SecretStr

from coffre import toolchain
from coffre.agents.restic.repository.new_repository import (
    POLYNOMIAL_DEGREE,
    _find_polynomial,
    is_irreducible,
    new_repository,
)
from coffre.workspace.clock import utc_now

PASSWORD = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"


@pytest.fixture
def folder(tmp_path):
    """A new repository in a folder."""
    new = new_repository(SecretStr(PASSWORD), utc_now())
    for name in ("keys", "data", "index", "snapshots", "locks"):
        (tmp_path / "new" / name).mkdir(parents=True)
    (tmp_path / "new" / "keys" / new.key_name).write_bytes(new.key)
    (tmp_path / "new" / "config").write_bytes(new.config)
    return tmp_path / "new"


def restic(folder, *arguments, password=PASSWORD):
    command = [toolchain.find_tool("restic"), "--no-cache", "--json", "-r", folder, *arguments]
    return subprocess.run(command, env={"RESTIC_PASSWORD": password}, capture_output=True, text=True, check=False)


def test_restic_saves_restores_checks_and_takes_a_second_password(folder, tmp_path):
    source, back, other = (tmp_path / name for name in ("source", "back", "other"))
    source.mkdir()
    (source / "compta.db").write_bytes(bytes(range(256)) * 20_000)
    other.write_text("another password")
    for command in (
        ["backup", str(source)],
        ["check", "--read-data"],
        ["restore", f"latest:{source}", "--target", str(back)],
        ["key", "add", "--new-password-file", str(other)],
        ["prune"],
    ):
        done = restic(folder, *command)
        assert done.returncode == 0, done.stderr
    assert (back / "compta.db").read_bytes() == (source / "compta.db").read_bytes()
    assert restic(folder, "snapshots", password="another password").returncode == 0


def test_restic_finds_it_of_its_newest_format_and_opens_it_with_this_password_alone(folder):
    config = json.loads(restic(folder, "cat", "config").stdout)
    assert config["version"] == 2
    assert restic(folder, "cat", "config", password=PASSWORD[:-1]).returncode == 12


def test_no_two_are_alike():
    first, second = (new_repository(SecretStr(PASSWORD), utc_now()) for _ in range(2))
    assert json.loads(first.key)["salt"] != json.loads(second.key)["salt"]
    assert first.config != second.config


@pytest.mark.parametrize(("degree", "count"), [(1, 2), (2, 1), (3, 2), (4, 3), (5, 6), (6, 9), (7, 18), (8, 30)])
def test_as_many_polynomials_are_irreducible_as_gauss_counted(degree, count):
    assert sum(is_irreducible(each) for each in range(1 << degree, 2 << degree)) == count


def test_a_chosen_polynomial_has_the_degree_that_restic_asks_for():
    polynomials = {_find_polynomial() for _ in range(5)}
    assert len(polynomials) == 5
    assert {each.bit_length() - 1 for each in polynomials} == {POLYNOMIAL_DEGREE}
