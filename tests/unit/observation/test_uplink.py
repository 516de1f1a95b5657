"""How long first backups take, over a declared line, a measured one, one of their own; and what a machine may claim."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffre.observation.judge.uplink import (
    CEILING_BITS_PER_SECOND,
    DoubtedRate,
    FirstBackup,
    MachineUpload,
    MeasuredRun,
    RateSource,
    judge_uploads,
    measure,
)

MBIT, GIB = 10**6, 1024**3
HALF = 10 * GIB * 8 / (20 * MBIT)


def run(bytes_per_second: int, stored: int = 2**26) -> MeasuredRun:
    return MeasuredRun(stored, bytes_per_second)


def new(volume: int | None = 10 * GIB, own: int | None = None) -> MachineUpload:
    return MachineUpload(has_backup=False, volume_bytes=volume, own_bits_per_second=own)


def test_machines_of_one_line_add_up_and_one_with_its_own_does_not() -> None:
    found = judge_uploads({"a": new(), "b": new(), "c": new(own=40 * MBIT)}, 20 * MBIT)
    declared = RateSource.DECLARED
    assert found.first == (
        FirstBackup("a", 10 * GIB, 20 * MBIT, declared, pytest.approx(HALF)),
        FirstBackup("b", 10 * GIB, 20 * MBIT, declared, pytest.approx(HALF)),
        FirstBackup("c", 10 * GIB, 40 * MBIT, declared, pytest.approx(HALF / 2)),
    )
    assert (found.shared_seconds, found.doubted) == (pytest.approx(2 * HALF), ())
    assert judge_uploads({"a": new(), "c": new(own=MBIT)}, 20 * MBIT).shared_seconds is None


def test_what_is_not_declared_is_unknown_and_not_guessed() -> None:
    assert judge_uploads({"a": new()}, None).first == (FirstBackup("a", 10 * GIB, None, None, None),)
    assert judge_uploads({"a": new(None)}, MBIT).first == (FirstBackup("a", None, MBIT, RateSource.DECLARED, None),)


def test_a_machine_with_a_backup_has_no_first_one_left() -> None:
    assert judge_uploads({"a": MachineUpload(has_backup=True, volume_bytes=GIB)}, MBIT).first == ()


def test_what_was_measured_counts_and_a_declared_rate_far_above_it_is_doubted() -> None:
    old = MachineUpload(has_backup=True, runs=[run(MBIT), run(MBIT), run(MBIT)])
    found = judge_uploads({"old": old, "new": new()}, 20 * MBIT)
    assert found.first[0].source is RateSource.MEASURED
    assert found.first[0].bits_per_second == 8 * MBIT
    assert found.doubted == (DoubtedRate(None, 20 * MBIT, 8 * MBIT),)
    assert judge_uploads({"old": old}, 16 * MBIT).doubted == ()
    own = MachineUpload(has_backup=True, own_bits_per_second=90 * MBIT, runs=old.runs)
    assert judge_uploads({"own": own}, 20 * MBIT).doubted == (DoubtedRate("own", 90 * MBIT, 8 * MBIT),)


def test_two_runs_measure_nothing() -> None:
    assert measure([[run(1), run(1)]]) is None
    assert measure([[run(1)], [run(1)], [run(1)]]) == 8


def test_the_runs_that_stored_most_count() -> None:
    slow = [run(10, stored=2**24)] * 20
    assert measure([[*slow, *[run(1000, stored=2**30)] * 5]]) == 8000


@given(st.lists(st.integers(1, 2**53), min_size=3, max_size=9))
def test_a_machine_that_claims_anything_moves_neither_the_line_of_others_nor_the_ceiling(claims: list[int]) -> None:
    liar, honest = [run(each) for each in claims], [run(1000)] * 3
    assert (measure([liar]) or 0) <= CEILING_BITS_PER_SECOND
    assert measure([honest, liar, honest]) == 8000
