"""The OpenSSH client as Ansible starts it: all of an honest machine's words, and little of one that prints for ever."""

import subprocess
import sys

import pytest

from coffre.agents.reach.bounded_ssh import ENDLESS, OUTPUT_BYTES

START = "import sys; from coffre.agents.reach.bounded_ssh import main; sys.argv[0] = '/private/ssh'; main()"
ENOUGH_SECONDS = 60


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start the client over an `ssh` on PATH that runs its argument in Python; whoever starts it reads nothing yet."""
    program = tmp_path / "ssh"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "$1"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    started = []

    def start(script):
        process = subprocess.Popen(
            [sys.executable, "-c", START, f"import os, sys, time, subprocess\n{script}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def send(process, count_bytes):
    """Send what Ansible sends before it reads anything; whether somebody took it all."""
    left = memoryview(bytes(count_bytes))
    try:
        while left:
            left = left[process.stdin.write(left) :]
    except BrokenPipeError:
        return False
    finally:
        process.stdin.close()
        process.stdin = None
    return True


def test_an_honest_program_is_as_it_would_be_without(start):
    process = start("sys.stderr.write('word'); sys.stdout.write(sys.stdin.read() * 2); sys.exit(7)")
    assert process.communicate(b"ask", ENOUGH_SECONDS) == (b"askask", b"word")
    assert process.returncode == 7


def test_what_is_printed_before_the_machine_listens_comes_whole(start):
    """More than two pipes hold, while Ansible still sends."""
    count = OUTPUT_BYTES - 8
    process = start(f"sys.stdout.write('o' * {count}); sys.stdout.flush(); sys.stdin.read()")
    assert send(process, 1024**2)
    out, complaints = process.communicate(timeout=ENOUGH_SECONDS)
    assert (out, complaints, process.returncode) == (b"o" * count, b"", 0)


@pytest.mark.parametrize("descriptor", [1, 2])
@pytest.mark.parametrize("payload_bytes", [0, 1024**2])
def test_one_that_prints_for_ever_is_left_with_the_reason(start, descriptor, payload_bytes):
    """Also when it never takes what Ansible sends; that one hears of no broken pipe."""
    process = start(f"while True: os.write({descriptor}, b'A' * 65536)")
    assert send(process, payload_bytes)
    out, complaints = process.communicate(timeout=ENOUGH_SECONDS)
    assert process.returncode == 255
    assert complaints.endswith(f"{ENDLESS}\n".encode())
    assert len(out) + len(complaints) <= OUTPUT_BYTES + 100


def test_many_small_words_count_like_few_large_ones(start):
    process = start("while True: print('A', flush=True)")
    _, complaints = process.communicate(timeout=ENOUGH_SECONDS)
    assert complaints.endswith(f"{ENDLESS}\n".encode())


def test_a_shared_connection_in_the_background_keeps_nobody_waiting(start):
    process = start("subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.read()']); print('done')")
    assert (process.stdout.read(), process.wait(ENOUGH_SECONDS)) == (b"done\n", 0)


def test_ansible_can_end_it(start):
    process = start("print('up', flush=True); sys.stdin.read()")
    assert process.stdout.readline() == b"up\n"
    process.terminate()
    assert process.wait(ENOUGH_SECONDS) == 255


def test_it_is_started_by_ansible_alone():
    code = START.replace("/private/ssh", "coffre-bounded")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Ansible starts coffre-bounded under the name ssh, sftp or scp\n"
