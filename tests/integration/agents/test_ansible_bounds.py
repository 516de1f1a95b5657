"""Ansible against machines that answer what they like: real runs of it, over an `ssh` that plays the machines here."""

import os
import sys
import threading
import tracemalloc
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from coffre.agents.ansible import process as ansible_process
from coffre.agents.ansible.process import MEMORY_BYTES
from coffre.agents.ansible.runner import run_playbook
from coffre.agents.ansible.verdict import _NO_MEMORY
from coffre.agents.reach.bounded_ssh import ENDLESS
from coffre.agents.restic.inventory import GROUPS
from coffre.spec.tenant import OperatingSystem

MIB = 1024**2
MACHINES = {
    # An honest machine does as it is told.
    "honest": "",
    "prints-at-login": "while True: os.write(1, b'A' * 65536)",
    "complains": "while is_module: os.write(2, b'A' * 65536)",
    "prints-and-never-listens": "while is_module: os.write(1, b'A' * 65536)",
    # What Ansible's usual observers take for an event of a run, from wherever it is printed.
    "tells-of-another": """
event = {"uuid": "1", "counter": 1, "event": "runner_on_failed",
         "event_data": {"host": "honest", "task": "Ask", "res": {"msg": "forged"}}}
plain = json.dumps(event)
hidden = chr(27) + "[K" + base64.b64encode(plain.encode()).decode() + chr(27) + "[9D" + chr(27) + "[K"
os.write(2, f"{hidden}x\\n{hidden}{plain}\\n".encode())
sys.exit(255)
""",
    "answers-with-a-bomb": """
if is_module:
    while os.read(0, 65536): pass
    print('{"changed": false, "x": [' + "[]," * 30000 + "[]]}")
    sys.exit(0)
""",
    "answers-with-half-characters": """
if is_module:
    while os.read(0, 65536): pass
    print(json.dumps({"failed": True, "msg": "no" + chr(0xd800) * 3, "stderr": chr(0xdcff)}))
    sys.exit(0)
""",
    "overrides-variables": """
if is_module:
    while os.read(0, 65536): pass
    print(json.dumps({"changed": False, "ansible_facts": {"owner_of_it": "theirs"}}))
    sys.exit(0)
""",
}
SSH = f"""#!{sys.executable}
import base64, json, os, sys
host = next(word for word in sys.argv if word in {sorted(MACHINES)!r})
is_module = "python" in sys.argv[-1]
exec({MACHINES!r}[host])
os.execvp("sh", ["sh", "-c", sys.argv[-1]])
"""
PLAYBOOK = """
- hosts: all
  gather_facts: false
  strategy: ansible.builtin.free
  tasks:
    - name: Look
      ansible.builtin.raw: echo hello
    - name: Ask
      ansible.builtin.ping:
      register: asked
    - name: See whose it is
      ansible.builtin.assert:
        that: owner_of_it == 'ours'
"""


def inventory_of(hosts):
    """An inventory with every group; of which system the hosts are makes no difference to this playbook."""
    return {group: {"hosts": {}} for group in GROUPS.values()} | {GROUPS[OperatingSystem.LINUX]: {"hosts": hosts}}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the playbook over some machines."""
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(SSH)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(PLAYBOOK)

    def run(*machines, on_task=lambda _host, _task: None):
        variables = {
            "ansible_connection": "ssh",
            "ansible_remote_tmp": str(tmp_path / "remote"),
            "ansible_python_interpreter": sys.executable,
            "owner_of_it": "ours",
        }
        inventory = inventory_of({name: {**variables, "ansible_host": name} for name in machines})
        return run_playbook(str(playbook), inventory, tmp_path / "scratch", on_task)

    return run


@pytest.fixture
def largest():
    """Note the most memory that one of Ansible's processes took, at each task that begins; in bytes, by kind."""
    noted = {"peak": 0, "limits": set()}

    def look(_host, _task):
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if b"coffre_ansible" in (folder / "environ").read_bytes():
                    noted["peak"] = max(noted["peak"], peak_bytes(folder))
                    noted["limits"].add(data_limit(folder))
            except (OSError, StopIteration):
                continue  # it ended meanwhile
        return noted

    return look, noted


def peak_bytes(folder):
    lines = (folder / "status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def data_limit(folder):
    lines = (folder / "limits").read_text().splitlines()
    return next(line.split()[3] for line in lines if line.startswith("Max data size"))


def test_machines_that_print_for_ever_are_left_and_the_others_go_on(run, largest, monkeypatch):
    look, noted = largest
    monkeypatch.setenv("MARK_OF_THIS_RUN", "coffre_ansible")
    endless = ("prints-at-login", "complains", "prints-and-never-listens")
    tracemalloc.start()
    outcomes = run("honest", *endless, on_task=look)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert outcomes["honest"].ok, outcomes["honest"].reason
    for machine in endless:
        assert not outcomes[machine].ok
        assert ENDLESS in outcomes[machine].reason
    assert peak < 8 * MIB
    assert noted["limits"] == {str(MEMORY_BYTES)}
    assert noted["peak"] < 200 * MIB


class Talking(BaseHTTPRequestHandler):
    """A Windows machine whose answer never ends."""

    def do_POST(self):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x" * MIB)
        except OSError:
            return

    def log_message(self, *_):
        pass


@pytest.fixture
def talking_windows():
    """The variables by which Ansible reaches it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Talking)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {
        "ansible_connection": "psrp",
        "ansible_host": "127.0.0.1",
        "ansible_port": server.server_port,
        "ansible_user": "u",
        "ansible_password": "p",
        "ansible_psrp_protocol": "http",
        "ansible_psrp_auth": "basic",
        "ansible_psrp_message_encryption": "never",
    }
    server.shutdown()
    server.server_close()


def test_over_winrm_the_limit_of_memory_ends_it(talking_windows, tmp_path, monkeypatch):
    """A smaller one, so that it is soon reached."""
    monkeypatch.setattr(ansible_process, "MEMORY_BYTES", 160 * MIB)
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(PLAYBOOK)
    inventory = inventory_of({"windows": talking_windows})
    outcome = run_playbook(str(playbook), inventory, tmp_path / "scratch", lambda _host, _task: None)["windows"]
    assert not outcome.ok
    assert any(sign in outcome.reason for sign in _NO_MEMORY), outcome.reason


def test_no_machine_tells_how_another_went(run):
    outcomes = run("honest", "tells-of-another")
    assert outcomes["honest"].ok, outcomes["honest"].reason
    assert outcomes["tells-of-another"].unreachable


def test_what_a_machine_answers_stays_its_own(run):
    odd = ("answers-with-a-bomb", "answers-with-half-characters", "overrides-variables")
    outcomes = run("honest", *odd)
    assert outcomes["honest"].ok, outcomes["honest"].reason
    assert outcomes["answers-with-a-bomb"].ok
    assert (outcomes["answers-with-half-characters"].ok, outcomes["answers-with-half-characters"].failed_task) == (
        False,
        "Ask",
    )
    assert outcomes["overrides-variables"].ok, outcomes["overrides-variables"].reason
