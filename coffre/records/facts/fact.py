"""The base of every fact: a frozen dataclass for the details of one kind of event."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from coffre.records.details import REST


@dataclass(frozen=True)
class Fact:
    """The content of one event. Every version wrote the fields without a default."""


@dataclass(frozen=True)
class RecordedFinding:
    """A recorded finding: its kind, as the recording version named it, and the evidence."""

    kind: str
    evidence: Annotated[Mapping[str, object], REST] = field(default_factory=dict)
