"""Three machines write as fast as they can: the gate closes before the wall, and no repository is damaged."""

import signal
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from coffre.spec.loader import load_checkout
from coffre.spec.quota import wall_bytes
from tests.e2e.conftest import Desk

SLUG = "boulangerie-martin"
HOSTS = {
    "compta-01": "compta-01.martin.example",
    "caisse-01": "caisse-01.martin.example",
    "atelier-01": "atelier-01.durand.example",
}
MIB = 1024**2
WRITTEN_MIB, QUOTA_MIB = 700, 600
END_SECONDS = 120
"""At the wall restic tries again for a quarter of an hour; at a closed gate a run ends within seconds, or a few more
on a machine that does much else."""
FILL = f"head -c {WRITTEN_MIB}M /dev/urandom > /home/fill"


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk]) -> Desk:
    desk = make_desk(SLUG)
    desk.share(is_shared=True)
    third = """machines:
  atelier-01:
    kind: workstation
    os: linux
    agent: restic
    plan: office
    connection: {via: ssh, host: atelier-01.durand.example, user: operateur, become: true}
"""
    desk.edit(SLUG, "machines:\n", third)
    desk.edit(SLUG, "licences: {workstation: 2}", "licences: {workstation: 3}")
    desk.edit(SLUG, "quota: 200 GiB", f"quota: {QUOTA_MIB} MiB")
    desk.coffre("apply", SLUG, "--yes")
    desk.coffre("backup", SLUG)
    return desk


def as_root(host: str, script: str) -> str:
    return f"sudo sh -c '{script}'" if "durand" in host else script


def wait_for_end(desk: Desk, host: str) -> None:
    end = time.monotonic() + 300
    while desk.on_machine(host, "systemctl show -P ActiveState coffre-backup.service").strip() == "activating":
        assert time.monotonic() < end
        time.sleep(0.2)


def ended_at(desk: Desk, host: str) -> datetime:
    """Return when the machine's last run ended, by the clock that it shares with this computer."""
    show = "systemctl show -P ExecMainExitTimestamp --timestamp=us+utc coffre-backup.service"
    _, day, moment, _ = desk.on_machine(host, show).split()
    return datetime.fromisoformat(f"{day}T{moment}+00:00")


def test_the_gate_closes_before_the_wall_and_every_repository_stays_whole(desk: Desk, tmp_path: Path) -> None:
    for host in HOSTS.values():
        desk.on_machine(host, as_root(host, FILL))
    supervision = desk.start("supervise", "--every", "5s")
    try:
        for host in HOSTS.values():
            desk.on_machine(host, as_root(host, "systemctl start --no-block coffre-backup.service"))
        for host in HOSTS.values():
            wait_for_end(desk, host)
    finally:
        supervision.send_signal(signal.SIGTERM)
        said, _ = supervision.communicate(timeout=120)
    assert supervision.returncode == 0, said
    shut = {each["machine"]: each for each in desk.json("records", "list", "--json") if each["kind"] == "gate_change"}
    assert set(shut) == set(HOSTS)
    for name, host in HOSTS.items():
        closed_at = datetime.fromisoformat(shut[name]["at"])
        assert (ended_at(desk, host) - closed_at).total_seconds() < END_SECONDS
    [status] = desk.json("status", SLUG, "--json")
    # How many had all in storage when the gate closed depends on what else this computer does; the others are cut off.
    results = {each["last_result"] for each in status["machines"]}
    assert "quota" in results
    assert results <= {"quota", "success"}
    wall = wall_bytes(QUOTA_MIB * MIB, load_checkout(desk.root).settings.platforms["lab"])
    assert QUOTA_MIB * MIB < status["used_bytes"] < wall, "they could have written more than the wall holds"
    desk.coffre("verify", SLUG)
    desk.coffre("restore", SLUG, "--machine", "compta-01", "--to", str(tmp_path / "back"))
    assert list((tmp_path / "back").rglob("passwd")), "the backup from before is whole"
