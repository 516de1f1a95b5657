"""The scripts by which the customer's own software distribution enrols a machine. The shell's runs here, below a folder
of its own, against a real web server; PowerShell's, cmd's and launchd's are rendered and read."""

import base64
import hashlib
import json
import os
import plistlib
import re
import signal
import ssl
import stat
import string
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from coffre_lab.ceph.certificates import issue

from tests.unit.hostile.texts import PLAIN, STEERING

TEMPLATES = Path(__file__).resolve().parents[3] / "templates" / "enrolment"
INVITATION = '{"version": 1, "secret": "c2VjcmV0", "quote": "\'\\"$(touch /tmp/no)`"}'
SIGNATURE = "5e9c8a7d6f"
WAIT_SECONDS = 60
HOSTILE = PLAIN | STEERING


class Template(string.Template):
    delimiter = "@@"


@dataclass
class Shelf:
    """A web server that holds the agent's program, and a folder in the place of the machine's."""

    folder: Path
    url: str = ""
    program: bytes = b""
    asked: list[str] = field(default_factory=list)

    @property
    def base(self) -> Path:
        return self.folder / "lib"

    def serve(self, script: str) -> None:
        """Make this shell script the agent. It finds the test's folder in $test."""
        self.program = f"#!/bin/sh\ntest={self.folder}\n{script}\n".encode()

    def values(self, **changes: str) -> dict[str, str]:
        return {
            "slug": "dupont",
            "machine": "laptop-01",
            "agent_url": f"{self.url}/programs/agent?X-Amz-Signature={SIGNATURE}&a=%2F",
            "agent_sha256": hashlib.sha256(self.program).hexdigest(),
            "certificates": (self.folder / "ca.pem").read_text(),
            "invitation": base64.b64encode(INVITATION.encode()).decode(),
        } | changes

    def render(self, **changes: str) -> str:
        return Template((TEMPLATES / "enrol.sh").read_text()).substitute(self.values(**changes))

    def start(self, *, user: int = 0, shell: Sequence[str] = ("dash",), **changes: str) -> subprocess.Popen[str]:
        """Start the script as this user would see it; its machine is below the test's folder."""
        (self.folder / "bin" / "id").write_text(f"#!/bin/sh\necho {user}\n")
        (self.folder / "bin" / "id").chmod(0o755)
        text = self.render(**changes)
        for real, own in (("/usr/local/lib", str(self.base)), ("PATH=/usr/sbin", f"PATH={self.folder}/bin:/usr/sbin")):
            assert real in text
            text = text.replace(real, own)
        return subprocess.Popen(
            [*shell, self.write(text)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"HOME": str(self.folder), "LANG": "C.UTF-8"},
        )

    def write(self, text: str) -> Path:
        path = self.folder / "enrol.sh"
        path.write_text(text)
        return path

    def run(self, *, user: int = 0, shell: Sequence[str] = ("dash",), **changes: str) -> tuple[int, str]:
        script = self.start(user=user, shell=shell, **changes)
        output, errors = script.communicate(timeout=WAIT_SECONDS)
        return script.returncode, output + errors

    def left(self) -> list[str]:
        return sorted(each.name for each in self.base.iterdir()) if self.base.exists() else []


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path)
    (tmp_path / "bin").mkdir()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shelf.asked.append(self.path)
            self.send_response(200 if shelf.program else 403)
            self.send_header("Content-Length", str(len(shelf.program)))
            self.end_headers()
            self.wfile.write(shelf.program)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    authority, certificate = issue(["127.0.0.1"], datetime.now(UTC))
    (tmp_path / "ca.pem").write_text(authority)
    (tmp_path / "server.pem").write_text(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    shelf.url = f"https://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield shelf
    server.shutdown()
    server.server_close()


SHELLS = (("dash",), ("bash",), ("bash", "--posix"), ("zsh", "--emulate", "sh"))
"""What a system may have as sh."""


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_no_shell_finds_a_word_of_its_own_in_an_invitation(shelf: Shelf, shell: tuple[str, ...]) -> None:
    """The invitation has every hostile text; the shell hands it on byte for byte, and runs nothing of it."""
    hostile = json.dumps(HOSTILE | {"own": f"$(touch {shelf.folder}/no) `touch {shelf.folder}/no`"})
    shelf.serve('cat >"$test/input"; exit 0')
    assert shelf.run(shell=shell, invitation=base64.b64encode(hostile.encode()).decode()) == (0, "")
    assert json.loads((shelf.folder / "input").read_text()) == json.loads(hostile)
    assert not (shelf.folder / "no").exists()
    assert shelf.left() == []
    assert shelf.run(shell=shell, agent_sha256="0" * 64)[0] == 4
    assert shelf.left() == []


def test_the_agent_gets_the_invitation_on_its_input_alone(shelf: Shelf) -> None:
    shelf.serve(
        'cat >"$test/input"; echo "$@" >"$test/arguments"; env >"$test/environment"\n'
        'cat /proc/[0-9]*/cmdline >"$test/processes" 2>/dev/null; stat -c %a "${0%/*}" >"$test/mode"; exit 0'
    )
    assert shelf.run() == (0, "")
    assert (shelf.folder / "input").read_text() == INVITATION
    assert (shelf.folder / "arguments").read_text() == "enrol\n"
    assert (shelf.folder / "mode").read_text() == "700\n"
    for place in ("environment", "processes"):
        seen = (shelf.folder / place).read_bytes()
        assert not [
            secret for secret in (SIGNATURE, "c2VjcmV0", shelf.values()["invitation"]) if secret.encode() in seen
        ]
    assert shelf.left() == []


def test_the_address_of_the_program_is_in_no_process_list(shelf: Shelf) -> None:
    shelf.serve("exit 0")
    real = "/usr/bin/curl"
    wrapper = shelf.folder / "bin" / "curl"
    wrapper.write_text(
        f'#!/bin/sh\necho "$@" >"{shelf.folder}/curl"\n'
        f'cat /proc/[0-9]*/cmdline >>"{shelf.folder}/curl" 2>/dev/null\nexec {real} "$@"\n'
    )
    wrapper.chmod(0o755)
    assert shelf.run() == (0, "")
    seen = (shelf.folder / "curl").read_bytes()
    assert b"--config" in seen
    assert SIGNATURE.encode() not in seen
    assert [SIGNATURE in path for path in shelf.asked] == [True]


@pytest.mark.parametrize("code", [1, 4, 5])
def test_it_ends_as_the_agent_ends_and_leaves_nothing(shelf: Shelf, code: int) -> None:
    shelf.serve(f"cat >/dev/null; echo 'SMILÉO a dit' >&2; exit {code}")
    assert shelf.run() == (code, "SMILÉO a dit\n")
    assert shelf.left() == []


def test_another_program_than_the_one_with_the_hash_never_runs(shelf: Shelf) -> None:
    shelf.serve('touch "$test/ran"')
    code, said = shelf.run(agent_sha256="0" * 64)
    assert code == 4
    assert "n'est pas l'agent de SMILÉO" in said
    assert not (shelf.folder / "ran").exists()
    assert shelf.left() == []


def test_a_refused_download_is_said_without_its_address(shelf: Shelf) -> None:
    code, said = shelf.run()
    assert code == 5
    assert "n'a pas pu être téléchargé" in said
    assert SIGNATURE not in said
    assert shelf.left() == []


def test_a_server_of_another_authority_is_not_trusted(shelf: Shelf) -> None:
    shelf.serve('touch "$test/ran"')
    other, _ = issue(["127.0.0.1"], datetime.now(UTC))
    assert shelf.run(certificates=other)[0] == 5
    assert shelf.asked == []


def test_who_is_not_root_is_told(shelf: Shelf) -> None:
    shelf.serve("exit 0")
    assert shelf.run(user=1000) == (4, "Ce script doit être lancé en tant que root (sudo).\n")
    assert shelf.asked == []


def test_an_agent_that_is_installed_is_not_downloaded_again(shelf: Shelf) -> None:
    shelf.serve("cat >/dev/null; exit 0")
    installed = shelf.base / "coffre" / "coffre-agent"
    installed.parent.mkdir(parents=True)
    installed.write_bytes(shelf.program)
    installed.chmod(0o755)
    assert shelf.run() == (0, "")
    assert shelf.asked == []
    assert shelf.left() == ["coffre"]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_script_that_is_ended_ends_the_agent_and_leaves_nothing(shelf: Shelf, sent: signal.Signals) -> None:
    os.mkfifo(shelf.folder / "begun")
    shelf.serve(
        'cat >/dev/null; trap \'touch "$test/ended"; exit 5\' TERM\necho >"$test/begun"; while :; do sleep 0.1; done'
    )
    script = shelf.start()
    (shelf.folder / "begun").read_text()  # The agent is at work.
    assert len(shelf.left()) == 1
    script.send_signal(sent)
    script.communicate(timeout=WAIT_SECONDS)
    assert script.returncode == 5
    assert (shelf.folder / "ended").exists()
    assert shelf.left() == []


def test_what_a_power_cut_left_goes_after_a_day(shelf: Shelf) -> None:
    shelf.serve("cat >/dev/null; exit 0")
    old, recent = shelf.base / ".coffre-enrol.old123", shelf.base / ".coffre-enrol.new123"
    for folder in (old, recent):
        folder.mkdir(parents=True)
        (folder / "coffre-agent").touch()
    os.utime(old, (0, 0))
    assert shelf.run() == (0, "")
    assert shelf.left() == [recent.name]


def test_the_script_is_understood_by_each_shell(shelf: Shelf) -> None:
    path = shelf.write(shelf.render())
    for shell in ("dash", "bash"):
        subprocess.run([shell, "-n", path], check=True)


def test_launchd_gets_the_script_in_a_key_that_no_process_list_shows(shelf: Shelf) -> None:
    script = shelf.render()
    values = shelf.values() | {"script": base64.b64encode(script.encode()).decode()}
    found = plistlib.loads(Template((TEMPLATES / "enrol.plist").read_text()).substitute(values).encode())
    assert base64.b64decode(found["EnrolScript"]).decode() == script
    assert found["Label"] == "com.coffre.enrol"
    assert (found["RunAtLoad"], found["StartInterval"]) == (True, 3600)
    command = found["ProgramArguments"]
    assert command[:2] == ["/bin/sh", "-c"]
    assert len(command[2]) < 1000
    subprocess.run(["dash", "-n"], input=command[2], text=True, check=True)


@pytest.mark.parametrize(("code", "is_left"), [(0, False), (4, False), (5, True), (1, True)])
def test_the_daemon_of_launchd_takes_itself_away_when_it_is_done(tmp_path: Path, code: int, is_left: bool) -> None:
    script = base64.b64encode(f"echo said; exit {code}".encode()).decode()
    values = {"slug": "dupont", "machine": "laptop-01", "script": script}
    body = Template((TEMPLATES / "enrol.plist").read_text()).substitute(values)
    daemon = tmp_path / "com.coffre.enrol.plist"
    daemon.write_text(body)
    command = plistlib.loads(body.encode())["ProgramArguments"][2]
    for real, own in (
        ("/Library/LaunchDaemons/com.coffre.enrol.plist", str(daemon)),
        ("/usr/libexec/PlistBuddy -c 'Print :EnrolScript' \"$file\" | base64 -D", f"echo {script} | base64 -d"),
        ("launchctl bootout", f"echo >{tmp_path}/ended"),
    ):
        assert real in command
        command = command.replace(real, own)
    ended = subprocess.run(["dash", "-c", command], check=False, stdout=subprocess.PIPE, text=True)
    assert (ended.returncode, ended.stdout) == (code, "said\n")
    assert (daemon.exists(), (tmp_path / "ended").exists()) == (is_left, not is_left)
    if is_left:
        assert stat.S_IMODE(daemon.stat().st_mode) == 0o600


def test_powershell_gets_each_value_in_quotes_that_it_cannot_leave(shelf: Shelf) -> None:
    body = (TEMPLATES / "enrol.ps1").read_bytes()
    assert body.startswith(b"\xef\xbb\xbf")
    values = shelf.values()
    text = Template(body.decode()).substitute(values)
    assert "@@" not in text
    for name in ("agent_url", "agent_sha256", "invitation"):
        assert f"= '{values[name]}'" in text
        assert "'" not in values[name]
    assert f"@'\n{values['certificates']}\n'@" in text
    # The invitation goes to the program's input, the address to curl's: neither stands behind a program's name.
    assert [
        line for line in text.splitlines() if re.search(r"& \$(agent|curl)[^|]*\$(invitation|agentUrl)", line)
    ] == []


def test_cmd_runs_the_script_beside_it(shelf: Shelf) -> None:
    body = (TEMPLATES / "enrol.cmd").read_bytes()
    body.decode("ascii")
    text = Template(body.decode()).substitute(shelf.values())
    assert '-File "%~dpn0.ps1"' in text
    assert "@@" not in text
