"""The day that a departure goes by, and whether the clocks that say so can be believed."""

from datetime import date

from coffre.errors import RefusedError, RemoteError
from coffre.operations.service import Service, local_today
from coffre.storage.ceph.checks.wire import look
from coffre.storage.ceph.connect import is_embedded

CLOCK_TOLERANCE_SECONDS = 300.0


def read_today(service: Service, asked: date | None) -> date:
    """Return the customer's day, or on the embedded platform the one asked for; RefusedError for that elsewhere."""
    if asked is None:
        return local_today(service.tenant)
    if not is_embedded(service.platform, service.repository.root):
        raise RefusedError(
            f"--today is refused: {service.tenant.storage.platform} is not the platform that `coffre lab up` made here",
            "On a real platform the day is the one that it is.",
        )
    return asked


def check_clocks(service: Service) -> None:
    """Refuse to erase while this computer's clock and the platform's are apart: one of them is wrong."""
    seen = look(service.storage.endpoint)
    if seen.clock_offset_seconds is None:
        raise RemoteError(
            f"the clock of {service.storage.endpoint.url} could not be read ({seen.failure or seen.distrust})",
            "Nothing is erased without it; run the same command again when the platform answers.",
        )
    refuse_apart(seen.clock_offset_seconds)


def refuse_apart(offset_seconds: float) -> None:
    """Refuse clocks that are more than five minutes apart; the offset is the platform's lead. Pure."""
    if abs(offset_seconds) > CLOCK_TOLERANCE_SECONDS:
        way = "ahead of" if offset_seconds > 0 else "behind"
        raise RefusedError(
            f"the platform's clock is {abs(offset_seconds):.0f} s {way} this computer's: nothing is erased",
            "Set the wrong one right (both by NTP), then run the same command again.",
        )
