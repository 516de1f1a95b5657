"""Pruning on a real Ceph: by age, full, killed, beside a running backup, under a hold, and against who forges dates."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from coffre import toolchain
from coffre.agents.repository import Part
from coffre.agents.restic.repository.layout import ResticLayout
from coffre.records.actor import Author
from coffre.records.database.store import Records
from coffre.records.facts.retention import Pruned, PruningBegan, PruningEnded
from coffre.records.memory import KnownSnapshot
from coffre.secrets.store import SecretStore
from coffre.spec.loader import load_checkout
from coffre.spec.naming import bucket_name, owner_uid
from coffre.storage.ceph.connect import connect
from coffre.storage.driver import Bucket
from coffre.tenant.estate.keys import access_key
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.estate.memory import TenantMemory
from tests.e2e.conftest import Desk
from tests.passwords import read_password
from tests.stopping import Stopping

SLUG, TENANT_ID, MACHINE = "atelier-durand", "t4x8m2ph6c", "atelier-01"
LAYOUT = ResticLayout()
DAY = timedelta(days=1)
MIB = 1024**2
KEPT_DAYS = 5


@dataclass
class Machine:
    """The machine as restic sees it from there: its key, its password, its files."""

    desk: Desk
    source: Path

    def __post_init__(self) -> None:
        checkout = load_checkout(self.desk.root)
        settings = checkout.settings
        self.storage = connect(settings.platforms["lab"], self.desk.root)
        self.uid = owner_uid(checkout.tenants[SLUG])
        store = SecretStore.open(
            self.desk.root / settings.secrets,
            self.desk.root / settings.escrow,
            self.desk.root,
            environment=dict(self.desk.environment),
        )
        control, data = store.get_control(SLUG, TENANT_ID), store.get_data(SLUG, TENANT_ID)
        self.key, self.owner_key = access_key(control.machine_keys[MACHINE]), access_key(control.owner_key)
        self.bucket_name = bucket_name(SLUG, TENANT_ID, MACHINE)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.desk.home),
            "AWS_ACCESS_KEY_ID": self.key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.key.secret_access_key,
            "RESTIC_PASSWORD": read_password(data, MACHINE),
            "TZ": "UTC",
        }
        self.source.mkdir(exist_ok=True)

    @property
    def bucket(self) -> Bucket:
        """Its bucket, with the owner's key."""
        return self.storage.open_bucket(self.bucket_name, self.owner_key)

    def command(self, *arguments: str) -> list[str]:
        endpoint = self.storage.endpoint
        authorities = [f"--cacert={endpoint.ca_file}"] if endpoint.ca_file else []
        where = [f"--repo=s3:{endpoint.url}/{self.bucket_name}/restic", "--option=s3.bucket-lookup=path", "--no-cache"]
        return [str(toolchain.find_tool("restic")), *where, *authorities, *arguments]

    def restic(self, *arguments: str) -> str:
        done = subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def write(self, name: str, size: int = 256 * 1024) -> None:
        (self.source / name).write_bytes(os.urandom(size))

    def back_up(self, at: datetime, *, is_seen: bool = True) -> str:
        """Back up as if it were that time; ``is_seen``: Coffre saw it then, as it does every five minutes."""
        moment = f"--time={at:%Y-%m-%d %H:%M:%S}"
        said = self.restic("backup", "--json", "--host", MACHINE, "--tag", "coffre", moment, str(self.source))
        found = str(json.loads(said.splitlines()[-1])["snapshot_id"])
        if is_seen:
            with self.memory() as memory:
                seen = KnownSnapshot(found, at + timedelta(minutes=1))
                memory.change(MACHINE, lambda known: replace(known, snapshots={**known.snapshots, found: seen}))
        return found

    def memory(self) -> "OpenMemory":
        return OpenMemory(self.desk)

    def snapshots(self) -> set[str]:
        prefix = LAYOUT.prefix_of(Part.SNAPSHOTS)
        return {each.key.removeprefix(prefix) for each in self.bucket.list_objects(prefix)}

    def restores(self, snapshot: str) -> None:
        """Hold a snapshot to a whole restore."""
        target = self.desk.home / f"restored-{snapshot[:8]}"
        self.restic("restore", snapshot, "--target", str(target))
        self.restic("check")


class OpenMemory:
    """What the records remember, opened for a moment."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __enter__(self) -> TenantMemory:
        self._records = Records.open(load_checkout(self._desk.root).settings.records, self._desk.root)
        return TenantMemory(TenantLog.read(self._records, TENANT_ID, SLUG, Author("test", None)))

    def __exit__(self, *_: object) -> None:
        self._records.close()


@pytest.fixture(scope="module")
def machine(make_desk: Callable[..., Desk], tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A repository with a backup of each of the last twelve days, every one with a file of its own."""
    desk = make_desk(SLUG)
    desk.share(is_shared=True)
    desk.edit(SLUG, "keep: {daily: 14, weekly: 8, monthly: 24, yearly: 10}", f"keep: {{daily: {KEPT_DAYS}}}")
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    made = Machine(desk, tmp_path_factory.mktemp("source") / "srv")
    fill(made)
    return made


def fill(machine: Machine, days: int = 12) -> list[str]:
    """Back up each of the last days, oldest first, and return the snapshots."""
    noon = datetime.now(UTC).replace(hour=0, minute=5, second=0, microsecond=0)
    found = []
    for number in range(days, 0, -1):
        for old in machine.source.iterdir():
            old.unlink()
        machine.write(f"file-{number}")
        found.append(machine.back_up(noon - number * DAY))
    return found


def prune(machine: Machine, *more: str, expect: int = 0) -> dict[str, Any]:
    [done] = machine.desk.json("prune", SLUG, "--json", *more, expect=expect)
    assert isinstance(done, dict)
    return done


def agreed(what: str) -> tuple[str, ...]:
    return ("--agree", what, "--reason", "Mme Martin, by telephone")


def kinds(machine: Machine) -> set[str]:
    machine.desk.coffre("supervise")
    return {each["kind"] for each in machine.desk.json("findings", "list", "--json")}


def wall_of(machine: Machine) -> int:
    owner = machine.storage.find_owner(machine.uid)
    assert owner is not None
    assert owner.wall_bytes is not None
    return owner.wall_bytes


def is_open(machine: Machine) -> bool:
    return not machine.bucket.is_gate_closed()


def test_a_dry_run_shows_what_would_go_and_changes_nothing(machine: Machine) -> None:
    before = machine.snapshots()
    done = prune(machine, "--dry-run")
    assert (done["outcome"], done["kept"], len(done["going"])) == ("planned", KEPT_DAYS, 7)
    assert done["planned"]["deleted_bytes"] > 6 * 256 * 1024
    assert (machine.snapshots(), is_open(machine)) == (before, True)
    shown = machine.desk.coffre("prune", SLUG, "--dry-run").stdout
    assert f"{MACHINE}: would remove 7 of 12 snapshots" in shown


def test_more_than_a_fifth_of_all_days_goes_only_by_a_persons_word(machine: Machine) -> None:
    before = machine.snapshots()
    assert prune(machine, expect=1)["outcome"] == "refused"
    assert machine.snapshots() == before
    assert "retention_too_much" in kinds(machine)
    machine.desk.coffre("prune", SLUG, "--agree", "amount", expect=2)


def test_old_backups_go_by_age_and_the_others_restore(machine: Machine) -> None:
    before = machine.snapshots()
    done = prune(machine, *agreed("amount"))
    assert (done["outcome"], done["kept"], len(done["going"]), done["problem"]) == ("pruned", KEPT_DAYS, 7, "")
    gone = {each["id"] for each in done["going"]}
    assert machine.snapshots() == before - gone
    assert done["current_bytes_after"] < done["current_bytes_before"] - 6 * 256 * 1024
    assert done["noncurrent_bytes_after"] > done["noncurrent_bytes_before"] + 6 * 256 * 1024, (
        "what was removed stays as earlier versions until undelete_days are over"
    )
    for snapshot in sorted(machine.snapshots()):
        machine.restores(snapshot)
    assert is_open(machine)
    assert kinds(machine) == set(), "nothing is missing that Coffre did not remove, and the refusal is over"
    assert prune(machine)["outcome"] == "nothing_to_do"


def test_what_was_removed_comes_back_within_undelete_days(machine: Machine) -> None:
    with machine.memory() as memory:
        [pruned] = [each for each in memory.log.list(Pruned, MACHINE) if each.fact.removed_count]
        [began, *_] = memory.log.list(PruningBegan, MACHINE)
    assert began.at < pruned.at
    at = f"{began.at - timedelta(seconds=2):%Y-%m-%dT%H:%M:%SZ}"
    machine.desk.coffre("undelete", SLUG, "--machine", MACHINE, "--at", at, "--yes")
    assert len(machine.snapshots()) == 12
    for snapshot in sorted(machine.snapshots())[:3]:
        machine.restores(snapshot)
    # The copies are of today, and the backups as old as they were.
    done = prune(machine, *agreed("amount"))
    assert (done["kept"], len(done["going"])) == (KEPT_DAYS, 7)


def test_a_keep_that_nobody_applied_removes_nothing(machine: Machine) -> None:
    applied, shorter = f"keep: {{daily: {KEPT_DAYS}}}", "keep: {daily: 1}"
    machine.desk.edit(SLUG, applied, shorter)
    try:
        run = machine.desk.coffre("prune", SLUG)
        assert f"nothing to remove; {KEPT_DAYS} snapshots stay" in run.stdout
        assert "are not applied yet" in run.stderr
    finally:
        machine.desk.edit(SLUG, shorter, applied)


def test_forged_dates_remove_no_real_backup(machine: Machine) -> None:
    """The machine's own key and password: a snapshot for each kept day, a minute before midnight, and one of 2099."""
    real = machine.snapshots()
    midnight = datetime.now(UTC).replace(hour=23, minute=58, second=0, microsecond=0)
    forged = {machine.back_up(midnight - number * DAY, is_seen=False) for number in range(2, KEPT_DAYS + 2)}
    forged.add(machine.back_up(datetime(2099, 1, 1, tzinfo=UTC), is_seen=False))
    done = prune(machine, expect=1)
    assert (done["outcome"], done["findings"][0]["kind"]) == ("refused", "snapshots_misdated")
    assert done["findings"][0]["evidence"]["count"] == KEPT_DAYS + 1
    assert machine.snapshots() == real | forged
    assert "snapshots_misdated" in kinds(machine)
    done = prune(machine, *agreed("dates"))
    assert done["outcome"] == "pruned"
    assert machine.snapshots() == real | forged, "with a person's word the forged ones stay, and push out none"
    assert prune(machine)["outcome"] == "nothing_to_do", "the word holds for those that were there"
    for snapshot in sorted(forged):
        machine.desk.coffre(
            "snapshot", "set-aside", SLUG, "--machine", MACHINE, "--snapshot", snapshot, "--reason", "x"
        )
    assert "snapshots are set aside" in machine.desk.coffre("prune", SLUG, expect=4).stderr
    assert prune(machine, *agreed("aside"))["outcome"] == "pruned"
    assert prune(machine)["outcome"] == "nothing_to_do"
    assert machine.snapshots() == real
    assert "snapshots_misdated" not in kinds(machine)


def test_a_storage_that_lost_a_snapshot_is_not_pruned(machine: Machine) -> None:
    lost = sorted(machine.snapshots())[0]
    key = LAYOUT.prefix_of(Part.SNAPSHOTS) + lost
    [version] = [each for each in machine.bucket.list_versions(key) if each.is_latest]
    machine.bucket.hide(key)
    run = machine.desk.coffre("prune", SLUG, expect=4)
    assert "snapshots_gone" in run.stderr
    machine.bucket.restore_version(key, version.version_id)


def test_a_running_backup_is_waited_for_and_never_broken(machine: Machine) -> None:
    fill(machine, 3)
    # It reads what nobody writes, and holds its lock meanwhile.
    running = subprocess.Popen(
        machine.command("backup", "--host", MACHINE, "--stdin", "--stdin-filename", "endless"),
        env=machine.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 60
        while not machine.bucket.list_objects(LAYOUT.prefix_of(Part.LOCKS)):
            assert time.monotonic() < until
            time.sleep(0.1)
        busy = machine.desk.coffre("prune", SLUG, "--wait", "0", *agreed("amount"), expect=5)
        assert "another program works on its repository" in busy.stderr
        assert is_open(machine)
        assert machine.bucket.list_objects(LAYOUT.prefix_of(Part.LOCKS)), "its lock stands"
        waiting = Stopping(
            ["prune", SLUG, *agreed("amount")],
            at=["waiting for a running backup"],
            cwd=machine.desk.root,
            environment=machine.desk.environment,
        )
        assert waiting.reaches()
        running.communicate(b"the end", timeout=60)
        assert running.returncode == 0, "it ended as any other backup"
        assert waiting.go_on() == 0, waiting.said
    finally:
        running.kill()
        running.wait()
    machine.restic("check")


@pytest.mark.parametrize("point", ["removing", f"{MACHINE}: pruning", "checking the structure"])
def test_a_killed_pruning_leaves_a_whole_repository_and_no_closed_gate(machine: Machine, point: str) -> None:
    fill(machine, 3)
    run = Stopping(
        ["prune", SLUG, *agreed("amount")], at=[point], cwd=machine.desk.root, environment=machine.desk.environment
    )
    assert run.reaches(), run.said
    assert not is_open(machine), "the machine backs up nothing meanwhile"
    order = machine.bucket.find("control/gate.json", 4096)
    assert isinstance(order, bytes)
    assert json.loads(order)["reason"] == "maintenance"
    wall = wall_of(machine)
    with machine.storage.extra_room(machine.uid, MIB):  # as a pruning of a full tenant raises it
        raised = wall_of(machine)
        machine.desk.coffre("supervise")
        assert not is_open(machine), "supervision leaves a living pruning alone"
        assert wall_of(machine) == raised > wall
        run.kill()
        machine.restic("check")
        machine.desk.coffre("supervise")
        assert is_open(machine), "and opens the gate of a dead one"
        assert wall_of(machine) == wall, "and puts back the wall that it left raised"
    assert "packs_gone" not in kinds(machine)
    machine.back_up(datetime.now(UTC), is_seen=False)
    assert prune(machine, *agreed("amount"))["problem"] == ""
    with machine.memory() as memory:
        last = memory.log.last((PruningBegan, PruningEnded), MACHINE)
    assert last is not None
    assert isinstance(last.fact, PruningEnded)


def test_a_full_tenant_is_pruned_and_a_person_frees_what_was_removed(machine: Machine) -> None:
    fill(machine, 9)
    admin = machine.storage.admin
    user = admin.find_user(machine.uid)
    assert user is not None
    assert user.quota_bytes is not None
    full = admin.used_bytes(machine.uid, exact=True)
    admin.set_quota(machine.uid, full)
    try:
        done = prune(machine, *agreed("amount"))
        assert (done["outcome"], done["problem"]) == ("pruned", "")
        assert done["current_bytes_after"] < done["current_bytes_before"]
        raised = admin.find_user(machine.uid)
        assert raised is not None
        assert raised.quota_bytes == full, "the wall is where it was"
        used = admin.used_bytes(machine.uid, exact=True)
        assert used - full < 2 * MIB, "and hardly more is used"
        done = prune(machine, *agreed("loss"))
        assert done["freed_bytes"] > 6 * 256 * 1024
        assert admin.used_bytes(machine.uid, exact=True) < full - 6 * 256 * 1024
    finally:
        admin.set_quota(machine.uid, user.quota_bytes)
    machine.restic("check", "--read-data")
    for snapshot in sorted(machine.snapshots())[:2]:
        machine.restores(snapshot)


def test_nothing_goes_under_a_hold_nor_from_a_frozen_or_suspended_machine(machine: Machine) -> None:
    fill(machine, 3)
    before, desk = machine.snapshots(), machine.desk
    desk.coffre("hold", "place", SLUG, "--reference", "REQ-7", "--since", "2026-11-01")
    assert "under a hold" in desk.coffre("prune", SLUG, *agreed("amount"), expect=4).stderr
    desk.coffre("hold", "lift", SLUG, "--reference", "REQ-7", "--reason", "the order is over")
    desk.coffre("brake", "freeze", SLUG, "--machine", MACHINE, "--reason", "files are locked")
    assert "frozen since" in desk.coffre("prune", SLUG, "--machine", MACHINE, *agreed("amount"), expect=4).stderr
    assert "frozen since" in desk.coffre("prune", "--all").stderr, "of all machines it is left out, and named"
    desk.coffre("brake", "release", SLUG, "--machine", MACHINE, "--reason", "it was an accountant")
    name = "name: Atelier Durand EURL\n"
    desk.edit(SLUG, name, f"{name}status: suspended\n")
    assert "suspended" in desk.coffre("prune", SLUG, *agreed("amount"), expect=4).stderr
    desk.edit(SLUG, f"{name}status: suspended\n", name)
    assert machine.snapshots() == before
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    assert prune(machine, *agreed("amount"))["outcome"] == "pruned"
