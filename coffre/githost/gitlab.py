"""GitLab: merge requests, notes and statuses. Source: docs.gitlab.com/api, version 4; no GitLab runs in the tests."""

from collections.abc import Iterator
from itertools import islice
from urllib.parse import quote

from coffre.githost.answers import Account, Answer, CommitId, Short, read_part, read_parts
from coffre.githost.client import MISSING, Client, StatusError
from coffre.githost.host import GitHostError
from coffre.githost.marking import is_marked, mark
from coffre.githost.values import Approval, Change, CommitAuthor, CommitStatus, State

MAX_COMMITS = 1000
_STATES = {State.PENDING: "pending", State.SUCCESS: "success", State.FAILURE: "failed"}


class _User(Answer):
    username: Account


class _MergeRequest(Answer):
    iid: int
    state: Short
    target_branch: Short
    author: _User
    sha: CommitId
    source_project_id: int | None = None
    """None when the fork is gone."""
    target_project_id: int
    merge_user: _User | None = None
    merge_commit_sha: CommitId | None = None
    squash_commit_sha: CommitId | None = None

    @property
    def made(self) -> str | None:
        """The commit by which it came to its branch: of a merge, else of a squash, else its own newest one."""
        return (self.merge_commit_sha or self.squash_commit_sha or self.sha) if self.state == "merged" else None


class _Commit(Answer):
    author_email: Short


class _Approver(Answer):
    user: _User


class _Approvals(Answer):
    approved_by: list[_Approver]


class _Rules(Answer):
    reset_approvals_on_push: bool = False
    merge_requests_author_approval: bool = True
    merge_requests_disable_committers_approval: bool = False

    @property
    def bind_approvals(self) -> bool:
        """Whether each approval is of the newest commit, by an account that wrote none of it."""
        return (
            self.reset_approvals_on_push
            and self.merge_requests_disable_committers_approval
            and not self.merge_requests_author_approval
        )


class _Note(Answer):
    id: int
    author: _User
    body: str
    system: bool = False


class GitLabHost:
    """One project of a GitLab."""

    def __init__(self, client: Client, repository: str) -> None:
        self._client = client
        self._base = f"/projects/{quote(repository, safe='')}"

    def find_change(self, commit: str) -> Change | None:
        doing = f"read the merge request of the commit {commit}"
        path = f"{self._base}/repository/commits/{commit}/merge_requests"
        try:
            listed = list(read_parts(self._client, _MergeRequest, self._client.list_all(doing, path), doing))
        except StatusError as error:
            if error.status in MISSING:
                return None
            raise
        found = next((each for each in listed if each.made == commit), None)
        return None if found is None else self.read_change(found.iid)

    def read_change(self, number: int) -> Change:
        doing, path = f"read the merge request {number}", f"{self._base}/merge_requests/{number}"
        request = read_part(self._client, _MergeRequest, self._client.read(doing, path), doing)
        is_merged = request.made is not None
        approvals = tuple(self._list_approvals(number, request.sha))
        return Change(
            number=request.iid,
            branch=request.target_branch,
            head=request.sha,
            author=request.author.username,
            commit_authors=frozenset(self._list_authors(number)),
            approvals=approvals,
            merged_by=request.merge_user.username if is_merged and request.merge_user is not None else None,
            merge_commit=request.made,
            is_from_fork=request.source_project_id != request.target_project_id,
            bars_writers=any(each.commit is not None for each in approvals),
        )

    def put_comment(self, number: int, marker: str, text: str) -> None:
        doing = "read the account of the token"
        me = read_part(self._client, _User, self._client.read(doing, "/user"), doing).username
        doing, path = f"read the notes of the merge request {number}", f"{self._base}/merge_requests/{number}/notes"
        notes = self._client.list_all(doing, path, per_page=100, sort="asc", order_by="created_at")
        mine = [
            each.id
            for each in read_parts(self._client, _Note, notes, doing)
            if not each.system and each.author.username == me and is_marked(each.body, marker)
        ]
        body, doing = {"body": mark(text, marker)}, f"comment the merge request {number}"
        if mine:
            self._client.write(doing, "PUT", f"{path}/{mine[0]}", body)
        else:
            self._client.write(doing, "POST", path, body)

    def set_status(self, commit: str, status: CommitStatus) -> None:
        body = {"name": status.name, "state": _STATES[status.state], "description": status.description}
        self._client.write(f"set the status of the commit {commit}", "POST", f"{self._base}/statuses/{commit}", body)

    def _list_authors(self, number: int) -> Iterator[CommitAuthor]:
        """Yield the authors of the commits: GitLab says no accounts, so its own rules keep them from approving."""
        doing = f"read the commits of the merge request {number}"
        path = f"{self._base}/merge_requests/{number}/commits"
        listed = list(islice(self._client.list_all(doing, path, per_page=100), MAX_COMMITS))
        if len(listed) == MAX_COMMITS:
            raise GitHostError(
                f"the merge request {number} has {MAX_COMMITS} commits or more", "Make the change in fewer commits."
            )
        for each in read_parts(self._client, _Commit, listed, doing):
            yield CommitAuthor(None, each.author_email)

    def _list_approvals(self, number: int, head: str) -> Iterator[Approval]:
        """Yield the approvals. GitLab does not say of which commit: it is the newest one where its rules say so."""
        doing = f"read the approvals of the merge request {number}"
        answer = self._client.read(doing, f"{self._base}/merge_requests/{number}/approvals")
        approved = read_part(self._client, _Approvals, answer, doing).approved_by
        if not approved:
            return
        doing = "read the rules of approvals"
        rules = read_part(self._client, _Rules, self._client.read(doing, f"{self._base}/approvals"), doing)
        for each in approved:
            yield Approval(each.user.username, head if rules.bind_approvals else None)
