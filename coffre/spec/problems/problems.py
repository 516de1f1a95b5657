"""Problems of a file as plain values: a finding inside a document, and a problem with its place in a file."""

from collections.abc import Sequence
from dataclasses import dataclass

from coffre.errors import InvalidFileError

Loc = tuple[str | int, ...]


@dataclass(frozen=True)
class FileProblem:
    """An error at a place of a document, before its line is known.

    ``at_key`` asks for the position of the key instead of its value (unknown key, duplicate key, bad name);
    ``{value}`` in the message stands for the user's own text at that place.
    """

    loc: Loc
    message: str
    hint: str = ""
    at_key: bool = False


@dataclass(frozen=True, order=True)
class Problem:
    """One line for the user, ordered by file, line and column (both counted from 1)."""

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: "
        subject = f"{self.path}: " if self.path else ""
        advice = f"; {self.hint}" if self.hint else ""
        return f"{place}{subject}{self.message}{advice}"


class InvalidRepositoryError(InvalidFileError):
    """Every problem of every file that was read; nothing of the repository may be used."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems)
        files = len({problem.file for problem in self.problems})
        count = len(self.problems)
        summary = f"{count} problem{'s' * (count > 1)} in {files} file{'s' * (files > 1)}; nothing was changed."
        super().__init__("\n".join(str(problem) for problem in self.problems), summary)
