"""What the doctor says: findings of an account, and the standing of each assumption."""

from dataclasses import dataclass
from enum import StrEnum

from coffre.acronis.unverified.assumption import Assumption


class Verdict(StrEnum):
    """The verdict of a finding. Only `problem` makes the command fail."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class DoctorFinding:
    """One check; ``advice`` is what to do, and is empty when nothing is needed."""

    name: str
    verdict: Verdict
    sentence: str
    advice: str = ""


class Standing(StrEnum):
    """What this account says of an assumption."""

    HOLDS = "holds"
    FAILS = "fails"
    NOT_SEEN = "not seen"
    """Reading would show it, and this account has nothing that does yet."""
    OPEN = "open"
    """Reading cannot show it."""


@dataclass(frozen=True)
class Point:
    """An assumption, and what this account says of it; ``evidence`` is what was seen."""

    assumption: Assumption[object]
    standing: Standing
    evidence: str = ""
