"""Each fault through the installed command: one clear error, what to do, the right exit code, and nothing lost.

Elsewhere: a damaged Pulumi state in tests/e2e/service/test_plans_and_state, Pulumi locks in test_killed, unknown and
changed host keys in tests/e2e/service/test_trust, what a machine does by itself with orders not meant for it in
tests/integration/agents/test_by_itself.
"""

import base64
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from coffre.agents import desired
from coffre.records.database.schema import HEAD
from coffre.records.database.store import Records
from coffre.records.events import EventKind
from coffre.secrets import minting
from coffre.secrets.bundles import DataBundle, all_secret_values
from coffre.spec.naming import DESIRED_KEY, GATE_KEY, bucket_name, owner_uid
from coffre.storage.driver import Bucket
from coffre.storage.values import AccessKey
from tests.e2e.conftest import Desk, Run
from tests.e2e.recovery.test_killed import SLUG, Backstage, change_quota
from tests.integration.storage.fault_proxy import FaultProxy

COMPTA, CAISSE = "compta-01", "caisse-01"
HOSTS = {COMPTA: "compta-01.martin.example", CAISSE: "caisse-01.martin.example"}
BOUND_SECONDS = 90.0
CLOCK_ERROR_SECONDS = 1200
LONGEST_SENTENCE = 800
MEBIBYTE = 1024**2

PLAN = ("plan", SLUG)
APPLY = ("apply", SLUG, "--yes", "--storage-only")
STATUS = ("status", SLUG)
BACKUP = ("backup", SLUG, "--machine", COMPTA)
DRILL = ("drill", SLUG, "--machine", COMPTA)
RESTORE = ("restore", SLUG, "--machine", COMPTA, "--path", "/etc/hostname", "--to", "./restored")
COMMANDS = (PLAN, APPLY, STATUS, BACKUP, DRILL, RESTORE)
LOCKING = (APPLY, BACKUP)
READING = (PLAN, STATUS, DRILL)

FALSE_RESTIC = r"""
printf '#!/bin/sh\ntouch /run/false-restic-ran\n' >/usr/local/lib/coffre/restic
rm -rf /var/lib/coffre/programs
"""

SHIFTED = """
import datetime, sys
import botocore.auth
real, off = botocore.auth.get_current_datetime, datetime.timedelta(seconds=int(sys.argv.pop(1)))
botocore.auth.get_current_datetime = lambda **how: real(**how) + off
from coffre.cli.main import main
main()
"""
"""The command with a clock that is wrong when it signs."""


class Disk:
    """A folder on a small file system of its own, which can be filled up."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self._folder = folder
        self._filler = folder / "filler"
        self._kept = folder.with_name(f"{folder.name}.kept")
        folder.mkdir(exist_ok=True)
        shutil.copytree(folder, self._kept)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=700", "tmpfs", str(folder)], check=True)
        shutil.copytree(self._kept, folder, dirs_exist_ok=True)

    @contextmanager
    def full(self, left_bytes: int = 0) -> Iterator[None]:
        facts = os.statvfs(self._folder)
        size_bytes = facts.f_bavail * facts.f_frsize - left_bytes
        with self._filler.open("wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, size_bytes)
        try:
            yield
        finally:
            self._filler.unlink()

    def take_away(self) -> None:
        shutil.rmtree(self._kept)
        shutil.copytree(self._folder, self._kept)
        subprocess.run(["umount", str(self._folder)], check=True)
        shutil.rmtree(self._folder)
        self._kept.rename(self._folder)


@contextmanager
def disk(folder: Path, size_bytes: int = 16 * MEBIBYTE) -> Iterator[Disk]:
    small = Disk(folder, size_bytes)
    try:
        yield small
    finally:
        small.take_away()


class Trial:
    """The desk, the platform behind a proxy that fails, and what every failure is held to."""

    def __init__(self, desk: Desk, lab: Any, folder: Path) -> None:
        self.desk, self._lab, self._folder = desk, lab, folder
        self.dot = desk.root / ".coffre"
        for path in (lab.endpoints_file, lab.admin_file, lab.directory / "state.json"):
            shutil.copy(path, desk.root)
        settings = desk.root / "platform.yaml"
        text = settings.read_text(encoding="utf-8")
        for path in (lab.endpoints_file, lab.admin_file):
            text = text.replace(f"file:{path}", f"file:{path.name}")
        settings.write_text(text, encoding="utf-8")

    @contextmanager
    def proxy(self) -> Iterator[FaultProxy]:
        """Put a proxy between the desk and the platform."""
        own = self.desk.root / "endpoints.json"
        before = own.read_text(encoding="utf-8")
        values = json.loads(self._lab.endpoints_file.read_text(encoding="utf-8"))
        self._folder.mkdir(exist_ok=True)
        folder = self._folder / str(len(list(self._folder.iterdir())))
        folder.mkdir()
        with FaultProxy(values["endpoint"], Path(values["ca_file"]), folder) as proxy:
            own.write_text(json.dumps({**values, "endpoint": proxy.url, "ca_file": str(proxy.ca_file)}))
            try:
                yield proxy
            finally:
                own.write_text(before)

    def peak_kib(self, *arguments: str, expect: int = 0) -> int:
        """Run a command and return the most memory that it had, in KiB."""
        process = self.desk.start(*arguments)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.stderr is not None
        process.stderr.close()
        assert process.returncode == expect
        return used.ru_maxrss

    def fails(self, *arguments: str, code: int = 1, says: str, hint: str = "") -> Run:
        """Run a command that must fail in one clear sentence with one line of advice, in bounded time."""
        began = time.monotonic()
        run = self.desk.coffre(*arguments, expect=code, seconds=BOUND_SECONDS)
        assert time.monotonic() - began < BOUND_SECONDS
        hold_to_one_sentence(run, says, hint)
        return run

    def all_fail(self, *commands: tuple[str, ...], code: int = 1, says: str, hint: str = "") -> None:
        """Run several at once, so that limits are waited for side by side; those that take the lock, in turn."""
        in_turn = [command for command in commands if command in LOCKING]
        turns = [in_turn, *([command] for command in commands if command not in LOCKING)]

        def fail(turn: Sequence[tuple[str, ...]]) -> None:
            for command in turn:
                self.fails(*command, code=code, says=says, hint=hint)

        with ThreadPoolExecutor(len(turns)) as threads:
            list(threads.map(fail, turns))

    def backstage(self) -> Backstage:
        return Backstage(self.desk)

    def bucket(self, machine: str) -> Bucket:
        backstage = self.backstage()
        key = backstage.secrets.get_control(SLUG, backstage.tenant.id).owner_key
        owner_key = AccessKey(key.access_key_id, key.secret_access_key.get_secret_value())
        return backstage.storage.open_bucket(bucket_name(SLUG, backstage.tenant.id, machine), owner_key)

    def known_secrets(self) -> set[str]:
        store, tenant_id = self.backstage().secrets, self.backstage().tenant.id
        found: set[str] = set()
        for bundle in (store.find_control(SLUG, tenant_id), store.find_data(SLUG, tenant_id)):
            found |= all_secret_values(bundle) if bundle is not None else set()
        return found

    def is_whole(self) -> None:
        """See that the platform has the keys of the bundles and no other, and two buckets, and that nothing is due."""
        backstage = self.backstage()
        assert backstage.live_keys() == backstage.wanted_keys()
        owner = backstage.storage.find_owner(owner_uid(backstage.tenant))
        assert owner is not None
        assert len(owner.buckets) == 2
        assert "storage: no change" in self.desk.coffre(*APPLY).stdout


def hold_to_one_sentence(run: Run, says: str, hint: str = "") -> None:
    lines = run.stderr.splitlines()
    assert [line.startswith("error: ") for line in lines].count(True) == 1, run.output
    assert lines[-2].startswith("error: "), run.output
    assert lines[-1].startswith("  "), run.output
    assert says in lines[-2], run.output
    assert hint in lines[-1], run.output
    assert len(lines[-2]) < LONGEST_SENTENCE, run.output
    assert "Traceback" not in run.output
    assert "this should not happen" not in run.output


@pytest.fixture(scope="module")
def trial(make_desk: Callable[..., Desk], lab: Any, tmp_path_factory: pytest.TempPathFactory) -> Trial:
    return Trial(make_desk(SLUG), lab, tmp_path_factory.mktemp("proxies"))


@pytest.fixture(scope="module")
def applied(trial: Trial) -> Trial:
    """The tenant with its agents, and a backup."""
    trial.desk.coffre("apply", SLUG, "--yes")
    trial.desk.coffre(*BACKUP)
    return trial


def test_a_first_apply_on_full_disks_is_healed_once_there_is_room(trial: Trial) -> None:
    uid = owner_uid(trial.backstage().tenant)
    for place in ("escrow", "secrets"):
        with disk(trial.dot / place, MEBIBYTE) as small, small.full():
            trial.fails(*APPLY, says="no room is left there", hint="Make room")
    assert trial.backstage().storage.find_owner(uid) is None
    minted = trial.known_secrets()
    assert minted, "the escrow is written first, and had room the second time"
    with disk(trial.dot) as small, small.full():
        trial.fails(*APPLY, says="no room is left", hint="Make room")
    (trial.dot / "state").mkdir()
    with disk(trial.dot / "state") as small:
        with small.full(left_bytes=30 * 4096):
            trial.fails(*APPLY, says="no room is left for Pulumi's state", hint="Make room")
        assert trial.backstage().live_keys() == trial.backstage().wanted_keys()
        trial.desk.coffre(*APPLY)
        change_quota(trial.desk, "201 GiB")
        with small.full():
            trial.fails(*APPLY, says="no room is left for Pulumi's state", hint="Make room")
        for torn in (trial.dot / "state").rglob("*.json.*.tmp"):
            os.utime(torn, (0, 0))
        assert "storage: 1 updated" in trial.desk.coffre(*APPLY).stdout
    assert minted <= trial.known_secrets()
    trial.is_whole()


def test_a_platform_that_goes_away_in_the_middle_is_healed_by_the_next_apply(trial: Trial) -> None:
    change_quota(trial.desk, "202 GiB")
    uid = owner_uid(trial.backstage().tenant)
    admin = trial.backstage().storage.admin
    with trial.proxy() as proxy:
        for name in (f"{uid}.{COMPTA}", f"{uid}.{CAISSE}"):
            admin.delete_key(name, trial.backstage().live_keys()[name][0])
        proxy.only_for("PUT", 600)
        trial.fails(*APPLY, says="ServiceUnavailable", hint=f"coffre apply {SLUG}")
        proxy.heal()
        trial.desk.coffre(*APPLY)
        trial.is_whole()


def test_a_platform_that_does_not_serve_is_told_in_bounded_time(applied: Trial) -> None:
    with ThreadPoolExecutor(8) as threads, applied.proxy() as silent:
        silent.hang()
        waiting = (PLAN, STATUS, DRILL, RESTORE)
        slow = [threads.submit(applied.fails, *command, says="no answer from") for command in waiting]
        until(lambda: len(silent.seen) >= len(waiting))
        fail_in_every_other_way(applied)
        slow.append(threads.submit(applied.fails, *BACKUP, says="no answer from"))
        for each in slow:
            assert "it did not answer in time" in each.result().stderr
    assert not (applied.desk.root / "restored").exists() or not list((applied.desk.root / "restored").iterdir())
    applied.desk.coffre(*DRILL)
    applied.is_whole()


def fail_in_every_other_way(trial: Trial) -> None:
    with trial.proxy() as proxy:
        proxy.drop()
        trial.all_fail(
            *COMMANDS, says="it closed the connection without an answer", hint="check that the platform is up"
        )
        for certificate, why, hint in (
            ("expired", "certificate has expired", "must renew it"),
            ("foreign", "unable to get local issuer certificate", "ca_file"),
        ):
            proxy.heal()
            proxy.present(certificate)
            trial.all_fail(PLAN, APPLY, BACKUP, says=why, hint=hint)
        proxy.heal()
        proxy.answer_503(600)
        trial.all_fail(
            PLAN,
            APPLY,
            BACKUP,
            DRILL,
            says="ServiceUnavailable (HTTP 503)",
            hint="wait, then run the same command again",
        )
        proxy.heal()
        proxy.answer_503(2)
        trial.desk.coffre(*STATUS)
        proxy.answer_503(2)
        trial.desk.coffre(*DRILL)
    endpoints = trial.desk.root / "endpoints.json"
    before = endpoints.read_text(encoding="utf-8")
    endpoints.write_text(json.dumps({**json.loads(before), "endpoint": "https://127.0.0.1:9"}))
    trial.all_fail(*COMMANDS, says="Connection refused", hint="check that the platform is up")
    endpoints.write_text(before)


def test_a_refused_administrator_and_a_wrong_clock_are_told_apart(applied: Trial) -> None:
    own = applied.desk.root / "admin.json"
    before = own.read_text(encoding="utf-8")
    for change, says in (
        ({"secret_access_key": "x" * 40}, "SignatureDoesNotMatch"),
        ({"access_key_id": "NOBODYSKEYATALL00000"}, "InvalidAccessKeyId"),
    ):
        own.write_text(json.dumps({**json.loads(before), **change}))
        applied.all_fail(PLAN, APPLY, STATUS, BACKUP, says=says, hint="admin_credential")
    own.write_text(before)
    python = Path(sys.executable)
    for offset in (CLOCK_ERROR_SECONDS, -CLOCK_ERROR_SECONDS):
        for command in COMMANDS if offset > 0 else (STATUS,):
            done = subprocess.run(
                [python, "-c", SHIFTED, str(offset), *command],
                cwd=applied.desk.root,
                env=applied.desk.environment,
                capture_output=True,
                text=True,
                timeout=BOUND_SECONDS,
                check=False,
            )
            run = Run(done.returncode, done.stdout, done.stderr)
            applied.desk.said.append(run.output)
            assert run.code == 1, run.output
            hold_to_one_sentence(run, "RequestTimeTooSkewed", "correct the wrong one")
    applied.is_whole()


def test_a_full_disk_later_says_nothing_against_the_backup(applied: Trial) -> None:
    (applied.dot / "run").mkdir(exist_ok=True)
    with disk(applied.dot / "run") as small, small.full():
        applied.desk.coffre(*DRILL)  # it writes nothing of the machine's here
    with disk(applied.dot, 64 * MEBIBYTE) as small:
        with small.full():
            applied.all_fail(APPLY, BACKUP, DRILL, says="no room is left", hint="Make room")
        applied.desk.coffre(*DRILL)
        applied.is_whole()


def test_lost_and_damaged_bundles_stop_everything_and_nothing_is_minted(applied: Trial) -> None:
    primary, escrow = applied.dot / "secrets", applied.dot / "escrow"
    control, data = f"{SLUG}.control.age", f"{SLUG}.data.age"
    keep = {
        path: path.read_bytes() for path in (folder / name for folder in (primary, escrow) for name in (control, data))
    }
    lives, whole = applied.backstage().live_keys(), keep[primary / data]

    def put_back() -> None:
        for path, content in keep.items():
            path.write_bytes(content)

    for path in keep:
        path.unlink()
    applied.all_fail(
        PLAN, APPLY, code=4, says="its secret bundles are not on this computer", hint="Do not create new ones"
    )
    applied.fails(*STATUS, says="its control bundle is not on this computer", hint="Restore it")
    applied.all_fail(BACKUP, DRILL, RESTORE, says="has no control bundle", hint="restore its bundles")
    put_back()
    (primary / data).unlink()
    (escrow / data).unlink()
    applied.all_fail(PLAN, APPLY, code=4, says="its secret bundles are not on this computer")
    put_back()

    (escrow / data).unlink()
    applied.all_fail(PLAN, APPLY, DRILL, says="has no second copy", hint="Mount the escrow")
    put_back()
    flipped = bytes([*whole[:-5], whole[-5] ^ 1, *whole[-4:]])
    for damaged in (whole[:100], flipped):
        (primary / data).write_bytes(damaged)
        applied.all_fail(PLAN, APPLY, DRILL, says="is damaged", hint="Its other copy opens")
    (escrow / data).write_bytes(flipped)
    applied.all_fail(PLAN, APPLY, says="is damaged", hint="has a problem too; look for a backup")
    put_back()

    password = {COMPTA: minting.new_password()}
    applied.backstage().secrets.save_data("other", DataBundle(tenant_id="zzzzzzzzzz", repository_passwords=password))
    shutil.copy(primary / "other.data.age", primary / data)
    applied.all_fail(PLAN, APPLY, DRILL, says="belongs to the tenant with id 'zzzzzzzzzz'", hint="Its other copy opens")
    put_back()

    identity = applied.desk.home / ".config/coffre/identity.txt"
    identity.rename(identity.with_suffix(".away"))
    applied.all_fail(*COMMANDS, says="there is no identity", hint="COFFRE_IDENTITY")
    identity.with_suffix(".away").rename(identity)

    escrow.rename(escrow.with_name("away"))
    applied.all_fail(*COMMANDS, says="has no second copy", hint="Mount the escrow")
    escrow.with_name("away").rename(escrow)
    subprocess.run(["mount", "--bind", str(escrow), str(escrow)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(escrow)], check=True)
        applied.fails(*APPLY, says="(escrow): read-only file system", hint="readable and writable")
    finally:
        subprocess.run(["umount", str(escrow)], check=True)

    (primary / data).unlink()
    assert applied.desk.coffre(*PLAN).stderr.count("is missing; its copy") == 1
    applied.is_whole()
    assert all(path.exists() for path in keep)
    assert applied.backstage().live_keys() == lives


def test_records_that_are_locked_newer_or_rubbish(applied: Trial) -> None:
    file = applied.dot / "records.db"
    tenant_id = applied.backstage().tenant.id
    with Records.open("sqlite:records.db", applied.dot) as records:
        before = lasting(records, tenant_id)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    applied.all_fail(*COMMANDS, code=5, says="is locked by another process", hint="Wait")
    other.execute("ROLLBACK")
    other.close()

    for version, fails in (("9999", True), (HEAD, False)):
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE coffre_version SET version_num = ?", (version,))
        connection.close()
        if fails:
            applied.all_fail(*COMMANDS, says="was written by a newer Coffre", hint="Update Coffre")

    whole = file.read_bytes()
    file.rename(file.with_suffix(".kept"))
    for content in (b"rubbish" * 1000, whole[: len(whole) // 2]):
        file.write_bytes(content)
        applied.all_fail(*COMMANDS, says="is damaged", hint="restore a backup in its place")
        file.unlink()
    file.with_suffix(".kept").rename(file)
    applied.is_whole()
    with Records.open("sqlite:records.db", applied.dot) as records:
        assert lasting(records, tenant_id) == before


def lasting(records: Records, tenant_id: str) -> list[EventKind]:
    """Return a tenant's events but those that each command adds."""
    passing = (EventKind.PASSWORD_USED, EventKind.OUT_OF_HOURS_APPLY, EventKind.DRILL, EventKind.RESTORED)
    return [event.kind for event in records.list_events(tenant_id) if event.kind not in passing]


def test_machines_that_refuse_or_do_not_answer_are_named_with_what_to_do(applied: Trial, lab: Any) -> None:
    desk = applied.desk
    desk.edit(SLUG, f"{HOSTS[CAISSE]}, user: root", f"{HOSTS[CAISSE]}, user: operateur, become: true")
    desk.edit(SLUG, '"*.tmp"]', '"*.tmp", "*.bak"]')
    desk.on_machine(HOSTS[CAISSE], "mv /etc/sudoers.d/operateur /root/operateur")
    lab.stop_machine(HOSTS[COMPTA])
    try:
        done = desk.coffre("apply", SLUG, "--yes", expect=1, seconds=BOUND_SECONDS)
        backup = desk.coffre("backup", SLUG, expect=1, seconds=BOUND_SECONDS)
    finally:
        desk.on_machine(HOSTS[CAISSE], "mv /root/operateur /etc/sudoers.d/operateur")
        lab.up(list(HOSTS.values()))
    for run in (done, backup):
        assert "operateur may not become root" in run.stdout
        assert "NOPASSWD" in run.stdout
        assert any(says in run.stdout for says in ("there is no route to it", "it did not answer in time"))
        assert "Traceback" not in run.output
    assert f"{COMPTA}: pending" in done.stdout
    # The machine that was stopped starts anew: its disk was memory, and the next apply installs it again.
    again = desk.coffre("apply", SLUG, "--yes")
    assert "storage: no change" in again.stdout
    assert again.stdout.count(": updated") == 2
    applied.is_whole()


def test_programs_that_are_not_what_they_should_be(applied: Trial, tmp_path: Path) -> None:
    desk = applied.desk
    desk.on_machine(HOSTS[COMPTA], FALSE_RESTIC)
    # The agent takes the restic of its orders from the platform, by its hash, and never runs the other.
    assert f"{COMPTA}: success" in desk.coffre(*BACKUP).stdout
    desk.on_machine(HOSTS[COMPTA], "test ! -e /run/false-restic-ran")
    assert f"{COMPTA}: updated" in desk.coffre("apply", SLUG, "--yes").stdout
    desk.on_machine(HOSTS[COMPTA], "/usr/local/lib/coffre/restic version && test ! -e /run/false-restic-ran")

    before = applied.bucket(COMPTA).find(DESIRED_KEY, MEBIBYTE)
    for name in ("coffre-agent", "restic"):
        python = stand_in_for(name, tmp_path / name)
        done = subprocess.run(
            [python, "-m", "coffre.cli.main", "apply", SLUG, "--yes"],
            cwd=desk.root,
            env=desk.environment,
            capture_output=True,
            text=True,
            timeout=BOUND_SECONDS,
            check=False,
        )
        run = Run(done.returncode, done.stdout, done.stderr)
        assert run.code == 1, run.output
        hold_to_one_sentence(run, f"bin/{name} is not the program that set-up installed", "Nothing was sent")
    assert applied.bucket(COMPTA).find(DESIRED_KEY, MEBIBYTE) == before
    assert f"{COMPTA}: unchanged" in desk.coffre("apply", SLUG, "--yes").stdout


def stand_in_for(program: str, folder: Path) -> Path:
    """Make a virtual environment that is ours but for one program, damaged after set-up had noted its hash."""
    ours = Path(sys.executable).parent
    (folder / "bin").mkdir(parents=True)
    for path in ours.iterdir():
        if path.name != program:
            (folder / "bin" / path.name).symlink_to(path)
    (folder / "lib").symlink_to(ours.parent / "lib")
    shutil.copy(ours.parent / "pyvenv.cfg", folder)
    damaged = folder / "bin" / program
    shutil.copy(ours / program, damaged)
    noted = subprocess.run(["sha256sum", damaged], capture_output=True, text=True, check=True).stdout
    note = damaged.with_name(f".{program}.sha256")
    note.unlink(missing_ok=True)
    note.write_text(noted)
    with damaged.open("ab") as file:
        file.write(b"\0")
    return folder / "bin" / ours.joinpath(Path(sys.executable).name).name


def test_orders_that_are_not_ours_older_or_for_another_machine(applied: Trial) -> None:
    bucket, good = applied.bucket(COMPTA), applied.bucket(COMPTA).find(DESIRED_KEY, MEBIBYTE)
    assert good is not None
    payload = json.loads(base64.b64decode(json.loads(good)["payload"]))
    forged = desired.sign(desired.encode_payload({**payload, "generation": 99, "remove": True}), b"\x01" * 32)
    for document, says in ((b"rubbish", "is not a signed document"), (forged, "is not signed with this tenant's key")):
        bucket.put(DESIRED_KEY, document)
        applied.all_fail(PLAN, APPLY, code=4, says=f"{bucket.name}: control/desired.json {says}", hint="Find out")
        shown = applied.desk.coffre(*STATUS, expect=1).stdout
        assert f"  ! {COMPTA}: control/desired.json is not " in shown, "a tenant tampered with is shown, and how"
        assert re.search(rf"^  {CAISSE}  .* of [1-9]", shown, re.MULTILINE), "the machine beside it is shown as it is"
        assert bucket.find(DESIRED_KEY, MEBIBYTE) == document, "evidence was written over without being told to"
    backup = applied.desk.coffre(*BACKUP)
    assert f"{COMPTA}: success" in backup.stdout
    assert "stays in force" in backup.stdout
    replaced = applied.desk.coffre("apply", SLUG, "--yes", "--replace-orders")
    assert f"{COMPTA}: updated" in replaced.stdout

    sister, older = applied.bucket(CAISSE).find(DESIRED_KEY, MEBIBYTE), payload["generation"]
    for document, says, shows in (
        (
            good,
            f"is generation {older}, genuine but older than generation {older + 1}",
            f"is generation {older}, genuine",
        ),
        (sister, "is signed for another machine", "is not signed"),
    ):
        assert document is not None
        bucket.put(DESIRED_KEY, document)
        applied.all_fail(
            PLAN, APPLY, code=4, says=f"{bucket.name}: control/desired.json {says}", hint="--replace-orders"
        )
        assert f"  ! {COMPTA}: control/desired.json {shows}" in applied.desk.coffre(*STATUS, expect=1).stdout
        assert bucket.find(DESIRED_KEY, MEBIBYTE) == document, "evidence was written over without being told to"
        healed = applied.desk.coffre("apply", SLUG, "--yes", "--replace-orders")
        assert f"{COMPTA}: updated" in healed.stdout
        assert f"{CAISSE}: unchanged" in healed.stdout
    assert "nothing to change" in applied.desk.coffre(*PLAN).stdout
    applied.is_whole()


def test_what_a_machine_and_the_host_write_absurdly_is_named_and_costs_nothing(applied: Trial) -> None:
    """Reports of impossible times, documents of 40 MB, a gate with escape sequences: status tells, and stays small."""
    bucket = applied.bucket(COMPTA)
    kept = {key: bucket.find(key, MEBIBYTE) for key in (DESIRED_KEY, GATE_KEY)}
    large = b"[" * 40 * MEBIBYTE
    report = {"version": 1, "tenant_id": "x", "machine": COMPTA, "run_id": "0" * 32, "result": "success"}
    for name, moment in (("a", "9999-12-31T23:59:59-23:59"), ("b", "2999-01-01T00:00:00Z")):
        body = json.dumps({**report, "started_at": moment, "finished_at": moment}).encode()
        bucket.put(f"reports/{name}.json", body)
    # With reports to read it loads what opens them.
    before_kib = applied.peak_kib(*STATUS, expect=1)
    bucket.put("reports/large.json", large)
    bucket.put(DESIRED_KEY, large)
    bucket.put(GATE_KEY, b'{"closed": true, "reason": "\\u001b[2J"}')
    try:
        run = applied.desk.coffre(*STATUS, expect=1)
        said = {
            (each["kind"], each["evidence"]["fault"])
            for each in json.loads(applied.desk.coffre("status", SLUG, "--json", expect=1).stdout)[0]["findings"]
            if each["machine"] == COMPTA
        }
        assert said >= {
            ("report_set_aside", "unsealed"),
            ("report_set_aside", "too_large"),
            ("orders_set_aside", "too_large"),
            ("gate_set_aside", "unreadable"),
        }
        assert re.search(rf"^  {CAISSE}  ", run.stdout, re.MULTILINE)
        assert "2999" not in run.stdout
        assert "\x1b[2J" not in run.stdout
        assert applied.peak_kib(*STATUS, expect=1) - before_kib < 24 * 1024
    finally:
        for key, body in kept.items():
            if body is None:
                bucket.hide(key)
            else:
                bucket.put(key, body)
        for name in ("a", "b", "large"):
            bucket.hide(f"reports/{name}.json")


def test_none_of_all_that_showed_a_secret_or_was_installed_twice(applied: Trial) -> None:
    said = "\n".join(applied.desk.said)
    assert not [secret for secret in applied.known_secrets() if secret in said]
    tenant_id = applied.backstage().tenant.id
    with Records.open("sqlite:records.db", applied.dot) as records:
        installs = [event.machine for event in records.list_events(tenant_id, EventKind.INSTALL)]
        commissioned = records.list_events(tenant_id, EventKind.COMMISSIONED)
    assert sorted(str(name) for name in installs) == [CAISSE, COMPTA]
    assert len(commissioned) == 1


def until(is_so: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)
