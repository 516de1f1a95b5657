"""Refuses a machine whose agent works for somebody else, before anything is changed there."""

from collections.abc import Mapping

from coffre.agents.acronis.facts import NOTE_BYTES, MachineFacts, read_facts
from coffre.agents.home import AgentOwner
from coffre.agents.reach.ssh import SshMachine
from coffre.errors import RefusedError

LOOK_SECONDS = 60.0
_LOOK = f"""
if [ -e "$1" ]; then echo 'here: yes'; fi
tell() {{
  if [ -f "$2" ] && [ ! -L "$2" ]; then printf '%s: %s\\n' "$1" "$(head -c {NOTE_BYTES} "$2" | tr -d '\\n\\r')"; fi
}}
tell note /etc/coffre-acronis/agent.json
tell 'open agent' /etc/coffre/agent.json
"""


def refuse_another(machine: SshMachine, slug: str, wanted: AgentOwner, slugs: Mapping[str, str]) -> None:
    """Refuse a machine with the agent of another owner, or this computer; ``slugs`` are the tenants' by their ids."""
    done = machine.run(["sh", "-c", _LOOK, "coffre-look", str(machine.folder)], LOOK_SECONDS)
    problem = find_refusal(read_facts(done.stdout), slug, wanted, slugs)
    if problem is not None:
        raise problem


def find_refusal(facts: MachineFacts, slug: str, wanted: AgentOwner, slugs: Mapping[str, str]) -> RefusedError | None:
    """Return why a machine is not to be touched; None when nothing speaks against it. Pure.

    An agent of Coffre's own counts too: who changes a machine from one kind to the other has both for a while.
    """
    if facts.is_here:
        return _refusal(slug, wanted.machine, "this is the computer that Coffre runs on")
    for found in (facts.note.owner if facts.note is not None else None, facts.open_agent):
        if found is not None and found.is_another(wanted):
            unknown = f"an unknown tenant ({found.tenant_id or 'its note is damaged'})"
            whose = f"the agent of {found.machine or 'a machine'} of {slugs.get(found.tenant_id, unknown)}"
            return _refusal(slug, wanted.machine, f"{whose} is installed there")
    return None


def _refusal(slug: str, machine: str, why: str) -> RefusedError:
    return RefusedError(
        f"{machine}: {why}",
        f"Nothing was changed there. Correct `connection` of {machine} in tenants/{slug}.yaml. If that computer is now "
        f"{machine}, remove the other agent from it first (docs/replace-a-machine.md).",
    )
