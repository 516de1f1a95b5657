"""A carrier that begins nothing, breaks off or never ends, as what is said of the machines."""

import os
import threading
from pathlib import Path

import pytest

from coffre.agents.driver import SiteNode, Target
from coffre.agents.restic.agents import judge
from coffre.agents.restic.inventory import build_remove_inventory, with_private_folder
from coffre.agents.sites.explaining import explain_problem, explain_silence
from coffre.agents.sites.job import Job, Luggage
from coffre.agents.sites.node.telling import Problem
from coffre.agents.sites.running import SiteRun
from coffre.agents.sites.together import run_together
from coffre.spec.machine import SshConnection
from coffre.spec.sites import CommandNode, SshNode

HOST = "acme.compta-01"
LYON = SiteNode("lyon", SshNode(host="node.lyon.example", user="coffre"), Path("/nowhere"))


@pytest.fixture
def target(tmp_path):
    return Target("acme", "compta-01", "g123456789", SshConnection(host="10.0.0.1", user="root", site="lyon"), tmp_path)


def run_by(target, tmp_path, *command):
    luggage = Luggage()
    inventory = with_private_folder(build_remove_inventory([luggage.take_target(target)], "token"), luggage.mark)
    site = SiteNode("lyon", CommandNode(command=list(command)), Path("/nowhere"))
    return SiteRun(site, Job("remove_agents.yml", inventory, luggage), tmp_path / "scratch", lambda _host, _task: None)


def said_of(target, run):
    result = judge(target, run.run()[HOST], {})
    assert not result.ok
    return result.unreachable, result.message


def test_a_carrier_that_fails_at_once(target, tmp_path):
    unreachable, message = said_of(target, run_by(target, tmp_path, "sh", "-c", "echo 'no such node' >&2; exit 3"))
    assert unreachable
    assert message.startswith("site lyon: `sh` began no job and ended with 3: no such node. ")


def test_a_carrier_that_says_something_else(target, tmp_path):
    script = "cat >/dev/null; echo 'Welcome to the site'"
    unreachable, message = said_of(target, run_by(target, tmp_path, "sh", "-c", script))
    assert unreachable
    assert "its node ended before this machine was finished (Welcome to the site" in message


def test_a_carrier_that_never_ends_is_ended_with_all_that_it_started(target, tmp_path):
    begun, before = tmp_path / "begun", set(threading.enumerate())
    os.mkfifo(begun)
    run = run_by(target, tmp_path, "sh", "-c", f"echo $$ >{begun}; sleep 600; true")

    def interrupt():
        begun.read_text()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_together(interrupt, [run])
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize(
    ("complaint", "cause", "way_out"),
    [
        ("ssh: connect to host x port 22: Connection refused", "no SSH server listens there", "Check its sshd"),
        ("Host key verification failed.", "was never recorded", "coffre trust --site lyon"),
        (
            "coffre@x: Permission denied (publickey).",
            "it refuses every key of ours",
            "platform.yaml names the right user",
        ),
    ],
)
def test_ssh_to_a_node_that_fails_is_said_of_the_node(complaint, cause, way_out):
    found = explain_silence(LYON, 255, complaint)
    assert found.message.startswith("site lyon: its node node.lyon.example: ")
    assert cause in found.message
    assert way_out in found.hint
    assert "tenant file" not in found.hint


def test_what_a_node_lacks_is_one_sentence():
    for problem, words in (
        (Problem.NO_RUNNER, "no ansible-runner on PATH (/bin)"),
        (Problem.NO_ANSIBLE, "no ansible-playbook on PATH (/bin)"),
        (Problem.OTHER_ANSIBLE, "has ansible-core /bin; Coffre needs 2.19"),
        ("\x1b[2J", "something unknown (/bin)"),
    ):
        message = explain_problem(LYON, problem, "/bin", "2.19").message
        assert words in message
        assert message.isprintable()
