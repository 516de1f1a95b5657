"""What Coffre asks of a git host. `coffre.githost.kinds` opens the one of platform.yaml."""

from typing import Protocol

from coffre.errors import RemoteError
from coffre.githost.values import Change, CommitStatus


class GitHostError(RemoteError):
    """The git host does not answer, refuses, or answers what no git host answers."""


class GitHost(Protocol):
    """One repository on a git host; every method raises GitHostError when the host does not do it."""

    def find_change(self, commit: str) -> Change | None:
        """Return the merged pull request whose merge made this commit; None for any other commit.

        With merges and squashes each pull request has one such commit. Of a rebase it is the last one.
        """
        ...

    def read_change(self, number: int) -> Change:
        """Return a pull request by its number."""
        ...

    def put_comment(self, number: int, marker: str, text: str) -> None:
        """Write a comment into a pull request, or over the one of the same account that has the same marker.

        A reader does not see the marker, some letters that name what the comment is about.
        """
        ...

    def set_status(self, commit: str, status: CommitStatus) -> None:
        """Set the status of a commit; the newest one of a name counts."""
        ...
