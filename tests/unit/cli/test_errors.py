"""Errors become one sentence, what to do, and the right exit code; nothing becomes a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.prepared_command import Run, prepared_command

REPOSITORY = Path(__file__).resolve().parents[3]


def run(*arguments: str, cwd: Path) -> Run:
    return prepared_command().run(arguments, cwd=cwd, environment=os.environ, seconds=60)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("check",), 2, "no platform.yaml in"),
        (("--root", "/nowhere", "check"), 2, "no platform.yaml in /nowhere"),
        (("frobnicate",), 2, "No such command"),
        (("plan", "--frobnicate"), 2, "No such option"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...], code: int, said: str, tmp_path: Path) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert (done.code, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan",), "no tenant is named"),
        (("plan", "--all", "boulangerie-martin"), "tenants are named and --all is given"),
        (("plan", "--all", "--offline", "--full"), "--offline makes no whole plan"),
        (("plan", "--all", "--offline", "--out", "x"), "--offline makes no whole plan"),
        (("plan", "--shard", "1/2", "boulangerie-martin"), "--shard is a part of all tenants"),
        (("apply", "--all", "--shard", "3/2"), "--shard needs a part and the number of parts"),
        (("apply", "--all", "--parallel", "2"), "--parallel needs --yes"),
        (("apply", "--all", "--yes", "--parallel", "0"), "--parallel needs a number from 1"),
        (("apply", "--plan", "x", "--all", "--shard", "1/2"), "--plan cannot be combined"),
        (("plan", "boulangerie"), "there is no tenant 'boulangerie'"),
        (("schema", "machine"), "there is no schema of 'machine'"),
    ],
)
def test_what_is_meant_must_be_said(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    """In a copy, so that nothing of a running lab is looked at."""
    copy_repository(tmp_path)
    done = run(*arguments, cwd=tmp_path)
    assert done.code == 2
    assert said in done.stderr


def test_an_invalid_file_ends_every_command_with_3_before_anything_else(tmp_path: Path) -> None:
    copy_repository(tmp_path)
    path = tmp_path / "tenants" / "atelier-durand.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("quota: 500 Go", "quota: 2 TB"), encoding="utf-8")
    for arguments in (("check",), ("plan", "boulangerie-martin"), ("status",)):
        done = run(*arguments, cwd=tmp_path)
        assert done.code == 3
        assert 'tenants/atelier-durand.yaml:20:10: storage.quota: "2 TB"' in done.stdout + done.stderr


def test_the_command_is_found_below_its_repository_too(tmp_path: Path) -> None:
    copy_repository(tmp_path)
    assert run("check", cwd=tmp_path / "tenants").code == 0


def test_help_comes_quickly_enough_without_what_is_heavy() -> None:
    heavy = ("botocore", "pulumi", "sqlalchemy", "cryptography", "coffre.spec.tenant", "coffre.offboarding.lifecycle")
    listing = f"import sys; from coffre.cli.main import app; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def copy_repository(to: Path) -> None:
    """Copy what the command reads: platform.yaml and the tenants."""
    (to / "tenants").mkdir()
    (to / "platform.yaml").write_bytes((REPOSITORY / "platform.yaml").read_bytes())
    for path in (REPOSITORY / "tenants").glob("*.yaml"):
        (to / "tenants" / path.name).write_bytes(path.read_bytes())
