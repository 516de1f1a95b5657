"""Several processes that work through jobs: whatever ends one of them, the others go on."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coffre.errors import ExpectedError
from coffre.workspace.many.worker import INTERRUPTED
from coffre.workspace.many.workers import Ended, Workers
from tests import jobs
from tests.processes import list_pids, read_words

ROOT = Path(__file__).resolve().parents[3]
WAITING_SECONDS = 60.0
Pool = Workers[str, tuple[str, int]]


@pytest.fixture(autouse=True)
def of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + WAITING_SECONDS
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def children_of(parent: int) -> list[int]:
    return [pid for pid in list_pids() if read_words(pid, "stat").rpartition(") ")[2].split()[1:2] == [str(parent)]]


def test_jobs_are_shared_by_so_many_processes_each_kept_from_job_to_job(tmp_path: Path) -> None:
    ended = list(Pool(jobs.do, tmp_path, 2).run([f"job-{number}" for number in range(7)]))
    assert sorted(each.job for each in ended) == [f"job-{number}" for number in range(7)]
    assert all(each.result is not None and each.result[0] == each.job for each in ended)
    assert len({each.result[1] for each in ended if each.result}) == 2
    assert os.getpid() not in {each.result[1] for each in ended if each.result}


def test_what_jobs_need_is_loaded_once_and_nothing_else_is_shared() -> None:
    pool: Workers[str, tuple[list[int], int, float, list[str]]] = Workers(jobs.tell, None, 3, jobs.load)
    told = [each.result for each in pool.run(["a", "b", "c"]) if each.result is not None]
    assert len({pid for _, pid, _, _ in told}) == 3
    loaded_by = [loaded for loaded, _, _, _ in told]
    assert loaded_by == [loaded_by[0]] * 3
    assert len(loaded_by[0]) == 1
    assert len({number for _, _, number, _ in told}) == 3
    # Each has its own connection, and none of another worker's: it would not see that one's end.
    assert len({len(descriptors) for _, _, _, descriptors in told}) == 1, told


def test_what_cannot_be_forked_safely_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    pool: Workers[str, object] = Workers(jobs.tell, None, 1, jobs.load_and_start_a_thread)
    with pytest.raises(ExpectedError, match="ended with 1"):
        list(pool.run(["a"]))
    assert "has 2 threads" in capfd.readouterr().err


def test_processes_whose_seed_is_killed_end_their_job_as_after_ctrl_c(tmp_path: Path) -> None:
    def kill_the_seed() -> None:
        until(lambda: (tmp_path / "wait:never.begun").exists())
        [seed] = [pid for pid in children_of(os.getpid()) if "coffre.workspace.many.worker" in read_words(pid)]
        os.kill(seed, signal.SIGKILL)

    thread = threading.Thread(target=kill_the_seed)
    thread.start()
    assert list(Pool(jobs.do, tmp_path, 1).run(["wait:never"])) == [
        Ended("wait:never", None, ("wait:never begins",), INTERRUPTED)
    ]
    thread.join()
    assert (tmp_path / "wait:never.interrupted").exists()


def test_what_a_job_says_comes_with_its_end_and_with_nothing_of_another(tmp_path: Path) -> None:
    (tmp_path / "now").touch()
    for each in Pool(jobs.do, tmp_path, 3).run(["a", "wait:now", "c", "d"]):
        assert each.said == (f"{each.job} begins", f"{each.job} ends")


@pytest.mark.parametrize(("job", "code"), [("die", -signal.SIGKILL), ("fail", 1)])
def test_a_process_that_dies_ends_its_own_job_alone(job: str, code: int, tmp_path: Path) -> None:
    ended = {each.job: each for each in Pool(jobs.do, tmp_path, 1).run(["a", job, "b", "c"])}
    assert ended.pop(job) == Ended(job, None, (f"{job} begins",), code)
    assert [each.died for each in ended.values()] == [None, None, None]


def test_no_jobs_start_no_process(tmp_path: Path) -> None:
    assert list(Pool(jobs.do, tmp_path, 4).run([])) == []


def test_ctrl_c_ends_each_job_once_in_its_own_way_begins_no_other_and_is_raised_at_the_end(tmp_path: Path) -> None:
    ended: list[str] = []

    def interrupt() -> None:
        until(lambda: all((tmp_path / f"wait:{name}.begun").exists() for name in ("never", "never-too")))
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        ended += [each.job for each in Pool(jobs.do, tmp_path, 2).run(["wait:never", "wait:never-too", "last"])]
    thread.join()
    assert ended == []
    assert signal.getsignal(signal.SIGINT) is before
    assert sorted(path.name for path in tmp_path.glob("*.interrupted")) == [
        "wait:never-too.interrupted",
        "wait:never.interrupted",
    ]
    assert not (tmp_path / "last.begun").exists()


def test_whoever_stops_asking_ends_the_processes(tmp_path: Path) -> None:
    running: Iterator[Ended[str, tuple[str, int]]] = Pool(jobs.do, tmp_path, 2).run(["a", "wait:never"])
    assert next(running).job == "a"
    until(lambda: (tmp_path / "wait:never.begun").exists())
    running.close()  # type: ignore[attr-defined]  # a generator
    assert (tmp_path / "wait:never.interrupted").exists()


def test_processes_whose_parent_is_killed_end_their_job_as_after_ctrl_c(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests import jobs\n"
        "from coffre.workspace.many.workers import Workers\n"
        "list(Workers(jobs.do, Path(sys.argv[1]), 1).run(['wait:never', 'last']))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT)
    until(lambda: (tmp_path / "wait:never.begun").exists())
    [seed] = children_of(parent.pid)
    [worker] = children_of(seed)
    parent.kill()
    parent.wait()
    until(lambda: not Path(f"/proc/{worker}").exists())
    assert (tmp_path / "wait:never.interrupted").exists()
    assert not (tmp_path / "last.begun").exists()


def test_no_module_of_the_customers_repository_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "coffre").mkdir()
    for name in ("coffre/__init__", "yaml", "contextlib"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'trace')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    assert [each.job for each in Pool(jobs.do, tmp_path, 1).run(["a"])] == ["a"]
    assert not (tmp_path / "trace").exists()
