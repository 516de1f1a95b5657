"""A departure on bad days: killed at every entry of its journal, held, wrong clocks, twice at once, foreign buckets.

The erasure of a bucket under faults of its own is tested in tests/integration/offboarding.
"""

import fcntl
import json
from collections.abc import Callable
from typing import Any

import pytest

from coffre.records.events import EventKind
from coffre.secrets.store import SecretStore
from coffre.spec.loader import load_checkout
from coffre.spec.naming import bucket_name, owner_uid
from coffre.storage.s3.client import make_client
from coffre.storage.values import AccessKey
from tests.e2e.conftest import Desk
from tests.e2e.departure import AUTHOR, ERASURE, FROZEN, LAST_TO_RETRIEVE, NOTICE, VERIFIER, Leaver

SLUG, MACHINE, HOST = "atelier-durand", "atelier-01", "atelier-01.durand.example"
LATER = "2027-06-01"


@pytest.fixture(scope="module")
def leaver(make_desk: Callable[..., Desk]) -> Leaver:
    desk = make_desk(SLUG)
    leaver = Leaver(desk, SLUG)
    desk.coffre("apply", SLUG, "--yes")
    desk.on_machine(HOST, "echo plans | sudo tee /srv/plans.txt >/dev/null")
    desk.coffre("backup", SLUG)
    leaver.declare()
    return leaver


def go_through(leaver: Leaver, day: str, *, also_before: bool = False) -> int:
    """Do what is due on a day, killed at each entry of the journal; returns how many there were."""
    entries = 0
    while leaver.killed_at(1, "after", day):
        entries += 1
        assert entries < 60
        if also_before and not leaver.killed_at(1, "before", day):
            break
    return entries


def owner_key(leaver: Leaver) -> AccessKey:
    settings = load_checkout(leaver.desk.root).settings
    store = SecretStore.open(
        leaver.desk.root / settings.secrets,
        leaver.desk.root / settings.escrow,
        leaver.desk.root,
        environment=dict(leaver.desk.environment),
    )
    key = store.get_control(SLUG, leaver.tenant_id).owner_key
    return AccessKey(key.access_key_id, key.secret_access_key.get_secret_value())


@pytest.mark.timeout(900)
def test_killed_at_every_entry_until_the_eve_of_the_erasure(leaver: Leaver) -> None:
    for day in (NOTICE, FROZEN):
        assert go_through(leaver, day) >= 2
    assert leaver.stage(LAST_TO_RETRIEVE) == "returned"
    stages = [event.details["stage"] for event in leaver.events(EventKind.DEPARTURE)]
    assert stages == ["notified", "serving", "frozen", "returned"]
    assert len(leaver.steps("approved")) == 1
    letters = [event.details for event in leaver.events(EventKind.LETTER)]
    assert len({json.dumps(details, sort_keys=True) for details in letters}) == len(letters)


def test_erasing_too_early_is_refused_with_the_date(leaver: Leaver) -> None:
    refused = leaver.offboard(LAST_TO_RETRIEVE, "--to", "erased", "--yes", expect=4)
    assert ERASURE in refused.stderr


def test_a_hold_in_the_file_or_in_the_records_stops_the_erasure(leaver: Leaver) -> None:
    path = leaver.desk.tenant_file(SLUG)
    text = path.read_text(encoding="utf-8")
    path.write_text(text + "hold: {reference: TJ-2027-3, since: 2027-03-01, kind: preserve}\n", encoding="utf-8")
    leaver.commit(AUTHOR, "a hold")
    refused = leaver.offboard(ERASURE, "--to", "erased", "--yes", expect=4)
    assert "TJ-2027-3" in refused.stderr
    path.write_text(text, encoding="utf-8")
    leaver.commit(AUTHOR, "no hold")
    leaver.desk.coffre("hold", "place", SLUG, "--reference", "instruction 4/27", "--since", "2027-03-01")
    refused = leaver.offboard(ERASURE, "--to", "erased", "--yes", expect=4)
    assert "hold" in refused.stderr
    assert "instruction" not in refused.stderr
    assert "instruction 4/27" in leaver.desk.coffre("hold", "list", SLUG).stdout
    leaver.desk.coffre("hold", "lift", SLUG, "--reference", "instruction 4/27", "--reason", "levée du 2 mars")
    assert not leaver.steps("erasure_began")


def test_two_engineers_at_once_are_one_too_many(leaver: Leaver) -> None:
    lock = leaver.desk.root / ".coffre" / "locks" / SLUG
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        busy = leaver.offboard(ERASURE, "--yes", expect=5)
    assert "another command" in busy.stderr


def test_a_clock_that_is_apart_from_the_platform_s_erases_nothing(leaver: Leaver, monkeypatch: Any) -> None:
    shifted = leaver.desk.home / "shifted.py"
    shifted.write_text(
        "from datetime import timedelta\nfrom coffre.storage.ceph.storage import CephStorage\n"
        "real = CephStorage.probe_server_time\n"
        "CephStorage.probe_server_time = lambda storage: real(storage) + timedelta(seconds=1200)\n"
        "from coffre.cli.main import main\nmain()\n"
    )
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, shifted, "offboard", SLUG, "--today", ERASURE, "--yes"],
        cwd=leaver.desk.root,
        env=leaver.desk.environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 4, done.stdout + done.stderr
    assert " s ahead of this computer's" in done.stderr
    assert not leaver.steps("erasure_began")


def test_another_tenant_s_bucket_under_the_expected_name_stops_everything(leaver: Leaver) -> None:
    name = bucket_name(SLUG, leaver.tenant_id, MACHINE)
    client = make_client(leaver.storage.endpoint, owner_key(leaver))
    tags = client.get_bucket_tagging(Bucket=name)["TagSet"]
    client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{**tags[0], "Value": "zzzzzzzzzz"}]})
    held = client.list_object_versions(Bucket=name)["Versions"]
    refused = leaver.offboard(ERASURE, "--yes", expect=4)
    assert name in refused.stderr
    client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
    assert client.list_object_versions(Bucket=name)["Versions"] == held
    assert not leaver.steps("bucket_erased")


@pytest.mark.timeout(900)
def test_killed_at_every_entry_of_the_erasure_and_of_the_end(leaver: Leaver) -> None:
    uid = owner_uid(load_checkout(leaver.desk.root).tenants[SLUG])
    assert go_through(leaver, ERASURE, also_before=True) >= 5
    assert leaver.stage(ERASURE) == "erased"
    assert [event.details["outcome"] for event in leaver.steps("agent")] == ["removed"]
    assert leaver.desk.on_machine(HOST, "ls -d /etc/coffre /usr/local/lib/coffre 2>/dev/null || true") == ""
    assert leaver.storage.list_users(uid) == []
    assert len(leaver.steps("bucket_erased")) == 1
    destroyed = [event.details for event in leaver.steps("secret_destroyed")]
    assert len(destroyed) == 1
    assert destroyed[0]["fingerprint"]
    assert len(destroyed[0]["places"]) == 2  # type: ignore[arg-type]
    deleted = {event.details["uid"]: event.details["access_key_ids"] for event in leaver.steps("user_deleted")}
    assert set(deleted) == {uid, f"{uid}.{MACHINE}"}
    assert all(deleted.values())
    leaver.offboard(ERASURE, "--verify", actor=VERIFIER)
    assert go_through(leaver, ERASURE) >= 4
    assert leaver.stage(ERASURE) == "closed"
    assert len(leaver.documents("certificat*.pdf")) == 1
    for file in leaver.documents("certificat*.*"):
        leaver.desk.coffre("certificate", "verify", str(file))


def test_a_closed_departure_stays_closed_whatever_the_file_says(leaver: Leaver) -> None:
    leaver.renounce()
    refused = leaver.offboard(LATER, "--yes", expect=4)
    assert "can no longer stay" in refused.stderr
