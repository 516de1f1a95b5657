"""A machine that nobody can reach enrols with an invitation and takes changes by itself; a thief gets nothing."""

import base64
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from coffre_lab.lab import Lab

from coffre.agents.enrolment.invitation import fingerprint
from tests.e2e.conftest import Desk
from tests.machines import behind_nat, inside

SLUG, MACHINE = "boulangerie-martin", "compta-01"
HOST, OTHER = "compta-01.martin.example", "caisse-01.martin.example"
SCRIPT = "/root/enrol.sh"
RUN_SECONDS = 300
BACK_UP = "systemctl start --wait coffre-backup.service"
AGENT = "/usr/local/lib/coffre/coffre-agent"
REPOSITORY = Path(__file__).resolve().parents[3]
BUILD = """
. tools/lib.sh && use_go && cd agent
go build -trimpath -mod=readonly -ldflags "-s -w -X main.version=0.0.9" -o "$1" ./cmd/coffre-agent
"""


class Laptop:
    """A machine as seen by the person before it; no network from here leads to it."""

    def __init__(self, lab: Lab, host: str) -> None:
        self._lab = lab
        self.host = host

    def run(self, command: str, expect: int = 0, text: bytes | None = None) -> str:
        done = subprocess.run(
            inside(self._lab, self.host, "sh", "-c", command),
            input=text,
            capture_output=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        said = (done.stdout + done.stderr).decode()
        assert done.returncode == expect, f"{command} ended with {done.returncode}:\n{said}"
        return said

    def start(self, command: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            inside(self._lab, self.host, "sh", "-c", command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def get_script(self, folder: Path) -> None:
        """Receive the script, as the customer's software distribution brings it."""
        self.run(f"umask 077; cat >{SCRIPT}", text=(folder / "enrol.sh").read_bytes())


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk]) -> Desk:
    made = make_desk(SLUG)
    for name in (MACHINE, "caisse-01"):
        made.edit(SLUG, f"{{via: ssh, host: {name}.martin.example, user: root}}", "{via: pull}")
    return made


@pytest.fixture(scope="module")
def laptop(lab: Lab, desk: Desk) -> Iterator[Laptop]:
    with behind_nat(lab, HOST):
        yield Laptop(lab, HOST)


def invite(desk: Desk, tmp_path: Path, machine: str = MACHINE) -> Path:
    folder = tmp_path / f"for-{machine}"
    desk.coffre("enrol", SLUG, machine, "--output", str(folder))
    assert [oct(each.stat().st_mode & 0o777) for each in (folder, *sorted(folder.iterdir()))] == ["0o700", "0o600"]
    return folder


def test_a_machine_behind_nat_enrols_and_backs_up(desk: Desk, laptop: Laptop, tmp_path: Path) -> None:
    applied = desk.coffre("apply", SLUG, "--yes", expect=1).output
    assert f"coffre enrol {SLUG} {MACHINE}" in applied
    desk.coffre("enrol", SLUG, MACHINE, "--answer", expect=1)
    unreachable = subprocess.run(
        ["ssh", "-F", desk.ssh_config, "-o", "ConnectTimeout=3", laptop.host, "true"], capture_output=True, check=False
    )
    assert unreachable.returncode == 255

    laptop.get_script(invite(desk, tmp_path))
    enrolling = laptop.start(f"sh {SCRIPT}")
    assert "enrolled" in desk.coffre("enrol", SLUG, MACHINE, "--answer", "--wait", "3").stdout
    said, _ = enrolling.communicate(timeout=RUN_SECONDS)
    assert (enrolling.returncode, "en service" in said.decode()) == (0, True), said.decode()
    assert laptop.run("systemctl is-enabled coffre-backup.timer").strip() == "enabled"

    assert f"{MACHINE}: installed" in desk.coffre("apply", SLUG, "--yes", expect=1).stdout
    laptop.run(BACK_UP)
    (seen,) = desk.json("status", SLUG, "--json")
    state = next(each for each in seen["machines"] if each["name"] == MACHINE)
    assert (state["snapshots"], state["last_result"]) == (1, "success")
    desk.coffre("drill", SLUG, "--machine", MACHINE)


def test_a_change_and_a_new_key_reach_it_at_its_next_run(desk: Desk, laptop: Laptop) -> None:
    desk.edit(SLUG, '"*.tmp"', '"*.csv"')
    desk.coffre("apply", SLUG, "--yes", expect=1)
    before = json.loads(laptop.run("cat /etc/coffre/credentials.json"))["access_key_id"]
    desk.coffre("rotate", SLUG, "--machine", MACHINE, "--yes", expect=1)
    laptop.run(BACK_UP)
    assert json.loads(laptop.run("cat /etc/coffre/credentials.json"))["access_key_id"] != before
    applied = json.loads(laptop.run("cat /var/lib/coffre/applied.json"))
    assert "*.csv" in json.loads(base64.b64decode(applied["payload"]))["plan"]["exclude"]
    laptop.run(BACK_UP)
    desk.coffre("rotate", SLUG, "--machine", MACHINE, "--yes")
    desk.coffre("drill", SLUG, "--machine", MACHINE)


def digest(laptop: Laptop, path: str = AGENT) -> str:
    return laptop.run(f"sha256sum <{path}")[:64]


def test_a_newer_agent_comes_with_a_delivery_and_goes_when_its_first_run_does_not_end(
    desk: Desk, laptop: Laptop, tmp_path: Path
) -> None:
    """The machine has an older agent than the one that its delivery names, as after an update of Coffre."""
    ours, older = digest(laptop), tmp_path / "coffre-agent"
    subprocess.run(["bash", "-ec", BUILD, "build", older], cwd=REPOSITORY, check=True)
    put_older = f"cat >{AGENT}.put && chmod 755 {AGENT}.put && mv {AGENT}.put {AGENT}"
    laptop.run(put_older, text=older.read_bytes())
    before = digest(laptop)
    assert before != ours
    laptop.run(BACK_UP)
    assert (digest(laptop), digest(laptop, f"{AGENT}.previous")) == (ours, before)
    laptop.run(f"test ! -e {AGENT}.next && test ! -e /var/lib/coffre/agent-trial.json")
    desk.coffre("apply", SLUG, "--yes", expect=1)
    runs = [
        each["details"]["agent_sha256"]
        for each in desk.json("records", "list", "--tenant", SLUG, "--json")
        if each["kind"] in ("install", "update") and each["machine"] == MACHINE
    ]
    assert runs[-1] == ours

    laptop.run(put_older, text=older.read_bytes())
    starting = laptop.start(BACK_UP)
    laptop.run(f"until pkill -KILL -f '^{AGENT} run'; do sleep 0.02; done")
    starting.communicate(timeout=RUN_SECONDS)
    assert digest(laptop) == ours
    laptop.run(BACK_UP)
    assert digest(laptop) == before
    assert "its first run did not come to its end" in laptop.run("journalctl -u coffre-backup.service -n 50")
    assert "goes on by itself at its next run: its new agent" in desk.coffre("apply", SLUG, "--yes", expect=1).output


def test_a_stolen_or_replayed_invitation_gives_nothing_and_is_named(
    desk: Desk, lab: Lab, laptop: Laptop, tmp_path: Path
) -> None:
    """The script of a machine that enrolled is run once more, on another computer."""
    folder = invite(desk, tmp_path)  # its name has backups now: a person confirms
    thief = Laptop(lab, OTHER)
    laptop.get_script(folder)
    thief.get_script(folder)
    enrolling = laptop.start(f"sh {SCRIPT}")
    waiting = desk.coffre("enrol", SLUG, MACHINE, "--answer", "--wait", "3", expect=1).stdout
    assert "--accept FINGERPRINT" in waiting
    (standing,) = [desk.json("enrol", SLUG, MACHINE, "--json")]
    shown = standing["claims"]["first"]["public_key"]
    stolen = thief.start(f"sh {SCRIPT}")
    desk.coffre("enrol", SLUG, MACHINE, "--accept", "0000-0000-0000-0000", "--reason", "x", expect=4)
    desk.coffre("enrol", SLUG, MACHINE, "--accept", fingerprint(shown), "--reason", "the disk was replaced")
    said, _ = enrolling.communicate(timeout=RUN_SECONDS)
    assert enrolling.returncode == 0, said.decode()
    assert fingerprint(shown) in said.decode()
    told, _ = stolen.communicate(timeout=RUN_SECONDS)
    assert (stolen.returncode, "autre ordinateur" in told.decode()) == (4, True), told.decode()
    thief.run("test ! -e /etc/coffre/credentials.json && test ! -e /etc/coffre/agent.json")
    laptop.run(BACK_UP)

    # Stolen: who has it can still read what lies in its bucket while the address of its answer lasts.
    before = json.loads(laptop.run("cat /etc/coffre/delivered.json"))["number"]
    assert "Invite it again" in desk.coffre("rotate", SLUG, "--machine", MACHINE, "--now", "--yes", expect=1).output
    desk.coffre("apply", SLUG, "--yes", expect=1)
    numbers = [
        each["details"]["number"]
        for each in desk.json("records", "list", "--tenant", SLUG, "--json")
        if each["kind"] == "configuration_delivered" and each["machine"] == MACHINE
    ]
    assert max(numbers) == before


def test_a_revoked_invitation_gives_nothing_and_its_script_leaves_nothing(desk: Desk, lab: Lab, tmp_path: Path) -> None:
    desk.coffre("apply", SLUG, "--yes", expect=1)
    till = Laptop(lab, OTHER)
    folder = invite(desk, tmp_path, "caisse-01")
    till.get_script(folder)
    desk.coffre("enrol", SLUG, "caisse-01", "--revoke", "--reason", "the mail went astray")
    desk.coffre("enrol", SLUG, "caisse-01", "--revoke", "--reason", "again", expect=4)
    enrolling = till.start(f"sh {SCRIPT}")
    till.run("until pgrep -x coffre-agent >/dev/null; do sleep 0.1; done")
    assert "revoked" in desk.coffre("enrol", SLUG, "caisse-01", "--answer", expect=1).stdout
    # The end of a shift, or of a session.
    till.run(f"pkill -TERM -f '^sh {SCRIPT}'")
    said, _ = enrolling.communicate(timeout=RUN_SECONDS)
    assert enrolling.returncode == 5, said.decode()
    till.run(f"rm {SCRIPT} && ! pgrep -x coffre-agent && ! ls -d /usr/local/lib/.coffre-enrol*")
    script = (folder / "enrol.sh").read_text(encoding="utf-8")
    invitation = re.search(r"<<'INVITATION'\n(.+)\n", script)
    assert invitation is not None
    secret = json.loads(base64.b64decode(invitation[1]))["secret"]
    till.run(f"! grep -r -F -e '{secret}' -e '{invitation[1][:60]}' /etc /root /tmp /usr/local /var 2>/dev/null")
    assert not any(secret in text for text in desk.said)
