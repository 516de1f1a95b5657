"""Suspended tenants, holds and retired machines, through the installed command, in order."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from coffre.records.database.store import Records
from coffre.records.events import EventKind
from coffre.secrets.store import SecretStore
from coffre.spec.loader import load_checkout
from coffre.spec.naming import bucket_name, machine_uid, owner_uid
from coffre.storage.ceph.connect import connect
from coffre.storage.driver import Bucket
from coffre.storage.values import AccessKey
from coffre.workspace.locks import tenant_lock
from tests.e2e.conftest import COFFRE, Desk
from tests.stopping import Stopping

SLUG = "boulangerie-martin"
TENANT_ID = "k7f3q9wz2m"
COMPTA, CAISSE = "compta-01.martin.example", "caisse-01.martin.example"
RETIRED = "    retired: {on: 2026-11-23, keep_until: 2099-12-31}\n"
HOLD = "hold: {reference: TJ-2026-118, since: 2026-11-20, kind: %s}\n"


class Backstage:
    """The tenant as its platform, its bundles and its records have it."""

    def __init__(self, desk: Desk) -> None:
        checkout = load_checkout(desk.root)
        settings = checkout.settings
        self.desk = desk
        self.tenant = checkout.tenants[SLUG]
        self.storage = connect(settings.platforms["lab"], desk.root)
        self.secrets = SecretStore.open(
            desk.root / settings.secrets, desk.root / settings.escrow, desk.root, environment=dict(desk.environment)
        )

    def key(self, machine: str) -> AccessKey | None:
        found = self.secrets.get_control(SLUG, TENANT_ID).machine_keys.get(machine)
        return None if found is None else AccessKey(found.access_key_id, found.secret_access_key.get_secret_value())

    def bucket(self, machine: str) -> Bucket:
        key = self.secrets.get_control(SLUG, TENANT_ID).owner_key
        owner_key = AccessKey(key.access_key_id, key.secret_access_key.get_secret_value())
        return self.storage.open_bucket(bucket_name(SLUG, TENANT_ID, machine), owner_key)

    def key_ids(self, machine: str) -> list[str]:
        return self.storage.list_key_ids(machine_uid(self.tenant, machine))

    def events(self, kind: EventKind) -> list[Any]:
        with Records.open(load_checkout(self.desk.root).settings.records, self.desk.root) as records:
            return list(records.list_events(TENANT_ID, kind))


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk]) -> Desk:
    desk = make_desk(SLUG)
    desk.coffre("apply", SLUG, "--yes")
    for host in (COMPTA, CAISSE):
        desk.on_machine(host, "hostname >/home/who.txt")
    desk.coffre("backup", SLUG)
    return desk


@pytest.fixture
def backstage(desk: Desk) -> Backstage:
    return Backstage(desk)


def test_a_suspension_stops_a_running_backup_within_seconds(desk: Desk, backstage: Backstage) -> None:
    desk.on_machine(COMPTA, "head -c 64000000 /dev/urandom >/home/big.bin")
    desk.edit(SLUG, "status: active", "status: suspended")
    planned = desk.coffre("plan", SLUG, "--exit-code", expect=6).stdout
    assert "~ shut out of their repositories (suspended): compta-01, caisse-01" in planned
    assert "agent on" not in planned
    desk.hold_next_restic(COMPTA, "backup")
    desk.on_machine(COMPTA, "systemctl start --no-block coffre-backup.service")
    desk.wait_for_held_restic(COMPTA)
    applied = desk.coffre("apply", SLUG, "--yes").stdout
    desk.let_restic_go(COMPTA, "backup")
    ended = time.monotonic()
    wait_for(lambda: not is_running(desk, COMPTA), "the backup to end")
    assert time.monotonic() - ended < 10
    assert "compta-01: left as it is: suspended" in applied
    desk.on_machine(COMPTA, "rm /home/big.bin")
    (tenant,) = desk.json("status", SLUG, "--json")
    assert (tenant["status"], tenant["access"], tenant["gate"]) == ("suspended", "suspended", "open")
    machine = tenant["machines"][0]
    assert (machine["last_result"], machine["overdue"]) == ("failed", False)
    said = desk.on_machine(COMPTA, "cat /var/lib/coffre/last-report.json")
    assert "suspended" in said


def test_while_suspended_machines_stay_out_and_smileo_does_not(
    desk: Desk, backstage: Backstage, tmp_path: Path
) -> None:
    began = time.monotonic()
    refused = desk.coffre("backup", SLUG, expect=4)
    assert "boulangerie-martin is suspended: its machines may not back up" in refused.stderr
    assert time.monotonic() - began < 10
    began = time.monotonic()
    desk.on_machine(COMPTA, "systemctl start coffre-backup.service || true")
    assert time.monotonic() - began < 10
    desk.coffre("restore", SLUG, "--machine", "compta-01", "--path", "/home/who.txt", "--to", str(tmp_path / "back"))
    assert (tmp_path / "back" / "home" / "who.txt").is_file()
    desk.coffre("drill", SLUG, "--machine", "caisse-01", "--seed", "3")
    again = desk.coffre("apply", SLUG, "--yes").stdout
    assert "storage: no change" in again
    assert backstage.bucket("compta-01").is_suspended()
    assert "suspended: its machines neither back up nor restore" in desk.coffre("plan", SLUG, "--exit-code").stdout


def test_while_suspended_keys_are_replaced_and_nobody_is_let_in(desk: Desk, backstage: Backstage, lab: Any) -> None:
    """Orders and reports stay open to a suspended machine; its lock is that of the backup that was ended."""
    old = backstage.key("compta-01"), backstage.key("caisse-01")
    with unplugged(lab, CAISSE):
        rotated = desk.coffre("rotate", SLUG, "--yes", expect=1).stdout
    assert "the key of compta-01: replaced; the platform refuses the old key" in rotated
    assert "the key of caisse-01: pending; the old key is still valid" in rotated
    # As it says: rotate or apply, once the machine answers.
    applied = desk.coffre("apply", SLUG, "--yes").stdout
    assert "the key of caisse-01: replaced; the platform refuses the old key" in applied
    assert "compta-01: left as it is: suspended" in desk.coffre("apply", SLUG, "--yes").stdout
    desk.coffre("rotate", SLUG, "--machine", "compta-01", "--now", "--yes")
    for machine, key in zip(("compta-01", "caisse-01"), old, strict=True):
        assert key is not None
        assert not backstage.storage.accepts_key(bucket_name(SLUG, TENANT_ID, machine), key)
        assert backstage.bucket(machine).is_suspended()
    assert "nothing to change" in desk.coffre("plan", SLUG, "--exit-code").stdout


def test_back_at_active_everything_opens_again(desk: Desk, backstage: Backstage) -> None:
    desk.edit(SLUG, "status: suspended", "status: active")
    refused = desk.coffre("backup", SLUG, expect=4).stderr
    assert f"{SLUG}: the platform does not let compta-01, caisse-01 write yet" in refused
    assert f"run `coffre apply {SLUG}`" in refused
    assert "~ let in again: compta-01, caisse-01" in desk.coffre("plan", SLUG).stdout
    desk.coffre("apply", SLUG, "--yes")
    assert desk.coffre("backup", SLUG).stdout.count(": success") == 2
    assert [event.details["suspended"] for event in backstage.events(EventKind.SUSPENSION_CHANGE)] == [True, False]
    assert desk.json("status", SLUG, "--json")[0]["access"] == "open"


def test_a_hold_takes_every_expiry_away_and_counts_only_once_read_back(desk: Desk, backstage: Backstage) -> None:
    desk.edit(SLUG, "storage:\n", HOLD % "preserve" + "storage:\n")
    assert desk.json("status", SLUG, "--json")[0]["hold"] == {
        "reference": "TJ-2026-118",
        "since": "2026-11-20",
        "kind": "preserve",
        "in_force": False,
        "is_confidential": False,
        "not_kept_on": [],
    }
    planned = desk.coffre("plan", SLUG, "--exit-code", expect=6).stdout
    assert planned.count("- BucketLifecycle") == 2
    assert "hold (TJ-2026-118, since 2026-11-20, preserve): nothing expires, and nothing is deleted" in planned
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    assert desk.json("status", SLUG, "--json")[0]["hold"]["in_force"] is True
    assert not backstage.bucket("compta-01").list_expiry_rules()
    # A rule that somebody else puts there is taken away again, whether or not our state knows of it.
    name = bucket_name(SLUG, TENANT_ID, "compta-01")
    rule = {"ID": "mine", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    bucket: Any = backstage.bucket("compta-01")
    bucket._s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [rule]})
    assert "NOT in force yet" in desk.coffre("status", SLUG).stdout
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    assert "hold (TJ-2026-118, since 2026-11-20, preserve): in force" in desk.coffre("status", SLUG).stdout
    assert "compta-01: success" in desk.coffre("backup", SLUG, "--machine", "compta-01").stdout


def test_a_hold_that_blocks_access_keeps_everybody_out(desk: Desk, backstage: Backstage, tmp_path: Path) -> None:
    desk.edit(SLUG, "kind: preserve", "kind: block_access")
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    assert backstage.bucket("compta-01").is_suspended()
    for command in (
        ("backup", SLUG),
        ("restore", SLUG, "--machine", "compta-01", "--to", str(tmp_path / "back")),
        ("drill", SLUG, "--machine", "compta-01"),
        ("undelete", SLUG, "--machine", "compta-01", "--at", "2026-11-23T10:00", "--yes"),
    ):
        refused = desk.coffre(*command, expect=4)
        assert "TJ-2026-118" in refused.output, command
    assert desk.coffre("rotate", SLUG, "--yes").stdout.count("replaced; the platform refuses the old key") == 4
    assert backstage.bucket("compta-01").is_suspended()
    assert "hold" in desk.on_machine(
        COMPTA, "systemctl start coffre-backup.service; cat /var/lib/coffre/last-report.json"
    )


def test_a_lifted_hold_brings_the_lifecycle_back(desk: Desk, backstage: Backstage) -> None:
    desk.edit(SLUG, HOLD % "block_access", "")
    assert desk.coffre("plan", SLUG).stdout.count("+ BucketLifecycle") == 2
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    assert set(backstage.bucket("compta-01").list_expiry_rules()) == {"all", "locks"}
    held = [event.details["hold"] for event in backstage.events(EventKind.HOLD_CHANGE)]
    assert [hold and hold["kind"] for hold in held] == ["preserve", "block_access", None]
    desk.coffre("backup", SLUG, "--machine", "caisse-01")


def test_a_hold_counts_at_once_and_undoes_what_an_apply_under_way_puts_back(desk: Desk, backstage: Backstage) -> None:
    place = [COFFRE, "hold", "place", SLUG, "--reference", "instruction 9", "--since", "2026-11-20"]
    with tenant_lock(desk.root, SLUG):
        placing = subprocess.Popen(
            place, cwd=desk.root, env=desk.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        wait_for(lambda: bool(backstage.events(EventKind.HOLD_PLACED)), "the record of the hold")
        assert placing.poll() is None, "it did not wait for the command that has the tenant"
        assert set(backstage.bucket("compta-01").list_expiry_rules()) == {"all", "locks"}
    said, told = placing.communicate(timeout=120)
    assert placing.returncode == 0, told
    assert "nothing expires in 2 buckets (read back)" in said
    assert not backstage.bucket("compta-01").list_expiry_rules()
    with tenant_lock(desk.root, SLUG):
        lift = ("hold", "lift", SLUG, "--reference", "instruction 9", "--reason", "levée")
        assert "another command is changing" in desk.coffre(*lift, expect=5).stderr
    desk.coffre(*lift)
    planned = desk.coffre("plan", SLUG).stdout
    assert "expiry starts again on compta-01, caisse-01" in planned
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    assert set(backstage.bucket("compta-01").list_expiry_rules()) == {"all", "locks"}


def test_a_retired_machine_loses_its_key_and_agent_and_keeps_its_backups(
    desk: Desk, backstage: Backstage, tmp_path: Path
) -> None:
    key = backstage.key("caisse-01")
    assert key is not None
    path = desk.tenant_file(SLUG)
    path.write_text(path.read_text(encoding="utf-8").rstrip("\n") + "\n" + RETIRED, encoding="utf-8")
    planned = desk.coffre("plan", SLUG, "--exit-code", expect=6).stdout
    for said in ("- User ", "- AccessKey ", "- agent on caisse-01: retired", "are kept until 2099-12-31"):
        assert said in planned
    kill_midway(desk, "apply", SLUG, "--yes")
    applied = desk.coffre("apply", SLUG, "--yes").stdout
    assert "caisse-01: retired" in applied
    assert backstage.key_ids("caisse-01") == []
    assert not backstage.storage.accepts_key(bucket_name(SLUG, TENANT_ID, "caisse-01"), key)
    assert backstage.key("caisse-01") is None
    assert "caisse-01" in backstage.secrets.get_data(SLUG, TENANT_ID).repository_passwords
    there = desk.on_machine(
        CAISSE, "ls -d /etc/coffre /var/lib/coffre /etc/systemd/system/coffre-* 2>/dev/null || true"
    )
    assert there == ""
    (retirement,) = backstage.events(EventKind.RETIREMENT)
    assert (retirement.machine, retirement.details["licence"]) == ("caisse-01", "workstation")
    assert [event.machine for event in backstage.events(EventKind.REMOVAL)] == ["caisse-01"]
    assert "storage: no change" in desk.coffre("apply", SLUG, "--yes").stdout
    assert desk.coffre("plan", SLUG, "--exit-code").stdout.startswith(f"{SLUG}: nothing to change")


def test_a_retired_machine_is_restorable_and_not_backed_up(desk: Desk, tmp_path: Path) -> None:
    (tenant,) = desk.json("status", SLUG, "--json")
    retired = tenant["machines"][1]
    assert (retired["retired"]["keep_until"], retired["overdue"], tenant["gate"]) == ("2099-12-31", False, "open")
    assert retired["snapshots"] > 0
    assert tenant["licences"]["workstation"] == {"granted": 2, "used": 1}
    assert "is retired since 2026-11-23" in desk.coffre("backup", SLUG, "--machine", "caisse-01", expect=4).stderr
    assert "caisse-01" not in desk.coffre("backup", SLUG).stdout
    desk.coffre("restore", SLUG, "--machine", "caisse-01", "--path", "/home/who.txt", "--to", str(tmp_path / "back"))
    assert (tmp_path / "back" / "home" / "who.txt").read_text(encoding="utf-8").strip() == "caisse-01"
    desk.coffre("drill", SLUG, "--machine", "caisse-01", "--seed", "5")
    path = desk.tenant_file(SLUG)
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index("  caisse-01:")], encoding="utf-8")
    assert "machine caisse-01 is no longer in the file" in desk.coffre("apply", SLUG, "--yes", expect=4).stderr
    path.write_text(text, encoding="utf-8")


def test_taken_into_service_again_it_has_a_new_key_and_goes_on_in_its_repository(
    desk: Desk, backstage: Backstage
) -> None:
    desk.edit(SLUG, RETIRED, "")
    assert desk.json("plan", SLUG, "--json")[0]["secrets_to_mint"] == ["caisse-01"]
    assert "caisse-01: installed" in desk.coffre("apply", SLUG, "--yes").stdout
    assert "caisse-01: success" in desk.coffre("backup", SLUG, "--machine", "caisse-01").stdout
    (tenant,) = desk.json("status", SLUG, "--json")
    assert tenant["machines"][1]["snapshots"] > 1
    installs = [event for event in backstage.events(EventKind.INSTALL) if event.machine == "caisse-01"]
    assert len(installs) == 2


def test_a_retired_machine_that_does_not_answer_is_cut_off_and_cleaned_later(
    desk: Desk, backstage: Backstage, lab: Any
) -> None:
    path = desk.tenant_file(SLUG)
    path.write_text(path.read_text(encoding="utf-8").rstrip("\n") + "\n" + RETIRED, encoding="utf-8")
    with unplugged(lab, CAISSE):
        applied = desk.coffre("apply", SLUG, "--yes").stdout
    assert "caisse-01: retired, not reached: its agent still stands there, its key is dead" in applied
    assert backstage.key_ids("caisse-01") == []
    assert len(backstage.events(EventKind.REMOVAL)) == 1
    planned = desk.coffre("plan", SLUG, "--exit-code").stdout
    assert "caisse-01: its agent still stands there, which each apply tries to remove" in planned
    assert "caisse-01: retired, agent removed" in desk.coffre("apply", SLUG, "--yes").stdout
    assert len(backstage.events(EventKind.REMOVAL)) == 2
    assert len(backstage.events(EventKind.RETIREMENT)) == 2


def test_the_owner_is_the_only_user_that_all_this_left_besides_machines_in_service(backstage: Backstage) -> None:
    uid = owner_uid(backstage.tenant)
    assert sorted(backstage.storage.list_users(uid)) == [uid, f"{uid}.compta-01"]


@contextmanager
def unplugged(lab: Any, host: str) -> Iterator[None]:
    """Take a machine off the network; it runs on."""
    cable = ["nsenter", "--target", str(lab.leader_pid(host)), "--net", "ip", "link", "set", "host0"]
    subprocess.run([*cable, "down"], check=True)
    try:
        yield
    finally:
        subprocess.run([*cable, "up"], check=True)


def is_running(desk: Desk, host: str) -> bool:
    state = desk.on_machine(host, "systemctl is-active coffre-backup.service || true").strip()
    return state in ("active", "activating", "deactivating")


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.2)


def kill_midway(desk: Desk, *arguments: str) -> None:
    """Start a command and kill it, with all it started, once storage begins to change."""
    command = Stopping(arguments, at=["deleting its user and key"], cwd=desk.root, environment=desk.environment)
    assert command.reaches()
    command.kill_group()
