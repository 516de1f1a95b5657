"""The scripts with which a customer's own software distribution enrols a machine. Pure but for the templates."""

import base64
from dataclasses import dataclass, field
from string import Template

from coffre import toolchain
from coffre.agents.enrolment.invitation import Invitation
from coffre.spec.tenant import OperatingSystem

_SCRIPTS = {
    OperatingSystem.LINUX: ("enrol.sh",),
    OperatingSystem.MACOS: ("enrol.sh", "enrol.plist"),
    OperatingSystem.WINDOWS: ("enrol.ps1", "enrol.cmd"),
}


class _Script(Template):
    delimiter = "@@"


@dataclass(frozen=True)
class ScriptValues:
    """What a script needs beside its invitation: where the agent is downloaded, and its SHA-256."""

    slug: str
    system: OperatingSystem
    agent_url: str = field(repr=False)
    agent_sha256: str


def render_scripts(invitation: Invitation, values: ScriptValues) -> dict[str, bytes]:
    """Return the scripts for a machine's system by file name; each has the invitation in it, so each is secret."""
    fields = {
        "slug": values.slug,
        "machine": invitation.owner.machine,
        "agent_url": values.agent_url,
        "agent_sha256": values.agent_sha256,
        "certificates": _base64(invitation.certificates.encode()),
        "expires_at": f"{invitation.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        "invitation": _base64(invitation.render()),
    }
    rendered = {name: _read(name).substitute(fields).encode() for name in _SCRIPTS[values.system]}
    return {name: _with_system_line_ends(name, content) for name, content in rendered.items()}


def _with_system_line_ends(name: str, content: bytes) -> bytes:
    return content.replace(b"\n", b"\r\n") if name.endswith((".ps1", ".cmd")) else content


def _read(name: str) -> Template:
    return _Script((toolchain.bundled("templates") / "enrolment" / name).read_text(encoding="utf-8"))


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
