"""The wall: RGW's hard quota, above the sold quota, so that the gate always closes first.

Each gateway of a platform counts by itself: it sees its own writes at once, and the writes of the others when its
caches are renewed. So with more gateways and older caches, more data can pass the wall, and more space is needed
between the sold quota and the wall.
"""

from bisect import bisect_left, bisect_right
from typing import Protocol

from coffre.spec.gateways import Gateways
from coffre.spec.values.sizes import round_size

LOOK_SECONDS_AT_MOST = 300
LOOK_SECONDS_AT_LEAST = 5


class WallTerms(Protocol):
    """The settings of a platform that define the wall; a Platform has them."""

    @property
    def reserve_minimum_bytes(self) -> int: ...

    @property
    def reserve_percent(self) -> int: ...

    @property
    def undelete_allowance_percent(self) -> int: ...

    @property
    def quota_unit_bytes(self) -> int:
        """The unit in which the platform keeps quotas."""

    @property
    def counting(self) -> Gateways: ...


def wall_bytes(quota_bytes: int, platform: WallTerms) -> int:
    """Return the hard quota of a tenant's owner: the sold quota, a reserve, and space for versions to undelete.

    By default the larger of 1 GiB and 5 %, and 25 %. Rounded up to the platform's unit: RGW keeps quotas in whole KiB.
    """
    allowance, unit = _percent(quota_bytes, platform.undelete_allowance_percent), platform.quota_unit_bytes
    return -(-(quota_bytes + reserve_bytes(quota_bytes, platform) + allowance) // unit) * unit


def find_sold_bytes(wall: int, platform: WallTerms) -> int | None:
    """Return the sold quota that has this wall, the one of the fewest digits; None when no quota has it.

    A wall is rounded up to the platform's unit, so several quotas may have the same one.
    """
    least = bisect_left(range(wall + 1), wall, key=lambda quota: wall_bytes(quota, platform))
    if wall_bytes(least, platform) != wall:
        return None
    beyond = bisect_right(range(wall + 1), wall, key=lambda quota: wall_bytes(quota, platform))
    return round_size(least, beyond - 1)


def reserve_bytes(quota_bytes: int, platform: WallTerms) -> int:
    """Return the space for reports and orders above the sold quota.

    It covers what the other gateways may accept before one of them knows, but at most the sold quota for that.
    """
    gateways = platform.counting
    unseen = (gateways.count - 1) * min(gateways.intake_bytes * blind_seconds(gateways), quota_bytes)
    return max(platform.reserve_minimum_bytes, _percent(quota_bytes, platform.reserve_percent), unseen)


def blind_seconds(gateways: Gateways) -> int:
    """Return how long a gateway may be unaware of the writes through another one."""
    return gateways.bucket_quota_ttl_seconds + gateways.user_quota_sync_seconds


def beyond_wall_bytes(wall: int, gateways: Gateways) -> int:
    """Return the maximum that gateways may accept beyond a wall before every gateway has counted everything.

    It is either everything that arrives until the last gateway knows, or once the wall through each of the others,
    together with what a gateway loses of its own count when its cache is renewed before the count is stored.
    """
    until_known = gateways.count * gateways.intake_bytes * blind_seconds(gateways)
    forgotten = gateways.count * gateways.intake_bytes * gateways.user_quota_sync_seconds
    return min(until_known, (gateways.count - 1) * wall + forgotten)


def beyond_sold_bytes(quota_bytes: int, platform: WallTerms) -> int:
    """Return the maximum that a tenant may ever store beyond its sold quota, all versions counted."""
    wall = wall_bytes(quota_bytes, platform)
    return wall - quota_bytes + beyond_wall_bytes(wall, platform.counting)


def look_seconds(quota_bytes: int, platform: WallTerms) -> int:
    """Return how often the gate must be checked while backups run, so that it closes before the reserve is used."""
    gateways = platform.counting
    seconds = reserve_bytes(quota_bytes, platform) // (gateways.count * gateways.intake_bytes)
    return max(1, min(seconds, LOOK_SECONDS_AT_MOST))


def gate_seconds(quota_bytes: int, used_bytes: int, growth: float | None, platform: WallTerms) -> int:
    """Return how often the gate must be checked while backups run, where no wall stands behind it.

    After half of the time in which the usage reaches the quota, at its ``growth`` in bytes per second (None: unknown,
    so the most that a tenant can send), but never later than `look_seconds`.
    """
    intake = platform.counting.count * platform.counting.intake_bytes
    at_most = max(LOOK_SECONDS_AT_LEAST, look_seconds(quota_bytes, platform))
    rate = intake if growth is None else min(growth, intake)
    if rate <= 0:
        return at_most
    half = max(0, quota_bytes - used_bytes) / rate / 2
    return max(LOOK_SECONDS_AT_LEAST, min(int(half), at_most))


def overshoot_bytes(seconds: int, platform: WallTerms) -> int:
    """Return the most that a tenant can store beyond its quota between two looks at the gate."""
    return platform.counting.count * platform.counting.intake_bytes * seconds


def _percent(amount: int, percent: int) -> int:
    return -(-amount * percent // 100)
