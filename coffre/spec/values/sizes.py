"""Reads and writes amounts of storage. Binary and decimal tera differ by 10 %, so Coffre never guesses the unit."""

import re

_BINARY = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "PiB": 1 << 50}
_DECIMAL = {"ko": 10**3, "Mo": 10**6, "Go": 10**9, "To": 10**12, "Po": 10**15}
_UNITS = _BINARY | _DECIMAL
_LETTERS = "KMGTP"
# The user's number may have French separators: a comma, and spaces of any width between groups of three.
_FIGURE = re.compile(r"([0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3})+|[0-9]{1,15})(?:[.,]([0-9]{1,6}))?")
_SIZE = re.compile(rf"({_FIGURE.pattern})[ \u00a0\u202f]*([^\W\d_]*)")
_SOLD_DIGITS = 7
"""The maximum number of digits of a sold quota; a size that needs more was measured."""
EXAMPLE = "write it like 200 GiB (binary) or 200 Go (decimal)"


class SizeError(ValueError):
    """A text is not a size; ``problem`` completes a sentence about the text, ``hint`` says what to write."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(f"{problem}; {hint}")
        self.problem = problem
        self.hint = hint


def parse_size(text: str) -> int:
    """Return the bytes of ``text``, like ``2 TiB`` or ``1,5 To``; SizeError says what to write instead."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise SizeError("is not a size", EXAMPLE)
    figure, whole, fraction, unit = match.groups()
    if unit not in _UNITS:
        raise _unit_error(figure, whole, fraction, unit)
    return _count_bytes(whole, fraction, _UNITS[unit], unit)


def group_digits(number: int) -> str:
    """Write a number with a space between groups of three digits."""
    return f"{number:,}".replace(",", " ")


def format_bytes(count: int) -> str:
    """Write bytes for people, in the largest possible binary unit, with at most two decimals."""
    for unit, factor in reversed(_BINARY.items()):
        # Half a hundredth below the next unit, rounding would show 1024 of the smaller unit.
        if abs(count) >= factor - factor // 1024 * 5 // 1000:
            return f"{count / factor:.2f}".rstrip("0").rstrip(".") + f" {unit}"
    return f"{count} B"


def format_sold(count: int) -> str:
    """Write bytes as they are sold, in the unit with the fewest digits; a decimal size also shows the binary one.

    A size written `500 Go` is shown as `500 Go (465.66 GiB)`, a size written `2 TiB` as `2 TiB`.
    """
    exact = [
        (len(re.sub("[ .]", "", figure)), unit in _DECIMAL, -factor, f"{figure} {unit}")
        for unit, factor in _UNITS.items()
        if (figure := _figure(count, factor)) is not None
    ]
    digits, is_decimal, _, text = min(exact, default=(_SOLD_DIGITS + 1, False, 0, ""))
    if digits > _SOLD_DIGITS:
        return format_bytes(count)
    return f"{text} ({format_bytes(count)})" if is_decimal else text


def write_size(count: int) -> str:
    """Write bytes exactly as a file may say them, in the unit with the fewest digits; from 1 ko on."""
    exact = [
        (len(re.sub("[ .]", "", figure)), -factor, f"{figure} {unit}")
        for unit, factor in _UNITS.items()
        if (figure := _figure(count, factor)) is not None
    ]
    return min(exact)[2]


def round_size(least: int, most: int) -> int:
    """Return the size between both, included, that is written with the fewest digits."""
    found = {least}
    for factor in _UNITS.values():
        for parts in (1, 10, 100, 1000):
            step = max(1, factor // parts)
            candidate = -(-least // step) * step
            if candidate <= most:
                found.add(candidate)
    return min(found, key=lambda count: (len(re.sub("[^0-9]", "", write_size(count))), count))


def _figure(count: int, factor: int) -> str | None:
    """Return a count in a unit, None when it needs more than three decimals or is less than one."""
    thousandths, rest = divmod(count * 1000, factor)
    if rest or count < factor:
        return None
    whole, part = divmod(thousandths, 1000)
    return f"{group_digits(whole)}.{part:03}".rstrip("0").rstrip(".") if part else group_digits(whole)


def _count_bytes(whole: str, fraction: str | None, factor: int, unit: str) -> int:
    digits = fraction or ""
    scaled = _digits(whole + digits) * factor
    scale: int = 10 ** len(digits)
    count, rest = divmod(scaled, scale)
    if rest:
        raise SizeError("is not a whole number of bytes", f"write fewer decimals, or a smaller unit than {unit}")
    return count


def _unit_error(figure: str, whole: str, fraction: str | None, unit: str) -> SizeError:
    letter = unit[:1].upper()
    if not unit:
        count = _count_bytes(whole, fraction, 1, "B") if fraction is None else 0
        return SizeError("has no unit", _bytes_hint(count) or _both_readings(figure, whole, fraction, "G"))
    if letter not in _LETTERS or len(unit) > len("KiB"):
        return SizeError("is not a size", EXAMPLE)
    problem = "is ambiguous" if unit[1:] in ("B", "b", "") else f"has the unknown unit {unit}"
    return SizeError(problem, _both_readings(figure, whole, fraction, letter))


def _bytes_hint(count: int) -> str:
    """Suggest how to write a number that can only be bytes; nothing for a small one."""
    for units in (_BINARY, _DECIMAL):
        for unit, factor in reversed(units.items()):
            if count >= 10**6 and count % factor == 0:
                return f"write {count // factor} {unit} if it counts bytes"
    return EXAMPLE if count >= 10**6 else ""


def _both_readings(figure: str, whole: str, fraction: str | None, letter: str) -> str:
    readings = []
    for unit in (f"{letter}iB", "ko" if letter == "K" else f"{letter}o"):
        try:
            count = _count_bytes(whole, fraction, _UNITS[unit], unit)
        except SizeError:
            continue  # a tenth of a GiB is not a whole number of bytes, and would be refused too
        readings.append(f"{figure} {unit} ({group_digits(count)} bytes)")
    return "write " + " or ".join(readings) if readings else EXAMPLE


def _digits(text: str) -> int:
    return int("".join(character for character in text if character.isdigit()))
