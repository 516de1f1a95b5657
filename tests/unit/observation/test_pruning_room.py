"""The room of a pruning below the wall: without room nothing is repacked, and the wall rises by what is needed."""

import pytest

from coffre.agents.pruning import PrunePlan
from coffre.observation.judge.pruning_room import OVERHEAD_BYTES, PruningRoom, find_pruning_room

MIB = 1024**2
BIG = PrunePlan(500 * MIB, 200 * MIB, 50 * MIB, 1000 * MIB, 0)


def test_without_a_wall_or_far_below_it_nothing_is_limited() -> None:
    assert find_pruning_room(BIG, MIB, None) == PruningRoom()
    assert find_pruning_room(BIG, MIB, 2000 * MIB) == PruningRoom()


def test_half_of_the_free_room_is_left_to_the_machines() -> None:
    room = find_pruning_room(BIG, MIB, 200 * MIB)
    assert room == PruningRoom(100 * MIB - MIB - OVERHEAD_BYTES)


@pytest.mark.parametrize("free_bytes", [-50 * MIB, 0, MIB])
def test_a_full_tenant_repacks_nothing_and_its_wall_rises_by_index_and_locks(free_bytes: int) -> None:
    assert find_pruning_room(BIG, 3 * MIB, free_bytes) == PruningRoom(0, 3 * MIB + OVERHEAD_BYTES)


def test_little_room_is_enough_for_whole_packs() -> None:
    assert find_pruning_room(BIG, MIB, 20 * MIB) == PruningRoom(0)
