"""Parts of all tenants: each tenant is in exactly one, and stays there."""

import pytest

from coffre.errors import UsageError
from coffre.tenant.shards import Shard, parse_shard

PARTS_OF_7 = [5, 1, 7, 2, 2, 2, 6, 5]
IDS = [f"k{number:09d}" for number in range(1000)]


def test_every_tenant_is_in_exactly_one_part_and_the_parts_are_about_equal() -> None:
    parts = [[each for each in IDS if Shard(number, 10).has(each)] for number in range(1, 11)]
    assert sorted(each for part in parts for each in part) == sorted(IDS)
    assert all(70 < len(part) < 130 for part in parts)


def test_a_part_is_the_same_in_every_version() -> None:
    """Two computers with two versions of Coffre never share a tenant, nor leave one out."""
    assert [next(number for number in range(1, 8) if Shard(number, 7).has(each)) for each in IDS[:8]] == PARTS_OF_7


@pytest.mark.parametrize(
    "text", ["", "2", "0/3", "4/3", "-1/3", "1/0", "1/1001", "1/3/5", " 1/3", "1/٣", "a/b", "01/3"]
)
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="a part and the number of parts"):
        parse_shard(text)


def test_a_part_is_read_and_shown() -> None:
    assert str(parse_shard("2/10")) == "2/10"
    assert parse_shard("1/1").has("anything")
