"""French typography: days, times, numbers, amounts of storage, and non-breaking spaces. Pure."""

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

_MONTHS = (
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()  # noqa: SIM905
)
_NO_BREAK = "\u00a0"
_UNITS = {"octets": 1, "Kio": 1 << 10, "Mio": 1 << 20, "Gio": 1 << 30, "Tio": 1 << 40, "Pio": 1 << 50}
_DECIMAL_UNITS = {"octets": 1, "ko": 10**3, "Mo": 10**6, "Go": 10**9, "To": 10**12, "Po": 10**15}


def format_day(day: date) -> str:
    """Write a day, like 1er mars 2027."""
    number = "1er" if day.day == 1 else str(day.day)
    return f"{number}{_NO_BREAK}{_MONTHS[day.month - 1]}{_NO_BREAK}{day.year}"


def format_moment(moment: datetime, timezone: str) -> str:
    """Write an aware time in a time zone, like 1er mars 2027 à 14 h 05."""
    local = moment.astimezone(ZoneInfo(timezone))
    return f"{format_day(local.date())} à {local.hour}{_NO_BREAK}h{_NO_BREAK}{local.minute:02}"


def format_count(count: int) -> str:
    """Write a number in groups of three digits."""
    return f"{count:,}".replace(",", _NO_BREAK)


def format_size(count: int) -> str:
    """Write bytes in the largest possible unit, and exactly."""
    rounded, exact = format_rounded_size(count), f"{format_count(count)}{_NO_BREAK}octet{'s' if count > 1 else ''}"
    return exact if count < _UNITS["Kio"] else f"{rounded} ({exact})"


def format_rounded_size(count: int) -> str:
    """Write bytes in the largest possible unit, like 1,50 Gio: for people who talk, not for invoices."""
    unit, factor = _largest(count, _UNITS)
    if factor == 1:
        return f"{format_count(count)}{_NO_BREAK}octet{'s' if count > 1 else ''}"
    return f"{count / factor:.2f}".replace(".", ",") + f"{_NO_BREAK}{unit}"


def format_share(used: int, sold: int) -> str:
    """Write what is used of what was sold, like 452 Go sur 500 Go: both in the kind of unit in which it was sold."""
    is_decimal = sold % 10**6 == 0 and sold % (1 << 20) != 0
    units = _DECIMAL_UNITS if is_decimal else _UNITS
    return f"{_in_units(used, units)} sur {_in_units(sold, units)}"


def format_siren(siren: str) -> str:
    """Write a SIREN in groups of three digits."""
    return _NO_BREAK.join((siren[:3], siren[3:6], siren[6:]))


def format_duration(seconds: float) -> str:
    """Write a duration with its two largest units, like 3 h 20, rounded up: nobody is told less than it takes."""
    whole = -int(-seconds // 1)
    if whole < 120:
        return f"{whole}{_NO_BREAK}s"
    minutes = -(-whole // 60)
    if minutes < 60:
        return f"{minutes}{_NO_BREAK}min"
    if minutes < 48 * 60:
        return f"{minutes // 60}{_NO_BREAK}h{_NO_BREAK}{minutes % 60:02}"
    hours = -(-whole // 3600)
    days = count(hours // 24, "jour", "jours")
    return f"{days} et {hours % 24}{_NO_BREAK}h" if hours % 24 else days


def format_rate(bits_per_second: int) -> str:
    """Write the rate of a line, like 20 Mbit/s."""
    for unit, factor in (("Gbit/s", 10**9), ("Mbit/s", 10**6), ("kbit/s", 10**3)):
        if bits_per_second >= factor:
            figure = f"{bits_per_second / factor:.1f}".removesuffix(".0").replace(".", ",")
            return f"{figure}{_NO_BREAK}{unit}"
    return f"{bits_per_second}{_NO_BREAK}bit/s"


def count(number: int, one: str, several: str) -> str:
    """Write a number with its noun, like 2 machines."""
    return f"{format_count(number)}{_NO_BREAK}{one if number < 2 else several}"


def describe_reach(email: str | None, phone: str | None) -> str:
    """Return how somebody is reached, with a space before it; empty when nothing is known."""
    ways = [way for way in (f"à l’adresse {email}" if email else "", f"au {phone}" if phone else "") if way]
    return f" {' ou '.join(ways)}" if ways else ""


def typeset(text: str) -> str:
    """Apply French typography: no line break before : ; ? ! » or after «, and curved apostrophes."""
    return re.sub(r" (?=[:;?!»])|(?<=«) ", _NO_BREAK, re.sub(r"(?<=\w)'(?=[\w{«])", "’", text))


def _largest(count: int, units: dict[str, int]) -> tuple[str, int]:
    return next(each for each in reversed(units.items()) if count >= each[1] or each[1] == 1)


def _in_units(count: int, units: dict[str, int]) -> str:
    """Write bytes in the largest possible of these units, without decimals that say nothing."""
    unit, factor = _largest(count, units)
    figure = f"{count / factor:.2f}".rstrip("0").rstrip(".") if factor > 1 else format_count(count)
    return figure.replace(".", ",") + f"{_NO_BREAK}{unit}"
