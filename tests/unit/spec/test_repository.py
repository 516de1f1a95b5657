"""A new repository: each file from its answers, valid at once, and never over another file."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from coffre.errors import RefusedError, UsageError
from coffre.spec.intake.hosts import GitHost
from coffre.spec.intake.repository import ProviderAnswers, RepositoryAnswers, render_repository
from coffre.spec.intake.settling import settle_repository
from coffre.spec.judging import SourceFile, judge_platform
from coffre.spec.loader import load_checkout
from coffre.spec.problems.problems import InvalidRepositoryError

ANSWERS = RepositoryAnswers(
    ProviderAnswers("SMILÉO SAS", "904317252", "8 rue des Acacias, Grenoble", "a@smileo.example", "+33 4 76 00 00 10"),
    platform="grenoble",
    endpoint="https://s3.smileo.example:7443",
    site="Grenoble",
    escrow="/mnt/escrow",
    owners="@smileo/backups @claire",
    host=GitHost.GITEA,
)


def test_what_it_writes_is_valid_at_once(tmp_path: Path) -> None:
    settle_repository(tmp_path / "new", render_repository(ANSWERS))
    checkout = load_checkout(tmp_path / "new")
    assert checkout.tenants == {}
    assert checkout.settings.provider.name == "SMILÉO SAS"
    platform = checkout.settings.platforms["grenoble"]
    assert not platform.is_marked_embedded
    assert (tmp_path / "new" / "endpoints" / "grenoble.json").is_file()


@pytest.mark.parametrize("host", GitHost)
def test_the_settings_that_are_commented_out_are_valid_ones(host: GitHost) -> None:
    text = render_repository(replace(ANSWERS, host=host))["platform.yaml"]
    in_force = re.sub(r"^# (git_host|offboarding|mail|anchor): ", r"\1: ", text, flags=re.MULTILINE)
    judged = judge_platform(SourceFile("platform.yaml", "platform.yaml", in_force.encode()))
    assert judged.problems == ()
    assert judged.settings is not None
    assert judged.settings.git_host is not None
    assert judged.settings.mail is not None


def test_nothing_of_it_is_a_secret_or_the_lab() -> None:
    text = "".join(render_repository(ANSWERS).values())
    assert "env:COFFRE_RGW_ADMIN" in text
    assert "lab: true" not in text


@pytest.mark.parametrize("name", ['a"b: c', "x # y", "- [}", "{{ 7 * 7 }}", "a\\b", "« l'été »: 100 %"])
def test_an_answer_is_read_back_as_it_was_given(name: str) -> None:
    files = render_repository(replace(ANSWERS, provider=replace(ANSWERS.provider, name=name)))
    assert yaml.safe_load(files["platform.yaml"])["provider"]["name"] == name


@pytest.mark.parametrize(
    ("host", "place", "line"),
    [
        (GitHost.GITEA, ".gitea/CODEOWNERS", ".* @smileo/backups @claire\n"),
        (GitHost.GITHUB, ".github/CODEOWNERS", "* @smileo/backups @claire\n"),
        (GitHost.GITLAB, ".gitlab/CODEOWNERS", "* @smileo/backups @claire\n"),
    ],
)
def test_owners_are_where_and_how_the_git_host_reads_them(host: GitHost, place: str, line: str) -> None:
    """Gitea reads regular expressions, the others patterns of files."""
    files = render_repository(replace(ANSWERS, host=host))
    assert files[place].endswith(line)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"platform": "../up"}, "invalid name of a platform"),
        ({"endpoint": "http://s3.smileo.example"}, "not the URL of an S3 endpoint"),
        ({"endpoint": 'https://x"}'}, "not the URL of an S3 endpoint"),
        ({"owners": "claire\n* @mallory"}, "names no owners"),
    ],
)
def test_an_answer_that_no_file_may_have_is_refused(wrong: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        render_repository(replace(ANSWERS, **wrong))  # type: ignore[arg-type]


def test_an_answer_that_platform_yaml_refuses_is_named_with_its_place() -> None:
    with pytest.raises(InvalidRepositoryError) as caught:
        render_repository(replace(ANSWERS, provider=replace(ANSWERS.provider, siren="904317253")))
    assert "provider.siren" in str(caught.value.problems[0])


def test_a_second_run_writes_what_an_interruption_left_out(tmp_path: Path) -> None:
    files = render_repository(ANSWERS)
    settle_repository(tmp_path, files)
    (tmp_path / ".gitignore").unlink()
    assert settle_repository(tmp_path, files) == [".gitignore"]


def test_no_other_file_is_overwritten_and_nothing_is_written_beside_it(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "endpoints").write_text("a file")
    with pytest.raises(RefusedError, match=r"already has README\.md, endpoints/grenoble\.json"):
        settle_repository(tmp_path, render_repository(ANSWERS))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "endpoints"]


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "platform.yaml").symlink_to(tmp_path / "there" / "taken")
    with pytest.raises(RefusedError):
        settle_repository(tmp_path / "new", render_repository(ANSWERS))
    assert not (tmp_path / "there" / "taken").exists()


@pytest.mark.parametrize(
    ("host", "paths"),
    [
        (GitHost.GITEA, [f".gitea/workflows/{name}.yml" for name in ("apply", "check", "nightly", "review")]),
        (GitHost.GITHUB, [f".github/workflows/{name}.yml" for name in ("apply", "check", "nightly", "review")]),
        (GitHost.GITLAB, [".gitlab-ci.yml"]),
    ],
)
def test_the_pipelines_of_the_git_host_are_there_as_they_come_with_coffre(host: GitHost, paths: list[str]) -> None:
    files = render_repository(replace(ANSWERS, host=host))
    assert [path for path in sorted(files) if "workflows" in path or "gitlab-ci" in path] == paths
    for path in paths:
        assert "coffre" in files[path]
