"""What a machine says of its agent, in the lines that the roles print: hostile, read into bounded values. Pure."""

import json
import re
from dataclasses import dataclass

from coffre.acronis.identifiers import AgentId, InvalidIdentifierError
from coffre.agents.home import AgentOwner
from coffre.outside.structured import UnreadableJsonError, read_json_object
from coffre.spec.naming import ID_PATTERN, NAME_PATTERN

NOTE_BYTES = 4096
_HOST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_TENANT = re.compile(ID_PATTERN)
_MACHINE = re.compile(NAME_PATTERN)


@dataclass(frozen=True)
class Note:
    """What Coffre left on a machine beside the vendor's agent: whose it is. None of it is secret."""

    owner: AgentOwner
    agent_id: AgentId | None = None

    def render(self) -> bytes:
        """Return the file's content."""
        fields = {
            "tenant_id": self.owner.tenant_id,
            "machine": self.owner.machine,
            "agent_id": "" if self.agent_id is None else str(self.agent_id),
        }
        return (json.dumps(fields, indent=2) + "\n").encode()


@dataclass(frozen=True)
class MachineFacts:
    """What a machine says: ``is_here`` that it is the computer that Coffre runs on, ``host_name`` its own name.

    ``is_installed``: the vendor's agent is there; ``has_rest``: parts of it are; ``stopped`` are its services that do
    not run; ``is_locked``: an installation goes on, or its lock was left. ``note`` is None where Coffre left none, and
    ``open_agent`` is the owner of an agent of Coffre's own on the same machine.
    """

    is_here: bool = False
    host_name: str = ""
    is_installed: bool = False
    has_rest: bool = False
    stopped: tuple[str, ...] = ()
    is_locked: bool = False
    note: Note | None = None
    open_agent: AgentOwner | None = None


def read_facts(text: str) -> MachineFacts:
    """Return what a machine printed, one `name: value` a line; what is not of this form is passed over."""
    is_here = is_installed = has_rest = is_locked = False
    host_name, stopped = "", list[str]()
    note: Note | None = None
    open_agent: AgentOwner | None = None
    for line in text.splitlines()[:100]:
        name, _, value = line.strip().partition(": ")
        if name == "here":
            is_here = value == "yes"
        elif name == "host" and _HOST_NAME.fullmatch(value):
            host_name = value
        elif name == "agent":
            is_installed, has_rest = value == "whole", value in ("whole", "parts")
        elif name == "stopped" and len(stopped) < 10:
            stopped.append(value[:64])
        elif name == "lock":
            is_locked = value == "held"
        elif name == "note":
            note = _read_note(value)
        elif name == "open agent":
            found = _read_note(value)
            open_agent = found.owner if found is not None else None
    return MachineFacts(is_here, host_name, is_installed, has_rest, tuple(stopped), is_locked, note, open_agent)


def _read_note(text: str) -> Note | None:
    """Return a note; a damaged one names nobody."""
    if not text:
        return None
    try:
        fields = read_json_object(text, NOTE_BYTES)
    except UnreadableJsonError:
        return Note(AgentOwner("", ""))
    owner = AgentOwner(_named(_TENANT, fields.get("tenant_id")), _named(_MACHINE, fields.get("machine")))
    try:
        return Note(owner, AgentId(fields.get("agent_id", "")))
    except InvalidIdentifierError:
        return Note(owner)


def _named(form: re.Pattern[str], value: object) -> str:
    return value if isinstance(value, str) and form.fullmatch(value) else ""
