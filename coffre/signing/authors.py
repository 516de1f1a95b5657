"""Finds the authors of a part of a file on the branch, and who merged it. Names in commits are not proof; they only
exclude their bearers from approval.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from coffre.signing.commits import Commit
from coffre.signing.history import KeyHolder, Trust, list_brought
from coffre.signing.objects import Objects

ReadPart = Callable[[bytes], str | None]
"""Returns the requested part of a file; None when the file has none."""


@dataclass(frozen=True)
class Hand:
    """A commit that wrote or merged the part; ``identity`` is None when no trusted key signed it."""

    commit: Commit
    identity: KeyHolder | None

    @property
    def addresses(self) -> tuple[str, ...]:
        """The person whom the commit names; anybody can type this."""
        return tuple(dict.fromkeys((self.commit.author, self.commit.committer)))


@dataclass(frozen=True)
class Authorship:
    """A part in HEAD: all its authors since it was added, and who merged it unchanged."""

    text: str
    writers: tuple[Hand, ...]
    mergers: tuple[Hand, ...]


def read_authorship(objects: Objects, trust: Trust, path: str, part: ReadPart, now: datetime) -> Authorship | None:
    """Return the authors of a part of HEAD's file; None when it has none."""
    return _Reading(objects, trust, path, part, now).read()


class _Reading:
    def __init__(self, objects: Objects, trust: Trust, path: str, part: ReadPart, now: datetime) -> None:
        self._objects, self._trust, self._path, self._part, self._now = objects, trust, path, part, now
        self._parts: dict[str, str | None] = {}

    def read(self) -> Authorship | None:
        line = self._trust.line
        text = self._at(line[0])
        if text is None:
            return None
        writers: list[Hand] = []
        mergers: list[Hand] | None = None
        for commit in line:
            written = self._at(commit)
            if written is None:
                break
            if written != self._before(commit):
                is_merge = any(self._at(self._objects.commit(each)) == written for each in commit.parents[1:])
                hand = Hand(commit, self._trust.find_signer(commit, commit, self._now))
                if not is_merge:
                    writers.append(hand)
                if mergers is None:
                    mergers = [hand] if is_merge else []
                writers += self._write_aside(commit)
        return Authorship(text, tuple(writers), tuple(mergers or ()))

    def _write_aside(self, brought_by: Commit) -> Iterator[Hand]:
        """Yield the authors of the part on the branches of a merge."""
        for side in list_brought(self._objects, brought_by, self._path):
            written = self._at(side)
            if written is not None and all(self._at(self._objects.commit(each)) != written for each in side.parents):
                yield Hand(side, self._trust.find_signer(side, brought_by, self._now))

    def _before(self, commit: Commit) -> str | None:
        return self._at(self._objects.commit(commit.parents[0])) if commit.parents else None

    def _at(self, commit: Commit) -> str | None:
        file = self._objects.find_file(commit, self._path)
        if file is None:
            return None
        if file not in self._parts:
            self._parts[file] = self._part(self._objects.read_file(commit, self._path) or b"")
        return self._parts[file]
