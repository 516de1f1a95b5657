"""Real restic with the rights of a machine: the gate, and the wall with nothing corrupted."""

import os
import signal
import subprocess
import time

import pytest

from coffre.toolchain import find_tool
from tests.integration.storage.world import MIB


class Restic:
    """The restic binary for one repository and one user."""

    def __init__(self, world, user, bucket: str) -> None:
        self._argv = [
            str(find_tool("restic")),
            "--no-cache",
            f"--cacert={world.endpoint.ca_file}",
            f"--repo=s3:{world.endpoint.url}/{bucket}/restic",
        ]
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RESTIC_"))},
            "RESTIC_PASSWORD": "a password of this test",
            "AWS_ACCESS_KEY_ID": user.key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": user.key.secret_access_key,
            "AWS_DEFAULT_REGION": world.endpoint.region,
        }

    def run(self, *arguments: str, seconds: float = 60) -> subprocess.CompletedProcess:
        """Run to the end; one that is still at it after the time is interrupted, as systemd would."""
        with subprocess.Popen(
            [*self._argv, *arguments],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                output, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                output, _ = process.communicate()
            return subprocess.CompletedProcess(arguments, process.returncode, output)


@pytest.fixture
def source(tmp_path):
    """Files that neither compress nor repeat, 8 MiB."""
    folder = tmp_path / "source"
    folder.mkdir()
    for number in range(8):
        (folder / f"file{number}").write_bytes(os.urandom(MIB))
    return folder


def test_behind_a_closed_gate_backup_fails_in_seconds_and_restore_works(world, source, tmp_path):
    owner = world.make_owner("gated")
    machine = world.make_machine(owner, "m")
    gate = world.storage.open_bucket(machine.bucket, owner.key)
    keep, mine = Restic(world, owner, machine.bucket), Restic(world, machine, machine.bucket)
    assert keep.run("init").returncode == 0
    assert mine.run("backup", str(source)).returncode == 0
    before = world.admin.find_bucket(machine.bucket).stored_bytes

    gate.set_gate(closed=True)
    (source / "new").write_bytes(os.urandom(MIB))
    begin = time.monotonic()
    # restic 0.18.1 says so at once and then, one time in fifty, stands still: its last pack waits for an uploader that
    # ended with the refusal. The agent ends such a restic and goes by its words (agent/internal/restic/watch.go).
    backup = mine.run("backup", str(source), seconds=10)
    assert time.monotonic() - begin < 15
    assert backup.returncode in (1, -signal.SIGKILL)
    assert "Access Denied" in backup.stdout
    assert world.admin.find_bucket(machine.bucket).stored_bytes - before < MIB
    assert mine.run("restore", "latest", "--target", str(tmp_path / "back")).returncode == 0
    restored = tmp_path / "back" / str(source).lstrip("/")
    assert (restored / "file3").read_bytes() == (source / "file3").read_bytes()
    assert mine.run("check").returncode == 0

    gate.set_gate(closed=False)
    assert mine.run("backup", str(source)).returncode == 0


def test_a_machine_can_neither_prune_nor_add_a_password(world, source, tmp_path):
    owner = world.make_owner("rights")
    machine = world.make_machine(owner, "m")
    keep, mine = Restic(world, owner, machine.bucket), Restic(world, machine, machine.bucket)
    assert keep.run("init").returncode == 0
    assert mine.run("backup", str(source)).returncode == 0
    other = tmp_path / "password"
    other.write_text("another password")
    assert "Access Denied" in mine.run("key", "add", "--new-password-file", str(other)).stdout
    assert mine.run("forget", "latest", "--prune", seconds=20).returncode != 0
    assert keep.run("snapshots", "--json").stdout.count('"short_id"') == 1
    assert keep.run("check", "--read-data").returncode == 0


def test_at_the_wall_nothing_is_corrupted_and_once_raised_check_passes(world, source, tmp_path):
    """restic goes on retrying at the wall, so it is cut off, which is worse than what systemd does."""
    owner = world.make_owner("full", wall_bytes=12 * MIB)
    machine = world.make_machine(owner, "m")
    keep, mine = Restic(world, owner, machine.bucket), Restic(world, machine, machine.bucket)
    assert keep.run("init").returncode == 0
    assert mine.run("backup", str(source)).returncode == 0
    for number in range(16):
        (source / f"more{number}").write_bytes(os.urandom(MIB))
    cut_off = mine.run("backup", "--pack-size", "4", str(source), seconds=12)
    assert cut_off.returncode != 0
    assert keep.run("restore", "latest", "--no-lock", "--target", str(tmp_path / "at-the-wall")).returncode == 0

    world.admin.set_quota(owner.uid, 128 * MIB)
    keep.run("unlock", "--remove-all")
    check = keep.run("check", "--read-data")
    assert check.returncode == 0, check.stdout
    assert mine.run("backup", str(source)).returncode == 0
    assert keep.run("check", "--read-data").returncode == 0
    restored = tmp_path / "at-the-wall" / str(source).lstrip("/")
    assert (restored / "file0").read_bytes() == (source / "file0").read_bytes()
