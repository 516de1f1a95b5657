"""JSON that somebody else wrote: read only when it is small, flat and plain, so that whoever uses it cannot stumble.

Pure. What passes has no key twice, no number that is none (NaN) or that no counter reaches, no half of a character.
"""

import json
from typing import Any

from coffre.outside.faults import Fault

LIMIT_DEPTH = 32
"""How deep documents of machines and platforms go at most: theirs have 6 levels."""

LARGEST_NUMBER = 2**63 - 1
"""What counters of bytes and files hold at most."""
WIDEST_NUMBER = 2**64 - 1
"""What RGW and Go write at most."""


class UnreadableJsonError(ValueError):
    """Bytes that are no JSON of the kind that is read; ``fault`` says in which way. Nothing of them is quoted."""

    def __init__(self, message: str, fault: Fault = Fault.UNREADABLE) -> None:
        super().__init__(message)
        self.fault = fault


def read_json(content: bytes | str, limit_bytes: int, *, keys_once: bool = True) -> Any:
    """Return what a JSON document says; UnreadableJsonError for anything else, a larger or a deeper one.

    Without ``keys_once`` the last of a key that stands twice counts: RGW writes such.
    """
    if len(content) > limit_bytes:
        raise UnreadableJsonError(f"more than {limit_bytes} bytes", Fault.TOO_LARGE)
    try:
        value = (_DECODER if keys_once else _LENIENT).decode(
            content if isinstance(content, str) else content.decode("utf-8")
        )
        _check(value)
    except UnreadableJsonError:
        raise
    except RecursionError:
        raise UnreadableJsonError(f"more than {LIMIT_DEPTH} levels", Fault.TOO_LARGE) from None
    except ValueError:
        raise UnreadableJsonError("no JSON") from None
    return value


def read_json_object(content: bytes | str, limit_bytes: int) -> dict[str, Any]:
    """Return a JSON document that is an object, as `read_json` does."""
    value = read_json(content, limit_bytes)
    if not isinstance(value, dict):
        raise UnreadableJsonError("no JSON object")
    return value


def _take_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    taken = dict(pairs)
    if len(taken) < len(pairs):
        # Two readers would take two different ones.
        raise UnreadableJsonError("a key twice")
    return taken


def _refuse_constant(_word: str) -> Any:
    raise UnreadableJsonError("a number that is none")


def _read_number(digits: str) -> int:
    # Longer ones Python refuses, or reads for minutes.
    number = int(digits) if len(digits) <= 20 else WIDEST_NUMBER + 1
    if not -WIDEST_NUMBER <= number <= WIDEST_NUMBER:
        raise UnreadableJsonError("a number that no counter reaches", Fault.TOO_LARGE)
    return number


def _read_fraction(digits: str) -> float:
    number = float(digits)
    if not -1e300 < number < 1e300:
        raise UnreadableJsonError("a number that no counter reaches", Fault.TOO_LARGE)
    return number


def _check(value: Any) -> None:
    """Look at every level without recursion: what is too deep here would end a writer of JSON later."""
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
