"""The findings of a platform's check: a verdict, a plain sentence, and what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The verdict of a finding. Only `problem` makes the command fail."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class PlatformFinding:
    """One check; ``advice`` is what to do, and is empty when nothing is needed."""

    name: str
    verdict: Verdict
    sentence: str
    advice: str = ""


def ok(name: str, sentence: str) -> PlatformFinding:
    return PlatformFinding(name, Verdict.OK, sentence)


def warning(name: str, sentence: str, advice: str) -> PlatformFinding:
    return PlatformFinding(name, Verdict.WARNING, sentence, advice)


def problem(name: str, sentence: str, advice: str) -> PlatformFinding:
    return PlatformFinding(name, Verdict.PROBLEM, sentence, advice)


def unknown(name: str, sentence: str, advice: str = "") -> PlatformFinding:
    return PlatformFinding(name, Verdict.UNKNOWN, sentence, advice)


def left_out() -> PlatformFinding:
    """Return the finding in place of every check that needs an earlier, failed one."""
    return unknown("everything else", "it was not checked", "Correct what is named above, then check again.")
