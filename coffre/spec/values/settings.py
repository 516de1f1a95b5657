"""Checks single values that only platform.yaml has: references to the outside, paths, hours, countries, shares."""

import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from coffre.spec.values.fields import VALUE, Count, Text, matching, refuse, text_schema
from coffre.spec.values.schedule import ScheduleError, Weekday, parse_schedule
from coffre.spec.values.stores import S3_PLACE
from coffre.workspace.paths import SECRETS_FOLDER


def _refers(kinds: str, hint: str) -> AfterValidator:
    """Return the check of a reference to something outside the file. Messages never quote its value, maybe a secret."""
    return AfterValidator(matching(kinds, "this is not a valid reference here", hint, quoted=False))


def _parse_clock(value: Any) -> Any:
    if isinstance(value, datetime.time):
        return value
    try:
        return parse_schedule(f"daily {value}").at
    except ScheduleError as error:
        hint = (
            error.hint if "write 0" in error.hint or "hours run" in error.hint else 'write it in quotes, like "08:30"'
        )
        refuse(f"{VALUE} is not a time of day", hint)


def _parse_days(value: Any) -> Any:
    if isinstance(value, list | tuple) and all(isinstance(day, Weekday) for day in value):
        return value
    try:
        return parse_schedule(f"{value} 00:00").days
    except ScheduleError:
        refuse(f"{VALUE} are no days of the week", "write them like Mon..Fri or Mon,Wed,Fri")


_FILE = r"file:[^\x00-\x1f]+"
_ENV = r"env:[A-Za-z_][A-Za-z0-9_]*"
_PATH = r"[^\x00-\x1f:]+"
SecretReference = Annotated[
    Text,
    _refers(f"{_FILE}|{_ENV}", "write env:NAME or file:PATH; the credential itself is never in this file"),
    text_schema("env:NAME or file:PATH, never the credential itself"),
]
Endpoints = Annotated[
    Text,
    _refers(_FILE, "write file:PATH of an endpoints file (JSON)"),
    text_schema("file:PATH of a JSON file with endpoint, region, ca_file and fsid"),
]
AwsCredential = Annotated[
    Text,
    _refers(
        rf"{_FILE}|{_ENV}|profile:[A-Za-z0-9_.@ -]{{1,64}}",
        "write env:NAME, file:PATH or profile:NAME; the credential itself is never in this file",
    ),
    text_schema("env:NAME or file:PATH of a JSON file with access_key_id and secret_access_key, or profile:NAME"),
]
State = Annotated[
    Text,
    _refers(rf"{_FILE}|{S3_PLACE}", "write file:PATH, or s3://BUCKET/PREFIX for a team"),
    text_schema("Where Pulumi's state is kept: file:PATH, or s3://BUCKET/PREFIX for a team"),
]
RecordsUrl = Annotated[
    Text,
    _refers(
        f"sqlite:{_PATH}|{_ENV}",
        "write sqlite:PATH, or env:NAME with a PostgreSQL URL in that variable (never the URL and its password itself)",
    ),
    text_schema("The records database: sqlite:PATH, or env:NAME with a PostgreSQL URL in that variable"),
]
FolderPath = Annotated[
    Text,
    _refers(_PATH, f"write a path, like {SECRETS_FOLDER}"),
    text_schema("A path, relative to the repository's root"),
]
BundlePlace = Annotated[
    Text,
    _refers(f"{_PATH}|{S3_PLACE}", f"write a path, like {SECRETS_FOLDER}, or s3://BUCKET/PREFIX for a team"),
    text_schema("A path, relative to the repository's root, or s3://BUCKET/PREFIX"),
]
TimeOfDay = Annotated[
    datetime.time,
    BeforeValidator(_parse_clock),
    WithJsonSchema({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}),
]
Days = Annotated[
    tuple[Weekday, ...],
    BeforeValidator(_parse_days),
    WithJsonSchema({"type": "string", "description": "Days, like Mon..Fri or Mon,Wed,Fri"}),
]
Country = Annotated[
    Text,
    AfterValidator(matching("[A-Z]{2}", "is not a country code", "write two capital letters, like FR (ISO 3166)")),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{2}$", "description": "ISO 3166 code, like FR"}),
]
Percent = Annotated[Count, Field(ge=0, le=400)]
