"""The wall above the sold quota."""

import pytest

from coffre.spec.gateways import Gateways
from coffre.spec.quota import (
    beyond_sold_bytes,
    beyond_wall_bytes,
    blind_seconds,
    gate_seconds,
    look_seconds,
    overshoot_bytes,
    reserve_bytes,
    wall_bytes,
)
from coffre.spec.storage_platform import AwsPlatform, CephPlatform, Hosting, PlatformKind, Reserve

MIB, GIB = 2**20, 2**30


def platform(**more: object) -> CephPlatform:
    return CephPlatform.model_validate(
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


def gateways(count: int = 1, ttl: int = 600, sync: int = 180, intake: int = 25 * MIB) -> Gateways:
    return Gateways(
        count=count,
        bucket_quota_ttl_seconds=ttl,
        user_quota_sync_seconds=sync,
        intake_bytes=intake,
    )


def test_one_gateway_as_ceph_sets_it_up_is_what_a_file_without_a_word_means() -> None:
    assert platform().counting == gateways()
    assert wall_bytes(500 * GIB, platform()) == wall_bytes(500 * GIB, platform(gateways=gateways()))


@pytest.mark.parametrize(
    ("count", "ttl", "sync", "intake", "taken_in"),
    [
        (2, 600, 180, 62 * MIB, 62 * MIB),
        (2, 600, 180, 4 * MIB, 62 * MIB),
        (2, 30, 15, 62 * MIB, 62 * MIB),
        (1, 1, 1, 69 * MIB, 55 * MIB),
        (2, 1, 1, 43 * MIB, 43 * MIB),
        (2, 1, 1, 4 * MIB, 34 * MIB),
    ],
)
def test_nothing_that_was_measured_passes_what_is_said(
    count: int, ttl: int, sync: int, intake: int, taken_in: int
) -> None:
    """A wall of 32 MiB on a cluster of two gateways, objects of 1 MiB: what it took in, and how fast at most."""
    wall = 32 * MIB
    assert taken_in - wall <= beyond_wall_bytes(wall, gateways(count, ttl, sync, intake))


def test_beyond_the_wall_is_what_comes_in_until_all_know_and_never_more_than_a_wall_for_each_other_gateway() -> None:
    assert beyond_wall_bytes(1000 * GIB, gateways(2, 30, 15)) == 2 * 25 * MIB * 45
    assert beyond_wall_bytes(GIB, gateways(3)) == 2 * GIB + 3 * 25 * MIB * 180
    assert beyond_wall_bytes(GIB, gateways(1, 1, 1)) == 25 * MIB
    assert blind_seconds(gateways(2, 30, 15)) == 45


def test_the_reserve_has_room_for_what_the_other_gateways_take_in_unseen() -> None:
    quota = 1000 * GIB
    assert reserve_bytes(quota, platform(gateways=gateways(1))) == quota // 20
    assert reserve_bytes(quota, platform(gateways=gateways(5))) == 4 * 25 * MIB * 780
    assert reserve_bytes(4 * GIB, platform(gateways=gateways(3))) == 8 * GIB
    assert reserve_bytes(quota, platform(gateways=gateways(2, 30, 15))) == quota // 20


def test_the_gate_is_looked_at_before_the_reserve_can_be_used_up() -> None:
    assert look_seconds(4 * GIB, platform(gateways=gateways(1))) == GIB // (25 * MIB)
    assert look_seconds(4 * GIB, platform(gateways=gateways(1, intake=5000 * MIB))) == 1
    assert look_seconds(1000 * GIB, platform(gateways=gateways(1))) == 300
    two = platform(gateways=gateways(2))
    assert look_seconds(1000 * GIB, two) * 2 * 25 * MIB <= reserve_bytes(1000 * GIB, two)


def test_what_may_be_stored_beyond_what_was_sold_is_one_figure() -> None:
    terms = platform(gateways=gateways(2, 30, 15))
    assert beyond_sold_bytes(100 * GIB, terms) == 30 * GIB + 2 * 25 * MIB * 45


def test_addresses_are_one_for_each_gateway() -> None:
    with pytest.raises(ValueError, match="1 addresses are given for 2 gateways"):
        Gateways(count=2, addresses=["https://rgw1.example:7443"])
    with pytest.raises(ValueError, match="is not a gateway's address"):
        Gateways(count=1, addresses=["rgw1.example"])


def aws(**more: object) -> AwsPlatform:
    hosting = Hosting(operator="Amazon", site="Paris", country="FR")
    return AwsPlatform.model_validate(
        {"kind": PlatformKind.AWS, "account": "123456789012", "region": "eu-west-3", "hosting": hosting, **more}
    )


@pytest.mark.parametrize(
    ("used", "growth", "seconds"),
    [
        (0, 0.0, 300),
        (0, 1 * MIB, 300),
        (1000 * GIB - 1000 * MIB, 10 * MIB, 50),
        (1000 * GIB - 1000 * MIB, 4 * MIB, 125),
        (1000 * GIB - 1000 * MIB, 1000 * MIB, 20),
        (1000 * GIB - 1000 * MIB, None, 20),
        (1000 * GIB - 10 * MIB, 10 * MIB, 5),
        (1000 * GIB, 10 * MIB, 5),
        (1001 * GIB, None, 5),
        (0, None, 300),
    ],
)
def test_without_a_wall_the_gate_is_looked_at_after_half_the_time_to_the_quota(
    used: int, growth: float | None, seconds: int
) -> None:
    """Of 1000 GiB, at 25 MiB a second at most: never faster than the customer's uplink, never later than 5 minutes."""
    assert gate_seconds(1000 * GIB, used, growth, aws()) == seconds


def test_what_may_pass_the_quota_is_what_comes_in_between_two_looks_and_no_more_than_the_reserve() -> None:
    assert overshoot_bytes(40, aws()) == 1000 * MIB
    for quota, intake in ((GIB, "25 MiB"), (40 * GIB, "25 MiB"), (1000 * GIB, "100 MiB"), (4 * GIB, "200 MiB")):
        terms = aws(intake_per_second=intake)
        seconds = gate_seconds(quota, 0, 0.0, terms)
        assert overshoot_bytes(seconds, terms) <= reserve_bytes(quota, terms)


def test_an_uplink_that_fills_the_reserve_within_the_shortest_time_is_told_as_it_is() -> None:
    terms = aws(intake_per_second="1 GiB")
    assert overshoot_bytes(gate_seconds(GIB, 0, 0.0, terms), terms) == 5 * GIB
