"""Supervision on the real platform: it acts on what was applied, closes the gate at the quota, and opens it again."""

import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from coffre.records.database.store import Records
from coffre.records.database.supervision import Pass
from coffre.spec import naming
from coffre.spec.loader import load_checkout
from coffre.storage.driver import Bucket
from coffre.tenant.estate.keys import access_key
from tests.e2e.conftest import Desk
from tests.e2e.recovery.test_killed import SLUG, Backstage

COMPTA, CAISSE = "compta-01", "caisse-01"
PACK = f"restic/data/ab/{'ab' * 32}"
MIB = 1024**2
SOLD = "quota: 200 GiB"


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk]) -> Desk:
    desk = make_desk(SLUG)
    desk.coffre("apply", SLUG, "--yes")
    desk.coffre("backup", SLUG)
    return desk


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


def test_a_tenant_in_order_gives_no_finding(desk: Desk) -> None:
    for _ in range(2):
        seen = supervise(desk)
        assert (seen["tenants"], seen["unseen"], seen["opened"], seen["closed"]) == (1, {}, [], [])
    assert "no finding is open; the last pass ended at" in desk.coffre("findings", "list").stdout


def test_the_gate_follows_what_was_applied_and_not_the_file_that_lies_here(desk: Desk) -> None:
    [before] = desk.json("status", SLUG, "--json")
    small = f"quota: {before['used_bytes'] // MIB + 10} MiB"
    desk.edit(SLUG, SOLD, small)
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    desk.edit(SLUG, small, SOLD)
    compta, caisse = (bucket_of(desk, name) for name in (COMPTA, CAISSE))
    compta.put(PACK, b"\0" * (10 * MIB))
    assert "quota_reached" in kinds(supervise(desk)["opened"])
    assert (compta.is_gate_closed(), caisse.is_gate_closed()) == (True, True)
    take_away(desk, COMPTA, PACK)
    assert "quota_reached" in kinds(supervise(desk)["closed"])
    assert (compta.is_gate_closed(), caisse.is_gate_closed()) == (False, False)
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    assert desk.coffre("findings", "list", "--exit-code", expect=6).stdout
    supervise(desk)
    [gone] = desk.json("findings", "list", "--json")
    assert (gone["kind"], gone["machine"]) == ("packs_gone", COMPTA)
    desk.coffre("acknowledge", SLUG, "--machine", COMPTA, "--reason", "the test took it away", "--yes")
    assert kinds(supervise(desk)["closed"]) == ["packs_gone"], (
        "a person's word counts although nobody wrote to the bucket"
    )


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


def last_pass(desk: Desk) -> Pass:
    with Records.open(load_checkout(desk.root).settings.records, desk.root) as records:
        return records.supervision.list_passes(1)[0]
