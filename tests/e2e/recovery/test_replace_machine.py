"""docs/replace-a-machine.md, typed in as it stands: a machine whose disk died, and one that was stolen.

New hardware is a lab machine started anew, which has lost all that was written on it, with a host key of its own. Its
administrator sits at its console.
"""

import json
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coffre.spec.loader import load_checkout
from coffre.spec.naming import bucket_name
from coffre.storage.ceph.connect import connect
from coffre.storage.values import AccessKey
from tests.e2e.conftest import Desk, Run
from tests.e2e.runbook import Runbook
from tests.machines import renew_machines

SLUG, TENANT_ID, MACHINE = "boulangerie-martin", "k7f3q9wz2m", "compta-01"
HOST = f"{MACHINE}.martin.example"
STOLEN, NEW, OLD = "Stolen? Cut the old key first", "The new machine", "When the old machine comes back"
COPIED = "When a copy of the machine appears"
OF_ANOTHER = "When another machine's agent stands there"
ELSEWHERE = "atelier-01.durand.example"
"""The lab's machine that this tenant has not, for what is copied to another one."""
DEAD_KEY_SECONDS = 30

PROGRAMS = "coffre|ssh-keygen|/usr/local/lib/coffre/coffre-agent"
NEW_HARDWARE = """
set -e
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
sed -i 's|^HostKey .*|HostKey /etc/ssh/ssh_host_ed25519_key|' /etc/ssh/sshd_config.d/lab.conf
systemctl restart ssh
"""
PUT_FILES = """
mkdir -p /home/claire/ventes
seq 1 50000 >/home/claire/ventes/2026.csv
head -c 5000000 /dev/urandom >/home/claire/photos.tar
"""
SUMS = "cd {folder}/home/claire && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum"
OURS = "ls -d /etc/coffre /var/lib/coffre /usr/local/lib/coffre /etc/systemd/system/coffre-* 2>/dev/null || true"


@dataclass
class Machine:
    """The machine of the file, whichever hardware that is, seen from its own console."""

    lab: Any
    host: str = HOST

    def type_in(self, script: str, *, expect_failure: bool = False) -> str:
        inside = [
            "nsenter",
            f"--target={self.lab.leader_pid(self.host)}",
            "--mount",
            "--uts",
            "--ipc",
            "--net",
            "--pid",
        ]
        done = subprocess.run(
            [*inside, "/bin/sh", "-c", script], capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode != 0) is expect_failure, done.stdout + done.stderr
        return done.stdout

    def key(self) -> AccessKey:
        """Return the key that lies on its disk, as a thief would."""
        found = json.loads(self.type_in("cat /etc/coffre/credentials.json"))
        return AccessKey(found["access_key_id"], found["secret_access_key"])

    def replace(self) -> None:
        renew_machines(self.lab, [self.host])
        self.type_in(NEW_HARDWARE)
        assert self.type_in(OURS) == ""


@pytest.fixture(scope="module")
def runbook() -> Runbook:
    return Runbook.read("replace-a-machine.md", {"TENANT": SLUG, "M": MACHINE}, PROGRAMS)


@pytest.fixture(scope="module")
def machine(lab: Any) -> Iterator[Machine]:
    yield Machine(lab)
    # The next module's machines show the host keys of the lab.
    renew_machines(lab, [HOST, ELSEWHERE])


@pytest.fixture(scope="module")
def copy(machine: Machine) -> Machine:
    """Another machine, onto which an agent is copied as a cloned disk brings it along."""
    return Machine(machine.lab, ELSEWHERE)


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk], lab: Any, machine: Machine) -> Desk:
    """A tenant in service, its host keys in known_hosts/ alone: no ssh_config vouches for them."""
    desk = make_desk(SLUG)
    lines = lab.ssh_config.read_text(encoding="utf-8").splitlines(keepends=True)
    text = "".join(line for line in lines if "GlobalKnownHostsFile" not in line)
    (desk.root / "ssh_config").write_text(text, encoding="utf-8")
    settings = desk.root / "platform.yaml"
    text = settings.read_text(encoding="utf-8")
    assert f"{lab.directory}/ssh_config" in text
    settings.write_text(text.replace(f"{lab.directory}/ssh_config", "ssh_config"), encoding="utf-8")
    for name in (MACHINE, "caisse-01"):
        desk.coffre("trust", SLUG, name, "--yes")
    desk.coffre("apply", SLUG, "--yes")
    machine.type_in(PUT_FILES)
    desk.coffre("backup", SLUG)
    return desk


@pytest.fixture
def enter(desk: Desk, runbook: Runbook) -> Callable[..., Run]:
    """Return a function that types one of the document's commands in, and yes to what it asks."""

    def enter(command: str, *, expect: int = 0) -> Run:
        runbook.typed.add(command)
        return desk.coffre(*shlex.split(command)[1:], expect=expect, answer="y\n")

    return enter


def test_after_a_dead_disk_the_new_machine_goes_on_in_the_same_repository(
    desk: Desk, runbook: Runbook, machine: Machine, enter: Callable[..., Run]
) -> None:
    before, old, sums = count_snapshots(desk), machine.key(), machine.type_in(SUMS.format(folder=""))
    machine.replace()
    trust_the_new_machine(runbook, machine, enter)
    (rotate,) = runbook.step(2)
    assert f"the key of {MACHINE}: replaced; the platform refuses the old key" in enter(rotate).stdout
    assert not is_accepted(desk, old)
    assert is_accepted(desk, machine.key())
    (apply,) = runbook.step(3)
    assert f"{MACHINE}: unchanged" in enter(apply).stdout
    to_folder, _ = runbook.step(4)
    folder = re.search(rf"restored to {MACHINE}, (\S+):", enter(to_folder).stdout)
    assert folder
    assert machine.type_in(SUMS.format(folder=folder[1])) == sums
    machine.type_in(f"cp -a {folder[1]}/home/claire /home/")
    assert_goes_on(runbook, enter, before)


def test_a_stolen_machine_is_cut_off_before_its_successor_is_there(
    desk: Desk, runbook: Runbook, machine: Machine, enter: Callable[..., Run]
) -> None:
    before, stolen, sums = count_snapshots(desk), machine.key(), machine.type_in(SUMS.format(folder=""))
    assert is_accepted(desk, stolen)
    plug(machine, "down")
    (rotate,) = runbook.section(STOLEN)
    cut = enter(rotate, expect=1)
    assert f"the old key is revoked and {MACHINE} cannot back up until then" in cut.stdout
    assert not is_accepted(desk, stolen)
    plug(machine, "up")
    assert_old_machine_is_harmless(runbook, machine)
    machine.replace()
    trust_the_new_machine(runbook, machine, enter)
    (apply,) = runbook.step(3)
    applied = enter(apply).stdout
    assert f"the key of {MACHINE}: replaced; the platform refuses the old key" in applied
    assert is_accepted(desk, machine.key())
    assert not is_accepted(desk, stolen)
    _, in_place = runbook.step(4)
    enter(in_place)
    assert machine.type_in(SUMS.format(folder="")) == sums
    assert_goes_on(runbook, enter, before)
    assert "nothing to change" in desk.coffre("plan", SLUG, "--exit-code").stdout


def test_a_copy_of_the_machine_is_saved_named_and_counts_for_nothing(
    desk: Desk, runbook: Runbook, machine: Machine, copy: Machine, enter: Callable[..., Run], tmp_path: Path
) -> None:
    before = look_at(desk)
    copy_agent(machine, copy)
    copy.type_in("mkdir -p /home/claire && echo autre >/home/claire/copie.txt")
    copy.type_in("systemctl daemon-reload && systemctl start coffre-backup.service")
    named = "another machine backs up under its name, host atelier-01 (another installation"
    assert named in desk.coffre("status", SLUG, expect=1).stdout
    seen = look_at(desk, expect=1)
    assert (seen["last_success_at"], seen["newest_snapshot_at"]) == (
        before["last_success_at"],
        before["newest_snapshot_at"],
    )
    assert seen["snapshots"] == before["snapshots"] + 1
    restored = desk.coffre("restore", SLUG, "--machine", MACHINE, "--path", "/home/claire", "--to", f"{tmp_path}/r")
    assert "taken by another machine under the name of compta-01: it is left out" in restored.stderr
    assert sorted(each.name for each in (tmp_path / "r/home/claire").iterdir()) == ["photos.tar", "ventes"]
    drilled = desk.coffre("drill", SLUG, "--machine", MACHINE).stdout
    assert "drill passed" in drilled
    assert named in drilled
    # Both go on, from the same number, and take turns.
    for _ in range(2):
        backed_up = desk.coffre("backup", SLUG, "--machine", MACHINE).stdout
        assert "compta-01: success" in backed_up
        assert named in backed_up
        copy.type_in("systemctl start coffre-backup.service")
    seen = look_at(desk, expect=1)
    assert seen["last_result"] == "success"
    assert seen["last_success_at"] > before["last_success_at"]
    assert not seen["overdue"]
    status, remove, rotate, acknowledge = runbook.section(COPIED)
    assert named in enter(status, expect=1).stdout
    runbook.typed.add(remove)
    copy.type_in(remove)
    enter(rotate)
    assert named in enter(acknowledge).stdout
    enter(status)


def test_an_agent_that_is_deployed_to_a_copy_is_named_and_its_backups_are_kept_apart(
    desk: Desk, machine: Machine
) -> None:
    """A container's installation is all that tells it from another: it gets another one, and starts again."""
    machine.type_in("echo 0123456789abcdef0123456789abcdef >/etc/machine-id")
    applied = desk.coffre("apply", SLUG, "--yes", expect=1).stdout
    assert f"{MACHINE}: another machine answers there: it is not the accepted one (other installation)" in applied
    backed_up = desk.coffre("backup", SLUG, "--machine", MACHINE, expect=1).stdout
    assert f"{MACHINE}: other_machine" in backed_up
    desk.coffre("apply", SLUG, "--replace-machine", MACHINE, "--yes", expect=2)
    replaced = desk.coffre("apply", SLUG, "--replace-machine", MACHINE, "--reason", "new disk", "--yes").stdout
    assert f"{MACHINE}: unchanged" in replaced
    assert f"{MACHINE}: success" in desk.coffre("backup", SLUG, "--machine", MACHINE).stdout
    desk.coffre("status", SLUG)


def test_hardware_that_was_another_machine_is_left_alone_until_its_agent_is_removed(
    desk: Desk, runbook: Runbook, machine: Machine, enter: Callable[..., Run]
) -> None:
    remove, apply = runbook.section(OF_ANOTHER)
    machine.type_in(f"sed -i 's/{MACHINE}/poste-09/g' /etc/coffre/agent.json")
    before = machine.type_in(OURS)
    refused = desk.coffre("apply", SLUG, "--yes", expect=1).stdout
    assert f"the agent of poste-09 of {SLUG} is installed there. Nothing was changed" in refused
    assert machine.type_in(OURS) == before
    runbook.typed.add(remove)
    machine.type_in(remove)
    assert machine.type_in(OURS) == ""
    assert f"{MACHINE}: updated" in enter(apply).stdout
    assert f"{MACHINE}: success" in desk.coffre("backup", SLUG, "--machine", MACHINE).stdout


def test_every_command_of_the_document_was_typed_in(runbook: Runbook) -> None:
    assert set(runbook.commands()) == runbook.typed


def trust_the_new_machine(runbook: Runbook, machine: Machine, enter: Callable[..., Run]) -> None:
    look, read_on_it, replace = runbook.step(1)
    refused = enter(look, expect=4)
    assert "(recorded, no longer shown)" in refused.stdout
    assert "is not the one that was recorded" in refused.stderr
    runbook.typed.add(read_on_it)
    (fingerprint,) = re.findall(r"SHA256:\S+", machine.type_in(read_on_it))
    assert f" ssh-ed25519 {fingerprint}\n" in refused.stdout
    assert f"recorded in known_hosts/{SLUG}: commit it" in enter(replace).stdout


def assert_goes_on(runbook: Runbook, enter: Callable[..., Run], before: int) -> None:
    (backup,) = runbook.step(5)
    # 5 MB of it no compression makes smaller.
    assert re.search(r"success, snapshot .* MiB read, [0-9.]+ KiB added", enter(backup).stdout)
    (status,) = runbook.step(6)
    shown = next(line for line in enter(status).stdout.splitlines() if line.split()[:1] == [MACHINE])
    assert "NOT the reported one" not in shown
    columns = re.split(r"\s{2,}", shown.strip())
    assert (columns[2], columns[5], columns[-1]) == ("success", str(before + 1), "no")


def assert_old_machine_is_harmless(runbook: Runbook, machine: Machine) -> None:
    began = time.monotonic()
    machine.type_in("systemctl start coffre-backup.service", expect_failure=True)
    assert time.monotonic() - began < DEAD_KEY_SECONDS
    (remove,) = runbook.section(OLD)
    runbook.typed.add(remove)
    machine.type_in(remove)
    assert machine.type_in(OURS) == ""


def copy_agent(machine: Machine, copy: Machine) -> None:
    """Put the agent of a machine onto another one, state and schedule included."""
    ours = "etc/coffre usr/local/lib/coffre var/lib/coffre etc/systemd/system/coffre-backup.service"
    inside = ["nsenter", f"--target={machine.lab.leader_pid(machine.host)}", "--mount", "--", "tar", "-C", "/"]
    there = ["nsenter", f"--target={copy.lab.leader_pid(copy.host)}", "--mount", "--", "tar", "-C", "/"]
    taken = subprocess.run([*inside, "-c", *ours.split()], capture_output=True, timeout=60, check=True)
    subprocess.run([*there, "-x"], input=taken.stdout, timeout=60, check=True)


def look_at(desk: Desk, *, expect: int = 0) -> dict[str, Any]:
    """Return what status says of the machine."""
    (found,) = [
        each for each in desk.json("status", SLUG, "--json", expect=expect)[0]["machines"] if each["name"] == MACHINE
    ]
    assert isinstance(found, dict)
    return found


def plug(machine: Machine, state: str) -> None:
    """Switch the machine's network card."""
    machine.type_in(f"ip link set host0 {state}")


def is_accepted(desk: Desk, key: AccessKey) -> bool:
    storage = connect(load_checkout(desk.root).settings.platforms["lab"], desk.root)
    return storage.accepts_key(bucket_name(SLUG, TENANT_ID, MACHINE), key)


def count_snapshots(desk: Desk) -> int:
    (found,) = (each for each in desk.json("status", SLUG, "--json")[0]["machines"] if each["name"] == MACHINE)
    assert isinstance(found["snapshots"], int)
    return found["snapshots"]
