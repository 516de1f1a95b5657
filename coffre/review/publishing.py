"""Puts a review into its pull request: a comment that each new review replaces, and a status that a merge waits for."""

from dataclasses import dataclass
from enum import StrEnum

from coffre.errors import RefusedError
from coffre.githost.host import GitHost
from coffre.githost.values import CommitStatus, State
from coffre.review.guards import Unseen
from coffre.review.review import Review

STATUS_NAME = "coffre/review"
"""The status that a branch protection asks for."""
_MARKER = "review"


class Verdict(StrEnum):
    """What a review means for a merge, the gravest first."""

    INVALID = "invalid"
    REFUSED = "refused"
    UNSEEN = "unseen"
    """The current use of a tenant is not known, so what forbids the change may not have been seen."""
    UNPLANNED = "unplanned"
    """The plan of a tenant was asked for and could not be made: its change could not be applied after the merge."""
    PASSED = "passed"


def judge(review: Review) -> Verdict:
    """Return what a review means for a merge."""
    if review.is_invalid:
        return Verdict.INVALID
    if review.is_refused:
        return Verdict.REFUSED
    if any(isinstance(each.use, Unseen) for each in review.tenants):
        return Verdict.UNSEEN
    if review.unplanned:
        return Verdict.UNPLANNED
    return Verdict.PASSED


@dataclass(frozen=True)
class Publication:
    """A review on its way into a pull request of a git host."""

    host: GitHost
    number: int
    is_offline: bool

    def refuse_other(self, head: str) -> None:
        """Raise RefusedError unless a commit is the newest one of the pull request, and may be reviewed here.

        A fork's is reviewed offline only: who wrote it needs no rights here, and would have platforms asked at will.
        """
        change = self.host.read_change(self.number)
        if change.head != head:
            raise RefusedError(
                f"the newest commit of the pull request {self.number} is {change.head[:12]}, not {head[:12]}",
                "Fetch the newest one, and review that.",
            )
        if change.is_from_fork and not self.is_offline:
            raise RefusedError(
                f"the pull request {self.number} comes from a fork: no platform is asked for it",
                "Add --offline, or push its commits to a branch of this repository.",
            )

    def publish(self, review: Review, comment: str, description: str) -> None:
        """Write a comment into the pull request, and set the status of its newest commit.

        An offline review sets no status: nobody looked at what forbids the change by its current use. RefusedError when
        the pull request has got a newer commit meanwhile.
        """
        self.refuse_other(review.head)
        self.host.put_comment(self.number, _MARKER, comment)
        if not self.is_offline:
            state = State.SUCCESS if judge(review) is Verdict.PASSED else State.FAILURE
            self.host.set_status(review.head, CommitStatus(STATUS_NAME, state, description))
