import platform
import subprocess
from pathlib import Path

import pytest
from pydantic import SecretStr

from coffre.agents.driver import MachineStorage
from coffre.agents.restic import remote_restore
from coffre.agents.restic.process import ResticError
from coffre.agents.restic.remote_restore import (
    MachineFacts,
    RemoteRestore,
    build_arguments,
    choose_restic,
    explain_end,
    refuse_ours,
)
from coffre.errors import RefusedError

STORAGE = MachineStorage(
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


def test_restic_is_sent_only_where_it_lacks_and_runs():
    here = (platform.system(), platform.machine())
    assert not choose_restic(MachineFacts(*here, "abc"), "m", "abc")
    assert choose_restic(MachineFacts(*here, ""), "m", "abc")
    assert choose_restic(MachineFacts(*here, "other"), "m", "abc")
    with pytest.raises(RefusedError, match="runs Linux on riscv64"):
        choose_restic(MachineFacts("Linux", "riscv64", ""), "m", "abc")


def test_every_end_is_explained():
    assert isinstance(explain_end(83, ["/srv/x is not empty"], "m"), RefusedError)
    other = explain_end(84, ["5" * 64 + " /home"], "m")
    assert "--snapshot 55555555 --path /home" in other.hint
    full = explain_end(1, ['{"message_type":"error","error":{"message":"no space left on device"},"item":"/x"}'], "m")
    assert isinstance(full, ResticError)
    assert "no room left" in full.hint


class Machine:
    """The script run here, with a program of the test's in place of restic."""

    def __init__(self, folder: Path, program: str) -> None:
        self.restic = folder / "restic"
        self.restic.write_text(f"#!/bin/sh\n{program}\n")
        self.restic.chmod(0o755)
        self.sha256 = remote_restore.toolchain.sha256_file(self.restic)

    def start(self, folder: Path, mark: str = "mark", sent_bytes: int = 0) -> "subprocess.Popen[bytes]":
        facts = [str(folder), mark, str(sent_bytes), self.sha256, str(self.restic)]
        return subprocess.Popen(
            ["sh", "-c", SCRIPT, "coffre-restore", *facts, "restore", "x"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, folder: Path, mark: str = "mark", sent: bytes = b"", claimed: int | None = None) -> tuple[int, str]:
        process = self.start(folder, mark, len(sent) if claimed is None else claimed)
        assert process.stdin is not None
        process.stdin.write(b"AKID\ns3 sec\\ret\npass 'word\n\n" + sent)
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


def test_the_script_hands_secrets_over_unharmed_and_clears_up(tmp_path):
    machine = Machine(tmp_path, 'printf "%s|" "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" "$RESTIC_PASSWORD" "$@"')
    code, text = machine.run(tmp_path / "new" / "folder")
    assert (code, text) == (0, "AKID|s3 sec\\ret|pass 'word|restore|x|")
    assert list((tmp_path / "new" / "folder").iterdir()) == []
    assert left() == []


def test_the_script_runs_what_it_is_sent_only_when_it_came_whole(tmp_path):
    machine = Machine(tmp_path, "echo sent")
    program = machine.restic.read_bytes()
    machine.restic.unlink()
    assert machine.run(tmp_path / "a", sent=program) == (0, "sent\n")
    code, text = machine.run(tmp_path / "b", sent=program[:-1] + b"x")
    assert (code, text) == (82, "restic did not arrive as it was sent\n")
    assert not (tmp_path / "b").exists()
    assert left() == []


def test_the_script_writes_over_nothing(tmp_path):
    machine = Machine(tmp_path, "echo restored")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    assert machine.run(tmp_path / "full") == (83, f"{tmp_path}/full is not empty\n")
    assert machine.run(tmp_path / "full" / "x")[0] == 83
    assert machine.run(tmp_path / "link")[0] == 83
    assert machine.run(Path("/proc/x"))[0] == 85


def test_the_script_goes_on_with_its_own_unfinished_work_and_no_other(tmp_path):
    failing, working = Machine(tmp_path, 'touch "$0.ran"; exit 1'), tmp_path / "folder"
    assert failing.run(working, "snap1 /")[0] == 1
    assert failing.run(working, "snap2 /") == (84, "snap1 /\n")
    machine = Machine(tmp_path, "echo again")
    assert machine.run(working, "snap1 /") == (0, "again\n")
    assert list(working.iterdir()) == []


def test_the_script_ends_restic_when_its_caller_is_gone(tmp_path):
    machine = Machine(tmp_path, f"echo $$ >{tmp_path}/pid; echo begun; exec sleep 60")
    with machine.start(tmp_path / "folder") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"AKID\nsecret\npassword\n\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"begun\n"
        process.stdin.close()
        process.wait(10)
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()
    assert left() == []
