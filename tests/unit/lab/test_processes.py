"""Finding and ending processes by what they run."""

import signal
import sys
import time
from pathlib import Path

import pytest
from coffre_lab import processes
from coffre_lab.processes import Daemon

from coffre.errors import ExpectedError, RemoteError

PYTHON = sys.executable.rpartition("/")[2]


def make_daemon(tmp_path, *command, program):
    marker = f"--mark={tmp_path}"
    return Daemon("test", program, (*command, marker), (marker,), tmp_path / "test.log")


@pytest.mark.parametrize(
    ("command_line", "expected"),
    [
        (b"/usr/bin/ceph-osd\0--name\0osd.0\0--conf\0/lab/ceph.conf\0", True),
        (b"ceph-osd\0--conf\0/lab/ceph.conf\0", False),
        (b"ceph-osd\0--conf\0/lab/ceph.conf\0--name\0osd.0\0", True),
        (b"ceph-osd\0--conf\0/lab/ceph.conf\0--name\0osd.1\0", False),
        (b"ceph-osd\0--conf\0/other/lab/ceph.conf\0", False),
        (b"ceph-osd\0--conf=/lab/ceph.conf\0--mkfs\0", False),
        (b"less\0/lab/ceph.conf\0", False),
        (b"", False),
    ],
)
def test_a_daemon_is_its_program_with_its_own_arguments(command_line, expected):
    daemon = Daemon("osd", "ceph-osd", (), ("/lab/ceph.conf", "osd.0"), Path("/lab/osd.log"))
    assert processes.is_match(command_line, daemon) is expected


def test_a_daemon_is_found_and_ended(tmp_path):
    daemon = make_daemon(tmp_path, sys.executable, "-c", "import time; time.sleep(60)", program=PYTHON)
    pid = processes.start(daemon)
    assert processes.list_pids(daemon) == [pid]
    processes.end(daemon)
    assert processes.list_pids(daemon) == []


def test_a_shell_that_becomes_the_program_is_waited_for(tmp_path):
    """Right after its start a machine's nspawn is still the shell that enters the control groups."""
    argv = ("/bin/sh", "-c", 'sleep 0.3; exec "$@"', "sh", "sleep", "61")
    daemon = Daemon("test", "sleep", argv, ("61",), tmp_path / "test.log")
    pid = processes.start(daemon)
    try:
        assert pid in processes.list_pids(daemon)
    finally:
        processes.end_pid(pid, lambda: True)


def test_one_that_ignores_the_polite_signal_is_killed(tmp_path):
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    daemon = make_daemon(tmp_path, sys.executable, "-c", code, program=PYTHON)
    processes.start(daemon)
    processes.wait_until(lambda: "ready" in processes.tail(daemon.log), "it is not ready", seconds=20)
    processes.end(daemon, grace_seconds=0.2)
    assert not processes.is_running(daemon)


def test_a_reused_process_id_is_not_signalled(tmp_path):
    daemon = make_daemon(tmp_path, sys.executable, "-c", "import time; time.sleep(60)", program=PYTHON)
    pid = processes.start(daemon)
    processes.end_pid(pid, lambda: False, first=signal.SIGKILL)
    assert processes.list_pids(daemon) == [pid]
    processes.end(daemon)


def test_waiting_for_a_daemon_that_died_quotes_its_log_at_once(tmp_path):
    daemon = make_daemon(tmp_path, "/bin/sh", "-c", "echo no space left >&2; exit 1", program="sh")
    processes.start(daemon)
    began = time.monotonic()
    with pytest.raises(RemoteError, match=r"it does not answer: its process has ended(?s:.*)no space left"):
        processes.wait_until(lambda: False, "it does not answer", seconds=60, daemon=daemon)
    assert time.monotonic() - began < 10


def test_waiting_too_long_says_how_long():
    with pytest.raises(RemoteError, match=r"nothing came: not within 0\.1 s"):
        processes.wait_until(lambda: False, "nothing came", seconds=0.1)


def test_a_failing_tool_is_quoted():
    with pytest.raises(RemoteError, match="failed with exit code 3: out of luck"):
        processes.run(["/bin/sh", "-c", "echo out of luck >&2; exit 3"], timeout=10)


def test_a_tool_that_hangs_is_cut_off():
    with pytest.raises(RemoteError, match=r"sleep did not end within 0\.2 s"):
        processes.run(["sleep", "30"], timeout=0.2)


def test_a_tool_that_is_not_installed_is_named():
    with pytest.raises(ExpectedError, match="no-such-tool is not installed"):
        processes.run(["no-such-tool"], timeout=1)


def test_a_child_gets_none_of_our_credentials(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert "AWS" not in processes.run(["env"], timeout=10)
