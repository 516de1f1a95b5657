"""RGW's names as values that resources take: each says in a sentence what is wrong with one, or None."""

import re
from typing import Any

_UID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def uid(value: Any) -> str | None:
    if isinstance(value, str) and _UID.fullmatch(value):
        return None
    return f"must be a uid of letters, digits, '.', '_' and '-', not {value!r}"


def bucket_name(value: Any) -> str | None:
    if isinstance(value, str) and _BUCKET.fullmatch(value):
        return None
    return f"must be 3 to 63 small letters, digits, '.' or '-', not {value!r}"
