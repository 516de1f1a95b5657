"""One tenant's life through the installed command, in order: each test goes on where the one before stopped."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from coffre.errors import RemoteError
from coffre.operations.repository import open_repository
from coffre.records.database.store import Records
from coffre.records.events import EventKind
from coffre.records.facts.password_uses import RoutineTask, RoutineUse
from coffre.secrets.bundles import all_secret_values
from coffre.secrets.store import SecretStore
from coffre.spec.loader import load_checkout
from coffre.spec.naming import bucket_name, owner_uid
from coffre.storage.ceph.connect import connect
from coffre.storage.driver import Bucket
from coffre.storage.s3.client import make_client
from coffre.storage.values import AccessKey, QuotaExceededError
from coffre.tenant.opening import open_tenant
from tests.e2e.conftest import Desk, read_files
from tests.processes import watched_processes

SLUG = "boulangerie-martin"
TENANT_ID = "k7f3q9wz2m"
HOSTS = {"compta-01": "compta-01.martin.example", "caisse-01": "caisse-01.martin.example"}

PUT_FILES = """
mkdir -p '/home/claire/Comptabilité 2026/vide'
cd '/home/claire/Comptabilité 2026'
for month in 01 02 03; do seq 1 20000 >"ventes-$month.csv"; done
head -c 3000000 /dev/urandom >photos.tar
ln -sf ventes-01.csv dernier.csv
"""
LIST_FILES = "cd {folder} && find home -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum"


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk(SLUG)


class Backstage:
    """The same tenant seen without the command: RGW's admin client, the owner's key, the bundles, the events."""

    def __init__(self, desk: Desk) -> None:
        checkout = load_checkout(desk.root)
        settings = checkout.settings
        self.storage = connect(settings.platforms["lab"], desk.root)
        self.owner_uid = owner_uid(checkout.tenants[SLUG])
        self.records_reference, self.root = settings.records, desk.root
        environment = dict(desk.environment)
        self.secrets = SecretStore.open(
            desk.root / settings.secrets, desk.root / settings.escrow, desk.root, environment=environment
        )

    def bucket(self, machine: str) -> Bucket:
        key = self.secrets.get_control(SLUG, TENANT_ID).owner_key
        owner_key = AccessKey(key.access_key_id, key.secret_access_key.get_secret_value())
        return self.storage.open_bucket(bucket_name(SLUG, TENANT_ID, machine), owner_key)

    def lose_policy(self, machine: str) -> None:
        """Leave a machine's bucket as an apply does that is killed before it writes the policy."""
        key = self.secrets.get_control(SLUG, TENANT_ID).owner_key
        owner_key = AccessKey(key.access_key_id, key.secret_access_key.get_secret_value())
        client = make_client(self.storage.endpoint, owner_key)
        client.delete_bucket_policy(Bucket=bucket_name(SLUG, TENANT_ID, machine))

    def as_machine(self, machine: str) -> Bucket:
        """Open a machine's bucket with that machine's own key, as whoever stole it may."""
        key = self.secrets.get_control(SLUG, TENANT_ID).machine_keys[machine]
        stolen = AccessKey(key.access_key_id, key.secret_access_key.get_secret_value())
        return self.storage.open_bucket(bucket_name(SLUG, TENANT_ID, machine), stolen)

    def surplus_bytes(self) -> int:
        """Count what the machines store besides their repositories: earlier versions, reports, locks."""
        backups = tuple(f"restic/{folder}/" for folder in ("data", "index", "snapshots", "keys"))
        versions = [version for machine in HOSTS for version in self.bucket(machine).list_versions("")]
        return sum(each.size_bytes for each in versions if not (each.is_latest and each.key.startswith(backups)))

    def events(self, kind: EventKind) -> list[Any]:
        with Records.open(self.records_reference, self.root) as records:
            return list(records.list_events(TENANT_ID, kind))

    def secret_values(self) -> set[str]:
        control, data = self.secrets.get_control(SLUG, TENANT_ID), self.secrets.get_data(SLUG, TENANT_ID)
        return all_secret_values(control) | all_secret_values(data)


@pytest.fixture
def backstage(desk: Desk) -> Backstage:
    return Backstage(desk)


def test_a_plan_of_a_new_tenant_touches_nothing(desk: Desk, backstage: Backstage) -> None:
    before = snapshot_of(desk.root)
    planned = desk.json("plan", SLUG, "--json", "--exit-code", expect=6)
    assert snapshot_of(desk.root) == before
    assert backstage.storage.find_owner(backstage.owner_uid) is None
    assert planned[0]["secrets_to_mint"] == ["owner", "compta-01", "caisse-01"]
    kinds = [change["kind"] for change in planned[0]["storage"]]
    assert {change["operation"] for change in planned[0]["storage"]} == {"create"}
    assert (kinds.count("User"), kinds.count("Bucket"), kinds.count("UserQuota")) == (3, 2, 1)
    assert [machine["action"] for machine in planned[0]["machines"]] == ["install", "install"]


def test_before_its_first_apply_every_command_says_so(desk: Desk, tmp_path: Path) -> None:
    of_one, just_now = ("--machine", "compta-01"), f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%MZ}"
    for command in (
        ("backup", SLUG),
        ("gate", SLUG),
        ("restore", SLUG, *of_one, "--to", str(tmp_path / "restored")),
        ("restore", SLUG, *of_one, "--to", "caisse-01"),
        ("undelete", SLUG, *of_one, "--at", just_now, "--yes"),
        ("verify", SLUG),
        ("drill", SLUG),
        ("snapshot", "list", SLUG),
        ("acknowledge", SLUG, *of_one, "--reason", "none", "--yes"),
    ):
        done = desk.coffre(*command, expect=4)
        assert f"{SLUG} was never applied: lab has no storage of it\n  Run `coffre apply {SLUG}` first." in done.stderr


def test_apply_delivers_the_service_and_no_process_shows_a_secret(desk: Desk, backstage: Backstage) -> None:
    with watched_processes() as seen:
        applied = desk.coffre("apply", SLUG, "--yes")
    assert "commissioned at" in applied.stdout
    assert "compta-01: installed" in applied.stdout
    owner = backstage.storage.find_owner(backstage.owner_uid)
    assert owner is not None
    assert len(owner.buckets) == 2
    assert owner.wall_bytes is not None
    assert owner.wall_bytes > 200 * 1024**3
    assert [event.machine for event in backstage.events(EventKind.INSTALL)] == ["compta-01", "caisse-01"]
    assert len(backstage.events(EventKind.COMMISSIONED)) == 1
    known = {machine["machine"]: machine["agent_version"] for machine in desk.json("inventory", SLUG, "--json")}
    ask = "/usr/local/lib/coffre/coffre-agent version"
    assert known == {name: json.loads(desk.on_machine(host, ask))["version"] for name, host in HOSTS.items()}
    shown = [secret for secret in backstage.secret_values() if any(secret in line for line in seen)]
    assert not shown
    assert len(seen) > 10, "the process list was not watched"


def test_applying_again_changes_nothing(desk: Desk, backstage: Backstage) -> None:
    again = desk.coffre("apply", SLUG, "--yes")
    assert "storage: no change" in again.stdout
    assert "compta-01: unchanged" in again.stdout
    assert "caisse-01: unchanged" in again.stdout
    assert "commissioned" not in again.stdout
    for kind in (EventKind.INSTALL, EventKind.COMMISSIONED, EventKind.QUOTA_CHANGE, EventKind.ORDERS):
        assert len(backstage.events(kind)) == (2 if kind in (EventKind.INSTALL, EventKind.ORDERS) else 1)
    assert "nothing to change" in desk.coffre("plan", SLUG, "--exit-code").stdout


def test_a_backup_shows_in_status_by_both_witnesses(desk: Desk) -> None:
    for host in HOSTS.values():
        desk.on_machine(host, PUT_FILES)
    status = desk.json("status", SLUG, "--json")
    assert [machine["last_result"] for machine in status[0]["machines"]] == ["never", "never"]
    done = desk.coffre("backup", SLUG)
    assert "compta-01: success, snapshot" in done.stdout
    assert "caisse-01: success, snapshot" in done.stdout
    (tenant,) = desk.json("status", SLUG, "--json")
    assert (tenant["gate"], tenant["quota_bytes"]) == ("open", 200 * 1024**3)
    assert tenant["used_bytes"] > 3_000_000
    assert tenant["licences"] == {"workstation": {"granted": 2, "used": 2}}
    for machine in tenant["machines"]:
        assert (machine["last_result"], machine["snapshots"], machine["witnesses_agree"]) == ("success", 1, True)
        assert machine["generation_applied"] == machine["generation_wanted"] == 1
        assert machine["last_success_at"] is not None
        assert machine["newest_snapshot_at"] is not None


def test_each_days_volume_is_recorded_by_machine(desk: Desk, backstage: Backstage) -> None:
    with Records.open(backstage.records_reference, desk.root) as records:
        usages = records.list_usage(TENANT_ID, date(2026, 1, 1), date.max)
    (tenant,) = desk.json("status", SLUG, "--json")
    assert {usage.machine: usage.current_bytes for usage in usages} == {
        machine["name"]: machine["stored_bytes"] for machine in tenant["machines"]
    }
    assert all(usage.stored_bytes >= usage.current_bytes for usage in usages)


def test_a_restore_brings_every_file_back(desk: Desk, tmp_path: Path, backstage: Backstage) -> None:
    target = tmp_path / "restored"
    uses_before = len(backstage.events(EventKind.PASSWORD_USED))
    desk.coffre("restore", SLUG, "--machine", "compta-01", "--path", "/home", "--to", str(target))
    on_machine = desk.on_machine(HOSTS["compta-01"], LIST_FILES.format(folder="/"))
    here = subprocess.run(["sh", "-c", LIST_FILES.format(folder=target)], capture_output=True, text=True, check=True)
    assert here.stdout == on_machine
    assert len(on_machine.splitlines()) >= 4
    folder = target / "home/claire/Comptabilité 2026"
    assert (folder / "dernier.csv").is_symlink()
    assert (folder / "vide").is_dir()
    used = backstage.events(EventKind.PASSWORD_USED)[uses_before:]
    assert [(event.machine, event.actor) for event in used] == [("compta-01", "test@smileo.example")]
    refused = desk.coffre("restore", SLUG, "--machine", "compta-01", "--to", str(target), expect=4)
    assert "is not an empty directory" in refused.stderr


def test_a_drill_passes_is_repeatable_and_leaves_nothing(desk: Desk, backstage: Backstage) -> None:
    (first,) = desk.json("drill", SLUG, "--machine", "compta-01", "--seed", "42", "--json")
    assert first["problems"] == []
    assert first["compared_by_hash"] > 0
    before = snapshot_of(desk.root / ".coffre" / "run")
    desk.coffre("drill", SLUG, "--machine", "compta-01", "--seed", "42")
    samples = [event.details["files"] for event in backstage.events(EventKind.DRILL)]
    assert samples[0] == samples[1]
    assert before == snapshot_of(desk.root / ".coffre" / "run")
    assert not list((desk.root / ".coffre" / "run").rglob("*.csv"))


def read_packs(bucket: Bucket) -> dict[str, bytes]:
    packs = {facts.key: bucket.find(facts.key, 200 * 1024**2) for facts in bucket.list_objects("restic/data/")}
    return {key: body for key, body in packs.items() if isinstance(body, bytes)}


def test_a_drill_fails_on_one_changed_byte_of_a_pack(desk: Desk, backstage: Backstage) -> None:
    bucket = backstage.bucket("compta-01")
    packs = read_packs(bucket)
    for key, body in packs.items():
        middle = len(body) // 2
        bucket.put(key, body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :])
    failed = desk.coffre("drill", SLUG, "--machine", "compta-01", "--seed", "42", expect=1)
    assert "drill FAILED" in failed.stdout
    for key, body in packs.items():
        bucket.put(key, body)
    desk.coffre("drill", SLUG, "--machine", "compta-01", "--seed", "42")


def test_verify_reads_every_pack_and_names_one_that_is_lost_or_altered(desk: Desk, backstage: Backstage) -> None:
    uses_before = len(backstage.events(EventKind.PASSWORD_USED))
    sound = desk.json("verify", "--all", "--json")
    assert [(each["machine"], each["position"], each["problem"]) for each in sound] == [(m, 1.0, "") for m in HOSTS]
    assert all(each["read_packs"] > 0 for each in sound)
    reasons = [event.details["reason"] for event in backstage.events(EventKind.PASSWORD_USED)[uses_before:]]
    assert reasons == [{"task": "check_structure", "kind": "routine"}] * 2
    (tenant,) = desk.json("status", SLUG, "--json")
    assert all(machine["verification"]["last_full_round_at"] for machine in tenant["machines"])

    bucket = backstage.bucket("compta-01")
    (altered, body), *others = read_packs(bucket).items()
    lost = others[-1][0]
    bucket.put(altered, body[:-1] + bytes([body[-1] ^ 1]))
    bucket.hide(lost)
    damaged = desk.coffre("verify", SLUG, "--machine", "compta-01", expect=1)
    assert f"pack {altered.rsplit('/')[-1]} does not match the hash in its name" in damaged.stdout
    assert f"pack {lost.rsplit('/')[-1]} is in the index and not in the bucket" in damaged.stdout
    assert f"coffre undelete {SLUG} --machine compta-01" in damaged.stdout
    assert (
        "! compta-01: `coffre verify` found its repository damaged (2 packs"
        in desk.coffre("status", SLUG, expect=1).stdout
    )
    bucket.put(altered, body)
    bucket.put(lost, others[-1][1])
    desk.coffre("verify", SLUG)
    desk.coffre("status", SLUG)


def test_a_path_that_is_not_there_makes_a_partial_backup(desk: Desk) -> None:
    desk.edit(SLUG, "paths: [/home, /etc]", "paths: [/home, /srv/absent]")
    assert "plan.paths" in desk.coffre("plan", SLUG).stdout
    desk.coffre("apply", SLUG, "--yes")
    partial = desk.coffre("backup", SLUG, "--machine", "caisse-01", expect=1)
    assert "caisse-01: partial" in partial.stdout
    assert "/srv/absent" in partial.stdout
    desk.edit(SLUG, "paths: [/home, /srv/absent]", "paths: [/home, /etc]")
    desk.coffre("apply", SLUG, "--yes")


MOVE_HOME = "mkdir -p /data && cp -a /home /data/home && mv /home /home.before && ln -s /data/home /home"
MOUNT = """
mkdir -p /srv/disque /srv/vue /data/vue /srv/tableaux
mount -t tmpfs none /srv/disque
mount --bind /data/vue /srv/vue
for each in $(seq 300); do echo $each >/srv/disque/$each; echo $each >/srv/vue/$each; done
for each in $(seq 5); do echo $each >/srv/tableaux/$each.csv; done
"""
UNMOUNT = "umount /srv/disque /srv/vue; echo reste >/srv/vue/reste"
PATHS = "paths: [/home, /etc, /srv/disque, /srv/vue, /srv/tableaux]"


def states_of(desk: Desk, machine: str, *, expect: int) -> dict[str, str]:
    (tenant,) = desk.json("status", SLUG, "--json", expect=expect)
    (seen,) = [each for each in tenant["machines"] if each["name"] == machine]
    return {each["path"]: each["state"] for each in seen["paths"]}


def test_each_path_tells_what_it_gave_and_a_success_means_all_of_them(
    desk: Desk, backstage: Backstage, tmp_path: Path
) -> None:
    """A link is followed; what is mounted no more, and what patterns empty, makes the backup partial by name."""
    host = HOSTS["caisse-01"]
    desk.on_machine(host, MOVE_HOME + MOUNT)
    desk.edit(SLUG, "paths: [/home, /etc]", PATHS)
    desk.coffre("apply", SLUG, "--yes")
    caisse = ("--machine", "caisse-01")
    done = desk.coffre("backup", SLUG, *caisse).stdout
    assert "caisse-01: success" in done
    assert "a link: stored as /data/home" in done
    assert "/srv/disque: 300 files" in done
    assert set(states_of(desk, "caisse-01", expect=0).values()) == {"saved"}
    desk.coffre("drill", SLUG, *caisse)
    restore = ("restore", SLUG, *caisse, "--to", str(tmp_path / "restored"), "--path")
    assert "/home is a link: write the path it points to" in desk.coffre(*restore, "/home/x", expect=2).stderr
    desk.coffre(*restore, "/data/home")

    desk.on_machine(host, UNMOUNT)
    desk.edit(SLUG, '"*.tmp"', '"*.csv"')
    desk.coffre("apply", SLUG, "--yes")
    partial = desk.coffre("backup", SLUG, *caisse, expect=1).stdout
    assert "caisse-01: partial" in partial
    for mount, files in (("/srv/disque", 0), ("/srv/vue", 1)):
        said = f"! caisse-01: {mount} {files} files, 300 in the last good run: is on a file system that is no longer"
        assert said in partial
        assert said in desk.coffre("status", SLUG, expect=1).stdout
    assert "/srv/tableaux 0 files, 5 in the last good run: gave no file: the plan's exclude patterns" in partial
    bad = {"/srv/disque": "unmounted", "/srv/vue": "unmounted", "/srv/tableaux": "excluded"}
    assert states_of(desk, "caisse-01", expect=1) == {"/home": "saved", "/etc": "saved", **bad}
    journal = desk.on_machine(host, "journalctl -u coffre-backup.service -n 30 -o cat")
    assert "sauvegarde incomplète : /srv/disque est sur un disque qui n'est plus monté (/srv/disque)" in journal
    failed = desk.coffre("drill", SLUG, *caisse, expect=1).stdout
    assert "drill FAILED" in failed
    assert "! caisse-01: /srv/disque 0 files, 300 in the last good run" in failed

    # A word accepts what a machine's owner may want; a pattern that covers a path is mended in the plan.
    let_go = desk.coffre("acknowledge", SLUG, *caisse, "--yes", "--reason", "the disks were sold").stdout
    assert "accepted: /srv/disque (unmounted): 0 files are correct" in let_go
    assert "/srv/tableaux" not in let_go
    (event,) = backstage.events(EventKind.PATHS_ACCEPTED)
    assert (event.machine, event.details["reason"]) == ("caisse-01", "the disks were sold")
    # Its new orders wait on the storage: the plan says so, and that nothing else differs; its next backup takes them.
    (planned,) = desk.json("plan", SLUG, "--json", "--exit-code", expect=6)
    assert (planned["storage"], planned["machines"][0]["differences"]) == ([], [])
    (waiting,) = planned["machines"][1]["differences"]
    assert waiting["kind"] == "orders_undelivered"
    assert f"caisse-01: orders {waiting['generation']} apply this at its next backup" in let_go
    assert "/srv/disque" not in desk.coffre("status", SLUG, expect=1).stdout
    desk.coffre("backup", SLUG, *caisse, expect=1)
    taken = {"/srv/disque": "accepted", "/srv/vue": "saved", "/srv/tableaux": "excluded"}
    assert states_of(desk, "caisse-01", expect=1) == {"/home": "saved", "/etc": "saved", **taken}
    desk.edit(SLUG, '"*.csv"', '"*.tmp"')
    desk.coffre("apply", SLUG, "--yes")
    assert "caisse-01: success" in desk.coffre("backup", SLUG, *caisse).stdout
    assert "its last drill" in desk.coffre("status", SLUG, expect=1).stdout
    desk.coffre("drill", SLUG, *caisse)
    assert states_of(desk, "caisse-01", expect=0)["/srv/disque"] == "accepted"

    desk.on_machine(host, "rm /home && mv /home.before /home && rm -r /data /srv/disque /srv/vue /srv/tableaux")
    desk.edit(SLUG, PATHS, "paths: [/home, /etc]")
    desk.coffre("apply", SLUG, "--yes")
    desk.coffre("backup", SLUG, *caisse)


def test_orders_that_a_machine_cannot_apply_are_named_until_it_can(desk: Desk) -> None:
    # A directory where the new timer is prepared: no file can get its name.
    in_the_way = "/etc/systemd/system/.coffre-backup.timer.coffre-tmp"
    desk.on_machine(HOSTS["compta-01"], f"mkdir -p {in_the_way}/x")
    desk.edit(SLUG, '"daily 19:00"', '"daily 19:30"')
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    assert "success" in desk.coffre("backup", SLUG, "--machine", "compta-01").stdout
    [status] = desk.json("status", SLUG, "--json", expect=1)
    assert [each["kind"] for each in status["findings"]] == ["orders_not_taken"]
    machine = status["machines"][0]
    failed, applied = machine["failed_generation"], machine["generation_applied"]
    assert (failed, applied < failed) == (machine["generation_wanted"], True)
    said = f"  compta-01 could not apply orders {failed} and continues with {applied}: "
    assert said + machine["failed_generation_reason"] in desk.coffre("status", SLUG, expect=1).stdout
    desk.on_machine(HOSTS["compta-01"], f"rm -r {in_the_way}")
    desk.edit(SLUG, '"daily 19:30"', '"daily 19:00"')
    desk.coffre("apply", SLUG, "--yes")
    desk.coffre("backup", SLUG, "--machine", "compta-01")
    assert "could not apply" not in desk.coffre("status", SLUG).stdout


NEW_MACHINE = """\
  neuve-01:
    kind: workstation
    os: linux
    agent: restic
    plan: office
    connection: {via: ssh, host: neuve-01.martin.example, user: root}
"""


def test_a_machine_that_is_not_applied_yet_is_named_and_stops_nobody(desk: Desk, backstage: Backstage) -> None:
    before = desk.tenant_file(SLUG).read_text(encoding="utf-8")
    never = f"{SLUG}: neuve-01 was never applied"
    desk.tenant_file(SLUG).write_text(before.replace("workstation: 2", "workstation: 3") + NEW_MACHINE, "utf-8")
    done = desk.coffre("backup", SLUG, expect=1).stdout
    assert [f"{machine}: success" in done for machine in HOSTS] == [True, True]
    assert f"neuve-01: unapplied\n  not started: {never}. Run `coffre apply {SLUG}` first.\n" in done
    assert "neuve-01" not in desk.coffre("backup", SLUG, "--machine", "compta-01").output
    alone = desk.coffre("backup", SLUG, "--machine", "neuve-01", expect=4)
    assert f"{never}\n  Run `coffre apply {SLUG}` first." in alone.stderr
    looked_at = desk.coffre("gate", SLUG, expect=1)
    assert f"{SLUG}: gate open" in looked_at.stdout
    assert f"{never}\n  Run `coffre apply {SLUG}` first." in looked_at.stderr
    let_go_on = ("gate", SLUG, "--open", "neuve-01", "--reason", "none")
    assert never in desk.coffre(*let_go_on, expect=4).stderr
    desk.tenant_file(SLUG).write_text(before, "utf-8")

    # Its bucket is there, and no policy lets it write.
    backstage.lose_policy("caisse-01")
    done = desk.coffre("backup", SLUG, expect=1).stdout
    assert "compta-01: success" in done
    shut_out = f"{SLUG}: the platform does not let caisse-01 write yet"
    assert (
        f"caisse-01: unapplied\n  not started: {shut_out}. The tenant file allows it: run `coffre apply {SLUG}`.\n"
        in done
    )
    other = desk.coffre("backup", SLUG, "--machine", "compta-01")
    assert "compta-01: success" in other.stdout
    assert "warning: caisse-01: bucket " in other.stderr
    alone = desk.coffre("backup", SLUG, "--machine", "caisse-01", expect=4)
    assert shut_out in alone.stderr
    assert "has no policy that lets a machine write" in desk.coffre("gate", SLUG, expect=1).stderr
    desk.coffre("apply", SLUG, "--yes")
    assert "caisse-01: success" in desk.coffre("backup", SLUG).stdout


def test_the_gate_closes_at_the_sold_quota_and_opens_when_it_is_raised(desk: Desk, backstage: Backstage) -> None:
    desk.edit(SLUG, "quota: 200 GiB", "quota: 1 MiB")
    desk.coffre("apply", SLUG, "--yes")
    assert backstage.bucket("compta-01").is_gate_closed()
    refused = desk.coffre("backup", SLUG, expect=4)
    assert "compta-01: quota" in refused.stdout
    assert desk.json("status", SLUG, "--json")[0]["gate"] == "closed"
    desk.edit(SLUG, "quota: 1 MiB", "quota: 200 GiB")
    desk.coffre("apply", SLUG, "--yes")
    assert not backstage.bucket("compta-01").is_gate_closed()
    desk.coffre("backup", SLUG, "--machine", "compta-01")
    assert [event.details["quota_bytes"] for event in backstage.events(EventKind.QUOTA_CHANGE)] == [
        200 * 1024**3,
        1024**2,
        200 * 1024**3,
    ]


def write_until_the_wall(bucket: Bucket, name: str, body: bytes) -> int:
    for count in range(30):
        try:
            bucket.put(name, body)
        except QuotaExceededError:
            return count
    return 30


def test_a_machine_that_overwrites_one_name_is_stopped_below_the_wall_and_its_sister_goes_on(
    desk: Desk, backstage: Backstage
) -> None:
    """Quota 48 MiB, wall 84: the attacker has a machine's key, and grows where a closed gate would let it."""
    settings = desk.root / "platform.yaml"
    before = settings.read_text(encoding="utf-8")
    settings.write_text(before.replace("minimum: 1 GiB", "minimum: 24 MiB"), encoding="utf-8")
    desk.edit(SLUG, "quota: 200 GiB", "quota: 48 MiB")
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    stolen, name = backstage.as_machine("caisse-01"), "reports/junk"
    body = bytes(4 * 1024**2)
    # What the machines' earlier lives left behind counts too: a pack that was sent twice, for one.
    room_bytes, written = 36 * 1024**2, 0
    while backstage.surplus_bytes() < room_bytes:
        assert "stopped" not in desk.coffre("gate", SLUG).output
        for _ in range(3):
            stolen.put(name, body)
            written += 1
    assert written >= 3, "it was over the bound before it wrote"
    assert "caisse-01 is stopped" in desk.coffre("gate", SLUG, expect=4).stderr
    with pytest.raises(RemoteError, match="AccessDenied"):
        stolen.put(name, body)
    with pytest.raises(RemoteError, match="AccessDenied"):
        stolen.put("restic/locks/" + "ab" * 32, b"x")
    done = desk.coffre("backup", SLUG, expect=4)
    assert "compta-01: success" in done.stdout, "the sister backs up and reports"
    assert "caisse-01: stopped" in done.stdout
    desk.on_machine(HOSTS["caisse-01"], "systemctl start coffre-backup.service || true")
    journal = desk.on_machine(HOSTS["caisse-01"], "journalctl -u coffre-backup.service -n 30 -o cat")
    assert "sauvegarde arrêtée : cette machine remplit l'espace de stockage commun" in journal
    (tenant,) = desk.json("status", SLUG, "--json", expect=1)
    kinds = [(finding["kind"], finding["machine"]) for finding in tenant["findings"]]
    assert sorted(kinds) == [("fills_storage", "caisse-01"), ("foreign_keys", "caisse-01")]
    assert tenant["gate"] == "partly closed"
    assert tenant["machines"][1]["all_versions_bytes"] > written * len(body)

    # Its sister's key is stolen as well: what is left to those that go on is bounded too.
    sisters = backstage.as_machine("compta-01")
    for _ in range(5):
        sisters.put(name, body)
    both = desk.coffre("gate", SLUG, expect=4).stderr
    assert [f"{machine} is stopped" in both for machine in ("compta-01", "caisse-01")] == [True, True]
    with pytest.raises(RemoteError, match="AccessDenied"):
        sisters.put(name, body)
    (tenant,) = desk.json("status", SLUG, "--json", expect=1)
    assert [each["machine"] for each in tenant["findings"] if each["kind"] == "fills_storage"] == [
        "compta-01",
        "caisse-01",
    ]
    assert tenant["gate"] == "closed"

    # One may go on by SMILÉO's word; the other stays stopped, and the exit code says that one is.
    opened = desk.coffre("gate", SLUG, "--open", "caisse-01", "--reason", "the customer looks for it", expect=4).stderr
    assert [f"{machine} is stopped" in opened for machine in ("compta-01", "caisse-01")] == [True, False]
    (word,) = backstage.events(EventKind.GATE_WORD)
    assert word.details["reason"] == "the customer looks for it"
    assert write_until_the_wall(stolen, name, body) < 30
    assert "is reached, by caisse-01" in desk.coffre("gate", SLUG, expect=4).stderr
    assert "! wall reached, by caisse-01" in desk.coffre("status", SLUG, expect=1).stdout

    settings.write_text(before, encoding="utf-8")
    desk.edit(SLUG, "quota: 48 MiB", "quota: 200 GiB")
    desk.coffre("apply", SLUG, "--yes")
    for machine, key in (("compta-01", sisters), ("caisse-01", stolen)):
        key.put(name, b"small")
        desk.coffre("acknowledge", SLUG, "--machine", machine, "--yes", "--reason", "the customer found it")
    done = desk.coffre("backup", SLUG).stdout
    assert "compta-01: success" in done
    assert "caisse-01: success" in done


def test_a_run_that_meets_the_wall_ends_soon_as_quota_and_harms_nothing(
    desk: Desk, backstage: Backstage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sold quota is far away, so the gate is open: only RGW's own quota stops the machine, midway."""
    owner = backstage.storage.find_owner(backstage.owner_uid)
    assert owner is not None
    backstage.storage.admin.set_quota(backstage.owner_uid, owner.used_bytes + 2 * 1024**2)
    desk.on_machine(HOSTS["compta-01"], "head -c 30000000 /dev/urandom >/home/claire/film.mkv")
    began = time.monotonic()
    stopped = desk.coffre("backup", SLUG, "--machine", "compta-01", expect=4)
    assert time.monotonic() - began < 120
    assert "compta-01: quota" in stopped.stdout
    desk.coffre("apply", SLUG, "--yes")
    assert "compta-01: success" in desk.coffre("backup", SLUG, "--machine", "compta-01").stdout
    monkeypatch.setenv("XDG_CONFIG_HOME", desk.environment["XDG_CONFIG_HOME"])
    with open_tenant(load_checkout(desk.root), SLUG, pytest.fail) as opened:
        open_repository(opened, "compta-01", RoutineUse(RoutineTask.CHECK_STRUCTURE)).check(read_data=True)


def test_drift_on_the_platform_is_planned_and_put_right(desk: Desk, backstage: Backstage) -> None:
    admin = backstage.storage.admin
    admin.set_quota(backstage.owner_uid, 1024**3)
    assert "UserQuota" in desk.coffre("plan", SLUG, "--exit-code", expect=6).stdout
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    owner = backstage.storage.find_owner(backstage.owner_uid)
    assert owner is not None
    assert owner.wall_bytes is not None
    assert owner.wall_bytes > 200 * 1024**3


def test_nothing_is_deleted_because_text_disappeared(desk: Desk, backstage: Backstage, tmp_path: Path) -> None:
    text = desk.tenant_file(SLUG).read_text(encoding="utf-8")
    desk.tenant_file(SLUG).write_text(text[: text.index("  caisse-01:")], encoding="utf-8")
    for command in (("plan", SLUG), ("apply", SLUG, "--yes")):
        assert "machine caisse-01 is no longer in the file" in desk.coffre(*command, expect=4).stderr
    desk.tenant_file(SLUG).unlink()
    for command in (("plan", "--all"), ("apply", "--all", "--yes")):
        assert f"tenants/{SLUG}.yaml is gone" in desk.coffre(*command, expect=4).stderr
    desk.tenant_file(SLUG).write_text(text, encoding="utf-8")
    owner = backstage.storage.find_owner(backstage.owner_uid)
    assert owner is not None
    assert len(owner.buckets) == 2
    assert "nothing to change" in desk.coffre("plan", SLUG).stdout


def test_no_password_is_minted_in_place_of_a_lost_one(desk: Desk, tmp_path: Path) -> None:
    folders = [desk.root / ".coffre" / name for name in ("secrets", "escrow")]
    for folder in folders:
        shutil.move(folder / f"{SLUG}.data.age", tmp_path / folder.name)
    assert "its secret bundles are not on this computer" in desk.coffre("apply", SLUG, "--yes", expect=4).stderr
    for folder in folders:
        shutil.move(tmp_path / folder.name, folder / f"{SLUG}.data.age")
    desk.coffre("plan", SLUG)


def test_an_unreachable_machine_is_named_and_stops_nobody(desk: Desk, lab: Any) -> None:
    desk.edit(SLUG, 'schedule: ["Mon..Fri 12:30", "daily 19:00"]', 'schedule: ["daily 18:00"]')
    lab.stop_machine(HOSTS["caisse-01"])
    try:
        applied = desk.coffre("apply", SLUG, "--yes", expect=1)
        assert "compta-01: updated" in applied.stdout
        assert "caisse-01: pending" in applied.stdout
        backed_up = desk.coffre("backup", SLUG, expect=1)
        assert "compta-01: success" in backed_up.stdout
        assert "caisse-01: unreachable" in backed_up.stdout
    finally:
        lab.start_machine(HOSTS["caisse-01"])
    # What a lab machine writes is in memory: it comes back as new hardware does, and apply installs it again.
    again = desk.coffre("apply", SLUG, "--yes")
    assert "caisse-01: updated" in again.stdout


def test_two_changes_of_one_tenant_do_not_meet(desk: Desk) -> None:
    from coffre.workspace.locks import tenant_lock

    with tenant_lock(desk.root, SLUG):
        assert "another command is changing" in desk.coffre("apply", SLUG, "--yes", expect=5).stderr


def test_a_lost_platform_comes_back_with_the_same_keys(desk: Desk, backstage: Backstage, lab: Any) -> None:
    """Contract, article 15: the service is rebuilt, and all machines back up again from nothing."""
    lab.radosgw_admin(["user", "rm", f"--uid={backstage.owner_uid}", "--purge-data"])
    for machine in HOSTS:
        lab.radosgw_admin(["user", "rm", f"--uid={backstage.owner_uid}.{machine}", "--purge-data"])
    before = backstage.secret_values()
    # Nothing tells a platform that was lost from one that lost this tenant: somebody has to say so.
    unsaid = desk.coffre("apply", SLUG, "--yes", expect=1)
    assert "15 created" in unsaid.stdout
    assert unsaid.stdout.count(": refused: ") == len(HOSTS)
    assert desk.json("status", SLUG, "--json", expect=1)[0]["findings"]
    rebuilt = desk.coffre("apply", SLUG, "--yes", "--platform-lost", "--reason", "the platform burnt down")
    assert "commissioned" not in rebuilt.stdout
    assert backstage.secret_values() == before
    assert "compta-01: success" in desk.coffre("backup", SLUG).stdout
    assert {event.details["reason"] for event in backstage.events(EventKind.NEW_REPOSITORY)} == {
        "the platform burnt down"
    }
    desk.coffre("status", SLUG)


def test_no_secret_is_left_anywhere_in_clear(desk: Desk, backstage: Backstage, lab: Any) -> None:
    """In all that the commands wrote and printed: state, records, logs, temporary files, shared memory, the gateway."""
    secrets = {value.encode() for value in backstage.secret_values()}
    assert len(secrets) >= 7
    said = "\n".join(desk.said)
    assert "storage: no change" in said
    assert not [secret for secret in secrets if secret in said.encode()]
    files = read_files(desk.root, desk.home, lab.directory / "ceph", *Path("/dev/shm").glob("*coffre*"))
    assert len(files) > 20
    assert not [path for path, content in files.items() if any(secret in content for secret in secrets)]


def snapshot_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Return every file below a folder with its size and time of change."""
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}
