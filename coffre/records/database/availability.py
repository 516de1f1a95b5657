"""What is kept of the availability of platforms: the spans of their probes."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from coffre.records.database.connection import reading, writing
from coffre.records.database.location import Location
from coffre.records.database.trouble import translated
from coffre.records.probes import ProbeSpan, add_probes, read_spans


class AvailabilityStore:
    """The table of probes in an open records database."""

    def __init__(self, engine: sa.Engine, location: Location) -> None:
        self._engine = engine
        self._location = location

    def add_probes(self, probes: Sequence[ProbeSpan]) -> None:
        """Add probes in their order, in one transaction; may run twice with the same ones."""
        with translated(self._location), writing(self._engine) as connection:
            add_probes(connection, probes)

    def list_spans(self, since: datetime, platform: str | None = None) -> list[ProbeSpan]:
        """Return the spans that end at or after a time, of one platform or of all, by platform and begin."""
        with translated(self._location), reading(self._engine) as connection:
            return read_spans(connection, since, platform)
