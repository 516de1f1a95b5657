"""Supervision on the real platform: it acts on what was applied, closes the gate at the quota, and opens it again."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from coffre.records.actor import Author
from coffre.records.database.store import Records
from coffre.records.database.supervision import Pass
from coffre.records.events import EventKind
from coffre.records.facts.backups import Drilled
from coffre.spec import naming
from coffre.spec.loader import load_checkout
from coffre.storage.driver import Bucket
from coffre.storage.values import AccessKey
from coffre.tenant.estate.keys import access_key
from coffre.tenant.estate.log import TenantLog
from coffre.workspace.clock import utc_now
from tests.conftest import LAB_HOSTS
from tests.e2e.conftest import Desk
from tests.e2e.recovery.test_killed import SLUG, Backstage
from tests.exporting import exporting
from tests.mail_server import Inbox, serving
from tests.processes import read_words
from tests.receiver import Receiver, receiving
from tests.stopping import Stopping
from tests.traces import list_process_ids

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

COMPTA, CAISSE = "compta-01", "caisse-01"
COMPTA_HOST = "compta-01.martin.example"
PACK = f"restic/data/ab/{'ab' * 32}"
MIB = 1024**2
LETTERS = 1500
"""More than a fifth of the files that the machine backs up."""
TOKEN = "s3cr3tT0ken"
SOLD = "quota: 200 GiB"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """SMILÉO's own channel, and the dead man's switch."""
    with receiving() as opened:
        yield opened


@pytest.fixture(scope="module")
def inbox() -> Inbox:
    """The customer's mail."""
    return Inbox()


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk], receiver: Receiver, inbox: Inbox) -> Iterator[Desk]:
    desk = make_desk(SLUG)
    with serving(inbox, desk.root, "none") as block:
        (desk.root / "ops.url").write_text(receiver.url("json", f"ops/{TOKEN}"), encoding="utf-8")
        (desk.root / "alive.url").write_text(receiver.url("http", "alive"), encoding="utf-8")
        notify = {"channels": {"ops": {"url": "file:ops.url"}}, "dead_man": "file:alive.url"}
        with (desk.root / "platform.yaml").open("a", encoding="utf-8") as settings:
            settings.write(yaml.safe_dump({"mail": block, "notify": notify}))
        desk.share(is_shared=True)
        yield from _prepare(desk)


def _prepare(desk: Desk) -> Iterator[Desk]:
    desk.coffre("apply", SLUG, "--yes")
    desk.coffre("backup", SLUG)
    yield desk


def forget_looks(desk: Desk) -> None:
    """Let the next pass look at everything, as it does after a day."""
    with contextlib.closing(sqlite3.connect(desk.root / ".coffre" / "records.db")) as connection, connection:
        connection.execute("delete from watched")


def bucket_of(desk: Desk, machine: str) -> Bucket:
    """Open a machine's bucket with its owner's key."""
    backstage = Backstage(desk)
    key = access_key(backstage.secrets.get_control(SLUG, backstage.tenant.id).owner_key)
    return backstage.storage.open_bucket(naming.bucket_name(SLUG, backstage.tenant.id, machine), key)


def take_away(desk: Desk, machine: str, key: str) -> None:
    """Delete every version of an object, with the owner's key."""
    backstage, bucket = Backstage(desk), bucket_of(desk, machine)
    owner_key = access_key(backstage.secrets.get_control(SLUG, backstage.tenant.id).owner_key)
    eraser = backstage.storage.open_eraser(bucket.name, owner_key)
    assert list(eraser.delete_versions([each for each in eraser.walk_versions() if each.key == key])) == []


def supervise(desk: Desk) -> dict[str, Any]:
    found = desk.json("supervise", "--json")
    assert isinstance(found, dict)
    return found


def kinds(findings: list[dict[str, Any]]) -> list[str]:
    return [each["place"]["kind"] for each in findings]


def test_a_tenant_in_order_gives_no_finding(desk: Desk, receiver: Receiver) -> None:
    for _ in range(2):
        seen = supervise(desk)
        assert (seen["tenants"], seen["unseen"], seen["opened"], seen["closed"]) == (1, {}, [], [])
    assert "no finding is open; the last pass ended at" in desk.coffre("findings", "list").stdout
    assert receiver.asked == ["/alive", "/alive"], "the dead man's switch hears of each pass, nobody else"
    assert "took the test message" in desk.coffre("notify", "test", "ops").stdout


def test_pages_and_metrics_show_a_real_backup(desk: Desk) -> None:
    supervise(desk)
    desk.coffre("site", "pages")
    page = (desk.root / "pages" / "clients" / f"{SLUG}.html").read_text(encoding="utf-8")
    assert page.count('class="day-saved"') >= 2, "each of the two machines has backed up"
    with exporting(desk.root, desk.environment) as running:
        shown = running.scrape()
    assert f'coffre_tenant_licences_in_use{{kind="workstation",platform="lab",tenant="{SLUG}"}} 2.0' in shown
    assert f'coffre_tenant_gate_closed{{platform="lab",tenant="{SLUG}"}} 0.0' in shown


def drill_long_ago(desk: Desk, *machines: str) -> None:
    """Record drills that passed forty days ago, as they would be recorded by then."""
    checkout, author = load_checkout(desk.root), Author("test@smileo.example", None)
    with Records.open(checkout.settings.records, desk.root) as records:
        long_ago = utc_now() - timedelta(days=40)
        log = TenantLog(checkout.tenants[SLUG].id, SLUG, author, lambda: records, lambda: records, lambda: long_ago)
        for machine in machines:
            log.append(Drilled(1, "ab" * 32, ("/home/a",)), machine)


def list_drilled(desk: Desk) -> list[str | None]:
    """Return the machines of all drills so far, in their order."""
    checkout = load_checkout(desk.root)
    with Records.open(checkout.settings.records, desk.root) as records:
        return [each.machine for each in records.select_events(checkout.tenants[SLUG].id, {EventKind.DRILL})]


def test_what_is_due_is_drilled_after_a_kill_too_and_is_not_due_again(desk: Desk) -> None:
    assert "no drill is due" in desk.coffre("drill", "--due").stderr, "the first one is due a month after the backup"
    drill_long_ago(desk, COMPTA, CAISSE)
    before = list_drilled(desk)
    at = f"{SLUG}/{CAISSE}: reading the list of files"
    killed = Stopping(("drill", "--due"), at=[at], cwd=desk.root, environment=desk.environment)
    assert killed.reaches()
    assert "another process" in desk.coffre("drill", "--due", expect=5).stderr
    killed.kill_group()
    assert list_drilled(desk) == [*before, COMPTA], "it was installed first, is due first, and was recorded at its end"
    [result] = desk.json("drill", "--due", "--json")
    assert (result["machine"], result["outcome"], result["drill"]["problems"]) == (CAISSE, "passed", [])
    assert "no drill is due" in desk.coffre("drill", "--due").stderr


def test_a_failed_drill_is_a_finding_until_one_passes(desk: Desk) -> None:
    bucket = bucket_of(desk, COMPTA)
    sizes = {each.key: each.size_bytes for each in bucket.list_objects("restic/data/")}
    for key, size_bytes in sizes.items():
        bucket.put(key, bytes(size_bytes))
    drill_long_ago(desk, COMPTA)
    failed = desk.coffre("drill", "--due", expect=1)
    assert f"{SLUG}/{COMPTA}: drill FAILED" in failed.stdout
    assert "1 drilled, 1 failed" in failed.stderr
    backstage = Backstage(desk)
    eraser = backstage.storage.open_eraser(
        bucket.name, access_key(backstage.secrets.get_control(SLUG, backstage.tenant.id).owner_key)
    )
    written = [each for each in eraser.walk_versions() if each.key in sizes and each.is_latest]
    assert list(eraser.delete_versions(written)) == [], (
        "the packs are as they were, with no trace of this for the others"
    )
    opened = [each for each in supervise(desk)["opened"] if each["place"]["kind"] == "drill_failed"]
    assert [each["place"]["machine"] for each in opened] == [COMPTA]
    assert "/home" not in json.dumps(opened), "no name of a customer's file is in what others read"
    desk.coffre("drill", SLUG, "--machine", COMPTA)
    assert "drill_failed" in kinds(supervise(desk)["closed"])


def test_the_gate_follows_what_was_applied_and_not_the_file_that_lies_here(
    desk: Desk, receiver: Receiver, inbox: Inbox
) -> None:
    [before] = desk.json("status", SLUG, "--json")
    small = f"quota: {before['used_bytes'] // MIB + 10} MiB"
    desk.edit(SLUG, SOLD, small)
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    desk.edit(SLUG, small, SOLD)
    compta, caisse = (bucket_of(desk, name) for name in (COMPTA, CAISSE))
    compta.put(PACK, b"\0" * (10 * MIB))
    receiver.status = 503
    seen = supervise(desk)
    assert "quota_reached" in kinds(seen["opened"])
    assert (compta.is_gate_closed(), caisse.is_gate_closed()) == (True, True)
    [mail] = inbox.messages
    assert mail["To"] == "claire@martin.example"
    assert mail["Subject"].startswith("Vos sauvegardes sont arrêtées : l’espace est plein – contrat BC-2026-0412")
    assert "SPÉCIMEN" in mail.get_content()
    assert "HTTP 503" in seen["messages"]["refused"]["channel ops"]
    assert "HTTP 503" in desk.coffre("messages", "list", "--unsent").stdout
    receiver.status = 200
    let_pauses_end(desk)
    assert supervise(desk)["messages"]["sent"] >= 1
    titles = [each["title"] for each in receiver.notes(f"/ops/{TOKEN}")]
    assert f"Coffre: {SLUG}: quota reached" in titles
    take_away(desk, COMPTA, PACK)
    assert "quota_reached" in kinds(supervise(desk)["closed"])
    assert "peuvent reprendre" in inbox.messages[-1].get_content()
    assert len(inbox.messages) == 2, "each once: the quota, and its end"
    proofs = [each["proof"]["message_id"] for each in desk.json("messages", "list", "--json") if each["proof"]]
    assert proofs == [each["Message-ID"] for each in inbox.messages]
    assert (compta.is_gate_closed(), caisse.is_gate_closed()) == (False, False)
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    assert desk.coffre("findings", "list", "--exit-code", expect=6).stdout
    supervise(desk)
    found = desk.json("findings", "list", "--json")
    assert sorted((each["kind"], each["machine"]) for each in found) == [
        ("packs_gone", COMPTA),
        ("suspected_attack", COMPTA),
    ]
    assert (compta.list_expiry_rules(), caisse.list_expiry_rules()) == ([], ["all", "locks"])
    desk.coffre("acknowledge", SLUG, "--machine", COMPTA, "--reason", "the test took it away", "--yes")
    assert kinds(supervise(desk)["closed"]) == ["packs_gone"], (
        "a person's word counts although nobody wrote to the bucket"
    )
    release(desk)


def release(desk: Desk) -> None:
    """Release the brake as a person does, and let the platform expire again."""
    desk.coffre("brake", "release", SLUG, "--machine", COMPTA, "--reason", "it was the test")
    assert "storage: no change" not in desk.coffre("apply", SLUG, "--yes", "--storage-only").stdout
    assert bucket_of(desk, COMPTA).list_expiry_rules() == ["all", "locks"]
    assert kinds(supervise(desk)["closed"]) == ["suspected_attack"]


def test_files_that_are_encrypted_on_a_machine_pull_the_brake_and_the_backup_before_them_restores(
    desk: Desk, tmp_path: Path
) -> None:
    """A user's folder is encrypted in place, as ransomware does it, on a machine with a real agent and restic."""
    letters = "/home/alice/letters"
    make = f"mkdir {letters}; for n in $(seq {LETTERS}); do seq $n $((n + 800)) > {letters}/$n; done"
    desk.on_machine(COMPTA_HOST, f"useradd --create-home alice; {make}; chown -R alice: /home/alice")
    for _ in range(5):
        desk.on_machine(COMPTA_HOST, f"date > {letters}/today")
        desk.coffre("backup", SLUG, "--machine", COMPTA)
        assert "suspected_attack" not in kinds(supervise(desk)["opened"])
    bait = "/home/alice/.coffre-temoin.rtf"
    assert "alice" in desk.on_machine(COMPTA_HOST, f"stat -c %U {bait}"), (
        "the agent keeps a bait where there is much to lose"
    )
    good = desk.json("status", SLUG, "--json")[0]["machines"][0]["newest_snapshot_at"]
    desk.on_machine(COMPTA_HOST, f"cd {letters}; for f in *; do head -c 3000 /dev/urandom > $f; done")
    desk.coffre("backup", SLUG, "--machine", COMPTA)
    assert "suspected_attack" in kinds(supervise(desk)["opened"])
    [frozen] = desk.json("brake", "list", SLUG, "--json")
    assert [each["kind"] for each in frozen["fact"]["signs"]] == ["rewritten"]
    assert frozen["fact"]["last_good_at"] == good
    assert bucket_of(desk, COMPTA).list_expiry_rules() == []
    said = desk.coffre("brake", "list", SLUG).stdout
    assert "files have new content that does not compress; the last good backup is" in said
    assert "les fichiers de la machine semblent attaqués" in desk.coffre("why", SLUG).stdout
    assert "its retention is frozen for the signs of an attack" in desk.coffre("plan", SLUG).stdout
    desk.coffre("drift", SLUG, "--reports-only")
    snapshot = frozen["fact"]["last_good_snapshot_id"]
    back = ("--machine", COMPTA, "--snapshot", snapshot, "--path", letters, "--to", str(tmp_path / "back"))
    desk.coffre("restore", SLUG, *back)
    assert (tmp_path / "back" / "home/alice/letters/7").read_text("utf-8").splitlines()[0] == "7"
    release(desk)
    desk.on_machine(COMPTA_HOST, f"echo encrypted > {bait}")
    desk.coffre("backup", SLUG, "--machine", COMPTA)
    assert "suspected_attack" in kinds(supervise(desk)["opened"]), "a bait is enough"
    desk.coffre("backup", SLUG, "--machine", COMPTA)
    assert "ne pas le modifier" in desk.on_machine(COMPTA_HOST, f"cat {bait}"), "it is there again"
    release(desk)


def test_the_next_quota_is_suggested_as_a_change_of_the_file(desk: Desk) -> None:
    enough = desk.coffre("quota", "suggest", SLUG)
    assert "the 200 GiB of its file are enough for 12 months" in enough.stdout
    assert "is too short to tell the growth" in enough.output
    desk.edit(SLUG, SOLD, "quota: 2 MiB")
    shown = desk.coffre("quota", "suggest", SLUG)
    assert "-  quota: 2 MiB " in shown.stdout
    assert "+  quota: 1 GiB " in shown.stdout
    assert "quota: 2 MiB" in desk.tenant_file(SLUG).read_text("utf-8"), "it is only shown"
    desk.coffre("quota", "suggest", SLUG, "--write")
    desk.edit(SLUG, "quota: 1 GiB", SOLD)
    desk.coffre("check")


def test_a_day_that_nobody_measured_at_midnight_is_a_gap(desk: Desk) -> None:
    days = desk.json("usage", SLUG, "--json")
    assert days[-1]["licences"] == {}, "the machines were installed after this midnight"
    assert [each["current_bytes"] for each in days[:-1]] == [None] * (len(days) - 1)


def let_pauses_end(desk: Desk) -> None:
    """Let the time pass after which what was not taken is tried again."""
    with Records.open(load_checkout(desk.root).settings.records, desk.root) as records:
        waiting = [each for each in records.messages.list_waiting() if each.error is not None]
        records.messages.fail([each.id or 0 for each in waiting], "HTTP 503", utc_now())


def test_no_token_of_a_channel_is_in_what_commands_print_or_leave(desk: Desk) -> None:
    places = [path for path in desk.root.rglob("*") if path.is_file() and path.name != "ops.url"]
    assert [path for path in places if TOKEN.encode() in path.read_bytes()] == []
    assert [text for text in desk.said if TOKEN in text] == []


def test_a_person_acknowledges_a_finding_and_it_stays_open(desk: Desk) -> None:
    bucket_of(desk, CAISSE).put("foreign", b"1")
    supervise(desk)
    [finding] = desk.json("findings", "list", "--json")
    assert (finding["kind"], finding["machine"], finding["attributable_to"]) == ("foreign_keys", CAISSE, "unknown")
    number = str(finding["id"])
    desk.coffre("findings", "acknowledge", number, "--reason", "the customer tests a tool")
    desk.coffre("findings", "ticket", number, "INC-17")
    assert "[acknowledged by test@smileo.example, ticket INC-17]" in desk.coffre("findings", "list").stdout
    take_away(desk, CAISSE, "foreign")
    supervise(desk)
    assert desk.json("findings", "list", "--json") == []


def test_one_process_supervises_at_a_time_and_a_signal_ends_it_after_its_pass(desk: Desk) -> None:
    before = last_pass(desk)
    running = desk.start("supervise", "--every", "5m")
    try:
        end = time.monotonic() + 120
        while (seen := last_pass(desk)).id == before.id or seen.ended_at is None:
            assert running.poll() is None
            assert time.monotonic() < end
            time.sleep(0.1)
        refused = desk.coffre("supervise", expect=5)
        assert "another process is supervising" in refused.output
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=60) == 0
    finally:
        running.kill()
        running.communicate()
    supervise(desk)


def test_an_outage_is_found_by_probes_with_its_times_and_is_one_incident(desk: Desk, lab: Any) -> None:
    """The gateway is killed and started again, while probes go on; what the pass sees is the same incident."""
    running = desk.start("probe", "--every", "5s")
    try:
        wait_for(lambda: probes(desk)["probed_seconds"] > 0, running)
        assert "another process is probing" in desk.coffre("probe", expect=5).output
        killed_at = utc_now()
        end_gateway(lab)
        wait_for(lambda: any(each["is_going_on"] for each in probes(desk)["outages"]), running)
        seen = json.loads(desk.coffre("supervise", "--json", expect=1).stdout)
        assert kinds(seen["opened"]) == ["platform_away"]
        [finding] = [each for each in desk.json("findings", "list", "--json") if each["platform"] == "lab"]
        assert (finding["severity"], finding["attributable_to"]) == ("critical", "smileo")
        assert finding["evidence"]["tenants"] == 1
        assert (finding["evidence"]["step"], finding["evidence"]["fault"]) == ("write", "unreachable")
        lab.up(LAB_HOSTS)
        served_at = utc_now()
        wait_for(lambda: not any(each["is_going_on"] for each in probes(desk)["outages"]), running)
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=60) == 0
    finally:
        running.kill()
        running.communicate()
    found = probes(desk)
    [outage] = found["outages"]
    began, ended = (datetime.fromisoformat(outage[name]) for name in ("begins_at", "ends_at"))
    assert killed_at - timedelta(seconds=1) < began < killed_at + timedelta(seconds=10)
    assert served_at - timedelta(seconds=10) < ended < served_at + timedelta(seconds=20)
    assert outage["counted_seconds"] == found["used_seconds"] == round((ended - began).total_seconds())
    assert found["left_seconds"] == found["budget_seconds"] - found["used_seconds"]
    assert kinds(supervise(desk)["closed"]) == ["platform_away"]
    said = desk.coffre("sla").stdout
    assert "26 h 16 min 48 s" in said
    assert "writing: no connection" in said
    first, last, tomorrow = (
        f"{at.astimezone(ZoneInfo('Europe/Paris')):%Y-%m-%d %H:%M:%S}"
        for at in (began, ended, ended + timedelta(days=1))
    )
    excluded = ["sla", "exclude", "lab", "--reason", "the river came", "--begins", first, "--ends"]
    assert "has not passed" in desk.coffre(*excluded, tomorrow, expect=2).output
    desk.coffre(*excluded, last)
    assert probes(desk)["excused_seconds"] > 0
    assert [each["reason"] for each in probes(desk)["exclusions"]] == ["the river came"]


def test_no_drift_and_no_tenant_is_seen_in_what_probes_use(desk: Desk, lab: Any) -> None:
    desk.coffre("probe")
    assert "coffre-probe" in json.loads(lab.radosgw_admin(["user", "list"]))
    assert "coffre-probe" not in desk.coffre("drift", SLUG, "--reports-only").output


def probes(desk: Desk) -> dict[str, Any]:
    [found] = desk.json("sla", "--json")
    assert isinstance(found, dict)
    return found


def end_gateway(lab: Any) -> None:
    [gateway] = [pid for pid in list_process_ids(lab) if "radosgw" in read_words(pid).partition(" ")[0]]
    os.kill(gateway, signal.SIGKILL)


def wait_for(is_so: Callable[[], bool], running: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + 120
    while not is_so():
        assert running.poll() is None
        assert time.monotonic() < end
        time.sleep(0.5)


def last_pass(desk: Desk) -> Pass:
    with Records.open(load_checkout(desk.root).settings.records, desk.root) as records:
        return records.supervision.list_passes(1)[0]


def test_what_nobody_declared_or_needs_is_found_on_the_real_platform_and_ends(desk: Desk, lab: Any) -> None:
    """A user that an erasure left, a key that somebody made, and a lost stack; other tests' users are there as well."""
    desk.share(is_shared=False)
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    backstage, left = Backstage(desk), "aaa-parti-m7f3q9wz2m"
    machine = naming.machine_uid(backstage.tenant, CAISSE)
    lab.radosgw_admin(["user", "create", f"--uid={left}", "--display-name=left", "--max-buckets=5"])
    lab.radosgw_admin(["quota", "set", "--quota-scope=user", f"--uid={left}", "--max-size=1073741824"])
    lab.radosgw_admin(["quota", "enable", "--quota-scope=user", f"--uid={left}"])
    lab.radosgw_admin(["user", "create", "--uid=aaa-stranger-prometheus", "--display-name=a stranger"])
    backstage.storage.add_key(machine, AccessKey("STRANGEKEY0123456789", "s" * 40))
    stack = desk.root / ".coffre" / "state" / ".pulumi" / "stacks" / "coffre" / f"{SLUG}.json"
    aside = stack.rename(desk.root / "stack.json")
    try:
        opened = find_ghosts(desk)
        assert opened == {
            ("user_not_declared", left, ""),
            ("key_unknown", machine, CAISSE),
            ("stack_gone", SLUG, ""),
        }
        assert f"1 user(s) of {left}, with 0 bucket(s), belong to no tenant" in desk.coffre("findings", "list").stdout
    finally:
        aside.rename(stack)
        for uid in (left, "aaa-stranger-prometheus"):
            lab.radosgw_admin(["user", "rm", f"--uid={uid}"])
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    assert "STRANGEKEY0123456789" not in backstage.storage.list_key_ids(machine)
    assert find_ghosts(desk) == set()
    desk.share(is_shared=True)
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    supervise(desk)


def find_ghosts(desk: Desk) -> set[tuple[str, str, str]]:
    """Return what a look at everything has open about this test's own users, keys and stacks."""
    forget_looks(desk)
    supervise(desk)
    found = desk.json("findings", "list", "--json")
    names = {"user_not_declared": "user", "key_unknown": "user", "stack_gone": "stack"}
    told = {
        (each["kind"], str(each["evidence"][names[each["kind"]]]), each["machine"] or "")
        for each in found
        if each["kind"] in names
    }
    return {each for each in told if each[0] != "user_not_declared" or each[1].startswith("aaa-")}
