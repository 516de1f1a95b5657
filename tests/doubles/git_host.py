"""A git host in memory: pull requests as given, and what was written."""

from dataclasses import dataclass, field

from coffre.githost.values import Change, CommitStatus


@dataclass
class MemoryGitHost:
    """Knows the pull requests that it was given."""

    changes: dict[int, Change] = field(default_factory=dict)
    comments: dict[tuple[int, str], str] = field(default_factory=dict)
    statuses: dict[str, list[CommitStatus]] = field(default_factory=dict)

    def find_change(self, commit: str) -> Change | None:
        return next((each for each in self.changes.values() if each.merge_commit == commit), None)

    def read_change(self, number: int) -> Change:
        return self.changes[number]

    def put_comment(self, number: int, marker: str, text: str) -> None:
        self.comments[number, marker] = text

    def set_status(self, commit: str, status: CommitStatus) -> None:
        self.statuses.setdefault(commit, []).append(status)
