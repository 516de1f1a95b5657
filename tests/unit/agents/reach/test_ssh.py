"""Commands over a line whose far end is a shell of this computer: what it prints and how it ends is the test's."""

import os
import time
from pathlib import Path

import pytest

from coffre.agents.reach import ssh
from coffre.agents.reach.ssh import CompletedRun, SshMachine
from coffre.agents.reach.ssh_errors import LoginRefusedError, LoginShellError, MachineUnreachableError
from coffre.spec.tenant import SshConnection


@pytest.fixture
def reach(tmp_path, monkeypatch):
    """Return a machine behind an `ssh` that runs a line of start-up file before what it is sent."""

    def machine(startup: str = "") -> SshMachine:
        program = tmp_path / "ssh"
        # The shared connection's end is asked for with -O: there is none here.
        program.write_text(
            f'#!/bin/bash\n[[ " $* " != *" -O "* ]] || exit 0\n{startup}\neval "${{@: -1}}"\n', encoding="utf-8"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        return SshMachine(
            SshConnection(host="vm.example", user="operateur"), ssh_config=None, known_hosts=Path("known")
        )

    return machine


@pytest.mark.parametrize("startup", ["", "echo '{\"a\": 1}'; printf x; printf x >&2", "exec 2>&1"])
def test_a_command_s_words_and_code_are_its_own(reach, startup):
    with reach(startup) as machine:
        assert machine.run(["sh", "-c", "cat; echo e >&2; exit 5"], 30, "in\n") == CompletedRun(5, "in\n", "e\n")
        with machine.started(["sh", "-c", "read x; echo $x; echo e >&2; exit 83"]) as started:
            started.stdin.write(b"secret\n")
            started.stdin.flush()
            assert list(started.lines(10_000)) == ["secret", ""]
            assert started.end() == CompletedRun(83, "", "e\n")


def test_what_a_start_up_file_leaves_running_is_not_waited_for(reach):
    began = time.monotonic()
    with reach("sleep 60 & echo hello") as machine:
        assert machine.run(["echo", "x"], 50) == CompletedRun(0, "x\n", "")
    assert time.monotonic() - began < 40


@pytest.mark.parametrize(
    ("startup", "kind", "part"),
    [
        ("echo This account is not available; exit 1", LoginShellError, "ran no command and ended with code 1: This"),
        ("exit 255", MachineUnreachableError, "ssh failed: it gave no reason"),
        ("echo 'Permission denied (publickey).' >&2; exit 255", LoginRefusedError, "refuses every key of ours"),
        ("exec >/dev/null", LoginShellError, "the output of commands does not arrive"),
    ],
)
def test_a_login_that_runs_nothing_is_named(reach, startup, kind, part):
    with reach(startup) as machine:
        with pytest.raises(kind) as refused:
            machine.run(["true"], 30)
        assert part in refused.value.message
        with pytest.raises(kind) as refused, machine.started(["true"]):
            pass
        assert part in refused.value.message


def test_a_login_that_waits_is_named_in_time_and_is_sent_nothing(reach, monkeypatch, tmp_path):
    monkeypatch.setattr(ssh, "BEGIN_SECONDS", 2)
    with (
        reach(f"exec cat >{tmp_path}/eaten") as machine,
        pytest.raises(LoginShellError, match="did not run a command within 2 seconds"),
        machine.started(["cat"]),
    ):
        pass
    assert (tmp_path / "eaten").read_bytes() == b""
    with reach("exec sleep 60") as machine, pytest.raises(LoginShellError, match="within 1 seconds"):
        machine.run(["true"], 1)


def test_a_command_that_is_silent_is_not_the_login_s_fault(reach):
    with reach() as machine, pytest.raises(MachineUnreachableError, match="`sleep` did not answer within 2 seconds"):
        machine.run(["sleep", "30"], 2)
