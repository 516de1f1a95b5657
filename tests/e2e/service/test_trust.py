"""A machine whose host key nobody has recorded yet, reached as a user who needs sudo."""

import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import REPOSITORY, Desk, forget_tenants

SLUG, MACHINE, HOST = "atelier-durand", "atelier-01", "atelier-01.durand.example"


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk], lab: Any) -> Desk:
    """A desk whose ssh_config does not vouch for the lab's host keys."""
    desk = make_desk(SLUG)
    lines = lab.ssh_config.read_text(encoding="utf-8").splitlines()
    ssh_config = desk.root / "ssh_config"
    ssh_config.write_text(
        "\n".join(line for line in lines if "GlobalKnownHostsFile" not in line) + "\n", encoding="utf-8"
    )
    key = next(line for line in lines if "IdentityFile" in line)
    with ssh_config.open("a", encoding="utf-8") as file:  # for machines named by their addresses
        file.write(f"Host 10.* 172.* 192.168.*\n{key}\n  IdentitiesOnly yes\n")
    settings = desk.root / "platform.yaml"
    text = settings.read_text(encoding="utf-8").replace(f"{lab.directory}/ssh_config", "ssh_config")
    settings.write_text(text, encoding="utf-8")
    return desk


def test_an_unknown_host_key_is_never_accepted(desk: Desk) -> None:
    applied = desk.coffre("apply", SLUG, "--yes", expect=1)
    assert f"{MACHINE}: pending" in applied.stdout
    assert f"coffre trust {SLUG} {MACHINE}" in applied.stdout
    assert f"not commissioned yet: waiting for {MACHINE}" in applied.stdout


def test_trust_shows_the_key_that_the_machine_itself_shows_and_records_it(desk: Desk, lab: Any) -> None:
    shown = desk.coffre("trust", SLUG, MACHINE, "--yes").stdout
    vouched = replace(desk, ssh_config=lab.ssh_config).on_machine(
        HOST, "sshd -T | sed -n 's/^hostkey //p' | xargs -n1 ssh-keygen -lf"
    )
    fingerprint = next(word for word in vouched.split() if word.startswith("SHA256:"))
    assert fingerprint in shown
    assert "recorded in known_hosts/atelier-durand: commit it" in shown
    assert "already recorded" in desk.coffre("trust", SLUG, MACHINE, "--yes").stdout


def test_once_trusted_the_machine_is_installed_through_sudo_and_the_service_commissioned(desk: Desk) -> None:
    applied = desk.coffre("apply", SLUG, "--yes")
    assert f"{MACHINE}: installed" in applied.stdout
    assert "commissioned at" in applied.stdout
    assert f"{MACHINE}: success" in desk.coffre("backup", SLUG).stdout


def test_a_changed_host_key_is_refused_until_it_is_replaced(desk: Desk, tmp_path: Path) -> None:
    recorded = desk.root / "known_hosts" / SLUG
    shutil.copy(recorded, tmp_path / "right")
    foreign = "AAAAC3NzaC1lZDI1NTE5AAAAIFk7dPVpzYjJvYz0u4Xv8bqUu0b6x5yqXx4Lr7Y1t2wZ"
    lines = [f"{line.split()[0]} ssh-ed25519 {foreign}" for line in recorded.read_text(encoding="utf-8").splitlines()]
    recorded.write_text(lines[0] + "\n", encoding="utf-8")
    backed_up = desk.coffre("backup", SLUG, expect=1)
    assert "host key" in backed_up.stdout
    refused = desk.coffre("trust", SLUG, MACHINE, "--yes", expect=4)
    assert "is not the one that was recorded" in refused.stderr
    assert f"coffre rotate {SLUG} --machine {MACHINE} --now" in refused.stderr
    replaced = desk.coffre("trust", SLUG, MACHINE, "--yes", "--replace").stdout
    assert "(recorded, no longer shown)" in replaced
    assert recorded.read_text(encoding="utf-8") == (tmp_path / "right").read_text(encoding="utf-8")
    desk.coffre("backup", SLUG)


def test_ctrl_c_ends_the_waiting_and_not_the_backup(desk: Desk, lab: Any) -> None:
    trusted = replace(desk, ssh_config=lab.ssh_config)
    before = count_snapshots(desk)
    trusted.hold_next_restic(HOST, "backup")
    with desk.start("backup", SLUG) as command:
        assert command.stderr is not None
        assert any("backup started" in line for line in command.stderr)
        trusted.wait_for_held_restic(HOST)
        command.send_signal(signal.SIGINT)
        said = command.stderr.read()
        assert command.wait(timeout=30) == 130
    assert "interrupted" in said
    assert is_backing_up(trusted), "the backup ended with its waiting"
    trusted.let_restic_go(HOST, "backup")
    while is_backing_up(trusted):  # the test's own deadline ends this
        time.sleep(0.5)
    assert count_snapshots(desk) == before + 1


def is_backing_up(desk: Desk) -> bool:
    state = desk.on_machine(HOST, "systemctl is-active coffre-backup.service || true").strip()
    return state in ("active", "activating", "deactivating")


def count_snapshots(desk: Desk) -> int:
    count = desk.json("status", SLUG, "--json")[0]["machines"][0]["snapshots"]
    assert isinstance(count, int)
    return count


def test_the_plan_shows_a_changed_connection(desk: Desk, lab: Any) -> None:
    address = replace(desk, ssh_config=lab.ssh_config).on_machine(HOST, "hostname -I").split()[0]
    assert "connection" not in desk.coffre("plan", SLUG).stdout
    desk.edit(SLUG, f"host: {HOST}", f"host: {address}")
    planned = desk.coffre("plan", SLUG, "--exit-code", expect=6).stdout
    assert f"connection ssh operateur@{HOST}:22 is now ssh operateur@{address}:22" in planned
    desk.coffre("trust", SLUG, MACHINE, "--yes")
    assert f"{MACHINE}: unchanged" in desk.coffre("apply", SLUG, "--yes").stdout
    desk.coffre("plan", SLUG, "--exit-code")


def test_a_machine_cannot_be_taken_by_another_tenants_file(desk: Desk, lab: Any) -> None:
    """A neighbour's file names the workshop's machine by its name, the workshop's by its address: no text is equal."""
    trusted = replace(desk, ssh_config=lab.ssh_config)
    theirs = (REPOSITORY / "tenants" / f"{SLUG}.yaml").read_text(encoding="utf-8")
    ours = theirs.replace("t4x8m2ph6c", "v0000000zz").replace(f"{MACHINE}:", "poste-01:")
    assert f"host: {HOST}" in ours
    desk.tenant_file("voisin").write_text(ours, encoding="utf-8")
    before = standing(trusted)
    desk.coffre("trust", "voisin", "poste-01", "--yes")
    forget_tenants(lab, ("voisin",))
    refused = f"the agent of {MACHINE} of {SLUG} is installed there"
    applied = desk.coffre("apply", "voisin", "--yes", expect=1)
    assert "poste-01: failed" in applied.stdout
    assert refused in applied.stdout
    assert refused in desk.coffre("backup", "voisin", expect=1).stdout
    restore = ("restore", "voisin", "--machine", "poste-01", "--to", "poste-01", "--yes")
    assert refused in desk.coffre(*restore, expect=4).stderr
    assert standing(trusted) == before
    assert f"{MACHINE}: success" in desk.coffre("backup", SLUG).stdout
    address = trusted.on_machine(HOST, "hostname -I").split()[0]
    desk.tenant_file("voisin").write_text(ours.replace(HOST, address), encoding="utf-8")
    assert f'"{address}" is the host of {MACHINE}' in desk.coffre("check", expect=3).stdout
    forget_tenants(lab, ("voisin",))


def standing(desk: Desk) -> str:
    """Return what a machine has of an agent: its files by content, and its timer."""
    return desk.on_machine(
        HOST,
        "sudo sh -c 'sha256sum /etc/coffre/* /usr/local/lib/coffre/* /var/lib/coffre/applied.json; "
        "systemctl show coffre-backup.timer --property=ActiveState,UnitFileState,TimersCalendar'",
    )
