"""Writes a tenant file from its data, in the order and with the comments of the examples.

Pure. The data come from a checked file; every ambiguous text is in quotes, so that the file reads back equal.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from coffre.spec.parsing.documents import Document, read_document
from coffre.spec.problems.known_keys import list_keys
from coffre.spec.problems.problems import Loc
from coffre.spec.tenant import Tenant

_COMMENT_COLUMN = 37
_INDENT = "  "
# Written as a block of lines; everything else is on one line.
_BLOCKS = ("contract", "contact", "storage", "hold")
_NAMED_BLOCKS = ("plans", "machines")
_COMMENTS = {
    "id": "minted by `coffre new`, for ever: it is in every remote name",
    "contract.reference": "the order form",
    "contract.in_service_on": "planned; the real date is recorded when the service is delivered",
    "contract.siren": "in quotes, or YAML takes it for a number",
    "contract.vendor": "of the distributor; terms of the editor (articles 1a, 13)",
    "contact": "the one person who speaks for the customer (article 6)",
    "timezone": "of the schedules below",
    "status": "active | suspended",
    "storage.platform": "one of platform.yaml",
    "storage.quota": "for all machines together; GiB counts in 1024, Go in 1000",
    "storage.undelete_days": "how long deleted or overwritten objects can be brought back: 7 to 90",
    "storage.parts": "add up to the quota",
    "licences": "as sold; never more machines than licences",
    "line": "what the customer's provider sells; the first backup takes its time (article 6)",
    "options": "article 16",
    "plans.*.schedule": "DAYS HH:MM: daily, Mon, Mon,Wed or Mon..Fri",
    "plans.*.keep": "by age, never by count: one a day for so many days, …",
}
_AMENDMENTS = (
    "# A change of quota, licences or options needs the amendment that sold it:",
    "# amendments: [{reference: AV-2027-01, signed_on: 2027-02-01}]",
)
# Text that every reader reads as text; without the comma, which ends an entry of a list.
_PLAIN = re.compile(r"[A-Za-zÀ-ÿ0-9/](?:[\wÀ-ÿ ./'’()&@+-]*[\wÀ-ÿ./)])?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY_KEYS = re.compile(r"(.+_)?on|since|keep_until|extended_to")
"""The keys of days. A name or a reference that looks like a day is in quotes: other YAML readers take it for one."""
_CONSTANTS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf", "infinity"}


def render_tenant(slug: str, data: Mapping[str, Any]) -> str:
    """Return the text of a tenant file that reads back as ``data``."""
    lines = [
        f"# {data['name']}. The file's name is the tenant's slug.",
        f"# What is written here is carried out by `coffre apply {slug}`; `coffre plan {slug}` shows it first.",
    ]
    for key, value in _in_order(data, ()).items():
        lines += _render_top(key, value)
    return "\n".join(lines) + "\n"


def _in_order(fields: Mapping[str, Any], loc: Loc) -> dict[str, Any]:
    """Return a block of keys in the order of the format."""
    return {key: fields[key] for key in list_keys(Tenant, loc) if key in fields}


def _render_top(key: str, value: Any) -> Iterator[str]:
    if key in _BLOCKS and isinstance(value, Mapping):
        yield ""
        yield _line(key, f"{key}:")
        yield from _render_fields(key, _in_order(value, (key,)), _INDENT)
        if key == "contract" and "amendments" not in value:
            yield from (f"{_INDENT}{line}" for line in _AMENDMENTS)
    elif key in _NAMED_BLOCKS and isinstance(value, Mapping) and value:
        yield ""
        yield f"{key}:"
        for name, fields in value.items():
            yield f"{_INDENT}{_scalar(name)}:"
            yield from _render_fields(f"{key}.*", _in_order(fields, (key, name)), _INDENT * 2)
    else:
        if key in ("timezone", "licences", *_NAMED_BLOCKS):
            yield ""
        yield _line(key, f"{key}: {_flow(value, key)}")


def _render_fields(place: str, fields: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in fields.items():
        yield _line(f"{place}.{key}", f"{indent}{key}: {_flow(value, key)}")


def _line(place: str, text: str) -> str:
    comment = _COMMENTS.get(place)
    return f"{text.ljust(_COMMENT_COLUMN - 3)}  # {comment}" if comment else text


def _flow(value: Any, of_key: str = "") -> str:
    if isinstance(value, Mapping):
        entries = (f"{_scalar(str(key))}: {_flow(entry, str(key))}" for key, entry in value.items())
        return "{" + ", ".join(entries) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(_flow(entry) for entry in value) + "]"
    return _scalar(value, of_key)


def _scalar(value: Any, of_key: str = "") -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    return value if _is_plain(value, of_key) else json.dumps(value, ensure_ascii=False)


def _is_plain(text: str, of_key: str) -> bool:
    if _DATE.fullmatch(text):
        return _DAY_KEYS.fullmatch(of_key) is not None
    if not _PLAIN.fullmatch(text) or text.lower() in _CONSTANTS or _is_number(text):
        return False
    read = read_document(f"key: [{text}]".encode(), "")
    return isinstance(read, Document) and not read.problems and read.data == {"key": [text]}


def _is_number(text: str) -> bool:
    """Tell whether some YAML reader reads a text as a number: 1e5, 0x1F, 010, 1_000."""
    digits = text.replace("_", "").replace(" ", "")
    if digits.isdigit():
        return True
    for read in (float, lambda figure: int(figure, 0)):
        try:
            read(digits)
        except ValueError:
            continue
        return True
    return False
