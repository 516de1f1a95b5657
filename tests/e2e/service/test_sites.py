"""A tenant whose machines stand on two sites, each reached by its own node only: over SSH, and behind a command."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from coffre_lab.lab import Lab

from tests.e2e.conftest import Desk
from tests.sites import PROGRAMS, address_of, hand_over, make_node, on, worker_here

SLUG = "boulangerie-martin"
COMPTA, CAISSE = "compta-01.martin.example", "caisse-01.martin.example"
NODE = "atelier-01.durand.example"
FOLDERS = "ls -d /dev/shm/[c]offre-* 2>/dev/null"
APPLY_SECONDS = 500
"""The programs of 58 MB are packed for the node behind a command each time, by one core."""
BACK_UP = "systemctl start --wait coffre-backup.service"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk], lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = make_desk(SLUG)
    with worker_here(tmp_path_factory.mktemp("paris")) as (command, key):
        hand_over(lab, COMPTA, make_node(lab, NODE))
        hand_over(lab, CAISSE, key)
        sites = {
            "lyon": {
                "via": "ssh",
                "host": NODE,
                "user": "root",
                "programs": PROGRAMS,
                "ssh_config": str(lab.ssh_config),
            },
            "paris": {"via": "command", "command": command},
        }
        with (made.root / "platform.yaml").open("a", encoding="utf-8") as file:
            file.write(f"\nsites: {json.dumps(sites)}\n")
        for host, site in ((COMPTA, "lyon"), (CAISSE, "paris")):
            made.edit(SLUG, f"host: {host}, user: root", f"host: {address_of(lab, host)}, user: root, site: {site}")
        yield made


def outcomes(desk: Desk, expect: int = 0) -> str:
    return desk.coffre("apply", SLUG, "--yes", expect=expect, seconds=APPLY_SECONDS).output


def test_host_keys_are_read_by_the_node(desk: Desk, lab: Lab) -> None:
    assert "known_hosts/lyon.site" in desk.coffre("trust", "--site", "lyon", "--yes").stdout
    desk.coffre("trust", SLUG, "compta-01", "--yes")
    recorded = desk.root / "known_hosts" / SLUG
    address = address_of(lab, COMPTA)
    assert f"{address}@lyon ssh-ed25519 " in recorded.read_text(encoding="utf-8")
    assert "ssh-keyscan" in desk.coffre("trust", SLUG, "caisse-01", "--yes", expect=4).output
    key = on(lab, CAISSE, "cat /etc/ssh/lab/ssh_host_ed25519_key.pub")
    with recorded.open("a", encoding="utf-8") as file:
        file.write(f"{address_of(lab, CAISSE)}@paris {key}")


def test_both_are_deployed_and_back_up(desk: Desk, lab: Lab) -> None:
    said = outcomes(desk)
    for machine in ("compta-01", "caisse-01"):
        assert f"{machine}: installed" in said
    for host in (COMPTA, CAISSE):
        on(lab, host, BACK_UP)
    (seen,) = desk.json("status", SLUG, "--json")
    assert [(each["snapshots"], each["last_result"]) for each in seen["machines"]] == [(1, "success")] * 2
    desk.coffre("drift", SLUG)
    refused = desk.coffre("backup", SLUG, "--machine", "compta-01", expect=4).output
    assert "is reached only by the node of site lyon" in refused


def test_a_change_goes_through_the_nodes(desk: Desk, lab: Lab) -> None:
    desk.edit(SLUG, '"*.tmp"', '"*.csv"')
    said = outcomes(desk)
    for machine in ("compta-01", "caisse-01"):
        assert f"{machine}: updated" in said
    on(lab, COMPTA, "systemctl disable --now coffre-backup.timer")
    assert "compta-01" in desk.coffre("drift", SLUG, expect=6).output


def test_a_command_killed_here_ends_the_job_there(desk: Desk, lab: Lab) -> None:
    desk.edit(SLUG, '"*.csv"', '"*.log"')
    on(lab, COMPTA, "echo 'touch /run/begun; exec sleep 600' >/root/.bashrc")
    applying = desk.start("apply", SLUG, "--yes")
    try:
        on(lab, COMPTA, "while [ ! -e /run/begun ]; do sleep 0.1; done")
        assert on(lab, NODE, FOLDERS)
    finally:
        applying.kill()
        applying.communicate()
        on(lab, COMPTA, "rm -f /root/.bashrc /run/begun; pkill -f '[s]leep 600' || true")
    until = time.monotonic() + 30
    while (left := on(lab, NODE, f"{FOLDERS} || true; pgrep -af '[a]nsible' || true")) and time.monotonic() < until:
        time.sleep(0.2)
    assert left == ""


def test_a_node_that_is_down_costs_its_own_machines_only(desk: Desk, lab: Lab) -> None:
    desk.edit(SLUG, '"*.log"', '"*.tmp"')
    lab.stop_machine(NODE)
    said = outcomes(desk, expect=1)
    assert "caisse-01: updated" in said
    assert f"site lyon: its node {NODE}: " in said
    assert "compta-01: updated" not in said
    lab.start_machine(NODE)
    subprocess.run(["ssh", "-F", desk.ssh_config, NODE, "true"], check=True, timeout=30)
    # A node that came back without what it needs.
    assert "no ansible-runner" in outcomes(desk, expect=1)


def test_no_secret_was_printed_or_stayed_on_a_node(desk: Desk, lab: Lab) -> None:
    credentials = json.loads(on(lab, COMPTA, "cat /etc/coffre/credentials.json"))
    for secret in (credentials["secret_access_key"], credentials["repository_password"]):
        assert not any(secret in text for text in desk.said)
        on(lab, NODE, f"! grep -rlF -e '{secret}' /root /tmp /var /dev/shm /run 2>/dev/null")
