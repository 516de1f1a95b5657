"""Scripts for a customer's software distribution: rendered for each system, and hostile values go nowhere."""

import base64
import json
import plistlib
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from coffre.agents.enrolment.invitation import Invitation
from coffre.agents.enrolment.scripts import ScriptValues, render_scripts
from coffre.agents.home import AgentOwner
from coffre.errors import ExpectedError
from coffre.spec.tenant import OperatingSystem

PEM = "-----BEGIN CERTIFICATE-----\nTUlJQ0FU\n-----END CERTIFICATE-----"
URL = "https://s3.example.fr:8443/coffre-programs/restic/ab?X-Amz-Expires=60&X-Amz-Signature=00"


def make(certificates: str = PEM) -> Invitation:
    owner, moment = AgentOwner("k7f3q9wz2m", "portable-01"), datetime(2026, 11, 30, 12, tzinfo=UTC)
    upload = {"If-None-Match": "*", "Content-Length": "4096"}
    return Invitation("0a" * 16, owner, b"s" * 32, b"k" * 32, moment, URL, upload, URL, 3, certificates)


def render(system: OperatingSystem, certificates: str = PEM, url: str = URL) -> dict[str, str]:
    values = ScriptValues("boulangerie-martin", system, url, "ab" * 32)
    return {name: content.decode() for name, content in render_scripts(make(certificates), values).items()}


def test_each_system_has_its_scripts() -> None:
    assert {system: set(render(system)) for system in OperatingSystem} == {
        OperatingSystem.LINUX: {"enrol.sh"},
        OperatingSystem.MACOS: {"enrol.sh", "enrol.plist"},
        OperatingSystem.WINDOWS: {"enrol.ps1", "enrol.cmd"},
    }


def test_the_shell_script_is_one_and_has_the_whole_invitation(tmp_path: Path) -> None:
    script = render(OperatingSystem.LINUX)["enrol.sh"]
    (tmp_path / "enrol.sh").write_text(script, encoding="utf-8")
    for shell in ("sh", "bash"):
        subprocess.run([shell, "-n", tmp_path / "enrol.sh"], check=True)
    found = re.search(r"<<'INVITATION'\n([A-Za-z0-9+/=]+)\nINVITATION\n", script)
    assert found is not None
    assert json.loads(base64.b64decode(found[1])) == json.loads(make().render())
    assert f"<<'CERTIFICATES'\n{PEM}\nCERTIFICATES\n" in script
    assert "@@" not in script


def test_the_property_list_has_the_same_script() -> None:
    scripts = render(OperatingSystem.MACOS)
    assert (
        base64.b64decode(plistlib.loads(scripts["enrol.plist"].encode())["EnrolScript"]).decode() == scripts["enrol.sh"]
    )


def test_windows_gets_its_line_ends_and_its_mark() -> None:
    scripts = render(OperatingSystem.WINDOWS)
    for content in scripts.values():
        assert content.count("\n") == content.count("\r\n") > 5
        assert "@@" not in content
    assert scripts["enrol.ps1"].startswith("\ufeff")
    assert scripts["enrol.cmd"].isascii()


def test_only_certificates_of_an_authority_file_go_into_a_script() -> None:
    hostile = f"# a comment\nCERTIFICATES\nrm -rf /\n'@\n{PEM}\n$(reboot)\n{PEM}\n"
    script = render(OperatingSystem.LINUX, certificates=hostile)["enrol.sh"]
    assert f"<<'CERTIFICATES'\n{PEM}\n{PEM}\nCERTIFICATES\n" in script
    assert "reboot" not in script


@pytest.mark.parametrize(
    "url", ["http://x/y", "https://x/'; reboot; '", 'https://x/"', "https://x/$(y)", "https://x/ y"]
)
def test_an_address_that_a_script_would_read_is_refused(url: str) -> None:
    with pytest.raises(ExpectedError, match="no script takes"):
        render(OperatingSystem.LINUX, url=url)
