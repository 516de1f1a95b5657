"""Jobs side by side, each within its own limit."""

import threading

from coffre.workspace.many.threads import Late, run_all


def test_each_job_gives_its_result_or_its_error() -> None:
    def fail() -> int:
        raise ValueError("odd")

    found = dict(run_all({"one": lambda: 1, "bad": fail, "two": lambda: 2}, workers=2, limit_seconds=60))
    assert (found["one"], found["two"]) == (1, 2)
    assert isinstance(found["bad"], ValueError)


def test_a_job_that_hangs_is_left_and_delays_nobody() -> None:
    released = threading.Event()
    jobs = {"hangs": lambda: released.wait(60), **{f"job {number}": lambda: True for number in range(5)}}
    found = list(run_all(jobs, workers=1, limit_seconds=0.1))
    released.set()
    assert found[0] == ("hangs", Late(0.1))
    assert [name for name, _ in found[1:]] == [f"job {number}" for number in range(5)]


def test_no_more_work_at_a_time_than_there_are_workers() -> None:
    guard, at_work, most = threading.Lock(), 0, 0
    together = threading.Barrier(3)

    def work() -> None:
        nonlocal at_work, most
        with guard:
            at_work += 1
            most = max(most, at_work)
        together.wait(30)
        with guard:
            at_work -= 1

    found = dict(run_all({str(number): work for number in range(9)}, workers=3, limit_seconds=60))
    assert set(found.values()) == {None}
    assert most == 3
