"""Reads and writes the rate of a line, in bits a second as providers sell it: kbit/s, Mbit/s, Gbit/s, of 1000 each."""

import re

from coffre.spec.values.sizes import SizeError

EXAMPLE = "write it like 20 Mbit/s"
LEAST, MOST = 10**4, 10**11
_UNITS = {"kbit/s": 10**3, "Mbit/s": 10**6, "Gbit/s": 10**9}
_RATE = re.compile(r"([0-9]{1,6})(?:[.,]([0-9]{1,3}))?[ \u00a0\u202f]*(\S+)")
PATTERN = r"^\d{1,6}([.,]\d{1,3})? ?[kMG]bit/s$"


def parse_rate(text: str) -> int:
    """Return the bits a second of ``text``, like ``20 Mbit/s``; SizeError says what to write instead."""
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise SizeError("is not the rate of a line", EXAMPLE)
    whole, fraction, unit = match.groups()
    if unit not in _UNITS:
        # Mb/s and MB/s differ by eight, and people write either for both.
        figure = f"{whole}.{fraction}" if fraction else whole
        raise SizeError("does not say its unit as bit/s", f"write {figure} kbit/s, {figure} Mbit/s or {figure} Gbit/s")
    digits = fraction or ""
    bits: int = int(whole + digits) * _UNITS[unit] // 10 ** len(digits)
    if not LEAST <= bits <= MOST:
        raise SizeError("is no rate of a line", f"{format_rate(LEAST)} is the least, {format_rate(MOST)} the most")
    return bits


def format_rate(bits_per_second: int) -> str:
    """Write a rate for people, in the largest possible unit, with at most one decimal."""
    for unit, factor in reversed(_UNITS.items()):
        if bits_per_second >= factor:
            return f"{bits_per_second / factor:.1f}".removesuffix(".0") + f" {unit}"
    return f"{bits_per_second} bit/s"
