"""apply killed anywhere, and run again without a human: the same keys, nothing twice, nothing lost, no lock left."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from coffre.provisioning.engine.state import StateFolder
from coffre.secrets.store import SecretStore
from coffre.spec.loader import load_checkout
from coffre.spec.naming import owner_uid
from coffre.storage.ceph.connect import connect
from coffre.storage.ceph.storage import CephStorage
from tests.e2e.conftest import Desk
from tests.processes import list_pids, read_words
from tests.stopping import Stopping

SLUG = "boulangerie-martin"
ENDING_SECONDS = 60.0
PROVIDER_CALLS = 15
"""User, key and wall of the owner; user, key, bucket, policy, access block and lifecycle of two machines."""

MACHINE_STEPS = (
    "Read which agent",
    "Install the agent's programs",
    "Write the agent's configuration",
    "apply its orders",
)


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk(SLUG)


def stopping(desk: Desk, *arguments: str, at: Sequence[str], times: int = 1) -> Stopping:
    return Stopping(arguments, at=at, times=times, cwd=desk.root, environment=desk.environment)


def kill_pulumi(of: Stopping) -> None:
    for pid in processes_named("pulumi", of.pid):
        os.kill(pid, signal.SIGKILL)


def processes_named(name: str, parent: int | None = None) -> list[int]:
    found = []
    for pid in list_pids():
        before, _, after = read_words(pid, "stat").rpartition(") ")
        if before.partition("(")[2] == name and (parent is None or int(after.split()[1]) == parent):
            found.append(pid)
    return found


def working_in(folder: Path) -> list[str]:
    """Return the command lines of processes whose working folder is inside one."""
    found = []
    for pid in list_pids():
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cwd").readlink().is_relative_to(folder):
                found.append(read_words(pid))
    return found


class Backstage:
    """The tenant as the platform and the bundles have it."""

    def __init__(self, desk: Desk) -> None:
        checkout = load_checkout(desk.root)
        self.storage: CephStorage = connect(checkout.settings.platforms["lab"], desk.root)
        self.tenant = checkout.tenants[SLUG]
        settings = checkout.settings
        self.secrets = SecretStore.open(
            desk.root / settings.secrets, desk.root / settings.escrow, desk.root, environment=desk.environment
        )

    def live_keys(self) -> dict[str, list[str]]:
        uid = owner_uid(self.tenant)
        users = [uid, *(f"{uid}.{name}" for name in self.tenant.machines)]
        found = {each: self.storage.admin.find_user(each) for each in users}
        return {each: sorted(key.access_key_id for key in user.keys) for each, user in found.items() if user}

    def wanted_keys(self) -> dict[str, list[str]]:
        control = self.secrets.get_control(SLUG, self.tenant.id)
        uid = owner_uid(self.tenant)
        machines = {f"{uid}.{name}": [key.access_key_id] for name, key in control.machine_keys.items()}
        return {uid: [control.owner_key.access_key_id], **machines}


def private_folders(pids: Iterable[int]) -> list[Path]:
    """Return what these processes have in shared memory; others have theirs there too."""
    return [folder for pid in pids for folder in Path("/dev/shm").glob(f"coffre-{pid}-*")]


def playing_for(pid: int | None) -> list[str]:
    """Return the command lines of the Ansible that a command started, by the folder that it made for it."""
    return [line for line in map(read_words, list_pids()) if pid is not None and f"/coffre-{pid}-" in line]


def until_nothing_runs(desk: Desk, pid: int | None = None) -> None:
    end = time.monotonic() + ENDING_SECONDS
    while left := [*working_in(desk.root), *playing_for(pid)]:
        assert time.monotonic() < end, f"left running after a kill: {left}"
        time.sleep(0.05)


def test_apply_killed_after_each_provider_call_is_healed_by_the_next(desk: Desk) -> None:
    keys: dict[str, list[str]] | None = None
    kills = 0
    for call in range(1, PROVIDER_CALLS + 1):
        run = stopping(desk, "apply", SLUG, "--yes", "--storage-only", at=[f"{SLUG}: create "], times=call)
        if not run.reaches():
            assert run.go_on() == 0, run.said  # Pulumi saved what it had done before, so that less was left to do
            break
        kills += 1
        # By turns Pulumi and the command; a Pulumi whose command is killed ends in order and saves its state.
        if call % 4 == 0:
            run.kill()
        else:
            kill_pulumi(run)
            assert run.go_on() == 1
            assert any("run `coffre apply" in line for line in run.said), run.said
        until_nothing_runs(desk)
        backstage = Backstage(desk)
        keys = keys or backstage.wanted_keys()
        assert backstage.wanted_keys() == keys, "another key was minted"
        for uid, live in backstage.live_keys().items():
            assert live in ([], keys[uid]), f"{uid} has {live}"
    assert kills > PROVIDER_CALLS // 2
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    backstage = Backstage(desk)
    assert backstage.live_keys() == backstage.wanted_keys() == keys
    owner = backstage.storage.find_owner(owner_uid(backstage.tenant))
    assert owner is not None
    assert len(owner.buckets) == 2
    again = desk.coffre("apply", SLUG, "--yes", "--storage-only")
    assert "storage: no change" in again.stdout


def test_apply_killed_among_the_agents_is_healed_by_the_next(desk: Desk) -> None:
    killed = []
    for step in MACHINE_STEPS:
        run = stopping(desk, "apply", SLUG, "--yes", at=["compta-01", step])
        killed.append(run.pid)
        assert run.reaches(), f"no line of progress has {step!r}"
        run.kill()
        until_nothing_runs(desk, run.pid)
    done = desk.coffre("apply", SLUG, "--yes")
    assert "commissioned" in done.stdout or "compta-01: unchanged" in done.stdout
    again = desk.coffre("apply", SLUG, "--yes")
    assert again.stdout.count(": unchanged") == 2
    assert not private_folders(killed), "a killed run left private files behind"
    for host in ("compta-01.martin.example", "caisse-01.martin.example"):
        assert desk.on_machine(host, "ls -A /dev/shm; find /etc /usr/local -name '*.new'") == ""
    assert "success" in desk.coffre("backup", SLUG, "--machine", "compta-01").stdout


def test_ctrl_c_lets_pulumi_finish_and_leaves_no_lock(desk: Desk) -> None:
    change_quota(desk, "201 GiB")
    run = stopping(desk, "apply", SLUG, "--yes", "--storage-only", at=["update UserQuota"])
    assert run.reaches()
    assert run.interrupt() == 130, run.said
    until_nothing_runs(desk)
    state = StateFolder(f"file://{desk.root}/.coffre/state")
    assert state.list_locks(SLUG) == []
    found = state.read(SLUG)
    assert found is not None
    assert not found.has_pending_operations
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    assert "storage: no change" in desk.coffre("apply", SLUG, "--yes", "--storage-only").stdout


def test_a_lock_whose_process_is_gone_is_freed_and_others_are_not(desk: Desk) -> None:
    folder = desk.root / ".coffre/state/.pulumi/locks/organization/coffre" / SLUG
    folder.mkdir(parents=True, exist_ok=True)
    change_quota(desk, "202 GiB")
    ended = subprocess.Popen(["true"])
    ended.wait()
    write_lock(folder, socket.gethostname(), ended.pid)
    healed = desk.coffre("apply", SLUG, "--yes", "--storage-only")
    assert "removing the stack's lock, which a killed run left behind" in healed.stderr
    assert list(folder.glob("*.json")) == []

    change_quota(desk, "203 GiB")
    elsewhere = write_lock(folder, "another-computer", ended.pid)
    busy = desk.coffre("apply", SLUG, "--yes", "--storage-only", expect=5)
    assert "another-computer" in busy.stderr
    elsewhere.unlink()

    stand_in = desk.root.parent / "pulumi"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", stand_in)
    living = subprocess.Popen([stand_in, "120"])
    try:
        lock = write_lock(folder, socket.gethostname(), living.pid)
        busy = desk.coffre("apply", SLUG, "--yes", "--storage-only", expect=5)
        assert f"process {living.pid}" in busy.stderr
        assert lock.exists()
    finally:
        living.kill()
        living.wait()
    assert "1 updated" in desk.coffre("apply", SLUG, "--yes", "--storage-only").stdout


def test_a_second_apply_is_told_busy_at_once(desk: Desk) -> None:
    change_quota(desk, "204 GiB")
    first = stopping(desk, "apply", SLUG, "--yes", at=["update UserQuota"])
    assert first.reaches()
    began = time.monotonic()
    refused = desk.coffre("apply", SLUG, "--yes", expect=5)
    assert "another command is changing" in refused.stderr
    assert time.monotonic() - began < 10
    assert first.go_on() == 0, first.said


def write_lock(folder: Path, host: str, pid: int) -> Path:
    path = folder / "11111111-2222-3333-4444-555555555555.json"
    now = datetime.now(UTC).isoformat()
    path.write_text(f'{{"pid":{pid},"username":"root","hostname":"{host}","timestamp":"{now}"}}')
    return path


def change_quota(desk: Desk, size: str) -> None:
    path = desk.tenant_file(SLUG)
    lines = [f"  quota: {size}" if line.startswith("  quota:") else line for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines) + "\n")
