"""The drivers of Gitea, GitHub and GitLab against answers as documented: one suite for all."""

from typing import Any

import pytest

from coffre.githost.host import GitHost
from coffre.githost.values import Approval, CommitAuthor, CommitStatus, State
from tests.doubles.git_host_server import GitHostServer, Reply
from tests.unit.githost.conftest import TOKEN, open_kind
from tests.unit.githost.documented import HEAD, KINDS, MERGE, NUMBER, OLD, OTHER, REPOSITORY

EVERY_KIND = pytest.mark.parametrize("kind", KINDS)


def open_world(kind: str, server: GitHostServer, **world: Any) -> GitHost:
    KINDS[kind](server, world)
    return open_kind(kind, server)


@EVERY_KIND
def test_the_pull_request_of_a_merge_commit_is_found_with_all_who_took_part(kind: str, server: GitHostServer) -> None:
    found = open_world(kind, server).find_change(MERGE)
    assert found is not None
    assert (found.number, found.branch, found.head, found.merge_commit) == (NUMBER, "main", HEAD, MERGE)
    assert (found.author, found.merged_by, found.is_from_fork) == ("anna", "bruno", False)
    assert found.approvals == (Approval("bruno", HEAD),)
    assert found.second_persons == {"bruno"}
    known = None if kind == "gitlab" else "anna"
    assert CommitAuthor(known, "anna@smileo.example") in found.commit_authors
    assert CommitAuthor(None, "x@elsewhere.example") in found.commit_authors


@EVERY_KIND
def test_another_commit_is_of_no_pull_request(kind: str, server: GitHostServer) -> None:
    host = open_world(kind, server)
    assert host.find_change(OTHER) is None
    # The newest commit of the pull request is not the one that its merge made.
    assert host.find_change(HEAD) is None


@EVERY_KIND
def test_an_open_pull_request_has_no_merge_and_one_of_a_fork_says_so(kind: str, server: GitHostServer) -> None:
    host = open_world(kind, server, merged=False, source="stranger/customers")
    found = host.read_change(NUMBER)
    assert (found.merge_commit, found.merged_by, found.is_from_fork) == (None, None, True)
    assert host.find_change(MERGE) is None


@EVERY_KIND
def test_an_approval_of_an_older_commit_or_by_an_author_is_no_second_person(kind: str, server: GitHostServer) -> None:
    given = [("bruno", OLD, "APPROVED"), ("Anna", HEAD, "APPROVED")]
    assert open_world(kind, server, approvals=given).read_change(NUMBER).second_persons == frozenset()


@pytest.mark.parametrize("kind", ["gitea", "github"])
@pytest.mark.parametrize(
    "given",
    [
        [("bruno", HEAD, "APPROVED"), ("bruno", HEAD, "COMMENTED"), ("bruno", HEAD, "CHANGES_REQUESTED")],
        [("bruno", HEAD, "APPROVED"), ("bruno", HEAD, "COMMENTED"), ("bruno", HEAD, "DISMISSED")],
        [("visitor", HEAD, "APPROVED")],
        [("gone/../admin", HEAD, "APPROVED")],
        [("bruno", HEAD, "PENDING")],
    ],
    ids=["taken-back", "dismissed", "without-rights", "gone", "not-sent"],
)
def test_only_a_standing_approval_of_an_account_with_rights_counts(
    kind: str, server: GitHostServer, given: list[tuple[str, str, str]]
) -> None:
    assert open_world(kind, server, approvals=given).read_change(NUMBER).approvals == ()


def test_gitlab_binds_an_approval_to_the_newest_commit_only_by_its_rules(server: GitHostServer) -> None:
    """Without these rules a push after the approval would keep it."""
    found = open_world("gitlab", server, rules={"reset_approvals_on_push": True}).read_change(NUMBER)
    assert found.approvals == (Approval("bruno", None),)
    assert found.second_persons == frozenset()


MARKED = "<!-- coffre: review -->\r\nold"


@EVERY_KIND
def test_a_comment_is_written_over_the_own_one_with_its_marker(kind: str, server: GitHostServer) -> None:
    others = [(1, "anna", MARKED), (2, "coffre-bot", "old"), (3, "coffre-bot", "x\n<!-- coffre: review -->")]
    host = open_world(kind, server, comments=[*others, (5, "coffre-bot", MARKED), (6, "coffre-bot", MARKED)])
    host.put_comment(NUMBER, "review", "new")
    (call,) = server.written()
    assert (call.method, call.path.rsplit("/", 1)[1]) == ("PUT" if kind == "gitlab" else "PATCH", "5")
    assert call.body == {"body": "<!-- coffre: review -->\nnew"}


@EVERY_KIND
def test_a_comment_of_somebody_else_with_the_marker_is_left_alone(kind: str, server: GitHostServer) -> None:
    host = open_world(kind, server, comments=[(1, "anna", MARKED)])
    host.put_comment(NUMBER, "review", "new")
    (call,) = server.written()
    assert (call.method, call.path.rsplit("/", 1)[1]) == ("POST", "notes" if kind == "gitlab" else "comments")


def test_the_token_of_a_github_workflow_has_an_account_of_its_own(server: GitHostServer) -> None:
    host = open_world("github", server, comments=[(5, "github-actions[bot]", MARKED)])
    server.replies["GET /api/v3/user"] = Reply({"message": "Resource not accessible by integration"}, 403)
    host.put_comment(NUMBER, "review", "new")
    assert [call.path for call in server.written()] == [f"/api/v3/repos/{REPOSITORY}/issues/comments/5"]


@EVERY_KIND
def test_a_status_is_set_under_its_name(kind: str, server: GitHostServer) -> None:
    open_world(kind, server).set_status(HEAD, CommitStatus("coffre/review", State.FAILURE, "refused"))
    (call,) = server.written()
    names = ("name", "failed") if kind == "gitlab" else ("context", "failure")
    assert call.body == {names[0]: "coffre/review", "state": names[1], "description": "refused"}


@EVERY_KIND
def test_the_token_goes_with_every_call_in_a_header_alone(kind: str, server: GitHostServer) -> None:
    open_world(kind, server).find_change(MERGE)
    assert server.calls
    for call in server.calls:
        assert any(TOKEN in value for value in call.headers.values())
        assert TOKEN not in call.path + call.query
