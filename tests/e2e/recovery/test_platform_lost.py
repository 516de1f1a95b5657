"""A platform that lost everything (contract, article 15): one command puts all tenants back, machines begin again."""

import json
from collections.abc import Callable, Iterator

import pytest
from coffre_lab.lab import Lab

from coffre.spec.loader import load_checkout
from coffre.storage.ceph.connect import connect
from tests.conftest import LAB_HOSTS, open_lab
from tests.e2e.conftest import Desk

BAKER, JOINER = "boulangerie-martin", "atelier-durand"
MACHINES = {"compta-01": LAB_HOSTS[0], "caisse-01": LAB_HOSTS[1], "atelier-01": LAB_HOSTS[2]}
REASON = "the host's hall burnt down"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with open_lab("lost", LAB_HOSTS) as found:
        yield found


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk]) -> Desk:
    desk = make_desk(BAKER, JOINER)
    desk.coffre("apply", "--all", "--yes")
    for slug in (BAKER, JOINER):
        desk.coffre("backup", slug)
    return desk


def list_users(lab: Lab) -> list[str]:
    """Return the users of the tenants and of their machines."""
    users = json.loads(lab.radosgw_admin(["user", "list"]))
    return sorted(uid for uid in users if uid.startswith((f"{BAKER}-", f"{JOINER}-")))


def read_keys(desk: Desk, users: list[str]) -> dict[str, list[str]]:
    storage = connect(load_checkout(desk.root).settings.platforms["lab"], desk.root)
    return {uid: sorted(storage.list_key_ids(uid)) for uid in users}


def supervise(desk: Desk) -> dict[str, list[tuple[str, str]]]:
    found = json.loads(desk.coffre("supervise", "--json").stdout)
    return {
        what: sorted((each["place"]["machine"], each["place"]["kind"]) for each in found[what])
        for what in ("opened", "closed")
    }


def test_all_tenants_come_back_with_their_keys_and_machines_begin_again_at_their_next_run(desk: Desk, lab: Lab) -> None:
    assert supervise(desk) == {"opened": [], "closed": []}
    users = list_users(lab)
    keys = read_keys(desk, users)
    for uid in reversed(users):
        lab.radosgw_admin(["user", "rm", f"--uid={uid}", "--purge-data"])
    assert list_users(lab) == []
    gone = sorted((name, "repository_gone") for name in MACHINES)
    assert supervise(desk) == {"opened": gone, "closed": []}
    assert desk.coffre("findings", "list").stdout.count("its bucket is gone; it held 1 snapshot") == len(MACHINES)
    unsaid = desk.coffre("apply", "--all", "--yes", expect=1).stdout
    assert unsaid.count("refused: ") == len(MACHINES), "nobody said that the platform is lost"
    rebuilt = desk.coffre("apply", "--all", "--yes", "--platform-lost", "--reason", REASON).stdout
    assert "2 of 2 tenants applied" in rebuilt
    assert read_keys(desk, users) == keys
    assert supervise(desk) == {"opened": [], "closed": gone}
    for name, host in MACHINES.items():
        start = "systemctl start coffre-backup.service"
        desk.on_machine(host, f"sudo {start}" if name == "atelier-01" else start)
    machines = [machine for tenant in desk.json("status", BAKER, JOINER, "--json") for machine in tenant["machines"]]
    assert [(each["last_result"], each["snapshots"]) for each in machines] == [("success", 1)] * len(MACHINES)
    assert supervise(desk) == {"opened": [], "closed": []}
    lost = desk.json("findings", "list", "--ended-since", "2026-01-01", "--json")
    assert sorted((each["machine"], each["evidence"]["known"]) for each in lost) == [(name, 1) for name, _ in gone]
