"""`coffre platform policy`: what Coffre itself needs on a platform of each kind, offline."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coffre.cli.main import app
from coffre.errors import UsageError
from coffre.storage.aws.own_rights import own_policy

CASES = Path(__file__).resolve().parents[2] / "cases" / "platform" / "valid"
REPOSITORY = Path(__file__).resolve().parents[3]


def root_with(tmp_path: Path, platform_file: Path) -> Path:
    (tmp_path / "platform.yaml").write_bytes(platform_file.read_bytes())
    (tmp_path / "tenants").mkdir()
    return tmp_path


def test_on_aws_it_is_an_iam_policy_of_the_account_and_region(tmp_path: Path) -> None:
    root = root_with(tmp_path, CASES / "aws.yaml")
    result = CliRunner().invoke(app, ["--root", str(root), "platform", "policy", "aws-paris"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == own_policy("123456789012", "eu-west-3")


def test_on_ceph_it_is_the_capabilities_that_the_documents_name(tmp_path: Path) -> None:
    root = root_with(tmp_path, REPOSITORY / "platform.yaml")
    result = CliRunner().invoke(app, ["--root", str(root), "platform", "policy", "lab"])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == ["users=*", "buckets=*", "metadata=read"]
    assert ";".join(result.stdout.splitlines()) in (REPOSITORY / "docs" / "ceph.md").read_text()


def test_an_unknown_platform_is_named(tmp_path: Path) -> None:
    root = root_with(tmp_path, REPOSITORY / "platform.yaml")
    result = CliRunner().invoke(app, ["--root", str(root), "platform", "policy", "elsewhere"])
    assert isinstance(result.exception, UsageError)
    assert "elsewhere" in result.exception.message
    assert result.exception.hint == "platform.yaml has: lab."


@pytest.mark.parametrize("word", ["AWS", "aws", "iam"])
def test_the_command_knows_no_kind(word: str) -> None:
    """The kind answers; only the help text says what to expect."""
    source = (REPOSITORY / "coffre" / "cli" / "house" / "platform.py").read_text()
    code = source.split('"""')[0::2]
    assert not [part for part in code if word in part]
