"""Programs that print for ever, that never end, that fall silent: each is ended, and memory stays what it was."""

import resource
import subprocess
import time

import pytest

from coffre.agents.restic.repository.process import ResticCommand, ResticError, stream
from coffre.outside import processes
from coffre.outside.processes import Completed, DeadlinePassedError, EndlessOutputError, Limits, run

SOON = Limits(20.0, 100_000)
FOR_EVER = "while :; do printf '%01000d\\n' 7; done"
ONE_LINE = "while :; do printf '%01000d' 7; done"
MIB_KIB = 1024


def shell(text):
    return ["sh", "-c", text]


def test_a_program_is_run_with_its_input_and_environment(tmp_path):
    done = run(
        shell("cat; pwd; echo $A >&2; exit 3"), SOON, stdin=b"x" * 90_000, environment={"A": "b"}, folder=tmp_path
    )
    assert done == Completed(3, b"x" * 90_000 + f"{tmp_path}\n".encode(), b"b\n")


def test_one_that_reads_nothing_and_one_that_is_killed_are_told_by_their_code():
    assert run(shell("exec <&-; exit 4"), SOON, stdin=b"x" * 10**7).exit_code == 4
    assert run(shell("kill -9 $$"), SOON).exit_code == -9


@pytest.mark.parametrize("where", ["", ">&2"])
def test_one_that_prints_for_ever_is_ended_and_costs_no_memory(where, monkeypatch):
    monkeypatch.setattr(processes, "COMPLAINTS_LIMIT_BYTES", 10**7)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(EndlessOutputError, match="sh printed more than"):
        run(shell(f"({FOR_EVER}) {where}"), SOON)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * MIB_KIB
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("text", ["sleep 60", "exec >&- 2>&-; sleep 60", "trap '' TERM; while :; do sleep 1; done"])
def test_one_that_does_not_end_is_ended_at_its_deadline(text):
    began = time.monotonic()
    with pytest.raises(DeadlinePassedError, match="did not end within 1 seconds"):
        run(shell(text), Limits(1.0))
    assert time.monotonic() - began < 10


def test_of_complaints_the_end_is_kept():
    done = run(shell("seq 100000 >&2"), SOON)
    assert done.stderr.endswith(b"99999\n100000\n")
    assert len(done.stderr) == processes.STDERR_BYTES


def test_a_line_without_end_is_refused():
    with subprocess.Popen(shell(ONE_LINE), stdout=subprocess.PIPE) as process:
        with pytest.raises(EndlessOutputError, match="in one line"):
            list(processes.read_lines(process.stdout, "sh"))
        processes.stop(process)
    assert process.returncode is not None


@pytest.mark.parametrize("text", [ONE_LINE, f"({FOR_EVER}) >&2"])
def test_a_restic_that_prints_for_ever_ends_in_one_sentence(text, monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "COMPLAINTS_LIMIT_BYTES", 10**7)
    program = tmp_path / "restic"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o700)
    with pytest.raises(ResticError, match=r"restic.* printed more than"):
        list(stream(ResticCommand(program, [], {}, 60.0)))
