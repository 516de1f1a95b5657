"""The wall: RGW's hard quota, above the quota that was sold, so that the gate always comes first."""

from typing import Protocol


class WallTerms(Protocol):
    """What a platform adds to a sold quota; a Platform is one."""

    @property
    def reserve_minimum_bytes(self) -> int: ...

    @property
    def reserve_percent(self) -> int: ...

    @property
    def undelete_allowance_percent(self) -> int: ...


def wall_bytes(quota_bytes: int, platform: WallTerms) -> int:
    """Return the hard quota of a tenant's owner: the sold quota, a reserve, and room for versions to be undeleted.

    By default the larger of 1 GiB and 5 %, and 25 %. Rounded up to whole KiB, the unit in which RGW keeps quotas.
    """
    reserve = max(platform.reserve_minimum_bytes, _percent(quota_bytes, platform.reserve_percent))
    allowance = _percent(quota_bytes, platform.undelete_allowance_percent)
    return -(-(quota_bytes + reserve + allowance) // 1024) * 1024


def _percent(amount: int, percent: int) -> int:
    return -(-amount * percent // 100)
