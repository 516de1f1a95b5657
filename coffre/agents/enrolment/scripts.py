"""The scripts with which a customer's own software distribution enrols a machine. Pure but for the templates."""

import base64
import re
from dataclasses import dataclass, field
from string import Template

from coffre import toolchain
from coffre.agents.enrolment.invitation import Invitation
from coffre.errors import ExpectedError
from coffre.spec.naming import NAME_PATTERN
from coffre.spec.tenant import OperatingSystem

_SCRIPTS = {
    OperatingSystem.LINUX: ("enrol.sh",),
    OperatingSystem.MACOS: ("enrol.sh", "enrol.plist"),
    OperatingSystem.WINDOWS: ("enrol.ps1", "enrol.cmd"),
}


_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")
_NAME = re.compile(NAME_PATTERN)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PLAIN_URL = re.compile(r"https://[A-Za-z0-9.:/\[\]?&=%_~+-]+")


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
        "slug": _checked("the tenant's name", _NAME, values.slug),
        "machine": _checked("the machine's name", _NAME, invitation.owner.machine),
        "agent_url": _checked("the address of the agent's program", _PLAIN_URL, values.agent_url),
        "agent_sha256": _checked("the hash of the agent's program", _SHA256, values.agent_sha256),
        "certificates": "\n".join(_CERTIFICATE.findall(invitation.certificates)),
        "invitation": base64.b64encode(invitation.render()).decode(),
    }
    rendered: dict[str, bytes] = {}
    for name in _SCRIPTS[values.system]:
        script = base64.b64encode(rendered.get("enrol.sh", b"")).decode()
        rendered[name] = _read(name).substitute(fields, script=script).encode()
    return {name: _with_system_line_ends(name, content) for name, content in rendered.items()}


def _checked(what: str, form: re.Pattern[str], value: str) -> str:
    """Return a value of a form that needs no quoting in any script; nothing else is quoted, or shown."""
    if form.fullmatch(value) is None:
        raise ExpectedError(
            f"{what} has characters that no script takes", "Check the names of the tenant file, and `endpoint`."
        )
    return value


def _with_system_line_ends(name: str, content: bytes) -> bytes:
    return content.replace(b"\n", b"\r\n") if name.endswith((".ps1", ".cmd")) else content


def _read(name: str) -> Template:
    return _Script((toolchain.bundled("templates") / "enrolment" / name).read_text(encoding="utf-8"))
