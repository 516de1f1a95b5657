"""The storage's host plays: it rolls a bucket back, thins it out, empties it, and puts reports there. All is noticed.

The host has what the owner's key reaches, and more; it has no machine's repository password.
"""

import base64
import json
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from coffre.records.events import EventKind
from coffre.secrets.bundles import S3Key
from coffre.spec.naming import bucket_name
from coffre.storage.s3.client import make_client
from coffre.storage.values import AccessKey
from tests.e2e.conftest import Desk
from tests.e2e.service.test_tenant_life import HOSTS, SLUG, TENANT_ID, Backstage

COMPTA, CAISSE = "compta-01", "caisse-01"


class Host:
    """The storage's host at one machine's bucket."""

    def __init__(self, backstage: Backstage, machine: str) -> None:
        control = backstage.secrets.get_control(SLUG, TENANT_ID)
        self._s3: Any = self._client(backstage, control.owner_key)
        self.thief: Any = self._client(backstage, control.machine_keys[machine])
        """Of who stole the machine's S3 key and nothing else."""
        self.bucket = bucket_name(SLUG, TENANT_ID, machine)

    @staticmethod
    def _client(backstage: Backstage, key: S3Key) -> Any:
        opened = AccessKey(key.access_key_id, key.secret_access_key.get_secret_value())
        return make_client(backstage.storage.endpoint, opened)

    def keys(self, prefix: str = "") -> list[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def read(self, key: str) -> bytes:
        body: bytes = self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def read_first(self, key: str) -> bytes:
        (*_, first) = self._s3.list_object_versions(Bucket=self.bucket, Prefix=key)["Versions"]
        body: bytes = self._s3.get_object(Bucket=self.bucket, Key=key, VersionId=first["VersionId"])["Body"].read()
        return body

    def write(self, key: str, body: bytes) -> None:
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def delete(self, *keys: str) -> None:
        for key in keys:
            self._s3.delete_object(Bucket=self.bucket, Key=key)

    def copy(self) -> dict[str, bytes]:
        return {key: self.read(key) for key in self.keys() if not key.startswith("control/")}

    def roll_back(self, state: dict[str, bytes]) -> None:
        self.delete(*(key for key in self.keys() if not key.startswith("control/") and key not in state))
        for key, body in state.items():
            self.write(key, body)


def forged(snapshot_id: str) -> bytes:
    """Return what anybody can write: a success of now, in clear."""
    now = datetime.now(UTC).isoformat()
    said = {"version": 1, "tenant_id": TENANT_ID, "machine": COMPTA, "run_id": secrets.token_hex(16), "started_at": now,
            "finished_at": now, "result": "success", "snapshot_id": snapshot_id, "generation_applied": 1}  # fmt: skip
    return json.dumps(said).encode()


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk]) -> Desk:
    desk = make_desk(SLUG)
    desk.coffre("apply", SLUG, "--yes")
    desk.on_machine(HOSTS[COMPTA], "mkdir -p /home/claire")
    desk.coffre("backup", SLUG)
    return desk


@pytest.fixture(scope="module")
def backstage(desk: Desk) -> Backstage:
    return Backstage(desk)


@pytest.fixture(scope="module")
def compta(backstage: Backstage) -> Host:
    return Host(backstage, COMPTA)


@pytest.fixture(scope="module")
def caisse(backstage: Backstage) -> Host:
    return Host(backstage, CAISSE)


def newest_snapshot(desk: Desk) -> str:
    reports = json.loads(desk.on_machine(HOSTS[COMPTA], "cat /var/lib/coffre/last-report.json"))
    return str(reports["snapshot_id"])


def findings(desk: Desk, *, expect: int = 1) -> dict[str, dict[str, Any]]:
    """Return what status finds, by kind, and hold it to its exit code."""
    (tenant,) = desk.json("status", SLUG, "--json", expect=expect)
    return {each["kind"]: {**each["evidence"], "machine": each["machine"]} for each in tenant["findings"]}


def back_up_anew(desk: Desk, *, expect: int = 0) -> str:
    desk.on_machine(HOSTS[COMPTA], "date +%N >> /home/claire/journal; head -c 100000 /dev/urandom > /home/claire/photo")
    return desk.coffre("backup", SLUG, "--machine", COMPTA, expect=expect).stdout


def test_the_host_reads_nothing_of_what_machines_say(desk: Desk, backstage: Backstage, compta: Host) -> None:
    reports = {key: compta.read(key) for key in compta.keys("reports/") if not key.endswith(".probe")}
    assert [key for key in reports if key.endswith(".sealed")], "there is no report to look at"
    local = json.loads(desk.on_machine(HOSTS[COMPTA], "cat /var/lib/coffre/last-report.json"))
    assert local["samples"], "there is no sample to be hidden"
    hidden = [value for sample in local["samples"] for value in (sample["path"], sample["sha256"])]
    words = [*hidden, "/etc/", "success", COMPTA, local["snapshot_id"]]
    assert not [word for word in words for body in reports.values() if word.encode() in body]
    uses = len(backstage.events(EventKind.PASSWORD_USED))
    assert findings(desk, expect=0) == {}
    assert len(backstage.events(EventKind.PASSWORD_USED)) == uses, "a look at reports uses no password"


def test_a_rollback_with_a_forged_report_of_now_is_noticed_everywhere(desk: Desk, compta: Host) -> None:
    last_week, old = compta.copy(), newest_snapshot(desk)
    back_up_anew(desk)
    new, whole_at = newest_snapshot(desk), datetime.now(UTC)
    desk.coffre("drill", SLUG, "--machine", COMPTA)
    compta.roll_back(last_week)
    compta.write("reports/forged.json", forged(old))

    found = findings(desk)
    assert (found["snapshots_gone"]["newest"], found["snapshots_gone"]["is_newest"]) == (new, 1)
    assert (found["reports_gone"]["number"], found["reports_gone"]["known"]) == (1, 2)
    assert found["report_set_aside"]["fault"] == "unsealed"
    shown = desk.coffre("status", SLUG, expect=1).stdout
    assert f"  ! {COMPTA}: 1 snapshot gone that Coffre did not delete, the newest of all {new[:8]}" in shown

    drilled = desk.coffre("drill", SLUG, "--machine", COMPTA, expect=1).stdout
    assert "drill FAILED" in drilled
    assert f"snapshot {new[:8]}" in drilled, "the drill asked the bucket which snapshot it should try"
    assert "snapshot gone that Coffre did not delete" in drilled
    said = back_up_anew(desk, expect=1)
    assert f"{COMPTA}: success" in said
    assert f"the last snapshot of this machine, {new[:8]} of " in said, "the machine itself noticed nothing"
    assert "  ! compta-01: 1 snapshot gone" in said
    assert "snapshots_gone" in findings(desk), "the next backup hid it"

    desk.coffre("undelete", SLUG, "--machine", COMPTA, "--at", whole_at.isoformat(), "--yes")
    compta.delete("reports/forged.json")
    assert set(findings(desk)) == {"drill_failed"}, "what SMILÉO brought back is no loss any more"
    desk.coffre("drill", SLUG, "--machine", COMPTA)
    assert findings(desk, expect=0) == {}


def test_one_snapshot_less_is_noticed_and_let_go_only_with_a_reason(
    desk: Desk, backstage: Backstage, compta: Host
) -> None:
    others = [key for key in compta.keys("restic/snapshots/") if not key.endswith(newest_snapshot(desk))]
    assert len(others) == 2
    compta.delete(*others)
    found = findings(desk)
    assert (found["snapshots_gone"]["count"], found["snapshots_gone"]["is_newest"]) == (2, 0)
    assert "2 snapshots gone" in desk.coffre("drill", SLUG, "--machine", COMPTA, expect=1).stdout
    let_go = ("acknowledge", SLUG, "--machine", COMPTA, "--yes", "--reason")
    desk.coffre(*let_go, " ", expect=2)
    assert f"{COMPTA}: 2 snapshots are no longer expected" in desk.coffre(*let_go, "a disk of the host's broke").stdout
    (event,) = backstage.events(EventKind.SNAPSHOTS_RELEASED)
    assert event.details["reason"] == "a disk of the host's broke"
    assert sorted(event.details["snapshots"]) == sorted(key.rsplit("/", 1)[1] for key in others)
    desk.coffre("drill", SLUG, "--machine", COMPTA)
    assert findings(desk, expect=0) == {}


def test_reports_put_elsewhere_again_or_by_others_are_no_reports(desk: Desk, compta: Host, caisse: Host) -> None:
    own = [key for key in compta.keys("reports/") if key.endswith(".sealed")]
    (sisters,) = [key for key in caisse.keys("reports/") if key.endswith(".sealed")]
    later = f"reports/0000000099-{secrets.token_hex(16)}.sealed"
    for key, body, fault in (
        (later, compta.read(own[0]), "missealed"),
        (sisters, caisse.read(sisters), "missealed"),
        ("reports/again.json", forged("ab" * 32), "unsealed"),
    ):
        compta.write(key, body)
        found = findings(desk)
        assert (found["report_set_aside"]["key"], found["report_set_aside"]["fault"]) == (key, fault)
        compta.delete(key)
    assert findings(desk, expect=0) == {}
    compta.write(own[0], compta.read(own[0]))
    assert findings(desk)["report_replayed"]["key"] == own[0]
    check_in = compta.read("reports/.applied")
    compta.write("reports/.applied", caisse.read("reports/.applied"))
    assert findings(desk)["applied_set_aside"]["fault"] == "missealed"
    compta.write("reports/.applied", check_in)
    back_up_anew(desk)
    assert findings(desk, expect=0) == {}


def test_a_flood_of_forged_reports_hides_no_honest_one(desk: Desk, compta: Host) -> None:
    """By a thief of the machine's S3 key: what is put beside honest reports and over them."""
    own = [key for key in compta.keys("reports/") if key.endswith(".sealed")]
    flood = [f"reports/{10**9 + number}-{secrets.token_hex(16)}.sealed" for number in range(70)]
    flood += [key.removesuffix(".sealed") + f"-{secrets.token_hex(16)}.sealed" for key in flood]
    sealed = json.dumps({"version": 2, "sealed": base64.b64encode(secrets.token_bytes(500)).decode()}).encode()
    for key in (*flood, *own):
        compta.thief.put_object(Bucket=compta.bucket, Key=key, Body=sealed)
    for _ in range(2):
        found = findings(desk)
        assert found["report_set_aside"]["count"] + found["reports_flooded"]["count"] == len(flood) + len(own)
        assert set(found) == {"report_set_aside", "reports_flooded"}, "the honest reports are out of sight"
        (tenant,) = desk.json("status", SLUG, "--json", expect=1)
        (status,) = [each for each in tenant["machines"] if each["name"] == COMPTA]
        assert (status["last_result"], status["witnesses_agree"]) == ("success", True)
        assert f"{COMPTA}: success" in back_up_anew(desk)
        desk.coffre("drill", SLUG, "--machine", COMPTA)
    compta.delete(*flood)
    for key in own:
        compta.write(key, compta.read_first(key))
    back_up_anew(desk)
    assert findings(desk, expect=0) == {}


def test_packs_config_and_keys_that_go_alone_are_noticed(desk: Desk, compta: Host) -> None:
    state = compta.copy()
    for prefix, kind, evidence in (
        ("restic/data/", "packs_gone", {}),
        ("restic/config", "repository_gone", {"what": "config"}),
        ("restic/keys/", "repository_gone", {"what": "keys"}),
    ):
        compta.delete(*compta.keys(prefix))
        found = findings(desk)[kind]
        assert {name: found[name] for name in evidence} == evidence
        for key, body in state.items():
            if key.startswith(prefix):
                compta.write(key, body)
    assert findings(desk, expect=0) == {}


def test_packs_that_are_hidden_fail_the_next_backup_until_they_are_back(desk: Desk, compta: Host) -> None:
    """restic adds nothing and says that all is well: its index still names them."""
    assert f"{COMPTA}: success" in back_up_anew(desk)
    packs = compta.keys("restic/data/")
    compta.delete(*packs)
    said = desk.coffre("backup", SLUG, "--machine", COMPTA, expect=1).stdout
    assert f"{COMPTA}: failed" in said
    assert f"{len(packs)} packs of its index are gone" in said
    way_out = re.search(r"`coffre (undelete [^`]*)`", said)
    assert way_out is not None
    assert way_out[1].startswith(f"undelete {SLUG} --machine {COMPTA} --at 2")
    found = findings(desk)
    assert (found["snapshot_not_whole"]["integrity"], found["snapshot_not_whole"]["count"]) == (
        "packs_missing",
        len(packs),
    )
    journal = desk.on_machine(HOSTS[COMPTA], "journalctl -u coffre-backup.service -n 20 -o cat")
    assert f"sauvegarde inutilisable : {len(packs)} blocs de données manquent" in journal
    desk.coffre(*way_out[1].split(), "--yes")
    assert f"{COMPTA}: success" in desk.coffre("backup", SLUG, "--machine", COMPTA).stdout
    assert findings(desk, expect=0) == {}


def test_no_new_repository_is_begun_where_one_was(desk: Desk, backstage: Backstage, caisse: Host) -> None:
    caisse.delete(*caisse.keys("restic/"))
    assert findings(desk)["repository_gone"] == {"what": "everything", "known": 1, "machine": CAISSE}
    planned = desk.coffre("plan", SLUG).stdout
    assert f"! {CAISSE}: its repository is gone, and it held 1 snapshots: apply refuses this machine" in planned
    applied = desk.coffre("apply", SLUG, "--yes", expect=1).stdout
    assert f"{CAISSE}: refused: {SLUG}/{CAISSE}: its repository is gone, and it held 1 snapshots" in applied
    assert "coffre undelete" in applied
    assert f"{COMPTA}: unchanged" in applied, "the others are carried out"
    assert caisse.keys("restic/") == []
    again = ("apply", SLUG, "--yes", "--new-repository", CAISSE)
    desk.coffre(*again, expect=2)  # without a word on why
    refused = desk.coffre("apply", SLUG, "--yes", "--new-repository", COMPTA, "--reason", "x", expect=4).stderr
    assert f"{COMPTA} still has its repository" in refused
    assert f"{CAISSE}: unchanged" in desk.coffre(*again, "--reason", "its host emptied it").stdout
    (event,) = backstage.events(EventKind.NEW_REPOSITORY)
    assert (event.machine, event.details["reason"], event.details["snapshots"]) == (CAISSE, "its host emptied it", 1)
    assert findings(desk, expect=0) == {}
    backed_up = desk.coffre("backup", SLUG, "--machine", CAISSE).stdout
    assert f"{CAISSE}: success" in backed_up
    assert findings(desk, expect=0) == {}
    desk.coffre("drill", SLUG, "--machine", CAISSE)
