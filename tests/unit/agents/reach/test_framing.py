"""The frame in real shells: what others print is no word of ours, wherever it stands."""

import shutil
import subprocess

import pytest

from coffre.agents.reach.framing import CommandStage, Frame, for_any_shell

FRAME = Frame("coffre-0123456789abcdef")
ODD = "a'b\"c!d\\e\\n%s$HOME`id`*~\n\té \x07"
SHELLS = [
    shell for shell in ("sh", "dash", "bash", "zsh", "ksh", "tcsh", "csh", "fish", "busybox") if shutil.which(shell)
]


def run(text, shell="sh", stdin=b"", before=""):
    """Run a text as sshd has a login shell run it; ``before`` stands for its start-up files."""
    applet = ["sh"] if shell == "busybox" else []
    done = subprocess.run(
        [shell, *applet, "-c", f"{before}\n{text}" if before else text],
        input=stdin,
        capture_output=True,
        check=False,
        timeout=60,
    )
    return done.stdout.decode(), done.stderr.decode()


def read(outputs, frame=FRAME):
    said = frame.read(*outputs)
    return said.exit_code, said.stdout, said.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_passes_a_command_on_as_it_is(shell):
    assert run(for_any_shell("printf '%s' \"$0\""), shell)[0].endswith("sh")
    assert read(run(FRAME.run(["printf", "%s", ODD], become=False), shell)) == (0, ODD, "")
    assert read(run(FRAME.run(["cat"], become=False), shell, "é\n\n".encode())) == (0, "é\n\n", "")
    assert read(run(FRAME.run(["sh", "-c", "echo out; echo err >&2; exit 7"], become=False), shell)) == (
        7, "out\n", "err\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    "before",
    [
        "echo '{\"motd\": 1}'; printf 'no line end'; echo 'permission denied' >&2",
        "echo 'coffre-0000000000000000 begin'; echo '1:x'",
        "(for i in 1 2 3 4 5 6 7 8 9; do printf 'late\\nlate'; printf late >&2; sleep 0.02; done) &",
        "umask 777; export PATH=/nowhere LC_ALL=fr_FR.UTF-8; unset HOME; alias cat=false; cd /",
        "exec 2>&1",
    ],
)
def test_whatever_start_up_files_say_or_do_the_command_s_words_are_its_own(before):
    command = ["sh", "-c", "echo one; sleep 0.1; echo err >&2; umask; exit 3"]
    assert read(run(FRAME.run(command, become=False), before=before)) == (3, "one\n0022\n", "err\n")
    stdout, stderr = run(FRAME.enclose("echo one; echo err >&2; exit 3"), before=before)
    assert (FRAME.read(stdout).exit_code, FRAME.read(stdout).stdout) == (3, "one\n")
    assert "err\n" in FRAME.cut(stderr) + FRAME.cut(stdout)


def test_how_far_a_command_came_is_told():
    stdout, stderr = run(FRAME.run(["true"], become=False), before="echo hello; exit 4")
    assert FRAME.reached(stdout + stderr) is CommandStage.NOTHING
    assert FRAME.before(stdout, stderr).strip() == "hello"
    stdout, stderr = run(FRAME.run(["true"], become=True).replace("sudo", "missing-sudo"))
    assert FRAME.reached(stdout + stderr) is CommandStage.SHELL
    assert FRAME.is_over(stdout.encode(), stderr.encode())
    assert "missing-sudo" in FRAME.before(stdout, stderr)
    assert read((stdout, stderr))[0] is None
    outputs = run(FRAME.run(["true"], become=False))
    assert FRAME.reached("".join(outputs)) is CommandStage.COMMAND
    assert FRAME.is_over(*(output.encode() for output in outputs))


def test_an_output_that_breaks_off_has_no_exit_code():
    stdout, stderr = run(FRAME.run(["echo", "x"], become=False))
    whole = FRAME.read(stdout)
    assert whole.exit_code == 0
    for end in range(stdout.index("end 0\n") + len("end 0\n")):
        assert FRAME.read(stdout[:end]).exit_code is None
    assert FRAME.read(stderr).exit_code is None


def test_a_terminal_is_given_while_the_pipes_stay_as_they_are():
    """What a sudo with requiretty looks for; its input would be echoed and its line ends changed on a terminal."""
    frame = Frame(FRAME.mark, terminal=True)
    looking = "cat; : </dev/tty && echo has one; test -t 1 || echo pipe; echo err >&2; exit 9"
    done = subprocess.run(
        ["setsid", "--wait", "sh", "-c", frame.run(["sh", "-c", looking], become=False)],
        input=b"x\n", capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert read((done.stdout.decode(), done.stderr.decode())) == (9, "x\nhas one\npipe\n", "err\n")
