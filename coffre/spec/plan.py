"""A backup plan: its paths, its schedule and its retention."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from coffre.spec.values.fields import OURS, VALUE, Count, FileModel, Text, refuse
from coffre.spec.values.schedule import GRAMMAR, Schedule, ScheduleError, parse_schedule


class OperatingSystem(StrEnum):
    """The operating system of a machine."""

    LINUX = "linux"
    WINDOWS = "windows"
    MACOS = "macos"


LONGEST_LINE_BYTES = 4096
"""Linux's limit for a path; its limit for one program argument, like the paths for restic, is 128 KiB."""


def _read_schedule(value: Any) -> Any:
    if isinstance(value, Schedule):
        return value
    if not isinstance(value, str):
        refuse(f"{VALUE} is not a schedule", GRAMMAR)
    try:
        return parse_schedule(value)
    except ScheduleError as error:
        refuse(f"{VALUE} {error.problem}", error.hint)


def _check_line(text: str) -> str:
    if not text.strip():
        refuse(f"{VALUE} is blank", "remove the entry")
    if len(text.encode(errors="surrogatepass")) > LONGEST_LINE_BYTES:
        refuse(f"{VALUE} is longer than any path", f"{LONGEST_LINE_BYTES} bytes are the limit")
    return text


def _kind_of_paths(value: Any) -> str | None:
    # The tags have brackets so that they are never mistaken for keys of the file.
    if isinstance(value, Mapping):
        return "<by system>"
    return "<list>" if isinstance(value, list | tuple) else None


_DAY = "(Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
Line = Annotated[Text, AfterValidator(_check_line), WithJsonSchema({"type": "string", "minLength": 1})]
Lines = Annotated[list[Line], Field(min_length=1)]
Paths = Annotated[
    Annotated[Lines, Tag("<list>")] | Annotated[dict[OperatingSystem, Lines], Field(min_length=1), Tag("<by system>")],
    Discriminator(
        _kind_of_paths,
        custom_error_type=OURS,
        custom_error_message=f"{VALUE} is not a list of paths",
        custom_error_context={
            "message": f"{VALUE} is not a list of paths",
            "hint": "write [/home, /etc], or by system {linux: [/home], windows: ['C:\\Users']}",
        },
    ),
]
ScheduleText = Annotated[
    Schedule,
    BeforeValidator(_read_schedule),
    WithJsonSchema(
        {
            "type": "string",
            "description": "DAYS HH:MM in the tenant's time zone: daily, Mon, Mon,Wed or Mon..Fri, then 00:00 to 23:59",
            "pattern": rf"^(daily|{_DAY}((,|\.\.){_DAY})*) +([01][0-9]|2[0-3]):[0-5][0-9]$",
        }
    ),
]


class Keep(FileModel):
    """How long backups stay, by age and never by count: one per day for some days, one per week for some weeks, …."""

    daily: Annotated[Count, Field(ge=0, le=3660, description="Days within which one backup a day stays")] = 0
    weekly: Annotated[Count, Field(ge=0, le=520, description="Weeks within which one backup a week stays")] = 0
    monthly: Annotated[Count, Field(ge=0, le=120, description="Months within which one backup a month stays")] = 0
    yearly: Annotated[Count, Field(ge=0, le=30, description="Years within which one backup a year stays")] = 0


class Plan(FileModel):
    """The paths, the schedule and the retention of backups."""

    paths: Annotated[
        Paths,
        Field(description="The absolute paths to back up: one list, or one list by system (linux, windows, macos)"),
    ]
    exclude: list[Line] = Field(default_factory=list, description='The patterns that are left out, like "*.iso"')
    schedule: Annotated[
        list[ScheduleText],
        Field(min_length=1, description='The times at which it runs, like ["Mon..Fri 12:30", "daily 19:00"]'),
    ]
    keep: Annotated[
        Keep,
        Field(description="The time for which backups stay, by their age, like {daily: 30, weekly: 12, monthly: 12}"),
    ]
    baits: Annotated[
        bool, Field(description="false: the agent places no bait files among users' files (the sign of an attack)")
    ] = True

    def paths_for(self, system: OperatingSystem) -> list[str]:
        """Return the paths to back up on a system; KeyError when the plan has none for it (the loader refuses that)."""
        return self.paths[system] if isinstance(self.paths, dict) else self.paths
