"""`coffre review --comment`: what a pull request gets, and when it gets nothing."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from coffre.cli.main import app
from coffre.errors import RefusedError, UsageError
from coffre.githost.values import Change, State
from coffre.review.guards import LiveUse, Unseen
from tests.doubles.git_host import MemoryGitHost
from tests.unit.review.conftest import ANNA, TenantRepository, repository

__all__ = ["repository"]

NUMBER = 7
ORDER = "  amendments: [{reference: AV-1, signed_on: 2027-02-01}]\ncontact:"
GREATER = {"200 GiB": "300 GiB", "contact:": ORDER}


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> MemoryGitHost:
    """The git host of the repository, and platforms that say what is stored."""
    host = MemoryGitHost()
    monkeypatch.setattr("coffre.githost.kinds.open_git_host", lambda *_: host)
    monkeypatch.setattr("coffre.review.live.find_use", lambda *_: LiveUse(0, 0, ()))
    return host


def propose(host: MemoryGitHost, repository: TenantRepository, *, fork: bool = False, **changes: str) -> str:
    repository.put("acme", repository.text("acme", **changes))
    repository.commit(ANNA)
    head = repository.git("rev-parse", "HEAD")
    host.changes[NUMBER] = Change(NUMBER, "main", head, "anna", frozenset(), (), None, None, fork)
    # The checkout is that of the base.
    repository.git("checkout", "-q", "HEAD~1")
    return head


def review(repository: TenantRepository, *options: str) -> Result:
    arguments = ["review", "HEAD..main", "--comment", str(NUMBER), *options]
    return CliRunner().invoke(app, ["--root", str(repository.root), *arguments])


def test_the_pull_request_gets_the_markdown_and_its_commit_a_status(
    repository: TenantRepository, host: MemoryGitHost
) -> None:
    head = propose(host, repository, **GREATER)
    done = review(repository)
    assert (done.exit_code, done.exception) == (0, None)
    assert host.comments[NUMBER, "review"].startswith("## What this change does")
    assert "300 GiB" in host.comments[NUMBER, "review"]
    (status,) = host.statuses[head]
    assert (status.name, status.state) == ("coffre/review", State.SUCCESS)


@pytest.mark.parametrize(("quota", "code", "said"), [("300 GiB", 4, "forbids"), ("300 GB", 3, "invalid")])
def test_what_is_refused_or_invalid_has_a_status_that_says_so(
    repository: TenantRepository, host: MemoryGitHost, quota: str, code: int, said: str
) -> None:
    head = propose(host, repository, **{"200 GiB": quota})
    assert review(repository).exit_code == code
    (status,) = host.statuses[head]
    assert status.state is State.FAILURE
    assert said in status.description
    assert (NUMBER, "review") in host.comments


def test_a_use_that_nobody_saw_is_no_success(
    repository: TenantRepository, host: MemoryGitHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coffre.review.live.find_use", lambda *_: Unseen("the platform is away"))
    head = propose(host, repository, **GREATER)
    assert review(repository).exit_code == 0
    (status,) = host.statuses[head]
    assert status.state is State.FAILURE
    assert "is not known" in status.description


def test_an_offline_review_comments_and_sets_no_status(repository: TenantRepository, host: MemoryGitHost) -> None:
    propose(host, repository, fork=True, **GREATER)
    assert review(repository, "--offline").exit_code == 0
    assert (NUMBER, "review") in host.comments
    assert host.statuses == {}


def test_a_fork_has_no_platform_asked(
    repository: TenantRepository, host: MemoryGitHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> LiveUse:
        raise AssertionError("a platform was asked")

    monkeypatch.setattr("coffre.review.live.find_use", refuse)
    propose(host, repository, fork=True, **GREATER)
    done = review(repository)
    assert isinstance(done.exception, RefusedError)
    assert "comes from a fork" in done.exception.message
    assert (host.comments, host.statuses) == ({}, {})


def test_a_newer_commit_keeps_an_older_review_out(
    repository: TenantRepository, host: MemoryGitHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs at once: the older one may not write over the newer one's comment."""
    head = propose(host, repository, **GREATER)
    newer = Change(NUMBER, "main", "f" * 40, "anna", frozenset(), (), None, None, is_from_fork=False)

    def push_meanwhile(*_: object) -> LiveUse:
        host.changes[NUMBER] = newer
        return LiveUse(0, 0, ())

    monkeypatch.setattr("coffre.review.live.find_use", push_meanwhile)
    done = review(repository)
    assert isinstance(done.exception, RefusedError)
    assert head[:12] in done.exception.message
    assert (host.comments, host.statuses) == ({}, {})


def test_without_a_git_host_nothing_is_reviewed(repository: TenantRepository, tmp_path: Path) -> None:
    done = review(repository)
    assert isinstance(done.exception, UsageError)
