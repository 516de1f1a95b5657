"""The IANA time zones of this computer."""

import functools
import re
from zoneinfo import ZoneInfo, available_timezones

from coffre.errors import ExpectedError
from coffre.spec.problems.suggest import find_nearest

DEFAULT_TIMEZONE = "Europe/Paris"

# posix/… and right/… are other ways of counting, localtime is this computer's own: they are not IANA names.
_IANA = re.compile(r"(?!posix|right|localtime|Factory)[A-Za-z][A-Za-z0-9+_-]*(/[A-Za-z0-9+_-]+){0,2}")


@functools.cache
def is_timezone(name: str) -> bool:
    """Tell whether ``name`` is an IANA time zone; ExpectedError when this computer has no time zone data."""
    if not _IANA.fullmatch(name):
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        if not available_timezones():
            raise ExpectedError("this computer has no time zone data", "Install it: apt-get install tzdata.") from None
        return False
    return True


def suggest_timezone(name: str) -> str | None:
    """Return the time zone that ``name`` probably means, by its spelling or its city."""
    zones = sorted(zone for zone in available_timezones() if "/" in zone)
    cities = {zone.rpartition("/")[2].lower(): zone for zone in zones}
    city = cities.get(name.strip().lower().replace(" ", "_"))
    return city or find_nearest(name, zones)
