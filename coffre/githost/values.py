"""What a git host knows about a change that was proposed to it: a pull request, or a merge request of GitLab.

Names of accounts are the host's own: who signed in there. An author's e-mail is what a commit says of itself.
"""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Approval:
    """An account's standing approval. ``commit`` is what it approved, None where the host does not say it."""

    who: str
    commit: str | None


@dataclass(frozen=True)
class CommitAuthor:
    """Who wrote a commit: the account that the host takes its e-mail for, None for an unknown one."""

    account: str | None
    email: str


@dataclass(frozen=True)
class Change:
    """A pull request.

    ``branch`` is the one it asks to change, ``head`` its newest commit. ``merge_commit`` is the commit by which it came
    to that branch, None when it did not. ``approvals`` are those that count for the host: of accounts that may approve,
    neither dismissed nor taken back. ``bars_writers``: the host itself lets no author of a commit approve, so an author
    whose account it does not say is no approver.
    """

    number: int
    branch: str
    head: str
    author: str
    commit_authors: frozenset[CommitAuthor]
    approvals: tuple[Approval, ...]
    merged_by: str | None
    merge_commit: str | None
    is_from_fork: bool
    bars_writers: bool = False

    @property
    def second_persons(self) -> frozenset[str]:
        """The accounts that approved exactly its head, and neither opened it nor wrote a commit of it."""
        writers = {self.author.casefold()}
        writers |= {each.account.casefold() for each in self.commit_authors if each.account is not None}
        return frozenset(
            each.who for each in self.approvals if each.commit == self.head and each.who.casefold() not in writers
        )


class State(StrEnum):
    """The state of a check of a commit."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True)
class CommitStatus:
    """What a check says about a commit; ``name`` is what a branch protection asks for."""

    name: str
    state: State
    description: str
