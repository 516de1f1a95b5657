import os
import platform
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from coffre.agents.repository import BucketStorage, RemoteRestore
from coffre.agents.restic.repository import remote_restore
from coffre.agents.restic.repository.process import ResticError
from coffre.agents.restic.repository.remote_restore import (
    Program,
    RestoreHost,
    build_arguments,
    choose_sent,
    explain_end,
    read_facts,
    refuse_ours,
)
from coffre.errors import RefusedError

STORAGE = BucketStorage(
    "https://s3.example", "default", "bucket", None, "AKID", SecretStr("s3-secret"), SecretStr("password")
)
SCRIPT = Path(remote_restore.__file__).with_suffix(".sh").read_text(encoding="utf-8")


def arguments(folder, path=None):
    return build_arguments(RemoteRestore(STORAGE, "5" * 64, folder, path))


def test_no_secret_is_among_the_arguments():
    assert not {"s3-secret", "password", "AKID"} & set(" ".join(arguments("/srv/x")).replace("=", " ").split())


def test_a_path_is_taken_literally():
    assert arguments("/srv/x", "/home/[a]*")[-3:] == [r"--include=/home/\[a\]\*", "--", "5" * 64]


def test_in_place_the_agents_own_files_are_left_out():
    whole = arguments(None)
    assert "--target=/" in whole
    assert "--exclude=/etc/coffre" in whole
    under = arguments(None, "/etc")
    assert under[-4:] == ["--target=/etc", "--exclude=/coffre", "--", f"{'5' * 64}:/etc"]
    assert arguments(None, "/home")[-4:] == ["--target=/", "--include=/home", "--", "5" * 64]
    with pytest.raises(RefusedError, match="belongs to the agent"):
        refuse_ours("/etc/coffre/agent.json", "compta-01")
    refuse_ours("/etc/coffre-other", "compta-01")


def test_programs_are_sent_only_where_they_lack_and_run():
    here = (platform.system(), platform.machine())
    restic, agent = Program("restic", Path("restic"), "abc"), Program("coffre-agent", Path("agent"), "def")
    known = read_facts(f"system={here[0]}\narchitecture={here[1]}\ncoffre-agent=def\nrestic=abc\n")
    assert choose_sent(known, "m", [restic, agent]) == []
    assert choose_sent(replace(known, sha256={"restic": "abc"}), "m", [restic, agent]) == [agent]
    assert choose_sent(RestoreHost(*here, {"restic": "other"}), "m", [restic, agent]) == [restic, agent]
    assert choose_sent(read_facts(""), "m", []) == []
    with pytest.raises(RefusedError, match="runs Linux on riscv64"):
        choose_sent(RestoreHost("Linux", "riscv64"), "m", [restic])
    with pytest.raises(RefusedError, match=r"runs Li\\x1b\[2J on ") as refused:
        choose_sent(RestoreHost("Li\x1b[2J", "x" * 5000), "m", [restic])
    assert len(str(refused.value)) < 600


def test_every_end_is_explained():
    assert isinstance(explain_end(83, ["/srv/x is not empty"], "m"), RefusedError)
    other = explain_end(84, ["5" * 64 + " /home"], "m")
    assert "--snapshot 55555555 --path /home" in other.hint
    assert isinstance(explain_end(86, ["/home/claire belongs to another user"], "m"), RefusedError)
    full = explain_end(1, ['{"message_type":"error","error":{"message":"no space left on device"},"item":"/x"}'], "m")
    assert isinstance(full, ResticError)
    assert "The disk there is full" in full.hint


class Machine:
    """The script run here, with programs of the test's in place of restic and the agent."""

    def __init__(self, folder: Path, program: str, agent: str = 'shift 5; exec "$restic" "$@"') -> None:
        self.restic = self._write(folder / "restic", program)
        self.agent = self._write(folder / "agent", f'restic=$4; [ "$1" = restore-into ] || exit 9; shift; {agent}')
        self.sha256 = {path: remote_restore.toolchain.sha256_file(path) for path in (self.restic, self.agent)}

    @staticmethod
    def _write(path: Path, program: str) -> Path:
        path.write_text(f"#!/bin/sh\n{program}\n")
        path.chmod(0o755)
        return path

    def start(
        self, folder: Path, mark: str = "mark", sizes: tuple[int, int] = (0, 0), programs: str = ""
    ) -> "subprocess.Popen[bytes]":
        facts = [str(folder), mark]
        for path, size in zip((self.restic, self.agent), sizes, strict=True):
            facts += [str(path), str(size), self.sha256[path]]
        return subprocess.Popen(
            ["sh", "-c", SCRIPT, "coffre-restore", *facts, "restore", "x"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "PATH": programs + os.environ["PATH"]},
        )  # fmt: skip

    def run(
        self, folder: Path, mark: str = "mark", sent: tuple[bytes, bytes] = (b"", b""), programs: str = ""
    ) -> tuple[int, str]:
        process = self.start(folder, mark, (len(sent[0]), len(sent[1])), programs)
        assert process.stdin is not None
        process.stdin.write(b"AKID\ns3 sec\\ret\npass 'word\nUEVN\n" + sent[0] + sent[1])
        process.stdin.flush()
        code = process.wait(20)
        assert process.stdout is not None
        assert process.stderr is not None
        text = (process.stdout.read() + process.stderr.read()).decode()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()
        return code, text


def left() -> list[Path]:
    return [path for parent in ("/dev/shm", "/run", "/root") for path in Path(parent).glob(".coffre-restore-*")]


@pytest.mark.parametrize(
    ("full", "code", "said"),
    [("/dev/shm", 0, "/run/.coffre-restore-"), ("*", 81, "found no private folder with 1 MiB free")],
)
def test_programs_go_where_there_is_room(tmp_path, full, code, said):
    """A container's /dev/shm has 64 MiB at most, whatever else the machine has."""
    (tmp_path / "df").write_text(
        f'#!/bin/sh\necho head\ncase $2 in {full}) free=10 ;; *) free=999999 ;; esac\necho x 1 1 "$free" 1% /\n'
    )
    (tmp_path / "df").chmod(0o755)
    ended = Machine(tmp_path, 'echo "$TMPDIR"').run(tmp_path / "new", programs=f"{tmp_path}:")
    assert ended[0] == code
    assert said in ended[1]
    assert left() == []


def test_the_script_hands_secrets_over_unharmed_and_clears_up(tmp_path):
    shows = 'printf "%s|" "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" "$RESTIC_PASSWORD" "$@"'
    machine = Machine(tmp_path, shows, agent=f'{shows}; cat "$5"')
    code, text = machine.run(tmp_path / "new" / "folder")
    said = text.split("|")
    assert (code, said[:5]) == (0, ["AKID", "s3 sec\\ret", "pass 'word", f"{tmp_path}/new/folder", "mark"])
    assert said[5:7] == [str(machine.restic), machine.sha256[machine.restic]]
    assert said[8:] == ["restore", "x", "PEM"]
    code, text = machine.run(Path("/"), mark="")
    in_place = text.split("|")
    assert (code, in_place[:3], in_place[4:]) == (0, said[:3], ["restore", "x", ""])
    assert in_place[3].startswith("--cacert=")
    assert left() == []


def test_the_script_runs_what_it_is_sent_only_when_it_came_whole(tmp_path):
    machine = Machine(tmp_path, "echo sent")
    restic, agent = machine.restic.read_bytes(), machine.agent.read_bytes()
    assert machine.run(tmp_path / "a", sent=(restic, b"")) == (0, "sent\n")
    assert machine.run(tmp_path / "a", sent=(b"", agent)) == (0, "sent\n")
    machine.restic.unlink()
    machine.agent.unlink()
    assert machine.run(tmp_path / "a", sent=(restic, agent)) == (0, "sent\n")
    for sent, name in (((restic[:-1] + b"x", agent), "restic"), ((restic, agent[:-1] + b"x"), "coffre-agent")):
        code, text = machine.run(tmp_path / "b", sent=sent)
        assert (code, text) == (82, f"{name} changed on its way: its SHA-256 is not the expected one\n")
    assert not (tmp_path / "b").exists()
    assert left() == []


def test_the_script_ends_restic_when_its_caller_is_gone(tmp_path):
    machine = Machine(tmp_path, f"echo $$ >{tmp_path}/pid; echo begun; exec sleep 60")
    with machine.start(tmp_path / "folder") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"AKID\nsecret\npassword\nUEVN\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"begun\n"
        process.stdin.close()
        process.wait(10)
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()
    assert left() == []
