"""Reads foreign JSON only when it is small, flat and plain, so that it cannot break its users.

Pure. It accepts no repeated key, no NaN, no number beyond a counter, no half of a character.
"""

import json
from typing import Any

from coffre.outside.faults import Fault

LIMIT_DEPTH = 32
"""The maximum depth of documents of machines and platforms: theirs have 6 levels."""

LARGEST_NUMBER = 2**63 - 1
"""The maximum of counters of bytes and files."""
WIDEST_NUMBER = 2**64 - 1
"""The longest number of RGW and Go."""


class UnreadableJsonError(ValueError):
    """Bytes that are not acceptable JSON; ``fault`` says why. Their content is never quoted."""

    def __init__(self, message: str, fault: Fault = Fault.UNREADABLE) -> None:
        super().__init__(message)
        self.fault = fault


def read_json(content: bytes | str, limit_bytes: int, *, keys_once: bool = True) -> Any:
    """Return the content of a JSON document; UnreadableJsonError for anything else, a larger or a deeper one.

    Without ``keys_once`` the last value of a repeated key is used: RGW writes such documents.
    """
    if len(content) > limit_bytes:
        raise UnreadableJsonError(f"more than {limit_bytes} bytes", Fault.TOO_LARGE)
    try:
        text = content if isinstance(content, str) else content.decode("utf-8")
        value = (_DECODER if keys_once else _LENIENT).decode(text)
        if not (isinstance(content, bytes) and _is_flat_and_whole(text)):
            _check(value)
    except UnreadableJsonError:
        raise
    except RecursionError:
        raise UnreadableJsonError(f"more than {LIMIT_DEPTH} levels", Fault.TOO_LARGE) from None
    except ValueError:
        raise UnreadableJsonError("not JSON") from None
    return value


def read_json_object(content: bytes | str, limit_bytes: int) -> dict[str, Any]:
    """Return a JSON document that is an object, like `read_json`."""
    value = read_json(content, limit_bytes)
    if not isinstance(value, dict):
        raise UnreadableJsonError("not a JSON object")
    return value


def _take_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    taken = dict(pairs)
    if len(taken) < len(pairs):
        # Two readers would use two different values.
        raise UnreadableJsonError("a repeated key")
    return taken


def _refuse_constant(_word: str) -> Any:
    raise UnreadableJsonError("an invalid number")


def _read_number(digits: str) -> int:
    # Python refuses longer ones, or reads them for minutes.
    number = int(digits) if len(digits) <= 20 else WIDEST_NUMBER + 1
    if not -WIDEST_NUMBER <= number <= WIDEST_NUMBER:
        raise UnreadableJsonError("a number that no counter reaches", Fault.TOO_LARGE)
    return number


def _read_fraction(digits: str) -> float:
    number = float(digits)
    if not -1e300 < number < 1e300:
        raise UnreadableJsonError("a number that no counter reaches", Fault.TOO_LARGE)
    return number


def _is_flat_and_whole(text: str) -> bool:
    """Tell of decoded UTF-8, which has no half of a character, that its JSON cannot have one, and cannot be deep."""
    return "\\u" not in text and text.count("{") + text.count("[") < LIMIT_DEPTH


def _check(value: Any) -> None:
    """Check every level without recursion: a JSON writer would fail later on a document that is too deep."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > LIMIT_DEPTH:
            raise UnreadableJsonError(f"more than {LIMIT_DEPTH} levels", Fault.TOO_LARGE)
        below: list[Any] = []
        for each in level:
            if isinstance(each, str):
                each.encode()  # Half of a character raises UnicodeEncodeError, a ValueError.
            elif isinstance(each, dict):
                below += [*each.keys(), *each.values()]
            elif isinstance(each, list):
                below += each
        level = below


_NUMBERS: Any = {"parse_constant": _refuse_constant, "parse_int": _read_number, "parse_float": _read_fraction}
_DECODER = json.JSONDecoder(object_pairs_hook=_take_pairs, **_NUMBERS)
_LENIENT = json.JSONDecoder(**_NUMBERS)
