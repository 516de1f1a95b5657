"""Restores as an operator does them: to a directory, onto another machine, after a hostile hand, on the machine."""

import base64
import json
import os
import random
import re
import secrets
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from coffre.agents.restic.address import repository_url
from coffre.agents.restic.repository.repository import ResticError, ResticRepository
from coffre.operations.repository import open_repository
from coffre.operations.restore.restore import DEFAULT_FOLDER, RestoreSource, restore_to_directory
from coffre.records.events import EventKind
from coffre.records.facts.backups import PasswordUsed, Restored
from coffre.records.facts.password_uses import RemoteRestoreUse, RoutineTask, RoutineUse
from coffre.records.facts.registry import read_as
from coffre.spec.loader import load_checkout
from coffre.storage.driver import Storage
from coffre.storage.s3.client import make_client
from coffre.storage.values import AccessKey
from coffre.supervision.judge.restoring.restore_time import RestoreTime, Unknown
from coffre.supervision.lines import TimedReadings
from coffre.tenant.opening import OpenTenant, open_tenant
from coffre.toolchain import find_tool
from tests.e2e.conftest import Desk
from tests.e2e.service.test_tenant_life import Backstage, watched_processes
from tests.forge import Forge, escaping_tree
from tests.passwords import read_password
from tests.slow_line import Line, slow_line

SLUG = "boulangerie-martin"
COMPTA = "compta-01.martin.example"
FRESH = "atelier-01.durand.example"
"""New hardware for caisse-01, reached by a user who becomes root by sudo: nothing of ours was ever on it."""
SOURCE = "/home/claire/tout"
CALM_SECONDS = 30

ACL = (2).to_bytes(4, "little") + b"".join(
    struct.pack("<HHi", *entry) for entry in ((1, 6, -1), (2, 4, 1234), (4, 4, -1), (16, 4, -1), (32, 0, -1))
)
"""u::rw-,u:1234:r--,g::r--,m::r--,o::--- as Linux keeps it: version, then tag, rights and id of each entry."""

MAKE_TREE = """
import os, pathlib
root = b"/home/claire/tout"
os.makedirs(root + b"/vide/vide aussi")
os.chdir(root)
open(b"vide.txt", "wb").close()
for name in (b"caf\\xe9.txt", "e\\u0301t\\u00e9 \\U0001f950.csv".encode(), b"ligne 1\\nligne 2", b" espaces ", b"-rf",
             b"a'b\\"c$d`e", b"[x]*?", b"\\x01\\x7f", b"n" * 255):
    with open(name, "wb") as file:
        file.write(name * 100)
with open(b"troue.img", "wb") as file:
    file.truncate(64 << 20)
    file.seek(40 << 20)
    file.write(b"au milieu")
with open(b"zeros.bin", "wb") as file:
    file.write(bytes(3 << 20))
with open(b"photos.tar", "wb") as file:
    file.write(os.urandom(3_000_000))
os.link(b"photos.tar", b"vide/photos-2.tar")
os.symlink(b"photos.tar", b"lien")
os.symlink(b"/nulle/part/caf\\xe9", b"lien mort")
os.symlink(b".", b"lien-boucle")
os.mkfifo(b"tube")
for name, mode in ((b"vide.txt", 0o4755), (b"-rf", 0o000), (b" espaces ", 0o600), (b"vide", 0o1777), (b"tube", 0o620)):
    os.chmod(name, mode)
os.chown(b"vide.txt", 1234, 4321)
os.chmod(b"vide.txt", 0o4755)
os.chown(b"lien", 1234, 4321, follow_symlinks=False)
os.setxattr(b"photos.tar", b"user.coffre", b"\\x00\\xff valeur")
os.setxattr(b"vide", b"trusted.coffre", b"\\x00\\xff")
os.setxattr(b"zeros.bin", b"system.posix_acl_access", bytes.fromhex("ACL"))
os.setxattr(b"vide/vide aussi", b"system.posix_acl_default", bytes.fromhex("ACL"))
os.utime(b"vide.txt", ns=(10**18 + 1, 10**18 + 123456789))
os.utime(b"lien", ns=(10**18, 10**18 + 1), follow_symlinks=False)
os.utime(b"vide/vide aussi", ns=(0, 1))
os.utime(b"vide", ns=(-1, -(10**9)))
os.utime(b".", ns=(10**18, 10**18 + 5))
""".replace("ACL", ACL.hex())

LIST_TREE = """
import hashlib, json, os, stat, sys
root = os.fsencode(sys.argv[1])
found = {}
inodes = {}
for folder, folders, files in os.walk(root):
    for name in [b".", *folders, *files] if folder == root else [*folders, *files]:
        path = os.path.join(folder, name)
        facts = os.lstat(path)
        shown = os.path.relpath(path, root).hex()
        if not stat.S_ISDIR(facts.st_mode):
            inodes.setdefault((facts.st_dev, facts.st_ino), []).append(shown)
        entry = [facts.st_mode, facts.st_uid, facts.st_gid, facts.st_mtime_ns]
        entry.append(0 if stat.S_ISDIR(facts.st_mode) else facts.st_nlink)
        if stat.S_ISREG(facts.st_mode):
            with open(path, "rb") as file:
                entry += [facts.st_size, hashlib.file_digest(file, "sha256").hexdigest()]
        elif stat.S_ISLNK(facts.st_mode):
            entry.append(os.readlink(path).hex())
        names = os.listxattr(path, follow_symlinks=False)
        entry.append({name: os.getxattr(path, name, follow_symlinks=False).hex() for name in names})
        found[shown] = entry
linked = sorted(sorted(names) for names in inodes.values() if len(names) > 1)
blocks = os.lstat(os.path.join(root, b"troue.img")).st_blocks * 512
print(json.dumps({"entries": found, "linked": linked, "sparse_bytes": blocks}))
"""


def python_on(desk: Desk, host: str, script: str, *arguments: str) -> str:
    """Run a Python script on a machine."""
    done = subprocess.run(
        ["ssh", "-F", desk.ssh_config, host, "python3", "-", *arguments],
        input=script, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def tree_on(desk: Desk, host: str, folder: str) -> Any:
    return json.loads(python_on(desk, host, LIST_TREE, folder))


def tree_here(folder: Path) -> Any:
    done = subprocess.run([sys.executable, "-c", LIST_TREE, folder], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def assert_same(restored: Any, original: Any) -> None:
    assert restored["entries"] == original["entries"]
    assert restored["linked"] == original["linked"]
    assert restored["sparse_bytes"] < 8 << 20


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk]) -> Desk:
    """A tenant in service, with a tree of every kind of file backed up on one machine."""
    desk = make_desk(SLUG)
    desk.coffre("apply", SLUG, "--yes")
    python_on(desk, COMPTA, MAKE_TREE)
    desk.coffre("backup", SLUG, "--machine", "compta-01")
    desk.edit(SLUG, "host: caisse-01.martin.example, user: root", f"host: {FRESH}, user: operateur, become: true")
    return desk


@pytest.fixture
def backstage(desk: Desk) -> Backstage:
    return Backstage(desk)


@pytest.fixture(scope="module")
def original(desk: Desk) -> Any:
    tree = tree_on(desk, COMPTA, SOURCE)
    assert len(tree["entries"]) == 21
    assert tree["entries"][b"photos.tar".hex()][-1] == {"user.coffre": b"\x00\xff valeur".hex()}
    assert tree["entries"][b"vide".hex()][-1] == {"trusted.coffre": b"\x00\xff".hex()}
    assert tree["entries"][b"zeros.bin".hex()][-1] == {"system.posix_acl_access": ACL.hex()}
    assert tree["entries"][b"vide/vide aussi".hex()][-1] == {"system.posix_acl_default": ACL.hex()}
    assert tree["sparse_bytes"] < 1 << 20
    return tree


def leftovers(desk: Desk, host: str) -> str:
    return desk.on_machine(host, "ls -d /dev/shm/.coffre-* /run/.coffre-* /root/.coffre-* 2>/dev/null || true")


def test_to_a_directory_everything_comes_back_as_it_was(desk: Desk, original: Any, tmp_path: Path) -> None:
    target = tmp_path / "retour"
    desk.coffre("restore", SLUG, "--machine", "compta-01", "--path", SOURCE, "--to", str(target))
    assert_same(tree_here(target / SOURCE.lstrip("/")), original)
    assert [path.name for path in target.iterdir()] == ["home"]


def test_onto_a_machine_that_never_had_an_agent(desk: Desk, original: Any, backstage: Backstage) -> None:
    before = len(backstage.events(EventKind.PASSWORD_USED))
    with watched_processes() as seen:
        done = desk.coffre("restore", SLUG, "--machine", "compta-01", "--to", "caisse-01")
    assert "sending restic" in done.stderr
    (folder,) = desk.on_machine(FRESH, "ls -d /var/lib/coffre-restore/*").split()
    assert folder.startswith("/var/lib/coffre-restore/compta-01-")
    assert f"restored to caisse-01, {folder}" in done.stdout
    assert_same(tree_on(desk, FRESH, folder + SOURCE), original)
    assert desk.on_machine(FRESH, f"ls -A {folder}; stat -c %a {folder}").split() == ["etc", "home", "700"]
    reasons = [read_as(event, PasswordUsed).reason for event in backstage.events(EventKind.PASSWORD_USED)[before:]]
    assert reasons[-1] == RemoteRestoreUse("latest", "caisse-01", DEFAULT_FOLDER, is_handed_over=True)
    assert any("restic" in line and "--no-lock" in line and folder in line for line in seen)
    assert not [secret for secret in backstage.secret_values() if any(secret in line for line in seen)]
    assert leftovers(desk, FRESH) == ""
    again = desk.coffre("restore", SLUG, "--machine", "compta-01", "--to", "caisse-01", expect=4)
    assert "is not empty" in again.stderr


def test_onto_a_machine_with_an_agent_nothing_is_sent(desk: Desk) -> None:
    done = desk.coffre(
        "restore",
        SLUG,
        "--machine",
        "compta-01",
        "--path",
        f"{SOURCE}/[x]*?",
        "--to",
        "compta-01",
        "--into",
        "/srv/là bas/x",
    )
    assert "sending" not in done.stderr
    listed = desk.on_machine(COMPTA, f"find '/srv/là bas/x' -type f | wc -l; cat '/srv/là bas/x{SOURCE}/[x]*?' | wc -c")
    assert listed.split() == ["1", "500"]


def test_a_killed_restore_leaves_nothing_readable_and_goes_on(desk: Desk, original: Any, backstage: Backstage) -> None:
    into = f"/srv/tue-{secrets.token_hex(4)}"
    command = ("restore", SLUG, "--machine", "compta-01", "--to", "caisse-01", "--into", into)
    desk.hold_next_restic(FRESH, "restore")
    with desk.start(*command) as process:
        desk.wait_for_held_restic(FRESH)
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_for(lambda: not desk.is_restic_there(FRESH, "restore"))
    wait_for(lambda: leftovers(desk, FRESH) == "")
    finished = desk.on_machine(FRESH, f"test -e {into}/.coffre-restore-unfinished || echo finished")
    assert finished == "", "the restore was over before it was killed"
    readable = desk.on_machine(FRESH, "find /dev/shm /run /root -type f -exec cat {} + 2>/dev/null | base64")
    assert not [secret for secret in backstage.secret_values() if secret.encode() in base64.b64decode(readable)]
    other = desk.coffre(*command, "--path", "/etc", expect=4)
    assert "unfinished restore of another snapshot or path" in other.stderr
    desk.coffre(*command)
    assert_same(tree_on(desk, FRESH, f"{into}{SOURCE}"), original)
    assert desk.on_machine(FRESH, f"ls -A {into}").split() == ["etc", "home"]


def test_in_place_overwrites_only_when_told_twice(desk: Desk, original: Any) -> None:
    desk.on_machine(
        COMPTA,
        f"cd {SOURCE}; echo wrong >photos.tar; rm vide.txt lien; echo new >/home/claire/nouveau; "
        "md5sum /etc/coffre/* >/root/before; echo ours >/etc/coffre/ours; touch -d @1 /etc/passwd",
    )
    command = ("restore", SLUG, "--machine", "compta-01", "--to", "compta-01", "--in-place")
    assert "Overwrite files of compta-01?" in desk.coffre(*command, expect=1).stderr
    assert desk.on_machine(COMPTA, f"cat {SOURCE}/photos.tar") == "wrong\n"
    assert "restored to compta-01, in place" in desk.coffre(*command, "--path", "/home", "--yes").stdout
    assert_same(tree_on(desk, COMPTA, SOURCE), original)
    assert desk.on_machine(COMPTA, "cat /home/claire/nouveau") == "new\n"
    # The lab's own files are on a read-only file system: they are named, and all the rest comes back.
    for path in ((), ("--path", "/etc")):
        desk.on_machine(COMPTA, "touch -d @1 /etc/passwd")
        assert "read-only file system" in desk.coffre(*command, *path, "--yes", expect=1).stderr
        assert desk.on_machine(COMPTA, "stat -c %Y /etc/passwd") != "1\n"
        kept = desk.on_machine(COMPTA, "cat /etc/coffre/ours; md5sum -c --quiet /root/before")
        assert kept == "ours\n"
    refused = desk.coffre(*command, "--yes", "--path", "/etc/coffre/agent.json", expect=4)
    assert "belongs to the agent" in refused.stderr


def test_what_cannot_be_restored_is_said_at_once(desk: Desk, lab: Any, tmp_path: Path) -> None:
    restore = ("restore", SLUG, "--machine", "compta-01")
    assert "Write ./retour for a directory" in desk.coffre(*restore, "--to", "retour", expect=2).stderr
    (desk.root / "caisse-01").mkdir()
    assert (
        "is the name of both a machine and a directory" in desk.coffre(*restore, "--to", "caisse-01", expect=2).stderr
    )
    (desk.root / "caisse-01").rmdir()
    missing = desk.coffre(*restore, "--to", str(tmp_path / "x"), "--path", "/nulle/part", expect=2)
    assert "has no /nulle/part" in missing.stderr
    assert not (tmp_path / "x").exists()
    desk.on_machine(FRESH, "mkdir -p /srv/plein; touch /srv/plein/x")
    full = desk.coffre(*restore, "--to", "caisse-01", "--into", "/srv/plein", expect=4)
    assert "/srv/plein is not empty" in full.stderr
    lab.stop_machine(FRESH)
    try:
        began = time.monotonic()
        gone = desk.coffre(*restore, "--to", "caisse-01", expect=1)
        assert time.monotonic() - began < 60
        assert len([line for line in gone.stderr.splitlines() if line.startswith("error:")]) == 1
    finally:
        lab.start_machine(FRESH)


@pytest.fixture
def opened(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenTenant]:
    monkeypatch.setenv("XDG_CONFIG_HOME", desk.environment["XDG_CONFIG_HOME"])
    with open_tenant(load_checkout(desk.root), SLUG, pytest.fail) as opened:
        yield opened


@pytest.fixture
def repository(opened: OpenTenant) -> ResticRepository:
    return open_repository(opened, "compta-01", RoutineUse(RoutineTask.CHECK_STRUCTURE))


class Hand:
    """Somebody with a key, at the machine's bucket, beside Coffre."""

    def __init__(self, opened: OpenTenant, key: AccessKey) -> None:
        self.bucket = opened.buckets.name("compta-01")
        self.s3 = make_client(opened.storage.endpoint, key)

    def keys(self, prefix: str) -> list[str]:
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])]

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket=self.bucket, Key=key)


def forger(opened: OpenTenant) -> Forge:
    """Return the machine itself, with its own key and password."""
    key = opened.secrets.control().machine_keys["compta-01"]
    password = read_password(opened.secrets.data(), "compta-01")
    thief = Hand(opened, AccessKey(key.access_key_id, key.secret_access_key.get_secret_value()))
    return Forge(thief.s3, thief.bucket, password)


def moment() -> str:
    """Return now, told apart from what comes before and after it."""
    time.sleep(0.05)
    now = datetime.now(UTC).isoformat()
    time.sleep(0.05)
    return now


def test_a_forged_snapshot_goes_nowhere_and_put_aside_stops_nobody(
    desk: Desk, opened: OpenTenant, original: Any, tmp_path: Path
) -> None:
    """The machine itself forges the newest snapshot; restoring it would write outside of any folder."""
    forge, outside = forger(opened), tmp_path / "outside"
    outside.mkdir()
    later = (datetime.now(UTC) + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    snapshot = forge.snapshot(escaping_tree(forge, outside), time=later)
    restore = ("restore", SLUG, "--machine", "compta-01")
    for destination in ("caisse-01", str(tmp_path / "retour")):
        for more in ((), ("--snapshot", snapshot[:8], "--path", "/a-source")):
            refused = desk.coffre(*restore, *more, "--to", destination, expect=4)
            assert f"snapshot {snapshot} is refused" in refused.stderr
            assert "sending restic" not in refused.stderr
    in_place = desk.coffre(*restore, "--to", "caisse-01", "--in-place", "--yes", expect=4)
    assert f"snapshot {snapshot} is refused" in in_place.stderr
    assert (
        desk.on_machine(FRESH, f"ls -d /var/lib/coffre-restore/compta-01-{snapshot[:8]} /escape 2>/dev/null || true")
        == ""
    )
    assert list(outside.iterdir()) == []
    assert not (tmp_path / "retour").exists()
    chosen = (SLUG, "--machine", "compta-01", "--snapshot", snapshot[:8], "--reason", "forgée")
    assert f"snapshot {snapshot} is set aside" in desk.coffre("snapshot", "set-aside", *chosen).stdout
    (aside,) = desk.json("snapshot", "list", SLUG, "--json")
    assert (aside["snapshot"], aside["reason"]) == (snapshot, "forgée")
    desk.coffre(*restore, "--path", SOURCE, "--to", str(tmp_path / "retour"))
    assert_same(tree_here(tmp_path / "retour" / SOURCE.lstrip("/")), original)


def undelete_and_prove(desk: Desk, at: str, repository: ResticRepository, original: Any, target: Path) -> str:
    """Undelete, check every byte, restore, compare; then once more, which has nothing to do."""
    done = desk.coffre("undelete", SLUG, "--machine", "compta-01", "--at", at, "--yes")
    assert "restic check: no errors were found" in done.stdout
    repository.check(read_data=True)
    desk.coffre("restore", SLUG, "--machine", "compta-01", "--path", SOURCE, "--to", str(target))
    assert_same(tree_here(target / SOURCE.lstrip("/")), original)
    again = desk.coffre("undelete", SLUG, "--machine", "compta-01", "--at", at, "--yes")
    assert "no object needs to come back" in again.stdout
    return done.stdout


def test_undelete_after_a_hostile_overwrite_with_the_machines_key(
    desk: Desk, opened: OpenTenant, repository: ResticRepository, backstage: Backstage, original: Any, tmp_path: Path
) -> None:
    key = opened.secrets.control().machine_keys["compta-01"]
    thief = Hand(opened, AccessKey(key.access_key_id, key.secret_access_key.get_secret_value()))
    at = moment()
    overwritten = [*thief.keys("restic/data/"), thief.keys("restic/index/")[0]]
    for name in overwritten:
        thief.put(name, secrets.token_bytes(1000))
    planted = f"restic/index/{secrets.token_hex(32)}"
    thief.put(planted, b"no index")
    # restic takes the folder for an index that it then does not find; the other is nothing to it.
    trap, odd = f"restic/index/{secrets.token_hex(32)}/x", "restic/data/x"
    for name in (trap, odd):
        thief.put(name, b"x")
    with pytest.raises(ResticError):
        repository.check()
    versions = opened.buckets.open("compta-01").list_versions("")
    asked = desk.coffre("undelete", SLUG, "--machine", "compta-01", "--at", at, expect=1)
    assert f"{len(overwritten)} objects come back" in asked.stdout
    assert opened.buckets.open("compta-01").list_versions("") == versions
    said = undelete_and_prove(desk, at, repository, original, tmp_path / "retour")
    for name in (planted, trap):
        assert f"hidden (an earlier version stays): {name}" in said
    assert "2 keys that neither restic nor Coffre writes" in said
    kept = {version.version_id for version in opened.buckets.open("compta-01").list_versions("")}
    assert {version.version_id for version in versions} <= kept
    (event,) = backstage.events(EventKind.UNDELETE)
    assert (event.machine, event.details["brought_back"]) == ("compta-01", len(overwritten))


def test_undelete_after_a_wrong_prune(
    desk: Desk, opened: OpenTenant, repository: ResticRepository, original: Any, tmp_path: Path
) -> None:
    before = [snapshot.id for snapshot in repository.snapshots()]
    at = moment()
    # A second snapshot of something else, and everything that only the first one needs goes.
    desk.on_machine(COMPTA, "mv /home/claire /root/claire; mkdir -p /home/autre; echo autre >/home/autre/fichier")
    # The snapshot is made, and SMILÉO told that hardly a byte of /home is left in it.
    said = desk.coffre("backup", SLUG, "--machine", "compta-01", expect=1).stdout
    assert "compta-01: partial, snapshot " in said
    assert re.search(r"! compta-01: /home \d+ files \([\d.]+ K?i?B\), 17 \([\d.]+ MiB\) in the last good run: ", said)
    desk.on_machine(COMPTA, "mv /root/claire /home/claire")
    (newer,) = {snapshot.id for snapshot in repository.snapshots()} - set(before)
    repository._run(["forget", "--prune", "--max-unused=0", *before], 120)
    assert [snapshot.id for snapshot in repository.snapshots()] == [newer]
    desk.coffre("restore", SLUG, "--machine", "compta-01", "--path", SOURCE, "--to", str(tmp_path / "no"), expect=2)
    undelete_and_prove_snapshot(desk, at, repository, before[-1], original, tmp_path / "retour")
    assert {snapshot.id for snapshot in repository.snapshots()} == {*before, newer}


def undelete_and_prove_snapshot(
    desk: Desk, at: str, repository: ResticRepository, snapshot: str, original: Any, target: Path
) -> None:
    desk.coffre("undelete", SLUG, "--machine", "compta-01", "--at", at, "--yes")
    repository.check(read_data=True)
    command = ("restore", SLUG, "--machine", "compta-01", "--snapshot", snapshot, "--path", SOURCE)
    desk.coffre(*command, "--to", str(target))
    assert_same(tree_here(target / SOURCE.lstrip("/")), original)


def test_undelete_after_deletion_of_everything_with_the_owners_key_at_the_wall(
    desk: Desk, opened: OpenTenant, repository: ResticRepository, backstage: Backstage, tmp_path: Path
) -> None:
    owner = Hand(opened, opened.buckets.owner_key())
    reports = owner.keys("reports/")
    snapshots = repository.snapshots()
    at = moment()
    for key in owner.keys("restic/"):
        owner.delete(key)
    with pytest.raises(ResticError):
        repository.check()
    facts = opened.storage.find_owner(opened.buckets.owner_uid)
    assert facts is not None
    backstage.storage.admin.set_quota(opened.buckets.owner_uid, facts.used_bytes + 1000)
    desk.coffre("undelete", SLUG, "--machine", "compta-01", "--at", at, "--yes")
    after = opened.storage.find_owner(opened.buckets.owner_uid)
    assert after is not None
    assert after.wall_bytes == facts.used_bytes + 1000
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    repository.check(read_data=True)
    assert repository.snapshots() == snapshots
    assert owner.keys("reports/") == reports
    desk.coffre("backup", SLUG, "--machine", "compta-01")


def test_on_the_machine_its_administrator_restores_in_french(desk: Desk, opened: OpenTenant, original: Any) -> None:
    listed = desk.on_machine(COMPTA, "sauvegarde-restaurer liste").splitlines()
    assert listed[0].split() == ["SAUVEGARDE", "DATE", "TAILLE", "CONTENU"]
    first = listed[1].split()[0]
    desk.on_machine(COMPTA, f"sauvegarde-restaurer restaurer {first} --vers /srv/sien --chemin {SOURCE}")
    assert_same(tree_on(desk, COMPTA, f"/srv/sien{SOURCE}"), original)
    for command, answer in {
        f"sauvegarde-restaurer restaurer {first} --vers /srv/sien": "n'est pas vide",
        "su -s /bin/sh nobody -c 'sauvegarde-restaurer liste'": "doit être lancée en tant que root",
        f"mkdir /srv/petit; mount -t tmpfs -o size=1m none /srv/petit; "
        f"sauvegarde-restaurer restaurer {first} --vers /srv/petit": "plus de place sur le disque",
    }.items():
        assert answer in desk.on_machine(COMPTA, f"{{ {command}; }} 2>&1 || true")
    bucket = opened.buckets.open("compta-01")
    bucket.set_suspension(True)
    refused = desk.on_machine(COMPTA, "sauvegarde-restaurer liste 2>&1 || true")
    bucket.set_suspension(False)
    assert "la sauvegarde est suspendue ou bloquée, contactez SMILÉO" in refused


def test_a_moment_that_cannot_be_is_refused(desk: Desk) -> None:
    undelete = ("undelete", SLUG, "--machine", "compta-01", "--yes", "--at")
    assert "is in the future" in desk.coffre(*undelete, "2999-01-01T00:00Z", expect=2).stderr
    assert "too long ago" in desk.coffre(*undelete, "2020-01-01T00:00", expect=4).stderr
    assert "is not a date and a time" in desk.coffre(*undelete, "hier", expect=2).stderr


RESTORE_UNCHECKED = """
import hashlib, json, os, subprocess, sys
how, snapshot, target = sys.argv[1:]
machine = json.load(open("/etc/coffre/agent.json"))
secret = json.load(open("/etc/coffre/credentials.json"))
restic, ca = "/usr/local/lib/coffre/restic", machine["ca_file"]
arguments = ["--repo=" + machine["repository"], "--option=s3.bucket-lookup=path", "--no-cache", "restore", "--no-lock",
             "--target=" + target, snapshot]
command = [restic, "--cacert=" + ca, *arguments]
if how == "caged":
    digest = hashlib.sha256(open(restic, "rb").read()).hexdigest()
    command = ["/usr/local/lib/coffre/coffre-agent", "restore-into", target, "mark", restic, digest, ca, *arguments]
environment = {"AWS_ACCESS_KEY_ID": secret["access_key_id"], "AWS_SECRET_ACCESS_KEY": secret["secret_access_key"],
               "RESTIC_PASSWORD": secret["repository_password"], "HOME": "/root", "PATH": os.environ["PATH"]}
done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
print(done.returncode, done.stdout)
"""

SWAP = """
import ctypes, os, time
os.setgroups([])
os.setgid(1234)
os.setuid(1234)
os.chdir("/home/mallory")
swap = ctypes.CDLL(None, use_errno=True).renameat2
until = time.monotonic() + 300
while time.monotonic() < until and not os.path.exists("/srv/assez"):
    if swap(-100, b"x", -100, b"y", 2) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")
    time.sleep(0.0003)
"""
"""A user's own process, which swaps an empty folder of his for a link and back, all the time."""

NO_CAGE = "Ce système ne permet pas d'isoler la restauration"


def test_a_forged_snapshot_on_the_machine_is_refused_in_french_and_the_cage_holds_without_that(
    desk: Desk, opened: OpenTenant
) -> None:
    forge = forger(opened)
    snapshot = forge.snapshot(escaping_tree(forge, "/srv/dehors"))
    desk.on_machine(COMPTA, "install -d -m 700 /srv/dehors; echo ours >/srv/dehors/precious")
    look = "cd /srv/dehors; stat -c '%n %a %F' . *; cat precious"
    before = desk.on_machine(COMPTA, look)
    try:
        for asked in (f"restaurer {snapshot[:8]} --vers /srv/forge", f"contenu {snapshot[:8]}"):
            refused = desk.on_machine(COMPTA, f"{{ sauvegarde-restaurer {asked}; }} 2>&1; test $? = 4")
            assert refused.count(f"la sauvegarde {snapshot[:8]}") == 1
            assert "elle a pu être falsifiée" in refused
        assert desk.on_machine(COMPTA, "ls -d /srv/forge 2>/dev/null || true") == ""
        assert desk.on_machine(COMPTA, look) == before
        # Nothing looks at the listing here: what is left is the cage.
        caged = python_on(desk, COMPTA, RESTORE_UNCHECKED, "caged", snapshot, "/srv/forge")
        assert "coffre_uncaged" not in caged
        assert desk.on_machine(COMPTA, "cat /srv/forge/a-source").startswith("* * *")
        assert desk.on_machine(COMPTA, look) == before
        python_on(desk, COMPTA, RESTORE_UNCHECKED, "alone", snapshot, "/srv/nu")
        assert "planted" in desk.on_machine(COMPTA, "ls /srv/dehors"), "the attack is none"
    finally:
        forge.s3 = Hand(opened, opened.buckets.owner_key()).s3
        forge.wipe()


def test_where_the_machine_allows_no_cage_it_says_so_in_french(desk: Desk) -> None:
    first = desk.on_machine(COMPTA, "sauvegarde-restaurer liste").splitlines()[1].split()[0]
    restore = f"sauvegarde-restaurer restaurer {first} --chemin '{SOURCE}/[x]*?' --vers"
    assert NO_CAGE not in desk.on_machine(COMPTA, f"{restore} /srv/cage 2>&1")
    weak = f"setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin {restore}"
    assert NO_CAGE in desk.on_machine(COMPTA, f"{weak} /srv/sans-cage 2>&1")
    assert desk.on_machine(COMPTA, f"cat '/srv/sans-cage{SOURCE}/[x]*?' | wc -c") == "500\n"
    desk.on_machine(COMPTA, "install -d -o 1234 -g 1234 /home/hugo")
    refused = desk.on_machine(COMPTA, f"{{ {weak} /home/hugo/retour; }} 2>&1; test $? = 4")
    assert "un autre utilisateur peut modifier « /home/hugo »" in refused


def test_a_folder_that_is_swapped_for_a_link_all_the_time_leads_nowhere(desk: Desk) -> None:
    into = "/home/mallory/x"
    desk.on_machine(
        COMPTA,
        f"install -d -m 777 /srv/ailleurs; install -d -o 1234 -g 1234 /home/mallory {into}; "
        "ln -s /srv/ailleurs /home/mallory/y",
    )
    command = ("restore", SLUG, "--machine", "compta-01", "--path", f"{SOURCE}/[x]*?", "--to", "compta-01", "--into")
    linked = desk.coffre(*command, "/home/mallory/y", expect=4)
    assert "/home/mallory/y is a link" in linked.stderr
    ssh = ["ssh", "-F", desk.ssh_config, COMPTA, "python3", "-"]
    with subprocess.Popen(ssh, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as swapping:
        assert swapping.stdin is not None
        swapping.stdin.write(SWAP)
        swapping.stdin.close()
        wait_for(lambda: desk.on_machine(COMPTA, "pgrep -u 1234 python3 || true") != "")
        for _ in range(2):
            with desk.start(*command, into) as restoring:
                assert restoring.stderr is not None
                said = restoring.stderr.read()
            assert restoring.returncode in (0, 1, 4), said
            assert len([line for line in said.splitlines() if line.startswith("error:")]) == (restoring.returncode != 0)
        assert swapping.poll() is None, swapping.stderr
        desk.on_machine(COMPTA, "touch /srv/assez")
    assert desk.on_machine(COMPTA, "ls -A /srv/ailleurs; stat -c %a /srv/ailleurs") == "777\n"


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + CALM_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.005)


assert os.getuid() == 0, "machines' owners and modes can only be compared by root"


MAKE_DEEP = """
import os
os.makedirs("/home/claire/profond")
os.chdir("/home/claire/profond")
length = len("/home/claire/profond")
while length + 201 + 4 <= 4091:
    os.mkdir("d" * 200)
    os.chdir("d" * 200)
    length += 201
    with open(b"f\\xe9", "w") as file:
        file.write(str(length))
with open("z" * (4091 - length - 1), "w") as file:
    file.write("au fond")
"""
"""A path of 4,091 bytes, which no folder but the root can hold below itself: names that are no UTF-8 all the way."""


def test_what_no_place_below_a_folder_holds_comes_apart_or_is_named(desk: Desk, tmp_path: Path) -> None:
    python_on(desk, COMPTA, MAKE_DEEP)
    desk.coffre("backup", SLUG, "--machine", "compta-01")
    assert "drill passed" in desk.coffre("drill", SLUG, "--machine", "compta-01").stdout
    deep = ("--path", "/home/claire/profond")
    done = desk.coffre("restore", SLUG, "--machine", "compta-01", *deep, "--to", str(tmp_path / "retour"))
    (listed,) = (tmp_path / "retour").glob("coffre-apart-*/list.jsonl")
    apart = [json.loads(line) for line in listed.read_text(encoding="utf-8").splitlines()]
    assert f"does not accept the paths of {len(apart)} files" in done.stderr
    assert all(len(line) < 1000 for line in done.stderr.splitlines())
    (bottom,) = [each for each in apart if "path_base64" not in each]
    assert (len(bottom["path"]), (listed.parent / bottom["stored_as"]).read_text()) == (4091, "au fond")
    inside = sum(len(files) for _, _, files in os.walk(tmp_path / "retour" / "home"))
    assert inside >= 17, "all else is in its place"
    onto = desk.coffre(
        "restore", SLUG, "--machine", "compta-01", *deep, "--to", "compta-01", "--into", "/srv/profond", expect=1
    )
    assert "all was restored except" in onto.stderr
    assert "--to ./DIR" in onto.stderr
    assert "run the command again" not in onto.stderr
    assert all(len(line) < 1000 for line in onto.stderr.splitlines())
    assert int(desk.on_machine(COMPTA, "find /srv/profond -type f | wc -l")) >= 17


class LineTo:
    """A storage whose repositories are read over another line; everything else goes the usual way."""

    def __init__(self, storage: Storage, line: Line) -> None:
        self._storage, self.endpoint = storage, replace(storage.endpoint, url=line.url)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)


@dataclass(frozen=True)
class Silent:
    """Watches a restore without a word."""

    def on_step(self, _: str) -> None: ...

    def on_progress(self, _: float) -> None: ...


LINE_BYTES_PER_SECOND = 256 * 1024
SLOW_PLATFORM = "slow-line"
"""The line has a name of its own, so that no other restore of this module is a sample of it."""
FIRST, AT_ONCE = 5, 10
SIZES_MIB = [4, 6, 8, 10, 12, *random.Random(11).choices(range(5, 14), k=20)]


def back_up_sizes(opened: OpenTenant, folder: Path) -> str:
    """Store files of random bytes, one for each size, by restic alone; returns the snapshot's id."""
    for number, mib in enumerate(SIZES_MIB):
        (folder / f"{number:02}.bin").write_bytes(secrets.token_bytes(mib * 1024**2))
    endpoint, key = opened.storage.endpoint, opened.buckets.owner_key()
    said = subprocess.run(
        [
            find_tool("restic"), "--json", "--no-cache", f"--cacert={endpoint.ca_file}",
            f"--repo={repository_url(endpoint.url, opened.buckets.name('compta-01'))}",
            f"--option=s3.region={endpoint.region}", "backup", "--host=compta-01", str(folder),
        ],
        env={
            "PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
            "RESTIC_PASSWORD": read_password(opened.secrets.data(), "compta-01"),
        },
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return str(json.loads(said.splitlines()[-1])["snapshot_id"])


@pytest.mark.timeout(600)
def test_twenty_restores_take_as_long_as_was_foreseen_from_those_before_them(
    desk: Desk, opened: OpenTenant, tmp_path: Path
) -> None:
    """Each has a line of its own, of one speed: the line decides, and not how busy this computer is."""
    (folder := tmp_path / "sizes").mkdir()
    snapshot = back_up_sizes(opened, folder)

    def on_the_line(tenant: OpenTenant, line: Line | None = None) -> OpenTenant:
        storage = tenant.tenant.storage.model_copy(update={"platform": SLOW_PLATFORM})
        renamed = tenant.tenant.model_copy(update={"storage": storage})
        reached = tenant.storage if line is None else cast("Storage", LineTo(tenant.storage, line))
        return replace(tenant, tenant=renamed, storage=reached)

    def foresee(mib: int) -> RestoreTime:
        timed = TimedReadings(opened.records, datetime.now(UTC)).foresee(on_the_line(opened).tenant, {}, mib * 1024**2)
        return next(each.time for each in timed if each.line.onto is None)

    def restore(number: int) -> float:
        wanted = RestoreSource("compta-01", snapshot, f"{folder}/{number:02}.bin")
        target = tmp_path / f"restored-{number:02}"
        with (
            open_tenant(load_checkout(desk.root), SLUG, pytest.fail) as mine,
            slow_line(mine.storage.endpoint.url, LINE_BYTES_PER_SECOND) as line,
        ):
            restore_to_directory(on_the_line(mine, line), wanted, target, Silent())
            assert line.passed_bytes > SIZES_MIB[number] * 1024**2
            fact = mine.log.list(Restored, "compta-01")
        mib = SIZES_MIB[number]
        (seconds,) = [
            each.fact.reading.seconds
            for each in fact
            if each.fact.reading is not None
            and (each.fact.reading.platform, each.fact.reading.read_bytes) == (SLOW_PLATFORM, mib * 1024**2)
        ][-1:]
        assert (target / f"{folder}/{number:02}.bin".lstrip("/")).read_bytes() == (
            folder / f"{number:02}.bin"
        ).read_bytes()
        return seconds

    def foresee_and_restore(number: int) -> tuple[int, float | None, float]:
        foreseen = foresee(SIZES_MIB[number]).median_seconds
        return SIZES_MIB[number], foreseen, restore(number)

    assert foresee(10).unknown is Unknown.TOO_FEW
    with ThreadPoolExecutor(AT_ONCE) as executor:
        list(executor.map(restore, range(FIRST)))
        told = list(executor.map(foresee_and_restore, range(FIRST, len(SIZES_MIB))))
    assert len(told) == 20
    off = [(mib, foreseen) for mib, foreseen, seconds in told if foreseen is None or abs(seconds / foreseen - 1) > 0.25]
    assert off == [], "\n".join(map(str, told))
    assert foresee(200 * 1024).unknown is Unknown.TOO_FAR
    by_line = 1024**3 / LINE_BYTES_PER_SECOND
    assert foresee(1024).median_seconds == pytest.approx(by_line, rel=0.25), "beyond the samples the line decides"
    assert foresee(1024).p90_seconds == pytest.approx(by_line, rel=0.5)
