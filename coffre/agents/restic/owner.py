"""Reads the owner of the agent on a machine from its configuration, before anything is changed there."""

import re
from collections.abc import Mapping

from coffre.agents.home import AgentOwner
from coffre.agents.reach.ssh import SshMachine
from coffre.errors import RefusedError
from coffre.spec.naming import ID_PATTERN, NAME_PATTERN

LOOK = "Check that no other agent is there"
"""The task, in every system's role, that fails on a machine with the agent of another owner."""

LOOK_SECONDS = 60.0
_HERE = "this is the computer that Coffre runs on"
_FOUND = re.compile(rf"the agent of machine ({NAME_PATTERN}) of tenant ({ID_PATTERN}) is there")
_HINT = (
    "Nothing was changed there. Correct `connection` of {machine} in tenants/{slug}.yaml. If that computer is now "
    "{machine}, remove the other agent from it first (docs/replace-a-machine.md)."
)
_LOOK = """
if [ -e "$1" ]; then echo here; else echo elsewhere; fi
if [ -f /etc/coffre/agent.json ] && [ ! -L /etc/coffre/agent.json ]; then head -c 65536 /etc/coffre/agent.json; fi
"""


def read_owner(text: str) -> AgentOwner:
    """Return an agent's owner from the text of its agent.json, empty when there is none, or it is damaged. Pure."""
    tenant_id = re.search(rf'"tenant_id": *"({ID_PATTERN})"', text)
    machine = re.search(rf'"machine": *"({NAME_PATTERN})"', text)
    return AgentOwner(tenant_id[1] if tenant_id else "", machine[1] if machine else "")


def refuse_another(machine: SshMachine, slug: str, wanted: AgentOwner, slugs: Mapping[str, str]) -> None:
    """Refuse a machine with the agent of another owner, or this computer; ``slugs`` are the tenants' by their ids."""
    done = machine.run(["sh", "-c", _LOOK, "coffre-look", str(machine.folder)], LOOK_SECONDS)
    where, _, configuration = done.stdout.partition("\n")
    found = read_owner(configuration)
    if where == "here":
        raise _refusal(slug, wanted.machine, f"{machine.name}: {_HERE}")
    if found.is_another(wanted):
        raise _refusal(slug, wanted.machine, f"{machine.name}: {describe(found, slugs)} is installed there")


def describe(owner: AgentOwner, slugs: Mapping[str, str]) -> str:
    """Name an agent by its owner: by the tenant's slug if it has a file. Pure."""
    unknown = f"an unknown tenant ({owner.tenant_id or 'its configuration is damaged'})"
    return f"the agent of {owner.machine or 'a machine'} of {slugs.get(owner.tenant_id, unknown)}"


def explain_look(slug: str, machine: str, reason: str, slugs: Mapping[str, str]) -> RefusedError:
    """Return the error for the failed check of a role, from its output. Pure."""
    found = _FOUND.search(reason)
    if found is None:
        return _refusal(slug, machine, f"{machine}: {_HERE if _HERE in reason else 'another agent is installed there'}")
    return _refusal(slug, machine, f"{machine}: {describe(AgentOwner(found[2], found[1]), slugs)} is installed there")


def _refusal(slug: str, machine: str, message: str) -> RefusedError:
    return RefusedError(message, _HINT.format(machine=machine, slug=slug))
