"""Machines that cannot be worked on: each told apart, none in the others' way, nothing half done."""

import ipaddress
import json
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from coffre.agents.ansible.connection import host_name
from coffre.agents.ansible.runner import run_playbook
from coffre.agents.driver import OrdersTrust, RemoveRequest
from coffre.agents.reach import trust
from coffre.agents.reach.placing import DAMAGED
from coffre.agents.reach.ssh import SshMachine
from coffre.agents.reach.ssh_errors import (
    ChangedHostKeyError,
    LoginRefusedError,
    MachineUnreachableError,
    SudoRefusedError,
    UnknownHostKeyError,
)
from coffre.agents.restic import agents as agents_module
from coffre.agents.restic import inventory
from coffre.agents.restic.agents import AgentPrograms, ResticAgents
from coffre.agents.restic.inventory import Installation, build_deploy_inventory
from coffre.errors import ExpectedError, RefusedError
from coffre.spec.tenant import OperatingSystem
from tests.integration.agents.checking import check_mode
from tests.integration.agents.looking import list_files
from tests.integration.agents.scene import ATELIER, CAISSE, COMPTA, HOSTS

NO_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def ignore(_machine, _task):
    pass


@pytest.fixture
def strange_config(scene, tmp_path):
    """The lab's ssh_config without the host keys that the lab knows."""
    lines = scene.lab.ssh_config.read_text().splitlines()
    file = tmp_path / "ssh_config"
    file.write_text(
        "\n".join([line for line in lines if "KnownHosts" not in line] + ["Host *", "  GlobalKnownHostsFile none\n"])
    )
    return file


@pytest.fixture
def strange_machine(scene, strange_config, tmp_path):
    """Open a machine with a known_hosts file of our own, empty at first."""

    def open_machine(machine=COMPTA):
        connection = scene.target(machine).connection
        return SshMachine(connection, ssh_config=strange_config, known_hosts=tmp_path / "known" / "hosts")

    return open_machine


def address_of_nobody(scene):
    """Return an address of the lab's network that no machine has."""
    gateway = ipaddress.ip_address(
        json.loads(scene.lab.endpoints_file.read_text())["endpoint"].split("/")[2].split(":")[0]
    )
    return str(gateway + 249)


def beside_ssh(scene, machine, *command):
    """Run a command on a machine of the lab by another way than its SSH server."""
    leader = str(scene.lab.leader_pid(HOSTS[machine]))
    subprocess.run(["nsenter", "--target", leader, "--all", *command], check=True, timeout=60)


def test_machines_that_do_not_answer_are_named_while_the_other_is_deployed(scene, agents):
    """One address that nobody has, one machine whose sshd is stopped."""
    away = scene.request(ATELIER)
    nowhere = away.target.connection.model_copy(update={"host": address_of_nobody(scene)})
    requests = [scene.request(COMPTA), scene.request(CAISSE), scene.elsewhere(ATELIER, connection=nowhere)]
    beside_ssh(scene, CAISSE, "systemctl", "stop", "ssh")
    try:
        compta, caisse, atelier = agents.deploy(requests, ignore)
    finally:
        beside_ssh(scene, CAISSE, "systemctl", "start", "ssh")
    agents.remove(scene.removals(COMPTA), ignore)
    assert (compta.ok, compta.changed) == (True, True)
    assert (caisse.ok, caisse.unreachable) == (False, True)
    assert caisse.message == ("caisse-01: it answers, but no SSH server listens there. Check its sshd and the port.")
    assert (atelier.ok, atelier.unreachable) == (False, True)
    assert atelier.message.startswith("atelier-01: there is no route to it. ")


def test_an_unknown_host_key_is_refused_with_the_command_that_records_it(
    scene, agents, strange_config, strange_machine
):
    with strange_machine() as machine, pytest.raises(UnknownHostKeyError) as refused:
        machine.run(["true"], 20)
    assert "coffre trust" in refused.value.hint
    [result] = agents.deploy([scene.elsewhere(COMPTA, ssh_config=strange_config)], ignore)
    assert (result.ok, result.unreachable) == (False, True)
    assert "was never recorded" in result.message
    assert f"`coffre trust {scene.tenant.slug} {COMPTA}`" in result.message


def test_a_recorded_host_key_opens_the_machine_and_a_changed_one_closes_it(
    scene, agents, strange_config, strange_machine, tmp_path
):
    known_hosts = tmp_path / "known" / "hosts"
    scanned = trust.scan(scene.target(COMPTA).connection, strange_config)
    with scene.root_on(COMPTA) as root:
        shown = root.run(["ssh-keygen", "-lf", "/etc/ssh/lab/ssh_host_ed25519_key.pub"], 20).stdout
    assert scanned.keys[0].fingerprint == shown.split()[1]
    assert trust.record(known_hosts, scanned)
    assert not trust.record(known_hosts, scanned)
    with strange_machine() as machine:
        assert machine.run(["hostname"], 20).stdout == "compta-01\n"

    known_hosts.write_text(f"{scanned.name} {NO_KEY}\n")
    with strange_machine() as machine, pytest.raises(ChangedHostKeyError, match="is not the one that was recorded"):
        machine.run(["true"], 20)
    request = scene.elsewhere(COMPTA, ssh_config=strange_config, known_hosts=known_hosts)
    [result] = agents.deploy([request], ignore)
    assert (result.ok, result.unreachable) == (False, True)
    assert "is not the one that was recorded" in result.message
    with pytest.raises(RefusedError, match="is not the one recorded in"):
        trust.record(known_hosts, scanned)
    assert trust.record(known_hosts, scanned, replace=True)
    with strange_machine() as machine:
        assert machine.run(["true"], 20).exit_code == 0


def test_a_login_that_is_refused_is_not_taken_for_silence(scene, tmp_path):
    """A key that the machine does not know."""
    key, config = tmp_path / "key", tmp_path / "ssh_config"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    lines = scene.lab.ssh_config.read_text().splitlines()
    config.write_text("\n".join(f"  IdentityFile {key}" if "IdentityFile" in line else line for line in lines))
    with (
        SshMachine(scene.target(COMPTA).connection, ssh_config=config, known_hosts=scene.known_hosts) as machine,
        pytest.raises(LoginRefusedError),
    ):
        machine.run(["true"], 20)


def test_nobody_at_the_address_is_said_within_the_time_limit(scene, tmp_path):
    connection = scene.target(COMPTA).connection.model_copy(update={"host": address_of_nobody(scene)})
    began = time.monotonic()
    with (
        SshMachine(connection, ssh_config=None, known_hosts=tmp_path / "none") as machine,
        pytest.raises(MachineUnreachableError),
    ):
        machine.run(["true"], 30)
    with pytest.raises(MachineUnreachableError):
        trust.scan(connection, None)
    assert time.monotonic() - began < 25


def test_a_refused_sudo_is_named_and_nothing_is_changed(scene, agents):
    with scene.root_on(ATELIER) as root:
        root.run(["mv", "/etc/sudoers.d/operateur", "/root/operateur"], 20)
    try:
        target = scene.target(ATELIER)
        with (
            SshMachine(target.connection, ssh_config=target.ssh_config, known_hosts=target.known_hosts) as machine,
            pytest.raises(SudoRefusedError, match="operateur may not become root"),
        ):
            machine.run(["id"], 20)
        [result] = agents.deploy(scene.requests(ATELIER), ignore)
    finally:
        with scene.root_on(ATELIER) as root:
            root.run(["mv", "/root/operateur", "/etc/sudoers.d/operateur"], 20)
    assert (result.ok, result.changed) == (False, False)
    assert "operateur may not become root" in result.message
    assert "NOPASSWD" in result.message


def test_a_program_that_is_not_the_expected_one_is_never_sent(scene, programs, tmp_path):
    wrong = AgentPrograms(programs.agent, programs.restic, restic_sha256="0" * 64)
    with pytest.raises(ExpectedError, match="is not the restic that should be installed") as refused:
        ResticAgents(tmp_path, wrong).deploy(scene.requests(COMPTA), ignore)
    assert "nothing was sent" in refused.value.hint


def test_the_machine_refuses_a_program_that_arrives_otherwise_than_announced(scene, programs, tmp_path):
    """The last check is on the machine, before the file gets its place: what the line or a disk did to it is seen."""
    request = scene.request(COMPTA)
    announced = [replace(program, sha256="1" * 64) for program in programs.installables()]
    certificates = {host_name(request.target): b"none"}
    hosts = build_deploy_inventory([request], Installation({OperatingSystem.LINUX: announced}, "test"), certificates)
    outcome = run_playbook("deploy_agents.yml", hosts, tmp_path, ignore, with_folder=inventory.with_private_folder)[
        host_name(request.target)
    ]
    assert (outcome.ok, outcome.failed_task) == (False, "Install the agent's programs, folders and command")
    assert DAMAGED in outcome.reason
    with scene.root_on(COMPTA) as root:
        assert root.run(["ls", "/usr/local/lib/coffre"], 20).stdout == ""


@pytest.mark.parametrize(
    ("place", "options", "words"),
    [
        ("/usr/local/lib/coffre", "size=2m,mode=0755", ["no space left", "df -h"]),
        ("/etc/coffre", "ro,mode=0700", ["a file system there is read-only", "findmnt"]),
    ],
)
def test_a_place_that_takes_no_file_is_named_without_a_secret_and_nothing_half_is_left(
    scene, agents, place, options, words
):
    with scene.root_on(CAISSE) as root:
        mounting = f"mkdir -p {place} && mount -t tmpfs -o {options} tmpfs {place}"
        assert root.run(["sh", "-c", mounting], 20).exit_code == 0
        try:
            [result] = agents.deploy(scene.requests(CAISSE), ignore)
            left = root.run(["ls", "-A", place], 20).stdout
        finally:
            root.run(["umount", place], 20)
    agents.remove(scene.removals(CAISSE), ignore)
    assert (result.ok, left) == (False, "")
    assert [word for word in words if word not in result.message] == []
    assert [secret for secret in scene.secrets if secret in result.message] == []


def test_an_agent_that_refuses_its_orders_says_why(scene, agents):
    """Orders signed by somebody else: the reason is the agent's own."""
    request = scene.request(CAISSE)
    [result] = agents.deploy([replace(request, trust=OrdersTrust(b"\x01" * 32))], ignore)
    agents.remove(scene.removals(CAISSE), ignore)
    assert result.ok is False
    assert "“Have the agent apply its orders” failed: coffre-agent: " in result.message
    assert "sign" in result.message


def test_a_machine_with_anothers_agent_is_left_alone_and_whose_it_is_is_said(scene, programs, tmp_path):
    """A file of another tenant, or another entry, names this host: nothing is installed, changed or removed there."""
    agents = ResticAgents(tmp_path / "scratch", programs, {scene.tenant.id: scene.tenant.slug})
    scene.order(COMPTA)
    assert agents.deploy(scene.requests(COMPTA), ignore)[0].ok
    root = scene.lab.machine_root(scene.target(COMPTA).connection.host)
    before = list_files(root)
    for changes in ({"slug": "acme", "tenant_id": "h000000000"}, {"machine": CAISSE}):
        request = scene.elsewhere(COMPTA, **changes)
        with check_mode(tmp_path):
            [checked] = agents.deploy([request], ignore)
        [deployed] = agents.deploy([request], ignore)
        [removed] = agents.remove([RemoveRequest(request.target)], ignore)
        for result in (checked, deployed, removed):
            assert (result.ok, result.changed, result.unreachable) == (False, False, False)
            assert (
                f"the agent of {COMPTA} of {scene.tenant.slug} is installed there. Nothing was changed"
                in result.message
            )
    assert list_files(root) == before
    assert not agents.deploy(scene.requests(COMPTA), ignore)[0].changed
    with scene.root_on(COMPTA) as machine:
        machine.run(["cp", "-p", "/etc/coffre/agent.json", "/root/agent.json"], 20)
        machine.run(["sh", "-c", "rm /etc/coffre/agent.json; mkfifo /etc/coffre/agent.json"], 20)
        assert agents.remove([RemoveRequest(scene.target(COMPTA))], ignore)[0].ok
        machine.run(["rm", "/root/agent.json"], 20)


def test_this_computer_is_no_customers_machine(scene, agents, monkeypatch):
    """The run's private folder is here alone: a machine that has a folder of that name is this computer."""
    told = inventory.with_private_folder
    monkeypatch.setattr(agents_module, "with_private_folder", lambda hosts, _folder: told(hosts, Path("/etc/ssh")))
    [result] = agents.deploy(scene.requests(COMPTA), ignore)
    assert (result.ok, result.changed) == (False, False)
    assert "this is the computer that Coffre runs on" in result.message
