"""Rules on a machine that moves from the agent of a vendor to one of SMILÉO's own. Pure."""

from collections.abc import Iterator

from coffre.spec.machine import AgentKind
from coffre.spec.parsing.lookup import Data, block, blocks
from coffre.spec.problems.problems import FileProblem, Loc
from coffre.spec.storage_platform import HOME_OF_AGENT


def check_moves(data: Data) -> Iterator[FileProblem]:
    """Yield the findings on `moved_from` of the machines of one tenant file."""
    vendors = {agent.value for agent in HOME_OF_AGENT}
    for name, machine in blocks(data, "machines").items():
        old = block(machine, "moved_from").get("agent")
        loc: Loc = ("machines", name, "moved_from", "agent")
        if old == machine.get("agent") and old is not None:
            yield FileProblem(loc, "{value} is the agent that the machine has", "write the one that it had before")
        elif old in list(AgentKind) and old not in vendors:
            hint = "retire this entry, and add the machine under another name with the new agent"
            yield FileProblem(loc, "{value} keeps its backups in a bucket, and no machine moves away from there", hint)
