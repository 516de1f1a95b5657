"""A run moves no more bytes than its bandwidth allows, over all its readers together."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffre.operations.copying.pace import Pace


class Clock(threading.local):
    """A clock for each thread, which only its own sleep moves."""

    now = 0.0

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def paced(bytes_per_second: int | None) -> tuple[Pace, Clock]:
    clock = Clock()
    return Pace(bytes_per_second, clock.read, clock.sleep), clock


def test_without_a_bandwidth_nothing_waits() -> None:
    pace, clock = paced(None)
    pace.wait(10**12)
    pace.wait(10**12)
    assert clock.now == 0


def test_an_object_begins_when_those_before_it_are_paid_for() -> None:
    pace, clock = paced(100)
    begun = []
    for size_bytes in (50, 100, 0, 25, 25):
        pace.wait(size_bytes)
        begun.append(clock.now)
    assert begun == [0, 0.5, 1.5, 1.5, 1.75]


def test_an_object_larger_than_a_seconds_share_begins_at_once_and_is_paid_for_afterwards() -> None:
    pace, clock = paced(100)
    pace.wait(1000)
    assert clock.now == 0
    pace.wait(1)
    assert clock.now == 10


def test_idle_time_is_not_saved_up() -> None:
    pace, clock = paced(100)
    pace.wait(100)
    clock.sleep(60)
    begun = []
    for _ in range(3):
        pace.wait(100)
        begun.append(clock.now)
    assert begun == [60, 61, 62]


def test_a_sleep_that_ends_early_is_slept_again() -> None:
    clock = Clock()
    pace = Pace(100, clock.read, lambda seconds: clock.sleep(min(seconds, 0.5)))
    pace.wait(200)
    pace.wait(1)
    assert clock.now == 2


def test_all_readers_share_one_bandwidth() -> None:
    pace, clock = paced(100)
    begun: list[float] = []

    def read() -> None:
        for _ in range(10):
            pace.wait(100)
            begun.append(clock.now)

    readers = [threading.Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert sorted(begun) == list(range(80))


@given(st.integers(1, 1000), st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 20)), min_size=1, max_size=30))
def test_in_no_time_does_more_begin_than_the_bandwidth_and_one_object(
    bytes_per_second: int, objects: list[tuple[int, int]]
) -> None:
    pace, clock = paced(bytes_per_second)
    begun: list[tuple[float, int]] = []
    for size_bytes, idle_seconds in objects:
        if idle_seconds:
            clock.sleep(idle_seconds)
        pace.wait(size_bytes)
        begun.append((clock.now, size_bytes))
    for first, (since, _) in enumerate(begun):
        for last in range(first, len(begun)):
            moved = sum(size_bytes for _, size_bytes in begun[first:last])
            assert moved <= bytes_per_second * (begun[last][0] - since) + 1e-6


@pytest.mark.parametrize("bytes_per_second", [0, -1])
def test_a_bandwidth_of_nothing_is_no_bandwidth(bytes_per_second: int) -> None:
    with pytest.raises(ValueError, match="more than nothing"):
        Pace(bytes_per_second)
