"""GitHub and Gitea (also Forgejo): pull requests, reviews and statuses. Their APIs differ in little.

Sources: docs.github.com/rest (version 2022-11-28), and the API of Gitea 1.26, which a test runs.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from http import HTTPStatus
from itertools import islice
from urllib.parse import quote

from coffre.githost.answers import Account, Answer, CommitId, Short, read_part, read_parts
from coffre.githost.client import MISSING, Client, StatusError
from coffre.githost.host import GitHostError
from coffre.githost.marking import is_marked, mark
from coffre.githost.values import Approval, Change, CommitAuthor, CommitStatus

MAX_COMMITS = 250
"""The most commits of a pull request that GitHub lists; the authors of a larger one are not all known."""


class _User(Answer):
    login: Account


class _Repository(Answer):
    full_name: Short


class _Branch(Answer):
    ref: Short
    sha: CommitId
    repo: _Repository | None = None
    """None when the fork is gone."""


class _Pull(Answer):
    number: int
    user: _User
    base: _Branch
    head: _Branch
    merged: bool
    merged_by: _User | None = None
    merge_commit_sha: CommitId | None = None


class _Listed(Answer):
    number: int
    merged_at: Short | None = None
    merge_commit_sha: Short | None = None


class _Signature(Answer):
    email: Short


class _GitCommit(Answer):
    author: _Signature


class _Commit(Answer):
    author: _User | None = None
    commit: _GitCommit


class _Review(Answer):
    user: _User | None = None
    state: Short
    commit_id: Short | None = None
    dismissed: bool = False
    official: bool = True
    """Gitea's word for a reviewer whose approval counts."""


class _Comment(Answer):
    id: int
    user: _User | None = None
    body: str


class _Permission(Answer):
    permission: Short


class PullRequestHost(ABC):
    """What GitHub and Gitea do alike."""

    def __init__(self, client: Client, repository: str) -> None:
        self._client = client
        self._repository = repository
        self._base = f"/repos/{repository}"

    def find_change(self, commit: str) -> Change | None:
        try:
            numbers = list(self._list_merged(commit, f"read the pull request of the commit {commit}"))
        except StatusError as error:
            if error.status in MISSING:
                return None
            raise
        found = next(iter(numbers), None)
        return None if found is None else self.read_change(found)

    def read_change(self, number: int) -> Change:
        doing = f"read the pull request {number}"
        pull = read_part(self._client, _Pull, self._client.read(doing, f"{self._base}/pulls/{number}"), doing)
        source = pull.head.repo
        return Change(
            number=pull.number,
            branch=pull.base.ref,
            head=pull.head.sha,
            author=pull.user.login,
            commit_authors=frozenset(self._list_authors(number)),
            approvals=tuple(self._list_approvals(number)),
            merged_by=pull.merged_by.login if pull.merged and pull.merged_by is not None else None,
            merge_commit=pull.merge_commit_sha if pull.merged else None,
            is_from_fork=source is None or source.full_name.casefold() != self._repository.casefold(),
        )

    def put_comment(self, number: int, marker: str, text: str) -> None:
        doing, me = f"read the comments of the pull request {number}", self._find_account()
        comments = self._client.list_all(doing, f"{self._base}/issues/{number}/comments", per_page=100, limit=50)
        mine = [
            each.id
            for each in read_parts(self._client, _Comment, comments, doing)
            if each.user is not None and each.user.login == me and is_marked(each.body, marker)
        ]
        body, doing = {"body": mark(text, marker)}, f"comment the pull request {number}"
        if mine:
            self._client.write(doing, "PATCH", f"{self._base}/issues/comments/{mine[0]}", body)
        else:
            self._client.write(doing, "POST", f"{self._base}/issues/{number}/comments", body)

    def set_status(self, commit: str, status: CommitStatus) -> None:
        body = {"context": status.name, "state": status.state.value, "description": status.description}
        self._client.write(f"set the status of the commit {commit}", "POST", f"{self._base}/statuses/{commit}", body)

    @abstractmethod
    def _list_merged(self, commit: str, doing: str) -> Iterator[int]:
        """Yield the numbers of the merged pull requests whose merge made this commit."""

    @abstractmethod
    def _counts(self, review: _Review) -> bool:
        """Tell whether the account of an approval may approve."""

    def _find_account(self) -> str:
        """Return the account of the token."""
        doing = "read the account of the token"
        return read_part(self._client, _User, self._client.read(doing, "/user"), doing).login

    def _list_authors(self, number: int) -> Iterator[CommitAuthor]:
        doing = f"read the commits of the pull request {number}"
        path = f"{self._base}/pulls/{number}/commits"
        listed = list(islice(self._client.list_all(doing, path, per_page=100, limit=50), MAX_COMMITS))
        if len(listed) == MAX_COMMITS:
            raise GitHostError(
                f"the pull request {number} has {MAX_COMMITS} commits or more: their authors are not all known",
                "Make the change again in fewer commits.",
            )
        for each in read_parts(self._client, _Commit, listed, doing):
            yield CommitAuthor(None if each.author is None else each.author.login, each.commit.author.email)

    def _list_approvals(self, number: int) -> Iterator[Approval]:
        """Yield the standing approvals: of each account's reviews that decide, the newest one."""
        doing = f"read the approvals of the pull request {number}"
        listed = self._client.list_all(doing, f"{self._base}/pulls/{number}/reviews", per_page=100, limit=50)
        newest: dict[str, _Review] = {}
        for each in read_parts(self._client, _Review, listed, doing):
            if each.user is not None and each.state in _DECIDING:
                newest[each.user.login] = each
        for who, each in newest.items():
            if each.state == "APPROVED" and not each.dismissed and self._counts(each):
                yield Approval(who, each.commit_id)


_DECIDING = {"APPROVED", "CHANGES_REQUESTED", "REQUEST_CHANGES", "DISMISSED"}


class GiteaHost(PullRequestHost):
    """Gitea: it says itself whose approval counts, and finds the pull request of a merge commit."""

    def _list_merged(self, commit: str, doing: str) -> Iterator[int]:
        found = read_part(self._client, _Listed, self._client.read(doing, f"{self._base}/commits/{commit}/pull"), doing)
        if found.merged_at is not None and found.merge_commit_sha == commit:
            yield found.number

    def _counts(self, review: _Review) -> bool:
        return review.official


class GitHubHost(PullRequestHost):
    """GitHub: anybody may approve in a public repository, so the rights of each approver are asked."""

    def _list_merged(self, commit: str, doing: str) -> Iterator[int]:
        listed = self._client.list_all(doing, f"{self._base}/commits/{commit}/pulls", per_page=100)
        for each in read_parts(self._client, _Listed, listed, doing):
            if each.merged_at is not None and each.merge_commit_sha == commit:
                yield each.number

    def _counts(self, review: _Review) -> bool:
        assert review.user is not None  # noqa: S101 - only reviews of accounts are asked about
        doing = f"read the rights of {review.user.login}"
        path = f"{self._base}/collaborators/{quote(review.user.login, safe='')}/permission"
        try:
            answer = read_part(self._client, _Permission, self._client.read(doing, path), doing)
        except StatusError as error:
            if error.status == HTTPStatus.NOT_FOUND:  # An account that is gone.
                return False
            raise
        return answer.permission in ("write", "admin")

    def _find_account(self) -> str:
        try:
            return super()._find_account()
        except StatusError as error:
            # The token of a workflow has no account that it may ask for.
            if error.status == HTTPStatus.FORBIDDEN:
                return "github-actions[bot]"
            raise
