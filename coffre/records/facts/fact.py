"""What every fact is: a frozen dataclass that stands in the details of one kind of event."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from coffre.records.details import REST


@dataclass(frozen=True)
class Fact:
    """What one event says. A field without a default was written by every version."""


@dataclass(frozen=True)
class RecordedFinding:
    """A finding as it was recorded: its kind as the version that found it named it, and the evidence."""

    kind: str
    evidence: Annotated[Mapping[str, object], REST] = field(default_factory=dict)
