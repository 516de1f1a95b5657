"""How long a restore takes, foreseen from samples whose line is known: what is found, and what is not said."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffre.supervision.judge.restoring.restore_time import (
    ENOUGH,
    FARTHEST,
    RestoreTime,
    Sample,
    SampleKind,
    Unknown,
    foresee_restore,
)

MIB, GIB = 1024**2, 1024**3
A_MIB_A_SECOND = 1 / MIB


def sample(read_bytes: int, fixed: float = 2.0, a_byte: float = A_MIB_A_SECOND, kind: str = "restore") -> Sample:
    return Sample(SampleKind(kind), fixed + a_byte * read_bytes, read_bytes)


def check_unknown(found: RestoreTime, why: Unknown) -> None:
    assert (found.unknown, found.median_seconds, found.p90_seconds) == (why, None, None)


@given(
    st.floats(0.1, 60),
    st.floats(1e-9, 1e-5),
    st.lists(st.integers(1, 500), min_size=ENOUGH, max_size=30, unique=True),
    st.floats(0.05, 1),
)
def test_an_even_line_is_found_exactly(fixed: float, a_byte: float, mib: list[int], part: float) -> None:
    asked = int(max(mib) * MIB * part)
    found = foresee_restore([sample(each * MIB, fixed, a_byte) for each in mib], asked)
    assert found.median_seconds == pytest.approx(fixed + a_byte * asked, rel=1e-6, abs=0.01)
    assert found.p90_seconds == pytest.approx(found.median_seconds, rel=1e-3)


@given(st.integers(0, 2**53), st.lists(st.tuples(st.floats(0, 1e9), st.integers(0, 2**53), st.booleans()), max_size=12))
def test_whatever_was_recorded_a_forecast_is_a_time_or_says_why_not(
    asked: int, recorded: list[tuple[float, int, bool]]
) -> None:
    kinds = list(SampleKind)
    found = foresee_restore([Sample(kinds[is_restore], *each) for *each, is_restore in recorded], asked)
    if found.unknown is None:
        assert found.median_seconds is not None
        assert found.p90_seconds is not None
        assert 0 < found.median_seconds <= found.p90_seconds
        assert found.samples >= ENOUGH
        assert asked <= FARTHEST * found.largest_bytes


@pytest.mark.parametrize("count", range(ENOUGH))
def test_fewer_than_five_samples_say_nothing(count: int) -> None:
    check_unknown(foresee_restore([sample(each * MIB) for each in range(1, count + 1)], MIB), Unknown.TOO_FEW)


def test_without_a_size_nothing_is_foreseen() -> None:
    check_unknown(foresee_restore([sample(each * MIB) for each in range(9)], None), Unknown.NO_SIZE)


def test_small_drills_do_not_tell_how_fast_a_line_is() -> None:
    chance = random.Random(1)
    drills = [sample(chance.randrange(90_000), 5 + chance.random(), kind="drill") for _ in range(40)]
    check_unknown(foresee_restore(drills, GIB), Unknown.TOO_SMALL)
    assert foresee_restore(drills, 50_000).median_seconds == pytest.approx(5.5, abs=0.5)


def test_drills_that_read_much_tell_it_without_the_fixed_time_of_their_many_programs() -> None:
    drills = [sample(each * 32 * MIB, 20.0, kind="drill") for each in range(1, 9)]
    assert foresee_restore(drills, 10 * GIB).median_seconds == pytest.approx(20 + 10 * 1024)
    restores = [sample(each * MIB, 1.0) for each in range(1, 4)]
    assert foresee_restore([*drills, *restores], 10 * GIB).median_seconds == pytest.approx(1 + 10 * 1024)


def test_no_restore_is_foreseen_from_samples_far_smaller() -> None:
    known = [sample(each * 10 * MIB) for each in range(1, 11)]
    assert foresee_restore(known, FARTHEST * 100 * MIB).median_seconds == pytest.approx(2 + FARTHEST * 100)
    check_unknown(foresee_restore(known, FARTHEST * 100 * MIB + 1), Unknown.TOO_FAR)


def test_samples_of_one_size_tell_a_restore_of_that_size_alone() -> None:
    known = [Sample(SampleKind.RESTORE, 9.0 + each, MIB) for each in range(5)]
    found = foresee_restore(known, MIB)
    assert (found.median_seconds, found.p90_seconds) == (11.0, 13.0)
    check_unknown(foresee_restore(known, MIB + 1), Unknown.TOO_SMALL)


def test_an_odd_sample_moves_the_spread_and_hardly_the_middle() -> None:
    known = [sample(each * 10 * MIB) for each in range(1, 10)]
    odd = Sample(SampleKind.RESTORE, 9 * 52.0, 50 * MIB)
    found = foresee_restore([*known, odd], 100 * MIB)
    assert found.median_seconds == pytest.approx(102, rel=0.15)
    assert found.p90_seconds is not None
    assert found.p90_seconds > 5 * 102


def test_nine_of_ten_restores_take_no_longer_than_what_a_customer_is_told() -> None:
    chance, over, told = random.Random(7), 0, 0
    for _ in range(200):
        samples = [
            Sample(each.kind, each.seconds * chance.lognormvariate(0, 0.2), each.read_bytes)
            for each in (sample(chance.randrange(20, 400) * MIB) for _ in range(20))
        ]
        found = foresee_restore(samples, 300 * MIB)
        assert found.p90_seconds is not None
        told += 1
        over += 302 * chance.lognormvariate(0, 0.2) > found.p90_seconds
    assert over / told < 0.15


def test_the_newest_samples_count_when_a_line_has_become_faster() -> None:
    before = [sample(each * MIB, a_byte=10 * A_MIB_A_SECOND) for each in range(1, 80)]
    found = foresee_restore([*before, *(sample(each * MIB) for each in range(1, 61))], 50 * MIB)
    assert found.median_seconds == pytest.approx(52)
