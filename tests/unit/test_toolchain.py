"""The programs and files that come with Coffre, and that every place that names a version names the same."""

import re
import sys
from pathlib import Path

import pytest

from coffre import toolchain
from coffre.errors import ExpectedError

ROOT = Path(__file__).resolve().parents[2]


def test_the_versions_are_those_that_the_go_module_pins():
    pinned = (ROOT / "tools" / "go.mod").read_text()
    assert f"github.com/pulumi/pulumi/pkg/v3 v{toolchain.PULUMI_VERSION}\n" in pinned
    assert f"github.com/restic/restic v{toolchain.RESTIC_VERSION}\n" in pinned


def test_the_pulumi_sdk_is_locked_at_the_version_of_the_command():
    """Another SDK may speak another protocol to the engine."""
    locked = (ROOT / "requirements.txt").read_text()
    assert re.findall(r"^pulumi==(\S+)", locked, re.MULTILINE) == [toolchain.PULUMI_VERSION]


def test_a_tool_beside_python_comes_before_one_on_path(tmp_path, monkeypatch):
    here, elsewhere = tmp_path / "venv", tmp_path / "bin"
    for directory in (here, elsewhere):
        directory.mkdir()
        (directory / "restic").touch(mode=0o755)
    (elsewhere / "pulumi").touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(here / "python"))
    monkeypatch.setenv("PATH", str(elsewhere))
    assert toolchain.find_tool("restic") == here / "restic"
    assert toolchain.find_tool("pulumi") == elsewhere / "pulumi"


def test_a_missing_tool_names_what_installs_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExpectedError) as caught:
        toolchain.find_tool("restic")
    assert caught.value.message == f"restic is neither in {tmp_path} nor on PATH"
    assert "make setup" in caught.value.hint


def test_bundled_files_are_found_in_a_wheel_before_a_checkout(tmp_path, monkeypatch):
    package = tmp_path / "site" / "coffre"
    (package / "bundled" / "templates").mkdir(parents=True)
    (tmp_path / "site" / "playbooks").mkdir()
    monkeypatch.setattr(toolchain, "PACKAGE", package)
    assert toolchain.bundled("templates") == package / "bundled" / "templates"
    assert toolchain.bundled("playbooks") == tmp_path / "site" / "playbooks"
    with pytest.raises(ExpectedError, match=r"lacks Pulumi\.yaml"):
        toolchain.bundled("Pulumi.yaml")


def test_sha256_of_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert (
        toolchain.sha256_file(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


@pytest.mark.parametrize(
    ("setting", "expected"), [("", ".cache/coffre"), ("relative", ".cache/coffre"), ("/var/x", "/var/x/coffre")]
)
def test_the_cache_follows_the_xdg_rules(setting, expected, tmp_path, monkeypatch):
    """A relative XDG_CACHE_HOME is to be ignored."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", setting)
    assert toolchain.cache_directory() == tmp_path / expected


def test_a_program_that_is_not_what_set_up_noted_is_refused(tmp_path):
    program, note = tmp_path / "restic", tmp_path / ".restic.sha256"
    program.write_text("sound")
    sound = toolchain.sha256_file(program)
    assert toolchain.sha256_program(program) == sound
    note.write_text(f"{sound}  {program}\n")
    program.write_text("damaged!")
    with pytest.raises(ExpectedError, match="is not the program that set-up installed") as refused:
        toolchain.sha256_program(program)
    assert "make setup" in refused.value.hint
    note.write_text(f"{sound}  {tmp_path / 'another'}\n")
    program.write_text("of another place")
    assert toolchain.sha256_program(program) == toolchain.sha256_file(program)
