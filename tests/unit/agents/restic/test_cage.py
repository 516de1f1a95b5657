"""The cage as the kernel tells it of a program that is in it: restic, which tries to reach a platform meanwhile."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from coffre import toolchain
from coffre.agents.restic.repository import cage_entry
from coffre.agents.restic.repository.cage import Cage, no_cage

RIGHTS = {"chown": 0, "dac_override": 1, "fowner": 3, "fsetid": 4, "sys_admin": 21, "mknod": 27, "setfcap": 31}
ENVIRONMENT = {**os.environ, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "RESTIC_PASSWORD": "c"}


@pytest.fixture(autouse=True)
def _as_root():
    assert os.geteuid() == 0, "the cage is root's own: run the tests as root, as README says"


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


@contextmanager
def caged(cage):
    program, line = cage.around(toolchain.find_tool("restic"), ["--repo=s3:http://127.0.0.1:1/nowhere", "snapshots"])
    process = subprocess.Popen([program, *line], env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: process.poll() is not None or comm(process.pid) == "restic")
        yield process
    finally:
        process.kill()
        process.communicate()


def comm(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def status(pid, name):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name}:"))


def mounts(pid):
    """Return where each mount lies, with the flags of the mount itself."""
    fields = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    return {each[4]: set(each[5].split(",")) for each in fields}


def test_nothing_is_there_but_what_was_named(tmp_path):
    target, authority = tmp_path / "a folder \u00e9", tmp_path / "ca.pem"
    target.mkdir()
    authority.write_text("an authority")
    before = Path("/proc/self/mountinfo").read_text()
    with caged(Cage((target,), (authority, tmp_path / "absent"))) as process:
        found = mounts(process.pid)
        names = {each.encode().decode("unicode_escape").encode("latin-1").decode() for each in found}
        resolving = {
            each
            for each in ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf")
            if Path(each).exists()
        }
        assert names == {"/", "/restic", str(target), str(authority)} | resolving
        writable = {place for place, flags in found.items() if "rw" in flags}
        assert len(writable) == 1
        assert {"nosuid", "nodev", "noexec"} <= found[writable.pop()]
        assert all({"ro", "nosuid", "nodev"} <= flags for flags in found.values() if "rw" not in flags)
        assert sorted(each.name for each in Path(f"/proc/{process.pid}/root").iterdir()) == sorted(
            {"etc", "restic", target.parts[1]}
        )
        assert Path("/proc/self/mountinfo").read_text() == before
    assert Path("/proc/self/mountinfo").read_text() == before


def test_few_rights_are_left_and_none_comes_back(tmp_path):
    with caged(Cage((tmp_path,))) as process:
        wanted = sum(1 << bit for bit in RIGHTS.values())
        for kind in ("CapEff", "CapPrm", "CapBnd"):
            assert int(status(process.pid, kind), 16) & ~wanted == 0
        assert int(status(process.pid, "CapInh"), 16) == int(status(process.pid, "CapAmb"), 16) == 0
        assert (status(process.pid, "NoNewPrivs"), status(process.pid, "Seccomp")) == ("1", "2")


def test_it_ends_with_whoever_made_it_however_that_ends(tmp_path):
    script = """
import subprocess, sys
from pathlib import Path
from coffre import toolchain
from coffre.agents.restic.repository.cage import Cage
arguments = ["--repo=s3:http://127.0.0.1:1/nowhere", "snapshots"]
program, line = Cage((Path(sys.argv[1]),)).around(toolchain.find_tool("restic"), arguments)
child = subprocess.Popen([program, *line])
print(child.pid, flush=True)
child.wait()
"""
    command = [sys.executable, "-c", script, tmp_path]
    parent = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    wait_for(lambda: comm(pid) == "restic")
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    wait_for(lambda: comm(pid) != "restic")


@pytest.mark.parametrize("kind", ["link", "file", "absent"])
def test_a_target_that_is_no_folder_of_its_own_is_refused(tmp_path, kind):
    target = tmp_path / "target"
    if kind == "link":
        target.symlink_to(tmp_path)
    elif kind == "file":
        target.touch()
    with caged(Cage((target,))) as process:
        assert process.wait() == 97
        assert str(target) in process.stderr.read()


def test_a_plain_user_writes_nothing_elsewhere():
    """In a child, which gives its rights up for good."""
    assert cage_entry.landlock_version() >= 2, "run the tests on Linux 5.19 or newer, with Landlock switched on"
    base = Path(tempfile.mkdtemp(dir="/tmp"))
    base.chmod(0o755)
    for name in ("target", "outside"):
        (base / name).mkdir()
        (base / name).chmod(0o777)
    (base / "target" / "link").symlink_to(base / "outside")
    try:
        child = os.fork()
        if child == 0:
            os._exit(_act_as_nobody(base))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert list((base / "outside").iterdir()) == []
    finally:
        shutil.rmtree(base)


def _act_as_nobody(base):
    """Return 0 when a hard link between folders of the target is made and nothing is beyond it."""
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    cage_entry.enter([str(base / "target")], [], "restic", os.getppid())
    (base / "target" / "folder").mkdir()
    (base / "target" / "file").touch()
    os.link(base / "target" / "file", base / "target" / "folder" / "file")
    for act in ((base / "target" / "link" / "planted").touch, (base / "outside" / "planted").mkdir):
        try:
            act()
        except PermissionError:
            continue
        return 1
    return 0


def test_root_without_a_cage_is_told_what_is_missing():
    refused = no_cage("a mount namespace of its own: Operation not permitted")
    assert refused.exit_code == 4
    assert "cannot create one here: a mount namespace of its own" in refused.message
    assert "CAP_SYS_ADMIN" in refused.hint
