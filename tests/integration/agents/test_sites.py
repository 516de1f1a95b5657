"""Machines that only the nodes of their sites reach: two workers, one over SSH and one behind a command of its own."""

import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from coffre.agents.driver import SiteNode
from coffre.spec.machine import SshConnection
from coffre.spec.sites import CommandNode, SshNode
from tests.integration.agents.scene import ATELIER, CAISSE, COMPTA, HOSTS
from tests.sites import PROGRAMS, address_of, hand_over, make_node, on, worker_here

NODE = HOSTS[ATELIER]
OVER_SSH, BY_COMMAND = "lyon", "paris"


class Sites:
    """Both sites, and the requests for their machines."""

    def __init__(self, scene, lab, command):
        self.scene, self.lab = scene, lab
        address = address_of(lab, NODE)
        self.nodes = {
            OVER_SSH: SiteNode(
                OVER_SSH,
                SshNode(host=address, user="root", programs=PROGRAMS),
                lab.known_hosts,
                self._config(address),
            ),
            BY_COMMAND: SiteNode(BY_COMMAND, CommandNode(command=command), lab.known_hosts),
        }
        self.places = {COMPTA: OVER_SSH, CAISSE: BY_COMMAND}
        lines = []
        for line in lab.known_hosts.read_text().splitlines():
            names, key = line.split(" ", 1)
            for machine, site in self.places.items():
                if HOSTS[machine] in names.split(","):
                    lines.append(f"{address_of(lab, HOSTS[machine])}@{site} {key}\n")
        scene.known_hosts.write_text("".join(lines))

    def _config(self, address):
        """The lab's own, under the node's address."""
        config = self.scene.folder / "ssh_config"
        config.write_text(self.lab.ssh_config.read_text().replace(f"Host {NODE}\n", f"Host {address}\n"))
        return config

    def of(self, request, **changes):
        """A request whose machine is on its site."""
        machine = request.target.machine
        site = self.places[machine]
        connection = SshConnection(host=address_of(self.lab, HOSTS[machine]), user="root", site=site)
        node = changes.pop("node", self.nodes[site])
        target = replace(request.target, connection=connection, ssh_config=None, site=node, **changes)
        return replace(request, target=target)

    def requests(self, *machines):
        return [self.of(self.scene.request(machine)) for machine in machines or self.places]

    def leftovers(self):
        """What jobs left on the node: folders and processes."""
        # In brackets, so that the shell that asks is none of them.
        folders = "ls -d /dev/shm/[c]offre-* /tmp/tmp* 2>/dev/null || true"
        return on(self.lab, NODE, f"{folders}; pgrep -af '[a]nsible|[c]offre-' || true")


@pytest.fixture(scope="module")
def sites(scene, lab, tmp_path_factory):
    with worker_here(tmp_path_factory.mktemp("paris")) as (command, key):
        hand_over(lab, HOSTS[COMPTA], make_node(lab, NODE))
        hand_over(lab, HOSTS[CAISSE], key)
        for machine in (COMPTA, CAISSE):
            scene.order(machine)
        yield Sites(scene, lab, command)


def by_machine(results):
    return {result.machine: result for result in results}


def no_progress(_machine, _action):
    pass


def test_two_nodes_deploy_what_nobody_else_reaches(sites, agents):
    refused = subprocess.run(
        ["ssh", "-F", sites.lab.ssh_config, HOSTS[COMPTA], "true"], capture_output=True, check=False
    )
    assert b"Permission denied" in refused.stderr
    heard = []
    results = by_machine(agents.deploy(sites.requests(), lambda machine, action: heard.append((machine, action))))
    for machine in (COMPTA, CAISSE):
        assert results[machine].ok, results[machine].message
        assert results[machine].agent_version
        assert results[machine].identity is not None
        assert any(each == machine for each, _ in heard)
        settings = json.loads(on(sites.lab, HOSTS[machine], "cat /etc/coffre/agent.json"))
        assert settings["machine"] == machine
    again = by_machine(agents.deploy(sites.requests(), no_progress))
    assert [(each.ok, each.changed) for each in again.values()] == [(True, False)] * 2
    looks = agents.look(sites.requests(), no_progress)
    assert [(look.ok, look.drift) for look in looks] == [(True, ())] * 2
    on(sites.lab, HOSTS[COMPTA], "systemctl disable --now coffre-backup.timer")
    looks = {look.machine: look for look in agents.look(sites.requests(), no_progress)}
    assert (bool(looks[COMPTA].drift), bool(looks[CAISSE].drift)) == (True, False)
    assert sites.leftovers() == ""


def test_no_secret_is_on_the_node_afterwards(sites, agents):
    agents.deploy(sites.requests(COMPTA), no_progress)
    for secret in sites.scene.secrets:
        on(sites.lab, NODE, f"! grep -rlF -e '{secret}' /root /tmp /var /dev/shm /run /home 2>/dev/null")


def test_a_node_that_is_down_costs_its_own_machines_only(sites, agents):
    down = replace(sites.nodes[OVER_SSH], node=SshNode(host="127.0.0.1", port=1, user="root"))
    requests = [sites.of(sites.scene.request(COMPTA), node=down), *sites.requests(CAISSE)]
    results = by_machine(agents.deploy(requests, no_progress))
    assert results[CAISSE].ok, results[CAISSE].message
    assert (results[COMPTA].ok, results[COMPTA].unreachable) == (False, True)
    assert results[COMPTA].message.startswith("site lyon: its node 127.0.0.1: "), results[COMPTA].message


def test_a_node_lacks_a_program(sites, agents):
    bare = replace(sites.nodes[OVER_SSH], node=sites.nodes[OVER_SSH].node.model_copy(update={"programs": None}))
    on(sites.lab, NODE, "mkdir -p /opt/other && ln -sf /opt/ansible/bin/ansible-runner /opt/other")
    half = replace(bare, node=bare.node.model_copy(update={"programs": "/opt/other"}))
    on(
        sites.lab,
        NODE,
        "mkdir -p /opt/old && ln -sf /opt/ansible/bin/ansible-runner /opt/old && "
        "printf '#!/bin/sh\\necho ansible-playbook [core 2.14.3]\\n' >/opt/old/ansible-playbook && "
        "chmod +x /opt/old/ansible-playbook",
    )
    old = replace(bare, node=bare.node.model_copy(update={"programs": "/opt/old"}))
    for node, words in ((bare, "no ansible-runner"), (half, "no ansible-playbook"), (old, "has ansible-core 2.14.3")):
        (result,) = agents.deploy([sites.of(sites.scene.request(COMPTA), node=node)], no_progress)
        assert (result.ok, result.unreachable, words in result.message) == (False, True, True), result.message
    unknown = CommandNode(command=["env", "ansible-runner-that-is-not-there"])
    request = sites.of(sites.scene.request(CAISSE), node=replace(sites.nodes[BY_COMMAND], node=unknown))
    (result,) = agents.deploy([request], no_progress)
    assert result.unreachable
    assert "No such file" in result.message


@pytest.fixture
def slow(sites, agents):
    """A machine whose login takes ten minutes from the second command on."""
    agents.deploy(sites.requests(COMPTA), no_progress)
    host = HOSTS[COMPTA]
    on(sites.lab, host, "echo 'touch /run/begun; exec sleep 600' >/root/.bashrc")
    yield lambda: on(sites.lab, host, "i=0; while [ ! -e /run/begun ]; do sleep 0.1; done")
    on(sites.lab, host, "rm -f /root/.bashrc /run/begun; pkill -f '[s]leep 600' || true")


def deploying(sites, agents):
    """Deploy in a thread of its own; returns it and its result, once there is one."""
    found = []

    def run():
        found.append(by_machine(agents.deploy(sites.requests(), no_progress)))

    thread = threading.Thread(target=run)
    thread.start()
    return thread, found


@pytest.mark.parametrize("killed", ["ansible-runner", "python3 -c", "sshd: root"])
def test_a_node_killed_half_way_is_never_fine(sites, agents, slow, killed):
    """The worker, what supervises it, and the connection."""
    thread, found = deploying(sites, agents)
    slow()
    on(sites.lab, NODE, f"pkill -KILL -o -f '{killed}'")
    thread.join(120)
    assert found, "the deployment goes on"
    results = found[0]
    assert results[CAISSE].ok, results[CAISSE].message
    assert not results[COMPTA].ok
    assert "site lyon: its node ended before this machine was finished" in results[COMPTA].message
    assert not results[COMPTA].unreachable
    wait_until_clean(sites)


def wait_until_clean(sites):
    until = time.monotonic() + 30
    while (left := sites.leftovers()) and time.monotonic() < until:
        time.sleep(0.2)
    assert left == ""


def test_ctrl_c_here_ends_the_worker_there(sites, agents, slow):
    def interrupt():
        slow()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        agents.deploy(sites.requests(COMPTA), no_progress)
    wait_until_clean(sites)


def test_a_worker_killed_behind_its_own_carrier_leaves_no_folder(sites, agents):
    """Nobody supervises it there: the job itself removes what was sent."""
    # A short name: sockets are below it.
    temporary = Path(tempfile.mkdtemp(prefix="node-"))
    node = sites.nodes[BY_COMMAND]
    command = ["env", f"TMPDIR={temporary}", *node.node.command[1:]]
    on(sites.lab, HOSTS[CAISSE], "echo 'touch /run/begun; exec sleep 600' >/root/.bashrc")
    killer = replace(node, node=CommandNode(command=command))

    def kill():
        on(sites.lab, HOSTS[CAISSE], "while [ ! -e /run/begun ]; do sleep 0.1; done")
        for folder in Path("/proc").glob("[0-9]*"):
            words = (folder / "cmdline").read_bytes().split(b"\0") if (folder / "cmdline").exists() else []
            environment = (folder / "environ").read_bytes() if b"worker" in words else b""
            if str(temporary).encode() in environment and words[1].endswith(b"ansible-runner"):
                os.kill(int(folder.name), signal.SIGKILL)

    killing = threading.Thread(target=kill)
    killing.start()
    try:
        (result,) = agents.deploy([sites.of(sites.scene.request(CAISSE), node=killer)], no_progress)
    finally:
        killing.join()
        on(sites.lab, HOSTS[CAISSE], "rm -f /root/.bashrc /run/begun; pkill -f '[s]leep 600' || true")
    assert "site paris: its node ended before this machine was finished" in result.message
    until = time.monotonic() + 30
    while list(temporary.iterdir()) and time.monotonic() < until:
        time.sleep(0.1)
    assert list(temporary.iterdir()) == []
    temporary.rmdir()
