"""The wall above the sold quota."""

import pytest

from coffre.spec.platform import Hosting, Platform, PlatformKind, Reserve, wall_bytes

GIB = 2**30


def platform(**more: object) -> Platform:
    return Platform.model_validate(
        {
            "kind": PlatformKind.CEPH,
            "endpoints": "file:e.json",
            "admin_credential": "env:ADMIN",
            "hosting": Hosting(operator="SMILÉO", site="Grenoble", country="FR"),
            **more,
        }
    )


@pytest.mark.parametrize(
    ("quota", "wall"),
    [
        (4 * GIB, 4 * GIB + GIB + GIB),
        (20 * GIB, 20 * GIB + GIB + 5 * GIB),
        (200 * GIB, 200 * GIB + 10 * GIB + 50 * GIB),
        (500 * 10**9, 650_000_000_000),
    ],
)
def test_by_default_the_larger_of_1_gib_and_5_percent_and_25_percent(quota: int, wall: int) -> None:
    assert wall_bytes(quota, platform()) == -(-wall // 1024) * 1024


def test_the_platform_decides() -> None:
    terms = platform(reserve=Reserve(minimum_bytes=4 * GIB, percent=10), undelete_allowance_percent=50)
    assert wall_bytes(20 * GIB, terms) == 34 * GIB
    assert wall_bytes(100 * GIB, terms) == 160 * GIB


def test_the_wall_is_whole_kib_and_never_below_what_was_promised() -> None:
    """RGW keeps quotas in KiB: another figure would come back changed at each refresh."""
    for quota in (10**9 + 1, 10**9 + 333, 7 * 10**11 + 7):
        wall = wall_bytes(quota, platform())
        assert wall % 1024 == 0
        assert 0 <= wall - (quota + max(GIB, quota * 5 / 100) + quota * 25 / 100) < 1026
