"""The maintenance of a platform, as platform.yaml declares it beforehand (contract, articles 7a and 15)."""

import datetime
import re
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, WithJsonSchema

from coffre.spec.values.fields import VALUE, FileModel, Label, refuse

LONGEST = datetime.timedelta(hours=72)
"""A longer time is no maintenance: it would excuse an outage of any length."""


def parse_local_minute(text: str) -> datetime.datetime | None:
    """Return the local time that a text like 2026-12-10 22:00 says, without zone; None when it says none. Pure."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}", text):
        return None
    try:
        return datetime.datetime.strptime(text, "%Y-%m-%d %H:%M")  # noqa: DTZ007 - its zone is another key's
    except ValueError:
        return None


def _parse(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return value
    found = parse_local_minute(value) if isinstance(value, str) else None
    if found is None or not 2000 <= found.year <= 2199:
        refuse(f"{VALUE} is not a day and a time", 'write them in quotes, like "2026-12-10 22:00"')
    return found


LocalMinute = Annotated[
    datetime.datetime,
    BeforeValidator(_parse),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2} ([01][0-9]|2[0-3]):[0-5][0-9]$"}),
]


class MaintenanceWindow(FileModel):
    """One maintenance of a platform; its times are those of working_hours' time zone."""

    begins: Annotated[LocalMinute, Field(description='Its begin in the time zone of working_hours, "2026-12-10 22:00"')]
    ends: Annotated[LocalMinute, Field(description="Its end; 72 hours later at most")]
    reason: Annotated[Label, Field(description="What is done, in French: customers read it")]

    def begins_at(self, timezone: str) -> datetime.datetime:
        """Return its begin, aware, in UTC."""
        return self.begins.replace(tzinfo=ZoneInfo(timezone)).astimezone(datetime.UTC)

    def ends_at(self, timezone: str) -> datetime.datetime:
        """Return its end, aware, in UTC."""
        return self.ends.replace(tzinfo=ZoneInfo(timezone)).astimezone(datetime.UTC)
