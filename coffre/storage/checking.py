"""What the check of a platform found: a verdict, a plain sentence, and what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a finding stands. Only `problem` makes the command fail."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class PlatformFinding:
    """One thing that was looked at; ``advice`` says what to do, and is empty where nothing is to be done."""

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
