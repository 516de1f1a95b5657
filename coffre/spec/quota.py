"""The wall: RGW's hard quota, above the quota that was sold, so that the gate always comes first.

Each gateway of a platform counts by itself: what came through it at once, what came through the others when its caches
are renewed. So the more gateways there are and the older their caches get, the more passes the wall, and the more room
lies between the sold quota and the wall.
"""

from typing import Protocol

from coffre.spec.gateways import Gateways

LOOK_SECONDS_AT_MOST = 300


class WallTerms(Protocol):
    """What a platform adds to a sold quota, and how its gateways count; a Platform is one."""

    @property
    def reserve_minimum_bytes(self) -> int: ...

    @property
    def reserve_percent(self) -> int: ...

    @property
    def undelete_allowance_percent(self) -> int: ...

    @property
    def counting(self) -> Gateways: ...


def wall_bytes(quota_bytes: int, platform: WallTerms) -> int:
    """Return the hard quota of a tenant's owner: the sold quota, a reserve, and room for versions to be undeleted.

    By default the larger of 1 GiB and 5 %, and 25 %. Rounded up to whole KiB, the unit in which RGW keeps quotas.
    """
    allowance = _percent(quota_bytes, platform.undelete_allowance_percent)
    return -(-(quota_bytes + reserve_bytes(quota_bytes, platform) + allowance) // 1024) * 1024


def reserve_bytes(quota_bytes: int, platform: WallTerms) -> int:
    """Return the room for reports and orders above the sold quota.

    It is never less than what the other gateways may take in before one of them knows, nor more for that than was sold.
    """
    gateways = platform.counting
    unseen = (gateways.count - 1) * min(gateways.intake_bytes * blind_seconds(gateways), quota_bytes)
    return max(platform.reserve_minimum_bytes, _percent(quota_bytes, platform.reserve_percent), unseen)


def blind_seconds(gateways: Gateways) -> int:
    """Return for how long a gateway may not know what came through another one."""
    return gateways.bucket_quota_ttl_seconds + gateways.user_quota_sync_seconds


def beyond_wall_bytes(wall: int, gateways: Gateways) -> int:
    """Return the most that may be taken in past a wall before every gateway has counted all.

    Either all that comes in until the last gateway knows, or once the wall through each of the others, together with
    what a gateway forgets of its own when its cache is renewed before it was noted down.
    """
    until_known = gateways.count * gateways.intake_bytes * blind_seconds(gateways)
    forgotten = gateways.count * gateways.intake_bytes * gateways.user_quota_sync_seconds
    return min(until_known, (gateways.count - 1) * wall + forgotten)


def beyond_sold_bytes(quota_bytes: int, platform: WallTerms) -> int:
    """Return the most that a tenant may ever store beyond what it was sold, all versions counted."""
    wall = wall_bytes(quota_bytes, platform)
    return wall - quota_bytes + beyond_wall_bytes(wall, platform.counting)


def look_seconds(quota_bytes: int, platform: WallTerms) -> int:
    """Return how often the gate has to be looked at while backups run, so that it closes before the reserve is used."""
    gateways = platform.counting
    seconds = reserve_bytes(quota_bytes, platform) // (gateways.count * gateways.intake_bytes)
    return max(1, min(seconds, LOOK_SECONDS_AT_MOST))


def _percent(amount: int, percent: int) -> int:
    return -(-amount * percent // 100)
